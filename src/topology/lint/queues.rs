//! Rules about queues, their arguments and the bindings to them.

use std::collections::HashMap;

use super::{Finding, Level, Subject};
use crate::{
    nearest,
    topology::{
        argument::{self, ARGUMENTS, QueueType},
        expand::Wish,
        file::Argument,
        routing::ALTERNATE_EXCHANGE,
        spec::ExchangeSpec,
    },
    version::Version,
};

pub(super) fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    shared(subject, findings);
    for service in &subject.topology.services {
        arguments(subject, service.kind.value, &service.arguments, findings);
        if service.kind.value == QueueType::Classic {
            findings.push(Finding {
                rule: "at-most-once",
                level: Level::Warning,
                place: service.kind.place,
                message: format!(
                    "the queue of {} is classic: a dead letter or a retry is lost when its target cannot take it",
                    *service.name
                ),
                fix: "say `type: quorum`: its dead letters wait until they are confirmed".to_owned(),
            });
        }
    }
    for queue in &subject.topology.queues {
        arguments(subject, queue.kind.value, &queue.arguments, findings);
    }
    if let Some(audit) = &subject.topology.audit {
        arguments(subject, QueueType::Stream, &audit.arguments, findings);
    }
    exchange_arguments(subject, findings);
    wildcards(subject, findings);
    hashes(subject, findings);
}

fn shared(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let mut owners: HashMap<&str, &str> = HashMap::new();
    for service in &subject.topology.services {
        if let Some(other) = owners.insert(&service.queue, &service.name) {
            findings.push(Finding {
                rule: "shared-queue",
                level: Level::Error,
                place: service.queue.place,
                message: format!(
                    "{other} and {} have one queue, {}: each takes events from the other",
                    *service.name, *service.queue
                ),
                fix: "give each service a queue of its own".to_owned(),
            });
        }
    }
}

/// The rules may find the same argument once per service where it comes from the defaults; it is one finding.
fn arguments(subject: &Subject<'_>, kind: QueueType, arguments: &[Argument], findings: &mut Vec<Finding>) {
    for argument in arguments {
        let name = argument.name.as_str();
        let finding = match argument::named(name) {
            None => Finding {
                rule: "unknown-argument",
                level: Level::Warning,
                place: argument.place,
                message: format!("RabbitMQ knows no argument {name}: it is stored and ignored"),
                fix: match nearest::among(name, ARGUMENTS.iter().map(|known| known.name)) {
                    // Arguments begin alike; only a slip of the pen is worth a guess.
                    Some(near) if strsim::damerau_levenshtein(name, near) <= 3 => format!("did you mean {near}?"),
                    _ => "leave it away, unless a plugin reads it".to_owned(),
                },
            },
            Some(known) if known.is_refused(kind, subject.version) => {
                let takers = known.takers(subject.version);
                let takers: Vec<&str> = takers.into_iter().map(QueueType::word).collect();
                Finding {
                    rule: "refused-argument",
                    level: Level::Error,
                    place: argument.place,
                    message: format!(
                        "a {kind} queue takes no {name} on RabbitMQ {}: the declaration is refused",
                        subject.version
                    ),
                    fix: if takers.is_empty() {
                        "leave it away".to_owned()
                    } else {
                        format!("leave it away; {} queues take it", takers.join(" and "))
                    },
                }
            }
            Some(_) => continue,
        };
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
}

/// The arguments that the four standard types of exchanges take; plugins have their own.
fn exchange_arguments(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for exchange in &subject.topology.exchanges {
        if !matches!(exchange.spec.kind.as_str(), "topic" | "direct" | "fanout" | "headers") {
            continue;
        }
        for name in exchange.spec.arguments.keys().filter(|name| *name != ALTERNATE_EXCHANGE) {
            findings.push(Finding {
                rule: "unknown-argument",
                level: Level::Warning,
                place: exchange.place,
                message: format!(
                    "a {} exchange knows no argument {name}: it is stored and ignored",
                    exchange.spec.kind
                ),
                fix: "leave it away".to_owned(),
            });
        }
    }
}

fn wildcards(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for binding in &subject.topology.bindings {
        let direct = subject
            .topology
            .exchanges
            .iter()
            .any(|exchange| exchange.spec.name == binding.spec.source && exchange.spec.kind == "direct");
        if direct && binding.spec.key.split('.').any(|word| word == "*" || word == "#") {
            findings.push(Finding {
                rule: "wildcard-on-direct",
                level: Level::Error,
                place: binding.key,
                message: format!(
                    "{} is a direct exchange: it takes the key {} literally",
                    binding.spec.source, binding.spec.key
                ),
                fix: format!("say `type: topic` for {}, or bind the keys that are meant", binding.spec.source),
            });
        }
    }
}

/// How many `#` the key of a topic binding may have, from 4.3 on (measured on 4.3.6: 406).
const HASHES: usize = 2;

fn hashes(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.version < Version::new(4, 3, 0) {
        return;
    }
    for binding in &subject.wanted.bindings {
        let from_topic =
            |wish: &&Wish<ExchangeSpec>| wish.spec.name == binding.spec.source && wish.spec.kind == "topic";
        let hashes = binding.spec.key.split('.').filter(|word| *word == "#").count();
        if hashes > HASHES && subject.wanted.exchanges.iter().any(|wish| from_topic(&wish)) {
            findings.push(Finding {
                rule: "too-many-wildcards",
                level: Level::Error,
                place: binding.place,
                message: format!(
                    "RabbitMQ {} takes {HASHES} `#` in a key, and {} has {hashes}: the binding is refused",
                    subject.version, binding.spec.key
                ),
                fix: "one `#` stands for any number of words: leave the others away".to_owned(),
            });
        }
    }
}
