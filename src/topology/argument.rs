//! Which arguments does a queue take, of which type, and since when does the broker look at them?
//!
//! The table was measured on 3.10.8, 4.0.5 and 4.3.6: each argument declared on each type of queue, then declared again without
//! it. What a broker does not know it stores, never refuses and never compares.

use std::fmt;

use crate::version::Version;

/// The type of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueType {
    /// One node keeps it.
    Classic,
    /// Several nodes agree on it.
    Quorum,
    /// A log that is read and never emptied by reading.
    Stream,
}

impl QueueType {
    /// The argument that says it.
    pub const ARGUMENT: &'static str = "x-queue-type";

    /// The type by the broker's word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<QueueType> {
        match word {
            "classic" => Some(QueueType::Classic),
            "quorum" => Some(QueueType::Quorum),
            "stream" => Some(QueueType::Stream),
            _ => None,
        }
    }

    /// The broker's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            QueueType::Classic => "classic",
            QueueType::Quorum => "quorum",
            QueueType::Stream => "stream",
        }
    }
}

impl fmt::Display for QueueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What an argument holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A length of time, in milliseconds on the wire.
    Time,
    /// A whole number, not below this and not above that.
    Number(i64, i64),
    /// Bytes.
    Size,
    /// True or false.
    Flag,
    /// Text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A length of time that the wire carries as text with a unit (`7D`).
    Age,
}

/// Whether a type of queue takes an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// No: the declaration is refused.
    No,
    /// Yes.
    Yes,
    /// From this version on; refused before.
    From(Version),
    /// Before this version; refused from it on.
    Until(Version),
}

/// One argument of a queue.
#[derive(Debug, Clone, Copy)]
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// Its key in a topology file.
    pub key: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// The version from which on the broker knows it: refuses it on the wrong type, and compares it.
    pub known: Version,
    classic: Taken,
    quorum: Taken,
    stream: Taken,
}

/// The longest time the broker takes: ten years, in milliseconds.
pub const LONGEST: u64 = 315_360_000_000;

const ALWAYS: Version = Version::new(0, 0, 0);
const V4_0: Version = Version::new(4, 0, 0);
const V4_3: Version = Version::new(4, 3, 0);

const fn argument(
    name: &'static str,
    key: &'static str,
    holds: Holds,
    [classic, quorum, stream]: [Taken; 3],
    doc: &'static str,
) -> Argument {
    Argument { name, key, doc, holds, known: ALWAYS, classic, quorum, stream }
}

const fn since(known: Version, argument: Argument) -> Argument {
    Argument { known, ..argument }
}

use Holds::{Age, Flag, Number, Size, Text, Time, Word};
use Taken::{From, No, Until, Yes};

/// Every argument there is, without `x-queue-type`.
pub static ARGUMENTS: &[Argument] = &[
    argument("x-message-ttl", "message_ttl", Time, [Yes, Yes, No], "How long a message may wait before it expires."),
    argument(
        "x-expires",
        "expires",
        Time,
        [Yes, Yes, No],
        "How long the queue may be unused before the broker deletes it.",
    ),
    argument("x-max-length", "max_length", Number(0, i64::MAX), [Yes, Yes, No], "How many ready messages it holds."),
    argument(
        "x-max-length-bytes",
        "max_length_bytes",
        Size,
        [Yes, Yes, Yes],
        "How many bytes of ready messages it holds.",
    ),
    argument(
        "x-overflow",
        "overflow",
        Word(&["drop-head", "reject-publish", "reject-publish-dlx"]),
        [Yes, Yes, No],
        "What happens when it is full.",
    ),
    argument(
        "x-dead-letter-exchange",
        "dead_letter_exchange",
        Text,
        [Yes, Yes, No],
        "Where dead letters go; empty is the default exchange.",
    ),
    argument(
        "x-dead-letter-routing-key",
        "dead_letter_routing_key",
        Text,
        [Yes, Yes, No],
        "The key they go with; else their own.",
    ),
    argument(
        "x-dead-letter-strategy",
        "dead_letter_strategy",
        Word(&["at-most-once", "at-least-once"]),
        [No, Yes, No],
        "Whether a dead letter is kept until its target confirmed it; needs `overflow: reject-publish`.",
    ),
    argument(
        "x-delivery-limit",
        "delivery_limit",
        Number(-1, i64::MAX),
        [No, Yes, No],
        "How often a message may be returned before it dies.",
    ),
    argument("x-max-priority", "max_priority", Number(0, 255), [Yes, No, No], "How many priorities it tells apart."),
    argument(
        "x-single-active-consumer",
        "single_active_consumer",
        Flag,
        [Yes, Yes, No],
        "Whether one consumer at a time gets everything.",
    ),
    argument("x-max-age", "max_age", Age, [No, No, Yes], "How long a stream keeps what it holds."),
    argument(
        "x-stream-max-segment-size-bytes",
        "stream_max_segment_size",
        Size,
        [No, No, Yes],
        "The size of a stream's files; it is emptied file by file.",
    ),
    since(
        V4_3,
        argument(
            "x-stream-filter-size-bytes",
            "stream_filter_size",
            Size,
            [No, No, Yes],
            "The size of a stream's filters (3.13).",
        ),
    ),
    argument(
        "x-initial-cluster-size",
        "initial_cluster_size",
        Number(1, 1000),
        [No, No, Yes],
        "On how many nodes a stream begins.",
    ),
    argument(
        "x-quorum-initial-group-size",
        "quorum_initial_group_size",
        Number(1, 1000),
        [No, Yes, No],
        "On how many nodes a quorum queue begins.",
    ),
    since(
        NEVER,
        argument(
            "x-quorum-target-group-size",
            "quorum_target_group_size",
            Number(1, 1000),
            [No, Yes, No],
            "To how many nodes a quorum queue is grown (3.12).",
        ),
    ),
    argument(
        "x-queue-leader-locator",
        "queue_leader_locator",
        Word(&["client-local", "balanced"]),
        [From(V4_0), Yes, Yes],
        "On which node its leader begins.",
    ),
    argument(
        "x-queue-master-locator",
        "queue_master_locator",
        Word(&["client-local", "min-masters", "random"]),
        [Until(V4_3), No, No],
        "On which node a classic queue begins; use queue_leader_locator from 4.0 on.",
    ),
    since(
        V4_3,
        argument(
            "x-consumer-timeout",
            "consumer_timeout",
            Time,
            [Until(V4_3), Yes, Until(V4_3)],
            "How long a consumer may hold a message (3.12).",
        ),
    ),
    argument("x-queue-mode", "queue_mode", Word(&["default", "lazy"]), [Yes, No, No], "Without effect from 3.12 on."),
    argument(
        "x-queue-version",
        "queue_version",
        Number(1, 2),
        [Yes, No, No],
        "How a classic queue stores messages; 1 is gone from 4.3 on.",
    ),
    argument(
        "x-max-in-memory-length",
        "max_in_memory_length",
        Number(0, i64::MAX),
        [No, Yes, No],
        "Without effect from 3.10 on.",
    ),
    argument("x-max-in-memory-bytes", "max_in_memory_bytes", Size, [No, Yes, No], "Without effect from 3.10 on."),
    since(
        V4_3,
        argument(
            "x-delayed-retry-type",
            "delayed_retry_type",
            Word(&["disabled", "all", "failed", "returned"]),
            [No, Yes, No],
            "Which returned messages wait before they come again (4.3).",
        ),
    ),
    since(
        V4_3,
        argument("x-delayed-retry-min", "delayed_retry_min", Time, [No, Yes, No], "How long they wait at first (4.3)."),
    ),
    since(
        V4_3,
        argument("x-delayed-retry-max", "delayed_retry_max", Time, [No, Yes, No], "How long they wait at most (4.3)."),
    ),
    since(
        V4_3,
        argument(
            "x-consumer-disconnected-timeout",
            "consumer_disconnected_timeout",
            Time,
            [No, Yes, No],
            "How long a consumer on a node that is cut off keeps its messages (4.3).",
        ),
    ),
];

/// Of a version that does not exist yet: the broker stores such an argument and compares it nowhere.
const NEVER: Version = Version::new(u16::MAX, 0, 0);

/// The argument of that name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Argument> {
    ARGUMENTS.iter().find(|argument| argument.name == name)
}

/// The argument with that key in a topology file.
#[must_use]
pub fn keyed(key: &str) -> Option<&'static Argument> {
    ARGUMENTS.iter().find(|argument| argument.key == key)
}

impl Argument {
    /// How that type of queue takes it.
    #[must_use]
    pub fn taken_by(&self, kind: QueueType) -> Taken {
        match kind {
            QueueType::Classic => self.classic,
            QueueType::Quorum => self.quorum,
            QueueType::Stream => self.stream,
        }
    }

    /// Whether a broker of that version refuses it on that type of queue.
    #[must_use]
    pub fn is_refused(&self, kind: QueueType, version: Version) -> bool {
        version >= self.known
            && match self.taken_by(kind) {
                Yes => false,
                No => true,
                From(first) => version < first,
                Until(end) => version >= end,
            }
    }

    /// Whether a broker of that version compares it when a queue of that type is declared again.
    #[must_use]
    pub fn is_compared(&self, kind: QueueType, version: Version) -> bool {
        version >= self.known && !self.is_refused(kind, version)
    }

    /// The types of queues that take it on a broker of that version.
    #[must_use]
    pub fn takers(&self, version: Version) -> Vec<QueueType> {
        [QueueType::Classic, QueueType::Quorum, QueueType::Stream]
            .into_iter()
            .filter(|kind| match self.taken_by(*kind) {
                Yes => true,
                No => false,
                From(first) => version >= first,
                Until(end) => version < end,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_keys_are_told_apart() {
        for (at, argument) in ARGUMENTS.iter().enumerate() {
            assert!(argument.name.starts_with("x-"));
            assert!(
                ARGUMENTS.iter().skip(at + 1).all(|other| other.name != argument.name && other.key != argument.key)
            );
        }
    }

    #[test]
    fn a_consumer_timeout_is_refused_on_classic_queues_from_4_3_on_only() {
        let timeout = named("x-consumer-timeout").expect("it is in the table");
        assert!(!timeout.is_refused(QueueType::Classic, Version::new(4, 2, 0)));
        assert!(timeout.is_refused(QueueType::Classic, Version::new(4, 3, 0)));
        assert!(!timeout.is_compared(QueueType::Quorum, Version::new(4, 0, 5)));
        assert!(timeout.is_compared(QueueType::Quorum, Version::new(4, 3, 6)));
    }
}
