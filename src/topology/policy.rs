//! Which keys does a policy take, since when, and on which type of queue?
//!
//! Measured on 3.10.8, 4.0.5 and 4.3.6. A key that no plugin and no type of queue has registered is refused with the whole policy. A
//! policy with a key that a type of queue does not take is passed over on queues of that type: the next one that matches is in force.

use super::argument::QueueType;
use crate::version::Version;

/// What begins so is in force for one run of evbus, and goes with it.
pub const TEMPORARY: &str = "evbus-tmp-";

/// One key of a policy.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    first: Version,
    /// From this version on it is no key any more.
    end: Option<Version>,
    /// The types of queues on which a policy with this key is passed over.
    passed_over: &'static [QueueType],
}

const ALWAYS: Version = Version::new(0, 0, 0);
const V3_12: Version = Version::new(3, 12, 0);
const V4_0: Version = Version::new(4, 0, 0);
const V4_3: Version = Version::new(4, 3, 0);

const fn key(name: &'static str, passed_over: &'static [QueueType]) -> Key {
    Key { name, first: ALWAYS, end: None, passed_over }
}

const fn since(first: Version, key: Key) -> Key {
    Key { first, ..key }
}

const fn until(end: Version, key: Key) -> Key {
    Key { end: Some(end), ..key }
}

use QueueType::{Classic, Quorum, Stream};

/// Every key that the broker itself and the plugins it comes with take. An exchange takes `alternate-exchange` alone.
static KEYS: &[Key] = &[
    key("alternate-exchange", &[]),
    key("dead-letter-exchange", &[Stream]),
    key("dead-letter-routing-key", &[Stream]),
    key("dead-letter-strategy", &[Classic, Stream]),
    key("message-ttl", &[Stream]),
    key("expires", &[Stream]),
    key("max-length", &[Stream]),
    key("max-length-bytes", &[]),
    key("overflow", &[Stream]),
    key("delivery-limit", &[Classic, Stream]),
    key("max-in-memory-length", &[Classic, Stream]),
    key("max-in-memory-bytes", &[Classic, Stream]),
    key("queue-mode", &[Quorum, Stream]),
    key("queue-version", &[]),
    until(V4_3, key("queue-master-locator", &[Quorum, Stream])),
    key("queue-leader-locator", &[]),
    since(V3_12, key("consumer-timeout", &[])),
    key("max-age", &[Classic, Quorum]),
    key("stream-max-segment-size-bytes", &[Classic, Quorum]),
    since(V3_12, key("stream-filter-size-bytes", &[])),
    key("initial-cluster-size", &[Classic, Quorum]),
    since(V3_12, key("target-group-size", &[Classic, Stream])),
    since(V4_3, key("delayed-retry-type", &[])),
    since(V4_3, key("delayed-retry-min", &[])),
    since(V4_3, key("delayed-retry-max", &[])),
    since(V4_3, key("consumer-disconnected-timeout", &[])),
    until(V4_0, key("ha-mode", &[Quorum, Stream])),
    until(V4_0, key("ha-params", &[Quorum, Stream])),
    until(V4_0, key("ha-sync-mode", &[Quorum, Stream])),
    until(V4_0, key("ha-sync-batch-size", &[])),
    until(V4_0, key("ha-promote-on-shutdown", &[Quorum, Stream])),
    until(V4_0, key("ha-promote-on-failure", &[Quorum, Stream])),
    key("federation-upstream", &[]),
    key("federation-upstream-set", &[]),
    key("federation-upstream-pattern", &[]),
    key("shards-per-node", &[]),
    key("routing-key", &[]),
];

/// Keys that are no policy's, but that people take for some: the table knows on which queues they would be passed over too.
const OF_ARGUMENTS: &[(&str, &[QueueType])] =
    &[("max-priority", &[Quorum, Stream]), ("single-active-consumer", &[Quorum, Stream])];

/// The names of all keys.
pub fn names() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.name)
}

/// Whether brokers of that version take a key.
#[must_use]
pub fn is_known(name: &str, version: Version) -> bool {
    KEYS.iter().any(|key| key.name == name && version >= key.first && key.end.is_none_or(|end| version < end))
}

/// Whether a key belongs to the mirroring of classic queues, which is gone from 4.0 on.
#[must_use]
pub fn is_mirroring(name: &str) -> bool {
    name.starts_with("ha-") && KEYS.iter().any(|key| key.name == name)
}

/// Whether a policy with that key is passed over on a type of queue.
#[must_use]
pub fn is_passed_over(name: &str, kind: QueueType) -> bool {
    let known = KEYS.iter().find(|key| key.name == name).map(|key| key.passed_over);
    let passed_over = known.or_else(|| OF_ARGUMENTS.iter().find(|(key, _)| *key == name).map(|(_, kinds)| *kinds));
    passed_over.is_some_and(|kinds| kinds.contains(&kind))
}

/// Whether a policy that says it is for these (`apply-to`) can be for a queue of that type.
#[must_use]
pub fn is_for(apply_to: &str, kind: QueueType) -> bool {
    match apply_to {
        "exchanges" => false,
        "classic_queues" => kind == Classic,
        "quorum_queues" => kind == Quorum,
        "streams" => kind == Stream,
        _ => true,
    }
}

/// Whether it can be for exchanges.
#[must_use]
pub fn is_for_exchanges(apply_to: &str) -> bool {
    matches!(apply_to, "exchanges" | "all" | "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirroring_ends_with_4_0_and_delayed_retries_begin_with_4_3() {
        let (old, new) = (Version::new(3, 13, 7), Version::new(4, 0, 0));
        assert!(is_known("ha-mode", old) && !is_known("ha-mode", new) && is_mirroring("ha-mode"));
        assert!(!is_known("delayed-retry-min", new) && is_known("delayed-retry-min", V4_3));
        assert!(!is_known("max-priority", new) && is_passed_over("max-priority", Quorum));
        assert!(!is_known("ha-everything", old) && !is_mirroring("ha-everything"));
    }

    #[test]
    fn one_key_makes_a_policy_pass_over_a_type_of_queue() {
        assert!(is_passed_over("queue-mode", Quorum) && !is_passed_over("queue-mode", Classic));
        assert!(is_passed_over("message-ttl", Stream) && !is_passed_over("max-length-bytes", Stream));
        assert!(is_for("queues", Stream) && !is_for("quorum_queues", Classic) && !is_for("exchanges", Quorum));
    }
}
