//! Whether one binding takes a message: by words of its key, or by headers.

use crate::message::{Field, Table};

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

/// Whether the arguments of a binding to a headers exchange match these headers. A value of no type asks for presence alone;
/// names that start with `x-` count only in the `-with-x` modes.
pub(super) fn headers_match(arguments: &Table, headers: Option<&Table>) -> bool {
    let mode = arguments.get("x-match").and_then(Field::as_str).unwrap_or("all");
    let (any, with_x) = match mode {
        "any" => (true, false),
        "any-with-x" => (true, true),
        "all-with-x" => (false, true),
        _ => (false, false),
    };
    let mut wanted = arguments
        .iter()
        .filter(|(name, _)| *name != "x-match" && (with_x || !name.starts_with("x-")))
        .map(|(name, value)| match headers.and_then(|headers| headers.get(name)) {
            Some(present) => matches!(value, Field::Void) || same(value, present),
            None => false,
        });
    if any { wanted.any(|matched| matched) } else { wanted.all(|matched| matched) }
}

/// Equal as the headers exchange sees it: the width of a number does not matter.
fn same(a: &Field, b: &Field) -> bool {
    let float = |field: &Field| match *field {
        Field::F32(n) => Some(f64::from(n)),
        Field::F64(n) => Some(n),
        _ => None,
    };
    match (a.as_int(), b.as_int(), float(a), float(b)) {
        (Some(a), Some(b), ..) => a == b,
        (_, _, Some(a), Some(b)) => a.total_cmp(&b).is_eq(),
        _ => a == b,
    }
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

    #[test]
    fn a_headers_exchange_compares_values_and_not_widths() {
        let table = |fields: &[(&str, Field)]| {
            fields.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect::<Table>()
        };
        let wanted = table(&[("x-match", Field::text("all")), ("n", Field::I32(1)), ("any", Field::Void)]);
        assert!(headers_match(&wanted, Some(&table(&[("n", Field::I64(1)), ("any", Field::Bool(false))]))));
        assert!(!headers_match(&wanted, Some(&table(&[("n", Field::text("1")), ("any", Field::Void)]))));
        assert!(!headers_match(&wanted, None));
        let any = table(&[("x-match", Field::text("any")), ("n", Field::I32(1)), ("x-own", Field::I32(2))]);
        assert!(headers_match(&any, Some(&table(&[("n", Field::U8(1))]))));
        assert!(!headers_match(&any, Some(&table(&[("x-own", Field::I32(2))]))), "x- names do not count");
        assert!(headers_match(&Table::new(), None), "nothing asked for is always there");
        assert!(!headers_match(&table(&[("x-match", Field::text("any"))]), None));
    }
}
