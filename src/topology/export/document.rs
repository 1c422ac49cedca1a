//! How is a topology written as text, so that it comes back exactly as it was? As YAML with comments, or as JSON.
//!
//! Written by hand and not by a library: every text that a reader of YAML could take for something else, or that a terminal
//! would obey, goes into quotes, and comments stand where they belong.

use std::fmt::Write;

use serde_json::Value as Json;

use crate::{message::Field, topology::file::means_text};

/// A value on its way into a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Nothing.
    Null,
    /// True or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order it is to be written.
    Map(Vec<Entry>),
}

/// A key of a map, with what stands under it and the comment above it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Lines of a comment.
    pub comments: Vec<String>,
    /// The key.
    pub key: String,
    /// What it stands for.
    pub node: Node,
    /// Whether what it stands for begins on lines of its own, however short it is.
    pub open: bool,
}

impl Entry {
    /// A key without a comment.
    pub fn new(key: impl Into<String>, node: Node) -> Entry {
        Entry { comments: Vec::new(), key: key.into(), node, open: false }
    }

    /// A section of the file: one line for each thing in it.
    pub fn section(key: &str, node: Node) -> Entry {
        Entry { open: true, ..Entry::new(key, node) }
    }

    /// The same with comments above it.
    #[must_use]
    pub fn noted(self, comments: Vec<String>) -> Entry {
        Entry { comments, ..self }
    }
}

impl Node {
    /// A text.
    pub fn text(text: impl Into<String>) -> Node {
        Node::Text(text.into())
    }

    /// A value of an argument. Every type of field has been made one that the management API tells apart.
    #[must_use]
    pub fn of_field(field: &Field) -> Node {
        match field {
            Field::Bool(flag) => Node::Flag(*flag),
            Field::F32(number) => Node::Float((*number).into()),
            Field::F64(number) => Node::Float(*number),
            Field::Text(bytes) | Field::Bytes(bytes) => Node::text(String::from_utf8_lossy(bytes)),
            Field::Array(items) => Node::List(items.iter().map(Node::of_field).collect()),
            Field::Table(table) => {
                Node::Map(table.iter().map(|(name, field)| Entry::new(name, Node::of_field(field))).collect())
            }
            other => other.as_int().map_or(Node::Null, Node::Integer),
        }
    }

    /// A value of a policy.
    #[must_use]
    pub fn of_json(value: &Json) -> Node {
        match value {
            Json::Null => Node::Null,
            Json::Bool(flag) => Node::Flag(*flag),
            Json::Number(number) => match number.as_i64() {
                Some(number) => Node::Integer(number),
                None => Node::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Node::text(text),
            Json::Array(items) => Node::List(items.iter().map(Node::of_json).collect()),
            Json::Object(map) => {
                let mut entries: Vec<Entry> =
                    map.iter().map(|(key, value)| Entry::new(key, Node::of_json(value))).collect();
                entries.sort_by(|a, b| a.key.cmp(&b.key));
                Node::Map(entries)
            }
        }
    }

    fn json(&self) -> Json {
        match self {
            Node::Null => Json::Null,
            Node::Flag(flag) => (*flag).into(),
            Node::Integer(number) => (*number).into(),
            Node::Float(number) => (*number).into(),
            Node::Text(text) => text.as_str().into(),
            Node::List(items) => items.iter().map(Node::json).collect::<Vec<_>>().into(),
            Node::Map(entries) => {
                Json::Object(entries.iter().map(|entry| (entry.key.clone(), entry.node.json())).collect())
            }
        }
    }

    fn is_noted(&self) -> bool {
        match self {
            Node::List(items) => items.iter().any(Node::is_noted),
            Node::Map(entries) => {
                entries.iter().any(|entry| !entry.comments.is_empty() || entry.open || entry.node.is_noted())
            }
            _ => false,
        }
    }

    /// Whether it has no parts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Node::List(items) => items.is_empty(),
            Node::Map(entries) => entries.is_empty(),
            _ => true,
        }
    }

    /// On one line.
    fn flow(&self, out: &mut String) {
        match self {
            Node::Null => out.push_str("null"),
            Node::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Node::Integer(number) => {
                let _ = write!(out, "{number}");
            }
            Node::Float(number) => {
                let _ = write!(out, "{number:?}");
            }
            Node::Text(text) => out.push_str(&word(text)),
            Node::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { ", " });
                    item.flow(out);
                }
                out.push(']');
            }
            Node::Map(entries) if entries.is_empty() => out.push_str("{}"),
            Node::Map(entries) => {
                out.push_str("{ ");
                for (at, entry) in entries.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { ", " });
                    let _ = write!(out, "{}: ", word(&entry.key));
                    entry.node.flow(out);
                }
                out.push_str(" }");
            }
        }
    }
}

/// How long a line may be before what stands on it is spread over several.
const WIDTH: usize = 100;

/// The text of a file: comments at its top, then its keys.
#[must_use]
pub fn yaml(top: &[String], entries: &[Entry]) -> String {
    let mut out = String::new();
    comments(top, 0, &mut out);
    for (at, entry) in entries.iter().enumerate() {
        // Sections stand apart.
        if entry.open && at > 0 {
            out.push('\n');
        }
        block(std::slice::from_ref(entry), 0, &mut out);
    }
    out
}

/// The same keys as one line of JSON; there is no place for comments in it.
#[must_use]
pub fn json(entries: &[Entry]) -> String {
    let text = Node::Map(entries.to_vec()).json().to_string();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match u16::try_from(u32::from(c)) {
            Ok(unit) if is_hidden(c) => {
                let _ = write!(out, "\\u{unit:04x}");
            }
            _ => out.push(c),
        }
    }
    out
}

fn comments(lines: &[String], indent: usize, out: &mut String) {
    for line in lines {
        let _ = write!(out, "{:indent$}#", "");
        if !line.is_empty() {
            out.push(' ');
        }
        // A name must not end the comment it stands in.
        line.chars().for_each(|c| escaped(c, out));
        out.push('\n');
    }
}

fn block(entries: &[Entry], indent: usize, out: &mut String) {
    for entry in entries {
        comments(&entry.comments, indent, out);
        let key = word(&entry.key);
        let _ = write!(out, "{:indent$}{key}:", "");
        if !(entry.open || entry.node.is_noted()) || entry.node.is_empty() {
            let mut line = String::new();
            entry.node.flow(&mut line);
            if entry.node.is_empty() || indent + key.len() + 2 + line.len() <= WIDTH {
                let _ = writeln!(out, " {line}");
                continue;
            }
        }
        out.push('\n');
        match &entry.node {
            Node::List(items) => {
                for item in items {
                    let mut line = String::new();
                    item.flow(&mut line);
                    let _ = writeln!(out, "{:indent$}  - {line}", "");
                }
            }
            Node::Map(entries) => block(entries, indent + 2, out),
            // Everything else is empty: it has no parts.
            _ => (),
        }
    }
}

/// A text as it stands in a file: bare where nobody can take it for anything else, in quotes otherwise.
#[must_use]
pub fn word(text: &str) -> String {
    if is_bare(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            _ => escaped(c, &mut out),
        }
    }
    out.push('"');
    out
}

/// Whether a text needs no quotes, also for readers of YAML 1.1, to whom `yes` and `off` are no texts.
fn is_bare(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "_-./^$".contains(c);
    let is_name = text.starts_with(|c: char| c.is_ascii_alphabetic() || "_/^".contains(c)) && text.chars().all(inner);
    let is_time =
        text.ends_with(|c: char| "dhms".contains(c)) && text.chars().all(|c| c.is_ascii_digit() || "dhms".contains(c));
    let is_flag = ["y", "n", "yes", "no", "on", "off"].iter().any(|flag| text.eq_ignore_ascii_case(flag));
    (is_name || is_time) && !is_flag && means_text(text)
}

/// A character that is not seen, or steers what shows it, is spelled out.
fn escaped(c: char, out: &mut String) {
    let code = u32::from(c);
    let _ = match code {
        _ if !is_hidden(c) => out.write_char(c),
        0..=0xff => write!(out, "\\x{code:02x}"),
        0x100..=0xffff => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(u32::from(c) & 0xfffe, 0xfffe)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::topology::file::read_back;

    fn any_node() -> impl Strategy<Value = Node> {
        let text = prop_oneof![
            3 => any::<String>(),
            1 => prop::collection::vec(any::<char>(), 0..4).prop_map(String::from_iter),
            1 => prop::sample::select(vec![
                "", "yes", "null", "~", "true", "1e3", "0x1f", "-", "- a", "-a", "? ", "a: b", "a #b", "#", "<<", "*a", "&a", "!t",
                "|", ">", "%YAML", "---", "...", "'", "\"", "\\", "{", "]", ",", "@", "`", " a", "a ", "\n", "\r\n", "\t", "007",
                ".inf", "1_000", "12:30:00", "2001-01-01", "=", "\u{85}", "\u{2028}", "\u{feff}", "\u{7f}", "\u{0}",
                "\u{fffe}", "\u{1f600}", "\u{10ffff}", "10s", "1d", "a.b/c-d", "^a$",
            ]).prop_map(str::to_owned),
        ];
        let leaf = prop_oneof![
            Just(Node::Null),
            any::<bool>().prop_map(Node::Flag),
            any::<i64>().prop_map(Node::Integer),
            any::<f64>().prop_filter("a file holds no others", |number| number.is_finite()).prop_map(Node::Float),
            text.clone().prop_map(Node::Text),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            let entry = (any::<bool>(), prop::collection::vec(text.clone(), 0..2), text.clone(), inner.clone());
            prop_oneof![
                prop::collection::vec(inner, 0..6).prop_map(Node::List),
                prop::collection::vec(entry, 0..6).prop_map(|entries| {
                    let mut seen = std::collections::HashSet::new();
                    let entries =
                        entries.into_iter().map(|(open, comments, key, node)| Entry { comments, key, node, open });
                    Node::Map(entries.filter(|entry| seen.insert(entry.key.clone())).collect())
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_back_exactly(node in any_node(), top in any::<String>()) {
            let entries = [Entry::section("k", node.clone())];
            let expected = Node::Map(vec![Entry::new("k", node)]).json();
            for text in [yaml(&[top], &entries), json(&entries)] {
                let read = read_back(&text);
                prop_assert_eq!(read.as_ref(), Ok(&expected), "{}", text);
            }
        }
    }

    #[test]
    fn what_is_short_stands_on_one_line_and_comments_stand_above() {
        let entries = [
            Entry::new("evbus", Node::Integer(1)),
            Entry::section(
                "queues",
                Node::Map(vec![
                    Entry::new(
                        "a",
                        Node::Map(vec![
                            Entry::new("type", Node::text("quorum")),
                            Entry::new("message_ttl", Node::text("1h30m")),
                        ]),
                    ),
                    Entry::new(
                        "yes",
                        Node::Map(vec![
                            Entry::new("x-team", Node::text("a b")).noted(vec!["without\neffect".to_owned()]),
                        ]),
                    ),
                ]),
            ),
            Entry::section("bindings", Node::List(vec![Node::Map(vec![Entry::new("from", Node::text("#"))])])),
        ];
        let expected = "# top\n#\nevbus: 1\n\nqueues:\n  a: { type: quorum, message_ttl: 1h30m }\n  \"yes\":\n    # without\\x0aeffect\n    x-team: \"a b\"\n\nbindings:\n  - { from: \"#\" }\n";
        assert_eq!(yaml(&["top".to_owned(), String::new()], &entries), expected);
    }
}
