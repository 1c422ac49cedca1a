//! Regular expressions that match exactly these names, for policies.
//!
//! The broker asks a pattern of every queue, and takes only short ones: names are folded into a tree, so that a thousand names of one
//! kind stay short, and what does not fold is split over several patterns.

use std::collections::BTreeMap;

/// Some names, and the pattern that matches each of them and nothing else.
#[derive(Debug, PartialEq, Eq)]
pub struct Fold<'a> {
    /// The regular expression.
    pub pattern: String,
    /// The names.
    pub names: Vec<&'a str>,
}

/// Patterns that together match each of the names and nothing else: one, unless the names are many and have little in common. Names that
/// begin alike are in one pattern, so that another name changes as few as can be.
#[must_use]
pub fn exactly<'a>(names: &[&'a str]) -> Vec<Fold<'a>> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    let mut folds = Vec::new();
    fold(&names, &mut folds);
    folds
}

/// Bytes of a pattern. Broker fact: 4.3.6 refuses longer ones; 3.10 and 4.0 take what compiles into 64 KiB. What is split for one series is
/// split for all, so that an upgrade of the broker changes nothing.
pub const LONGEST: usize = 1024;

/// Of names that are sorted.
fn fold<'a>(names: &[&'a str], folds: &mut Vec<Fold<'a>>) {
    let pattern = together(names);
    if names.len() < 2 || pattern.len() <= LONGEST {
        folds.push(Fold { pattern, names: names.to_vec() });
        return;
    }
    // What begins alike stays together, and neighbours share a pattern as long as it is short enough.
    let alike = common_prefix(names).chars().count();
    let parts: Vec<&[&str]> = names.chunk_by(|a, b| a.chars().nth(alike) == b.chars().nth(alike)).collect();
    let mut at = 0;
    let mut parts = parts.into_iter().map(<[&str]>::len).peekable();
    while let Some(mut taken) = parts.next() {
        while let Some(next) = parts.next_if(|next| together(&names[at..at + taken + next]).len() <= LONGEST) {
            taken += next;
        }
        fold(&names[at..at + taken], folds);
        at += taken;
    }
}

fn together(names: &[&str]) -> String {
    let suffix = common_suffix(names);
    let mut root = Branch::default();
    for name in names {
        root.insert(&name[..name.len() - suffix.len()]);
    }
    let mut pattern = "^".to_owned();
    pattern.push_str(&root.written());
    escape(suffix, &mut pattern);
    pattern.push('$');
    pattern
}

fn common_prefix<'a>(names: &[&'a str]) -> &'a str {
    let (Some(first), Some(last)) = (names.first(), names.last()) else { return "" };
    // Of sorted names the first and the last have the least in common.
    let bytes = first.chars().zip(last.chars()).take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum();
    &first[..bytes]
}

fn common_suffix<'a>(names: &[&'a str]) -> &'a str {
    let Some((first, rest)) = names.split_first() else { return "" };
    rest.iter().fold(*first, |suffix, name| {
        let same = suffix.chars().rev().zip(name.chars().rev()).take_while(|(a, b)| a == b);
        let bytes: usize = same.map(|(c, _)| c.len_utf8()).sum();
        &suffix[suffix.len() - bytes..]
    })
}

#[derive(Default)]
struct Branch {
    ends: bool,
    next: BTreeMap<char, Branch>,
}

impl Branch {
    fn insert(&mut self, name: &str) {
        let mut here = self;
        for c in name.chars() {
            here = here.next.entry(c).or_default();
        }
        here.ends = true;
    }

    /// What matches what comes from here on.
    fn written(&self) -> String {
        // Characters after which the same comes are one class; the broker compares bytes, so only plain ones.
        let mut ways: Vec<(Vec<char>, String)> = Vec::new();
        for (c, next) in &self.next {
            let rest = next.written();
            let alike = |(chars, same): &&mut (Vec<char>, String)| {
                *same == rest && c.is_ascii_alphanumeric() && chars[0].is_ascii_alphanumeric()
            };
            match ways.iter_mut().find(alike) {
                Some((chars, _)) => chars.push(*c),
                None => ways.push((vec![*c], rest)),
            }
        }
        let choices: Vec<String> = ways.into_iter().map(|(chars, rest)| class(&chars) + &rest).collect();
        match (choices.as_slice(), self.ends) {
            ([], _) => String::new(),
            ([only], false) => only.clone(),
            (_, ends) => format!("(?:{}){}", choices.join("|"), if ends { "?" } else { "" }),
        }
    }
}

/// One of these characters, which are sorted.
fn class(chars: &[char]) -> String {
    let mut class = String::new();
    if let [only] = chars {
        escape(only.encode_utf8(&mut [0; 4]), &mut class);
        return class;
    }
    class.push('[');
    for run in chars.chunk_by(|a, b| u32::from(*a) + 1 == u32::from(*b)) {
        match run {
            [first, _, .., last] => class.extend([*first, '-', *last]),
            few => class.extend(few),
        }
    }
    class.push(']');
    class
}

fn escape(text: &str, pattern: &mut String) {
    for c in text.chars() {
        if c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '_' | ' ' | '-') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::{Fold, LONGEST, exactly};

    fn matcher(folds: &[Fold<'_>]) -> impl Fn(&str) -> bool + use<> {
        // The JSON Schema validator's regular expressions are as good as the broker's for these patterns.
        let any: Vec<_> = folds.iter().map(|fold| serde_json::json!({ "pattern": fold.pattern })).collect();
        let schema = jsonschema::validator_for(&serde_json::json!({ "anyOf": any })).expect("the patterns are valid");
        move |name: &str| schema.is_valid(&serde_json::json!(name))
    }

    #[test]
    fn names_that_share_much_become_a_short_pattern() {
        let one = |names: &[&str]| exactly(names).into_iter().map(|fold| fold.pattern).collect::<Vec<_>>();
        assert_eq!(one(&["a.dlq"]), [r"^a\.dlq$"]);
        assert_eq!(one(&["a2.dlq", "b.dlq", "a1.dlq", "b.dlq"]), [r"^(?:a[12]|b)\.dlq$"]);
        assert_eq!(one(&["a.dlq", "ab.dlq"]), [r"^a(?:b)?\.dlq$"]);
        assert_eq!(one(&["x1a", "x2a", "x4a", "x3a", "x+a", "xua", "xva"]), [r"^x(?:\+|[1-4uv])a$"]);
        assert_eq!(one(&["ax", "ay", "bx", "by", "cx"]), ["^(?:[ab][xy]|cx)$"]);
    }

    #[test]
    fn exactly_these_names_match() {
        let names = ["a.dlq", "ab.dlq", "a+b.dlq", "é.dlq", "(x).dlq", "customer-service.dlq", "customer.dlq"];
        let matches = matcher(&exactly(&names));
        for name in names {
            assert!(matches(name), "{name}");
        }
        for other in ["axdlq", "a.dlq.x", "x.a.dlq", "aab.dlq", "dlq", ".dlq", "customer-.dlq", ""] {
            assert!(!matches(other), "{other}");
        }
    }

    #[test]
    fn a_thousand_names_fold_and_strangers_split() {
        let kin: Vec<String> = (0..5000).map(|n| format!("service-{n:04}.dlq")).collect();
        let kin: Vec<&str> = kin.iter().map(String::as_str).collect();
        assert_eq!(exactly(&kin).len(), 1);

        let mut seed = 7_u64;
        let strangers: Vec<String> = (0..3000)
            .map(|_| {
                (0..12)
                    .map(|_| {
                        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        char::from(b'a' + u8::try_from((seed >> 33) % 26).unwrap_or(0))
                    })
                    .collect()
            })
            .collect();
        let strangers: Vec<&str> = strangers.iter().map(String::as_str).collect();
        let folds = exactly(&strangers);
        assert!(folds.len() > 1 && folds.iter().all(|fold| fold.pattern.len() <= LONGEST));
        // Each name is in the one pattern that names it.
        assert_eq!(folds.iter().map(|fold| fold.names.len()).sum::<usize>(), strangers.len());
        for fold in folds.iter().step_by(7) {
            let matches = matcher(std::slice::from_ref(fold));
            assert!(strangers.iter().all(|name| matches(name) == fold.names.contains(name)));
        }
        // One more changes one pattern, or the few beside it that it is split into.
        let mut more = strangers.clone();
        more.push("mmmmmmmmmmmm");
        let changed = exactly(&more).iter().filter(|fold| !folds.contains(fold)).count();
        assert!((1..=2).contains(&changed), "{changed}");
    }
}
