//! What of a broker's objects is without effect, in the words of a comment?

use fancy_regex::Regex;

use super::{document::word, raw::kind};
use crate::{
    topology::{
        argument::{self, QueueType},
        diff::Observed,
        policy::{is_for, is_for_exchanges, is_passed_over},
        routing::ALTERNATE_EXCHANGE,
        spec::PolicySpec,
    },
    version::Version,
};

/// What can be said of the objects of one broker.
pub(super) struct Idle<'a> {
    version: Version,
    policies: Vec<(Regex, &'a PolicySpec)>,
    /// What policies can be for: the name, and the type if it is a queue.
    targets: Vec<(&'a str, Option<QueueType>)>,
}

/// Arguments that older brokers store and ignore, and from when on they do something.
const SINCE: [(&str, (u16, u16)); 7] = [
    ("x-consumer-timeout", (3, 12)),
    ("x-quorum-target-group-size", (3, 12)),
    ("x-stream-filter-size-bytes", (3, 13)),
    ("x-delayed-retry-type", (4, 3)),
    ("x-delayed-retry-min", (4, 3)),
    ("x-delayed-retry-max", (4, 3)),
    ("x-consumer-disconnected-timeout", (4, 3)),
];

impl<'a> Idle<'a> {
    /// Everything counts that the broker has, also what is not exported.
    pub(super) fn of(observed: &'a Observed, version: Version) -> Idle<'a> {
        let read = |policy: &'a PolicySpec| Some((Regex::new(&policy.pattern).ok()?, policy));
        let queues = observed.queues.values().filter_map(|queue| Some((queue.name.as_str(), Some(kind(queue)?))));
        let exchanges = observed.exchanges.keys().filter(|name| !name.is_empty()).map(|name| (name.as_str(), None));
        Idle {
            version,
            policies: observed.policies.values().filter_map(read).collect(),
            targets: queues.chain(exchanges).collect(),
        }
    }

    pub(super) fn queue_argument(&self, name: &str) -> Vec<String> {
        let since = SINCE.iter().find(|(known, _)| *known == name).map(|(_, since)| *since);
        let said = match (argument::named(name), since) {
            (None, _) => Some(format!("RabbitMQ knows no argument {}: it is stored and ignored", word(name))),
            (_, Some((major, minor))) if self.version < Version::new(major, minor, 0) => {
                Some(format!("without effect before {major}.{minor}"))
            }
            _ if name == "x-queue-mode" && self.version >= Version::new(3, 12, 0) => {
                Some("without effect from 3.12 on".to_owned())
            }
            _ if name.starts_with("x-max-in-memory-") => Some("without effect from 3.10 on".to_owned()),
            _ => None,
        };
        said.into_iter().collect()
    }

    #[allow(clippy::unused_self, reason = "it is asked as the others are")]
    pub(super) fn exchange_argument(&self, kind: &str, name: &str) -> Vec<String> {
        // Plugins have arguments of their own.
        if name == ALTERNATE_EXCHANGE || !matches!(kind, "topic" | "direct" | "fanout" | "headers") {
            return Vec::new();
        }
        vec![format!("a {kind} exchange knows no argument {}: it is stored and ignored", word(name))]
    }

    /// Why a policy is in force nowhere. Of two with one priority nobody can say which is: then nothing is said.
    pub(super) fn policy(&self, policy: &PolicySpec) -> Vec<String> {
        let Some((pattern, _)) = self.policies.iter().find(|(_, other)| other.name == policy.name) else {
            return Vec::new();
        };
        let mut hiding: Vec<&str> = Vec::new();
        let mut matched = false;
        for target in self.targets.iter().filter(|target| matches(pattern, policy, target)) {
            matched = true;
            let higher = self
                .policies
                .iter()
                .filter(|(pattern, other)| other.priority > policy.priority && matches(pattern, other, target))
                .max_by_key(|(_, other)| other.priority);
            match higher {
                Some((_, other)) if hiding.contains(&other.name.as_str()) => (),
                Some((_, other)) => hiding.push(&other.name),
                None => return Vec::new(),
            }
        }
        if !matched {
            return vec!["without effect: it matches nothing".to_owned()];
        }
        hiding.sort_unstable();
        let hiding: Vec<String> = hiding.into_iter().map(word).collect();
        vec![format!("without effect: wherever it matches, {} is in force", hiding.join(" or "))]
    }
}

fn matches(pattern: &Regex, policy: &PolicySpec, (name, kind): &(&str, Option<QueueType>)) -> bool {
    let is_for = match kind {
        Some(kind) => {
            is_for(&policy.apply_to, *kind) && !policy.definition.keys().any(|key| is_passed_over(key, *kind))
        }
        None => is_for_exchanges(&policy.apply_to),
    };
    // A pattern that takes too long to decide is taken to match: nothing is said of it then.
    is_for && pattern.is_match(name).unwrap_or(true)
}
