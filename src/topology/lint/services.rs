//! Rules about services, and what evbus makes of them.

use std::collections::HashMap;

use super::{
    Finding, Level, Rule,
    subject::{Part, Subject},
};
use crate::{
    topology::{argument::QueueType, expand::Role, file::Topology},
    version::Version,
};

pub(super) static SHARED_QUEUE: Rule = Rule {
    id: "shared-queue",
    level: Level::Error,
    finds: "two services on one queue",
    why: "A message goes to one consumer of a queue: each service takes events away from the other.",
    fix: "Give each service a queue of its own.",
};

pub(super) static AT_MOST_ONCE: Rule = Rule {
    id: "at-most-once",
    level: Level::Warning,
    finds: "a service with a classic queue, whose dead letters can be lost on their way",
    why: "A classic queue hands its dead letters on without waiting for a confirmation: one is lost when its target cannot take it.",
    fix: "Say `type: quorum`: its dead letters wait until they are confirmed.",
};

pub(super) static ENFORCED: Rule = Rule {
    id: "enforced-dead-letters",
    level: Level::Warning,
    finds: "a limit that makes the broker delete dead letters (`enforce: true`)",
    why: "What exceeds `keep` and `max` is deleted unseen: evidence is destroyed, and looking at such a queue is not safe.",
    fix: "Leave `enforce` away, and remove what was reviewed with `evbus dlq purge`: it keeps a copy.",
};

pub(super) static STREAM_LOSES: Rule = Rule {
    id: "stream-loses-dead-letters",
    level: Level::Warning,
    finds: "an audit stream that misses at-most-once dead letters",
    why: "Before RabbitMQ 3.12 a stream does not get the dead letters that classic queues hand on.",
    fix: "Use quorum queues, or RabbitMQ 3.12.",
};

pub(super) fn check(topology: &Topology, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let mut owners: HashMap<&str, &str> = HashMap::new();
    for service in &topology.services {
        let name = service.name.as_str();
        if let Some(other) = owners.insert(&service.queue, name) {
            findings.push(Finding::new(&SHARED_QUEUE, "queue", service.queue.as_str()).at(service.queue.place).says(
                format!("{other} and {name} have one queue, {}: each takes events from the other", *service.queue),
                "give each service a queue of its own",
            ));
        }
        if service.kind.value == QueueType::Classic {
            findings.push(Finding::new(&AT_MOST_ONCE, "service", name).at(service.kind.place).says(
                format!(
                    "the queue of {name} is classic: a dead letter or a retry is lost when its target cannot take it"
                ),
                "say `type: quorum`: its dead letters wait until they are confirmed",
            ));
        }
        if let Some(place) = service.dead_letters.enforce {
            findings.push(Finding::new(&ENFORCED, "service", name).at(place).says(
                "the broker deletes dead letters that exceed `keep` and `max`: evidence is destroyed, and looking at them is not safe",
                "leave `enforce` away, and remove what was reviewed with `evbus dlq purge`: it keeps a copy",
            ));
        }
    }
    stream(topology, subject, findings);
}

fn stream(topology: &Topology, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(audit) = &topology.audit else { return };
    let classic = subject
        .queues
        .iter()
        .find(|view| view.item.role == Some(Role::Work) && view.part == Part::Work && view.kind == QueueType::Classic);
    if let (Some(view), true) = (classic, subject.version < Version::new(3, 12, 0)) {
        findings.push(Finding::new(&STREAM_LOSES, "queue", audit.stream.as_str()).at(audit.stream.place).says(
            format!(
                "on RabbitMQ {} the audit stream misses the dead letters of classic queues, like {}",
                subject.version, view.item.name
            ),
            "use quorum queues, or RabbitMQ 3.12",
        ));
    }
}
