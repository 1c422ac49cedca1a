//! How a word is typed so that a shell hands it on as it is.

use std::borrow::Cow;

/// The word as it is typed after a command.
#[must_use]
pub fn word(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        return text.into();
    }
    // What begins with a dash would be taken for a flag.
    let dash = if text.starts_with('-') { "./" } else { "" };
    format!("'{dash}{}'", text.replace('\'', r"'\''")).into()
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn a_shell_reads_every_name_as_it_is() {
        assert_eq!(word("a/evbus-purge-1.ndjson.zst"), "a/evbus-purge-1.ndjson.zst");
        assert_eq!(word("two words"), "'two words'");
        assert_eq!(word("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(word("-f"), "'./-f'");
        assert_eq!(word(""), "''");
    }
}
