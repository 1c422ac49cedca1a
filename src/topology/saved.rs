//! What a saved plan remembers beside its changes: from which files it was made, how far it may go, and what the broker had then. By
//! that it is seen whether either has moved since.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::{
    diff::Observed,
    order::Step,
    owned::{Id, Record},
    place::Sources,
    plan::{Change, Plan},
};

/// What a saved plan was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// The topology files, in the order in which they were named.
    pub files: Vec<Fingerprint>,
    /// Whether what is no longer wanted is deleted.
    pub prune: bool,
    /// Whether queues with messages or consumers are, too.
    pub prune_non_empty: bool,
    /// Whether queues that exist differently are made anew.
    #[serde(default)]
    pub replace: bool,
    /// Whether a policy is to make up for what one can.
    #[serde(default)]
    pub in_place: bool,
    /// Where the record of what was made lies, where it is not in the broker.
    pub state: Option<String>,
    /// The virtual host.
    pub vhost: String,
    /// The broker's own name; `None` where it does not say.
    pub cluster: Option<String>,
    /// The mark of everything that the file wants or owns; `null` was not there.
    pub seen: BTreeMap<Id, Option<String>>,
    /// What would be done and what would not, one line a change.
    pub changes: Vec<String>,
}

/// What a plan does and does not do, in its order. How much is in a queue is no part of it, but what follows from that is.
#[must_use]
pub fn changes(plan: &Plan) -> Vec<String> {
    let one = |change: &Change| {
        let blocked = if change.blocked.is_some() { "blocked: " } else { "" };
        let risk = change.risk.as_ref().map_or_else(String::new, |risk| format!(" ({risk})"));
        format!("{blocked}{} {}{risk}", change.action.word(), change.object.id())
    };
    plan.changes.iter().map(one).collect()
}

/// In what one list of changes is another than the one before.
#[must_use]
pub fn other(then: &[String], now: &[String]) -> Vec<String> {
    let (before, after): (BTreeSet<&String>, BTreeSet<&String>) = (then.iter().collect(), now.iter().collect());
    let gone = before.difference(&after).map(|change| format!("the plan was: {change}"));
    let new = after.difference(&before).map(|change| format!("it would be: {change}"));
    gone.chain(new).collect()
}

/// A file and what was in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Its path, as it was named.
    pub path: String,
    /// SHA-256 of its text, in hexadecimal digits.
    pub sha256: String,
}

/// The files that a topology was read from.
#[must_use]
pub fn fingerprints(sources: &Sources) -> Vec<Fingerprint> {
    let hex = |text: &str| digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    sources.0.iter().map(|source| Fingerprint { path: source.name.clone(), sha256: hex(&source.text) }).collect()
}

/// What a broker has of what is wanted or owned.
#[must_use]
pub fn seen(steps: &[Step], record: Option<&Record>, observed: &Observed) -> BTreeMap<Id, Option<String>> {
    let ids =
        steps.iter().map(|step| step.object.id()).chain(record.into_iter().flat_map(|record| record.ids().cloned()));
    ids.map(|id| {
        let mark = observed.find(&id).map(|object| object.mark());
        (id, mark)
    })
    .collect()
}

/// What has moved between two looks, in a stable order; nothing where a plan made then is right now.
#[must_use]
pub fn moved(then: &BTreeMap<Id, Option<String>>, now: &BTreeMap<Id, Option<String>>) -> Vec<String> {
    let ids: BTreeSet<&Id> = then.keys().chain(now.keys()).collect();
    let change = |id: &Id| match (then.get(id), now.get(id)) {
        (Some(before), Some(after)) if before == after => None,
        (Some(Some(_)), Some(None)) => Some(format!("{id} is gone")),
        (Some(None), Some(Some(_))) => Some(format!("{id} is there now")),
        (Some(_), Some(_)) => Some(format!("{id} was changed")),
        (None, _) => Some(format!("{id} belongs to it now")),
        (_, None) => Some(format!("{id} does not belong to it any more")),
    };
    ids.into_iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_move_is_told() {
        let look = |marks: &[(&str, Option<&str>)]| -> BTreeMap<Id, Option<String>> {
            marks.iter().map(|(id, mark)| ((*id).to_owned(), mark.map(str::to_owned))).collect()
        };
        let then = look(&[("queue a", Some("1")), ("queue b", Some("1")), ("queue c", None), ("queue d", None)]);
        let now = look(&[("queue a", Some("2")), ("queue b", None), ("queue c", Some("1")), ("queue e", None)]);
        assert_eq!(
            moved(&then, &now),
            [
                "queue a was changed",
                "queue b is gone",
                "queue c is there now",
                "queue d does not belong to it any more",
                "queue e belongs to it now"
            ]
        );
        assert!(moved(&then, &then).is_empty());
    }
}
