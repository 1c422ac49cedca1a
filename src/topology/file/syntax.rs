//! What does a word mean in YAML, and what is wrong where the text is none?

use granit_parser::{ErrorKind, ScanError};

use super::tree::{DEPTH, Scalar};
use crate::topology::place::{Place, Problem};

/// What a word that is not quoted means (the core schema of YAML 1.2, which contains JSON's).
pub(super) fn meaning(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        _ => (),
    }
    let radix = |prefix: &str, radix: u32| {
        text.strip_prefix(prefix).and_then(|digits| i64::from_str_radix(digits, radix).ok()).map(Scalar::Integer)
    };
    if let Some(number) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return number;
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Scalar::Text;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_or(Scalar::Text, Scalar::Integer);
    }
    let numeric = digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    match text.parse::<f64>() {
        Ok(number) if numeric && number.is_finite() => Scalar::Float(number),
        _ => Scalar::Text,
    }
}

/// A fault of the syntax, in words that say what to do.
pub(super) fn syntax(text: &str, file: usize, error: &ScanError) -> Problem {
    let start = error.marker().byte_offset().unwrap_or(0).min(text.len());
    let width = text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let place = Place { file, start, end: start + width };
    let problem = |message: String| Problem::new(message, place);
    match error.kind() {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar
        | ErrorKind::InvalidBlockEntryWhitespace
        | ErrorKind::InvalidMappingValueWhitespace => {
            problem("a tab stands where YAML wants blanks".into()).help("indent with blanks")
        }
        ErrorKind::UnclosedQuotedScalar => problem("a quote is opened and never closed".into()).label("opened here"),
        ErrorKind::UnclosedFlowCollection { open } => problem(format!("`{open}` is never closed")),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            problem(format!("`{open}` is closed by `{close}`")).label("does not close it")
        }
        ErrorKind::MisplacedFlowCollectionEnd => {
            problem("something is closed that was never opened".into()).label("closes nothing")
        }
        ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::UnexpectedEofBlockSequence
        | ErrorKind::UnexpectedEofBlockMapping
        | ErrorKind::UnexpectedEof => problem("the file ends in the middle of something".into()),
        ErrorKind::UnknownAnchor => problem("an alias stands for nothing".into())
            .help("`*name` repeats what `&name` marked further up; quote it if the `*` belongs to the text"),
        ErrorKind::RecursionLimitExceeded => {
            problem(format!("lists and maps are nested more than {DEPTH} deep")).label("one too many")
        }
        ErrorKind::DirectiveDisallowed => {
            problem("directives mean nothing in a topology file".into()).help("leave the line that begins with % away")
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            problem("a `:` stands where no value can begin".into())
                .help("quote text that contains `: `, and let what belongs together begin in the same column")
        }
        ErrorKind::InvalidIndentation | ErrorKind::InvalidQuotedScalarIndent | ErrorKind::InvalidBlockScalarIndent => {
            problem("this line does not begin in a column that was begun before".into())
                .help("let what belongs together begin in the same column")
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::ExpectedBlockMappingKey | ErrorKind::InvalidSimpleKey => {
            problem("a key with a `:` is expected here".into())
                .help("let what belongs together begin in the same column, and write `key: value`")
        }
        ErrorKind::UnexpectedCharacter { character } => {
            problem(format!("no text can begin with `{}`", character.escape_default())).help("quote the text")
        }
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
            problem("a `,` or the closing bracket is expected here".into())
        }
        kind => problem(format!("this is not YAML: {kind}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_what_yaml_1_2_says() {
        for (text, expected) in [
            ("yes", Scalar::Text),
            ("no", Scalar::Text),
            ("true", Scalar::Bool(true)),
            ("~", Scalar::Null),
            ("007", Scalar::Integer(7)),
            ("0x1f", Scalar::Integer(31)),
            ("-3", Scalar::Integer(-3)),
            ("1.5", Scalar::Float(1.5)),
            ("1e3", Scalar::Float(1000.0)),
            ("10s", Scalar::Text),
            ("1.2.3", Scalar::Text),
            ("99999999999999999999", Scalar::Text),
            (".", Scalar::Text),
        ] {
            assert_eq!(meaning(text), expected, "{text:?}");
        }
    }
}
