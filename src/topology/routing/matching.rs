//! Whether one binding takes a message: by words of its key, or by headers.

use crate::{
    message::{Field, Table},
    version::Version,
};

/// Whether the key of a topic binding matches a routing key: `*` is one word, `#` any number of words, none included.
/// An empty key has no word at all: `#` matches it, `*` does not.
#[must_use]
pub fn topic_matches(pattern: &str, key: &str) -> bool {
    fn words(text: &str) -> Vec<&str> {
        if text.is_empty() { Vec::new() } else { text.split('.').collect() }
    }
    let (pattern, key) = (words(pattern), words(key));
    // Where the last `#` stood and how many words it takes so far: a mismatch after it lets it take one more.
    let (mut p, mut k, mut hash) = (0, 0, None);
    while k < key.len() {
        match pattern.get(p) {
            Some(&"#") => {
                hash = Some((p, k));
                p += 1;
            }
            Some(word) if *word == "*" || *word == key[k] => {
                p += 1;
                k += 1;
            }
            _ => match hash {
                Some((at, taken)) => {
                    hash = Some((at, taken + 1));
                    (p, k) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|word| *word == "#")
}

/// How a headers exchange compares values; it changed once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Comparison {
    /// Up to 3.12: by number, so that 1 is 1.0.
    Loose,
    /// From 3.13 on: a whole number is no fraction, and a header's timestamp counts in milliseconds, a binding's in seconds.
    #[default]
    Strict,
}

impl Comparison {
    /// That of a broker's version.
    pub(super) fn of(version: Version) -> Comparison {
        if version < Version::new(3, 13, 0) { Comparison::Loose } else { Comparison::Strict }
    }

    /// Whether a header is what a binding wants. The types on the wire do not count, but for what they say of the value: any width
    /// of a number, text and bytes, a timestamp and the number of its seconds are the same; 1 and "1" are not.
    pub(super) fn same(self, wanted: &Field, present: &Field) -> bool {
        let milliseconds = |seconds: i128| if self == Comparison::Strict { seconds * 1000 } else { seconds };
        match (Seen::of(wanted, |seconds| seconds), Seen::of(present, milliseconds)) {
            (Seen::Whole(a), Seen::Whole(b)) => a == b,
            (Seen::Fraction(a), Seen::Fraction(b)) => a.partial_cmp(&b).is_some_and(std::cmp::Ordering::is_eq),
            (Seen::Whole(whole), Seen::Fraction(fraction)) | (Seen::Fraction(fraction), Seen::Whole(whole)) => {
                self == Comparison::Loose && equal(whole, fraction)
            }
            (Seen::Bytes(a), Seen::Bytes(b)) => a == b,
            (Seen::Other(a), Seen::Other(b)) => a == b,
            _ => false,
        }
    }
}

/// What the exchange sees of a value.
enum Seen<'a> {
    Whole(i128),
    Fraction(f64),
    Bytes(&'a [u8]),
    /// Compared with its type; so is what arrays and tables hold.
    Other(&'a Field),
}

impl Seen<'_> {
    fn of(field: &Field, timestamp: impl Fn(i128) -> i128) -> Seen<'_> {
        match field {
            Field::F32(n) => Seen::Fraction(f64::from(*n)),
            Field::F64(n) => Seen::Fraction(*n),
            Field::Timestamp(seconds) => Seen::Whole(timestamp(i128::from(*seconds))),
            Field::Text(bytes) | Field::Bytes(bytes) => Seen::Bytes(bytes),
            other => other.as_int().map_or(Seen::Other(other), |n| Seen::Whole(n.into())),
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a fraction beyond the range of whole numbers equals none of them")]
fn equal(whole: i128, fraction: f64) -> bool {
    fraction.fract() == 0.0 && fraction.abs() < 1e30 && fraction as i128 == whole
}

/// What a binding to a headers exchange asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wants<'a> {
    arguments: &'a Table,
    any: bool,
    with_x: bool,
}

impl<'a> Wants<'a> {
    /// What these arguments ask for.
    pub(super) fn of(arguments: &'a Table) -> Wants<'a> {
        let mode = arguments.get("x-match").and_then(Field::as_str).unwrap_or("all");
        Wants { arguments, any: mode.starts_with("any"), with_x: mode.ends_with("-with-x") }
    }

    /// The headers that count, each with the value that is wanted; names that begin with `x-` count only in the `-with-x` modes.
    pub(super) fn headers(self) -> impl Iterator<Item = (&'a str, &'a Field)> {
        let counts = move |name: &str| name != "x-match" && (self.with_x || !name.starts_with("x-"));
        self.arguments.iter().map(|(name, value)| (name.as_str(), value)).filter(move |(name, _)| counts(name))
    }

    /// Whether these headers are what it asks for. A value of no type asks for presence alone.
    pub(super) fn matched(self, headers: Option<&Table>, comparison: Comparison) -> bool {
        let mut each = self.headers().map(|(name, wanted)| has(headers, name, wanted, comparison));
        if self.any { each.any(|matched| matched) } else { each.all(|matched| matched) }
    }
}

/// Whether a message has a header as a binding wants it.
pub(super) fn has(headers: Option<&Table>, name: &str, wanted: &Field, comparison: Comparison) -> bool {
    let present = headers.and_then(|headers| headers.get(name));
    present.is_some_and(|present| matches!(wanted, Field::Void) || comparison.same(wanted, present))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_word_and_a_hash_any_number() {
        for (pattern, key) in [
            ("email.*", "email.sent"),
            ("email.#", "email"),
            ("#", ""),
            ("", ""),
            ("#.#", ""),
            ("#.sent", "a.b.sent"),
            ("a.#.b", "a.b"),
            ("a.#.b", "a.x.b.b"),
            ("#.a.*", "a.a.b"),
            ("*.*", "."),
            ("a.", "a."),
        ] {
            assert!(topic_matches(pattern, key), "{pattern:?} takes {key:?}");
        }
        for (pattern, key) in
            [("email.*", "email"), ("email.*", "email.a.b"), ("*", ""), ("a", "a."), ("foo*", "foobar"), ("a.#.b", "a")]
        {
            assert!(!topic_matches(pattern, key), "{pattern:?} does not take {key:?}");
        }
    }

    fn table(fields: &[(&str, Field)]) -> Table {
        fields.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect()
    }

    fn matched(wanted: &Table, headers: &[(&str, Field)]) -> bool {
        Wants::of(wanted).matched(Some(&table(headers)), Comparison::Strict)
    }

    #[test]
    fn a_binding_asks_for_all_of_its_headers_or_for_any() {
        let all = table(&[("x-match", Field::text("all")), ("n", Field::I32(1)), ("here", Field::Void)]);
        assert!(matched(&all, &[("n", Field::I64(1)), ("here", Field::Bool(false))]));
        assert!(!matched(&all, &[("n", Field::text("1")), ("here", Field::Void)]));
        assert!(!Wants::of(&all).matched(None, Comparison::Strict));
        let mut any = table(&[("x-match", Field::text("any")), ("n", Field::I32(1)), ("x-own", Field::I32(2))]);
        assert!(matched(&any, &[("n", Field::U8(1))]));
        assert!(!matched(&any, &[("x-own", Field::I32(2))]), "x- names do not count");
        any.insert("x-match".to_owned(), Field::text("any-with-x"));
        assert!(matched(&any, &[("x-own", Field::I32(2))]), "unless they are asked for");
        assert!(matched(&Table::new(), &[]), "nothing asked for is always there");
        assert!(!matched(&table(&[("x-match", Field::text("any"))]), &[]));
    }

    #[test]
    fn values_are_compared_and_not_their_types() {
        use Comparison::{Loose, Strict};
        for (wanted, present, loose, strict) in [
            (Field::I32(1), Field::I64(1), true, true),
            (Field::I64(1), Field::text("1"), false, false),
            (Field::I64(1), Field::Bool(true), false, false),
            (Field::I64(1), Field::F64(1.0), true, false),
            (Field::F32(1.5), Field::F64(1.5), true, true),
            (Field::F32(0.1), Field::F64(0.1), false, false),
            (Field::text("a"), Field::Bytes(b"a".to_vec()), true, true),
            (Field::text("undefined"), Field::Void, false, false),
            (Field::Timestamp(7), Field::Timestamp(7), true, false),
            (Field::I64(7), Field::Timestamp(7), true, false),
            (Field::I64(7000), Field::Timestamp(7), false, true),
            (Field::Timestamp(7), Field::I64(7), true, true),
            (Field::Array(vec![Field::I64(1)]), Field::Array(vec![Field::I64(1)]), true, true),
            (Field::Array(vec![Field::I64(1)]), Field::Array(vec![Field::I8(1)]), false, false),
        ] {
            assert_eq!(Loose.same(&wanted, &present), loose, "{wanted:?} and {present:?} up to 3.12");
            assert_eq!(Strict.same(&wanted, &present), strict, "{wanted:?} and {present:?} from 3.13 on");
        }
    }
}
