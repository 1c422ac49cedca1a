//! Text that we did not write: what a terminal would obey in it is made visible instead.

use std::{borrow::Cow, fmt::Write};

/// Whether a terminal, or a reader's eye, would be steered by this character: C0 (but tab and newline), DEL, C1, and the
/// characters that change the direction of text or have no width.
fn steers(c: char) -> bool {
    matches!(c,
        '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Foreign text with every steering character spelled out as `\u{1b}`. Tabs and newlines stay.
#[must_use]
pub fn neutralise(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if steers(c) {
            plain.extend(c.escape_unicode());
        } else {
            plain.push(c);
        }
    }
    plain.into()
}

/// A line on its way to a terminal: our own colours (`ESC [ … m`) pass, every other steering character is spelled out.
/// The second line of defence, behind [`neutralise`] on each foreign piece.
pub(super) fn keep_style(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(at) = rest.find(steers) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let style = style_length(rest);
        if style > 0 {
            plain.push_str(&rest[..style]);
            rest = &rest[style..];
        } else if let Some(c) = rest.chars().next() {
            plain.extend(c.escape_unicode());
            rest = &rest[c.len_utf8()..];
        }
    }
    plain.push_str(rest);
    plain.into()
}

/// The length of the colour sequence at the start of a text; 0 if there is none.
fn style_length(text: &str) -> usize {
    let Some(body) = text.strip_prefix("\u{1b}[") else { return 0 };
    let end = body.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(body.len());
    if body[end..].starts_with('m') { 2 + end + 1 } else { 0 }
}

/// JSON on its way to a terminal: the same document, with JSON's own escapes for steering characters.
pub(super) fn escape_json(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if steers(c) {
            // Every steering character lies in the basic plane: one escape says it.
            let _ = write!(plain, "\\u{:04x}", u32::from(c));
        } else {
            plain.push(c);
        }
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_move_the_cursor_or_turn_the_line() {
        assert_eq!(neutralise("a\u{1b}[2Jb\u{9b}c\u{202e}d\te"), "a\\u{1b}[2Jb\\u{9b}c\\u{202e}d\te");
        assert!(matches!(neutralise("plain ünïcode 漢"), Cow::Borrowed(_)));
    }

    #[test]
    fn our_colours_pass_and_nothing_else_does() {
        assert_eq!(
            keep_style("\u{1b}[1;31mred\u{1b}[0m\u{1b}]0;title\u{7}"),
            "\u{1b}[1;31mred\u{1b}[0m\\u{1b}]0;title\\u{7}"
        );
    }

    #[test]
    fn json_keeps_its_meaning() {
        let text = "\"\u{9b}31m\"";
        let escaped = escape_json(text);
        assert_eq!(escaped, "\"\\u009b31m\"");
        assert_eq!(serde_json::from_str::<String>(&escaped).ok().as_deref(), Some("\u{9b}31m"));
    }
}
