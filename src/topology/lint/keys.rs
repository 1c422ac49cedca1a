//! Which keys can go where a pattern goes? Of thousands that an exchange is bound with, those are found that both can match.

use std::{
    collections::{BTreeSet, HashSet},
    ops::Bound,
};

use crate::topology::routing::topic_matches;

/// Keys that an exchange is bound with: those without wildcards in order, and the others.
#[derive(Default)]
pub(super) struct Keys<'a> {
    literal: BTreeSet<&'a str>,
    patterns: HashSet<&'a str>,
}

impl<'a> Keys<'a> {
    /// Takes in another one.
    pub(super) fn add(&mut self, key: &'a str) {
        if has_wildcard(key) {
            self.patterns.insert(key);
        } else {
            self.literal.insert(key);
        }
    }

    /// The keys that can match what the pattern matches. Of thousands, only those that begin like it are looked at.
    pub(super) fn near(&self, pattern: &str) -> Vec<&'a str> {
        let plain: usize = pattern.split('.').take_while(|word| !has_wildcard(word)).map(|word| word.len() + 1).sum();
        let begin = pattern.get(..plain).unwrap_or(pattern);
        // `a.#` matches `a` as well.
        let bare = self.literal.get(begin.trim_end_matches('.')).filter(|_| plain > 0);
        let like = self
            .literal
            .range::<str, _>((Bound::Included(begin), Bound::Unbounded))
            .take_while(|key| key.starts_with(begin));
        let literal = bare.into_iter().chain(like).filter(|key| topic_matches(pattern, key));
        let patterns = self.patterns.iter().filter(|key| overlap(pattern, key));
        let mut near: Vec<&'a str> = literal.copied().collect();
        near.extend(patterns.copied());
        near
    }
}

/// Whether a word of a key is a wildcard.
pub(super) fn has_wildcard(key: &str) -> bool {
    key.split('.').any(|word| word == "*" || word == "#")
}

/// Whether some routing key matches both patterns.
fn overlap(a: &str, b: &str) -> bool {
    topic_matches(a, &example(b)) || topic_matches(b, &example(a))
}

/// A routing key that matches a pattern.
pub(super) fn example(pattern: &str) -> String {
    pattern.split('.').map(|word| if word == "*" || word == "#" { "x" } else { word }).collect::<Vec<_>>().join(".")
}
