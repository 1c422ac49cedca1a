//! Regular expressions that match exactly these names, for policies.
//!
//! The broker compiles a pattern into at most 64 KiB, and asks it of every queue: names are folded into a tree, so that a thousand
//! names of one kind stay short, and what does not fold is split over several patterns.

use std::collections::BTreeMap;

/// Patterns that together match each of the names and nothing else: one, unless the names are many and have little in common.
#[must_use]
pub fn exactly(names: &[&str]) -> Vec<String> {
    let suffix = common_suffix(names);
    let mut root = Branch::default();
    for name in names {
        root.insert(&name[..name.len() - suffix.len()]);
    }
    let mut pattern = "^".to_owned();
    root.write(&mut pattern);
    escape(suffix, &mut pattern);
    pattern.push('$');
    if pattern.len() > LONGEST && names.len() > 1 {
        let (left, right) = names.split_at(names.len() / 2);
        let mut patterns = exactly(left);
        patterns.extend(exactly(right));
        return patterns;
    }
    vec![pattern]
}

/// Bytes of a pattern: compiled, a byte takes two, and a branch a few more.
const LONGEST: usize = 16_000;

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

    fn write(&self, pattern: &mut String) {
        let mut here = self;
        while let (false, 1, Some((c, next))) = (here.ends, here.next.len(), here.next.iter().next()) {
            escape(c.encode_utf8(&mut [0; 4]), pattern);
            here = next;
        }
        // Characters after which nothing comes are one class; the broker compares bytes, so only plain ones.
        let leaf = |c: &char, branch: &Branch| c.is_ascii_alphanumeric() && branch.ends && branch.next.is_empty();
        let leaves: String = here.next.iter().filter(|(c, branch)| leaf(c, branch)).map(|(c, _)| *c).collect();
        let mut choices: Vec<String> = Vec::new();
        match leaves.len() {
            0 => (),
            1 => choices.push(leaves.clone()),
            _ => choices.push(format!("[{leaves}]")),
        }
        for (c, branch) in here.next.iter().filter(|(c, branch)| !leaf(c, branch)) {
            let mut choice = String::new();
            escape(c.encode_utf8(&mut [0; 4]), &mut choice);
            branch.write(&mut choice);
            choices.push(choice);
        }
        match (choices.as_slice(), here.ends) {
            ([], _) => (),
            ([only], false) => pattern.push_str(only),
            (_, ends) => {
                pattern.push_str("(?:");
                pattern.push_str(&choices.join("|"));
                pattern.push_str(if ends { ")?" } else { ")" });
            }
        }
    }
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
    use super::exactly;

    fn matcher(patterns: Vec<String>) -> impl Fn(&str) -> bool {
        // The JSON Schema validator's regular expressions are as good as the broker's for these patterns.
        let any: Vec<_> = patterns.into_iter().map(|pattern| serde_json::json!({ "pattern": pattern })).collect();
        let schema = jsonschema::validator_for(&serde_json::json!({ "anyOf": any })).expect("the patterns are valid");
        move |name: &str| schema.is_valid(&serde_json::json!(name))
    }

    #[test]
    fn names_that_share_much_become_a_short_pattern() {
        assert_eq!(exactly(&["a.dlq"]), [r"^a\.dlq$"]);
        assert_eq!(exactly(&["a1.dlq", "a2.dlq", "b.dlq"]), [r"^(?:b|a[12])\.dlq$"]);
        assert_eq!(exactly(&["a.dlq", "ab.dlq"]), [r"^a(?:b)?\.dlq$"]);
    }

    #[test]
    fn exactly_these_names_match() {
        let names = ["a.dlq", "ab.dlq", "a+b.dlq", "é.dlq", "(x).dlq", "customer-service.dlq", "customer.dlq"];
        let matches = matcher(exactly(&names));
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
        let patterns = exactly(&strangers);
        assert!(patterns.len() > 1 && patterns.iter().all(|pattern| pattern.len() <= super::LONGEST));
    }
}
