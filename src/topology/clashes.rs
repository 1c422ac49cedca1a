//! Which names would two things of one topology have, and which would no broker take? Names that are made from others show that
//! only once everything has been laid out.

use std::collections::HashMap;

use super::{
    expand::{Role, expand},
    file::{self, Topology},
    place::{Place, Problem},
};
use crate::version::Version;

/// The series for which names are made; they are the same for all.
const ANY: Version = Version::new(4, 0, 0);

/// Names that two things of one topology would have, and names that no broker would take.
#[must_use]
pub fn clashes(topology: &Topology) -> Vec<Problem> {
    let (wanted, _) = expand(topology, ANY);
    let mut problems = Vec::new();
    let exchanges = wanted.exchanges.iter().map(|wish| (&wish.spec.name, wish.place, wish.because.as_str()));
    among("exchange", exchanges, &mut problems);
    let queues = wanted.queues.iter().map(|wish| (&wish.spec.name, wish.place, wish.because.as_str()));
    among("queue", queues, &mut problems);
    let policies = wanted.policies.iter().map(|wish| (&wish.spec.name, wish.place, wish.because.as_str()));
    among("policy", policies, &mut problems);
    for exchange in wanted.exchanges.iter().filter(|exchange| exchange.role == Role::Bus) {
        let spec = &exchange.spec;
        if spec.kind != "topic" || !spec.durable || spec.internal || spec.auto_delete {
            problems.push(
                Problem::new("the bus is a durable topic exchange that takes messages from publishers", exchange.place)
                    .label("is something else"),
            );
        }
    }
    for service in &topology.services {
        if service.queue.split('.').any(|word| word == "*" || word == "#") {
            problems.push(
                Problem::new(
                    "the queue of a service cannot have a word that is a wildcard in its name",
                    service.queue.place,
                )
                .label("its dead letters travel with its name as their key"),
            );
        }
    }
    for binding in wanted.bindings.iter().filter(|binding| binding.spec.key.len() > file::LONGEST_NAME) {
        problems.push(
            Problem::new(
                format!(
                    "the key {} has {} bytes, and the broker takes {}",
                    binding.spec.key,
                    binding.spec.key.len(),
                    file::LONGEST_NAME
                ),
                binding.place,
            )
            .label("its name is too long"),
        );
    }
    problems
}

fn among<'a>(what: &str, names: impl Iterator<Item = (&'a String, Place, &'a str)>, problems: &mut Vec<Problem>) {
    let mut seen: HashMap<&str, (Place, &str)> = HashMap::new();
    for (name, place, because) in names {
        // One name that is too long makes every name that is made from it so.
        match file::bad_name(&format!("a {what} that is made from it"), name, place) {
            Some(problem) if problems.last().is_none_or(|last| last.place != place) => problems.push(problem),
            _ => (),
        }
        if let Some((first, other)) = seen.insert(name, (place, because)) {
            problems.push(
                Problem::new(format!("two things would be the {what} `{name}`"), place)
                    .label(because)
                    .also(first, other)
                    .help("rename one of them, or change how names are made under `naming:`"),
            );
        }
    }
}
