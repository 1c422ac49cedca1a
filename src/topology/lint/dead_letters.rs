//! Rules about what becomes of dead letters.

use super::{Finding, Level, Subject};
use crate::topology::{
    expand::{Role, Wish},
    order,
    routing::topic_matches,
    spec::{PolicySpec, QueueSpec},
};

pub(super) fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let policies = Policies::of(subject);
    for queue in &subject.wanted.queues {
        if let Some(letters) = letters(queue, &policies) {
            route(queue, &letters, subject, findings);
        }
    }
    enforced(subject, findings);
}

/// Where the dead letters of a queue go, by its arguments or by the policy that would be in force.
struct Letters {
    exchange: String,
    key: Option<String>,
    policy: Option<String>,
}

fn letters(queue: &Wish<QueueSpec>, policies: &Policies<'_>) -> Option<Letters> {
    let policy = policies.in_force(&queue.spec.name);
    let set = |key: &str| policy.and_then(|policy| policy.definition.get(key)).and_then(|value| value.as_str());
    let own = order::dead_letters(&queue.spec.arguments);
    let exchange = own.map(|(exchange, _)| exchange).or_else(|| set("dead-letter-exchange"))?;
    let key = own.and_then(|(_, key)| key).or_else(|| set("dead-letter-routing-key"));
    Some(Letters {
        exchange: exchange.to_owned(),
        key: key.map(str::to_owned),
        policy: policy.filter(|_| own.is_none()).map(|policy| policy.name.clone()),
    })
}

/// The policies that can be for queues. One whose pattern we cannot read is passed over: the broker will say what it thinks of it.
struct Policies<'a>(Vec<(fancy_regex::Regex, &'a PolicySpec)>);

impl<'a> Policies<'a> {
    fn of(subject: &'a Subject<'_>) -> Policies<'a> {
        let specs = subject.wanted.policies.iter().map(|policy| &policy.spec);
        let for_queues = specs.filter(|policy| policy.apply_to != "exchanges");
        Policies(
            for_queues.filter_map(|policy| Some((fancy_regex::Regex::new(&policy.pattern).ok()?, policy))).collect(),
        )
    }

    /// The policy that would be in force on a queue: of those that match, the one of the highest priority.
    fn in_force(&self, queue: &str) -> Option<&'a PolicySpec> {
        let matching = self.0.iter().filter(|(pattern, _)| pattern.is_match(queue).unwrap_or(false));
        matching.map(|(_, policy)| *policy).max_by_key(|policy| policy.priority)
    }
}

fn route(queue: &Wish<QueueSpec>, letters: &Letters, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let name = &queue.spec.name;
    let by = letters.policy.as_ref().map_or_else(String::new, |policy| format!(" (by the policy {policy})"));
    let to = if letters.exchange.is_empty() { "the default exchange" } else { &letters.exchange };
    if !subject.routes.has_exchange(&letters.exchange) {
        findings.push(Finding {
            rule: "dead-letters-go-nowhere",
            level: Level::Warning,
            place: queue.place,
            message: format!("the dead letters of {name} go to {to}{by}, which this file does not declare"),
            fix: format!(
                "list {to} under `exchanges:`, unless somebody else makes it: without it, dead letters are lost"
            ),
        });
        return;
    }
    let reached = match &letters.key {
        Some(key) => reach(subject, &letters.exchange, key),
        None => keys_into(name, subject).iter().flat_map(|key| reach(subject, &letters.exchange, key)).collect(),
    };
    if reached.iter().any(|queue| queue == name) {
        findings.push(Finding {
            rule: "self-dead-lettering",
            level: Level::Error,
            place: queue.place,
            message: format!(
                "the dead letters of {name} come back to {name}{by}: rejected ones forever, expired ones are dropped"
            ),
            fix: if letters.policy.is_some() {
                "end the policy's pattern so that it matches the work queues alone".to_owned()
            } else {
                "let them go to another queue, or leave its dead letter exchange away".to_owned()
            },
        });
    } else if reached.is_empty() {
        let key =
            letters.key.as_ref().map_or_else(|| "the keys they came with".to_owned(), |key| format!("the key {key:?}"));
        findings.push(Finding {
            rule: "dead-letters-go-nowhere",
            level: Level::Error,
            place: queue.place,
            message: format!(
                "the dead letters of {name} go to {to} with {key}{by}, and no queue gets them: they are lost"
            ),
            fix: format!("bind a queue to {to} with that key"),
        });
    }
}

/// The queues that a key, or one of the keys that a pattern stands for, reaches.
fn reach(subject: &Subject<'_>, exchange: &str, key: &str) -> Vec<String> {
    let mut queues: Vec<String> =
        subject.routes.reach(exchange, &[key], None).into_iter().map(|reached| reached.queue).collect();
    if !key.split('.').any(|word| word == "*" || word == "#") {
        return queues;
    }
    // A pattern of inbound keys stands for keys that nobody wrote down: those that the exchange is bound with are tried.
    let bound =
        subject.wanted.bindings.iter().map(|binding| &binding.spec).filter(|binding| binding.source == exchange);
    for binding in bound.filter(|binding| overlap(key, &binding.key)) {
        for reached in subject.routes.reach(exchange, &[&example(&binding.key)], None) {
            queues.push(reached.queue);
        }
    }
    queues
}

/// Whether some routing key matches both patterns.
fn overlap(a: &str, b: &str) -> bool {
    topic_matches(a, &example(b)) || topic_matches(b, &example(a))
}

/// A routing key that matches a pattern.
fn example(pattern: &str) -> String {
    pattern.split('.').map(|word| if word == "*" || word == "#" { "x" } else { word }).collect::<Vec<_>>().join(".")
}

/// The keys with which messages come into a queue: its own name, and those it is bound with.
fn keys_into<'a>(queue: &'a str, subject: &'a Subject<'_>) -> Vec<&'a str> {
    let to = |binding: &&Wish<crate::topology::spec::BindingSpec>| {
        binding.spec.is_to_queue() && binding.spec.destination == queue
    };
    let bound: Vec<&str> = subject.wanted.bindings.iter().filter(to).map(|binding| binding.spec.key.as_str()).collect();
    if bound.is_empty() { vec![queue] } else { bound }
}

fn enforced(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for service in &subject.topology.services {
        let Some(place) = service.dead_letters.enforce else { continue };
        let finding = Finding {
            rule: "enforced-dead-letters",
            level: Level::Warning,
            place,
            message: "the broker deletes dead letters that exceed `keep` and `max`: evidence is destroyed, and looking at them is not safe".to_owned(),
            fix: "leave `enforce` away, and remove what was reviewed with `evbus dlq purge`: it keeps a copy".to_owned(),
        };
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    // On a stream, dead letters of classic queues are lost before 3.12.
    let classic = |queue: &&Wish<QueueSpec>| {
        queue.role == Role::Work
            && crate::topology::expand::kind(&queue.spec) == crate::topology::argument::QueueType::Classic
    };
    if let (Some(audit), Some(queue), true) = (
        &subject.topology.audit,
        subject.wanted.queues.iter().find(classic),
        subject.version < crate::version::Version::new(3, 12, 0),
    ) {
        findings.push(Finding {
            rule: "stream-loses-dead-letters",
            level: Level::Warning,
            place: audit.stream.place,
            message: format!(
                "on RabbitMQ {} the audit stream misses the dead letters of classic queues, like {}",
                subject.version, queue.spec.name
            ),
            fix: "use quorum queues, or RabbitMQ 3.12".to_owned(),
        });
    }
}
