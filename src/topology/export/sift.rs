//! What of a broker's objects can a file say, and what not?

use std::{collections::BTreeSet, fmt};

use serde_json::Value;

use super::{document::word, idle::Idle, raw, understood};
use crate::{
    message::{Field, Table},
    topology::{
        argument::QueueType,
        diff::Observed,
        policy::TEMPORARY,
        replacement,
        spec::{BindingSpec, QueueSpec},
    },
    version::Version,
};

/// Something the broker has that is not in the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// What it is: `queue`.
    pub kind: &'static str,
    /// Its name; empty where it is about all of the kind.
    pub name: String,
    /// Why.
    pub because: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            return write!(f, "{}: {}", self.kind, self.because);
        }
        write!(f, "{} {}: {}", self.kind, word(&self.name), self.because)
    }
}

/// The exchanges that every virtual host has from the beginning.
const GIVEN: [&str; 6] = ["amq.direct", "amq.fanout", "amq.headers", "amq.match", "amq.rabbitmq.trace", "amq.topic"];

/// What begins so is the broker's own.
const RESERVED: &str = "amq.";

/// What begins so the broker makes by itself: nobody misses it in a file.
const MADE: &str = "amq.rabbitmq.";

/// What can be exported, and what cannot.
pub(super) fn sift(observed: &Observed, idle: &Idle<'_>, version: Version) -> (Observed, Vec<LeftOut>) {
    let mut sieve = Sieve { objects: observed.clone(), left_out: BTreeSet::new() };
    sieve.own_kind();
    sieve.unsaid(&|objects| match understood(&raw::sections(objects, idle), version) {
        Ok(back) if back.is_same(objects) => Ok(()),
        Ok(_) => Err("a file cannot say a value of it exactly".to_owned()),
        Err(because) => Err(because),
    });
    (sieve.objects, sieve.left_out.into_iter().collect())
}

struct Sieve {
    objects: Observed,
    left_out: BTreeSet<LeftOut>,
}

impl Sieve {
    /// Leaves out what is not for a file, whatever it is like.
    fn own_kind(&mut self) {
        let Sieve { objects, left_out } = self;
        let reserved = || "names that begin with amq. are the broker's own".to_owned();
        let mut leave = |kind, name: &str, because| left_out.insert(LeftOut { kind, name: name.to_owned(), because });
        let ours = || "it is there while something is made anew: evbus apply --replace ends that".to_owned();
        objects.exchanges.retain(|name, _| {
            if replacement::is_ours(name) {
                return !leave("exchange", name, ours());
            }
            let keep = !name.is_empty() && !name.starts_with(RESERVED);
            if !keep && !name.is_empty() && !name.starts_with(MADE) && !GIVEN.contains(&name.as_str()) {
                leave("exchange", name, reserved());
            }
            keep
        });
        objects.queues.retain(|name, queue| {
            let because = foreign(queue).or_else(|| name.starts_with(RESERVED).then(reserved));
            let because = because.or_else(|| replacement::is_ours(name).then(ours));
            because.is_none_or(|because| !leave("queue", name, because))
        });
        objects.policies.retain(|name, _| {
            let temporary = name.starts_with(TEMPORARY);
            temporary.then(|| leave("policy", name, "it is there for one run of evbus".to_owned())).is_none()
        });
        objects
            .exchanges
            .retain(|name, spec| !is_beyond(&spec.arguments) || !leave("exchange", name, BEYOND.to_owned()));
        objects.queues.retain(|name, spec| !is_beyond(&spec.arguments) || !leave("queue", name, BEYOND.to_owned()));
        objects.policies.retain(|name, spec| {
            !spec.definition.values().any(is_beyond_json) || !leave("policy", name, BEYOND.to_owned())
        });
        for binding in objects.bindings().filter(|binding| is_beyond(&binding.arguments)) {
            leave("binding", &named(binding), BEYOND.to_owned());
        }
        objects.keep_bindings(|binding| !is_beyond(&binding.arguments));
        self.loose_bindings();
    }

    /// Leaves out bindings of what is left out. Those of the default exchange come with the queues.
    fn loose_bindings(&mut self) {
        let Sieve { objects, left_out } = self;
        let mut loose = BTreeSet::new();
        {
            let exchange = |name: &str| GIVEN.contains(&name) || objects.exchanges.contains_key(name);
            for binding in objects.bindings() {
                let to = if binding.to_queue {
                    objects.queues.contains_key(&binding.destination)
                } else {
                    exchange(&binding.destination)
                };
                if !(to && exchange(&binding.source)) {
                    let because = "it leads from or to what is not exported".to_owned();
                    loose.insert((binding.source.clone(), binding.to_queue, binding.destination.clone()));
                    if !binding.source.is_empty() {
                        left_out.insert(LeftOut { kind: "binding", name: named(binding), because });
                    }
                }
            }
        }
        objects.keep_bindings(|binding| {
            !loose.contains(&(binding.source.clone(), binding.to_queue, binding.destination.clone()))
        });
    }

    /// Leaves out what does not come back, for the reason that the reader of the file has against it.
    fn unsaid(&mut self, check: &Check<'_>) {
        let Sieve { objects, left_out } = self;
        let exchanges = refused(objects.exchanges.values(), check, |all, spec| {
            all.exchanges.insert(spec.name.clone(), spec.clone());
        });
        let queues = refused(objects.queues.values(), check, |all, spec| {
            all.queues.insert(spec.name.clone(), spec.clone());
        });
        let policies = refused(objects.policies.values(), check, |all, spec| {
            all.policies.insert(spec.name.clone(), spec.clone());
        });
        let bindings = refused(objects.bindings(), check, |all, spec| all.bind(spec.clone()));
        let mut leave = |kind, name: String, because| left_out.insert(LeftOut { kind, name, because });
        for (spec, because) in exchanges {
            objects.exchanges.remove(&spec.name);
            leave("exchange", spec.name, because);
        }
        for (spec, because) in queues {
            objects.queues.remove(&spec.name);
            leave("queue", spec.name, because);
        }
        for (spec, because) in policies {
            objects.policies.remove(&spec.name);
            leave("policy", spec.name, because);
        }
        for (spec, because) in bindings {
            objects.keep_bindings(|binding| *binding != spec);
            leave("binding", named(&spec), because);
        }
        self.loose_bindings();
    }
}

/// What the reader of a file has against objects.
type Check<'a> = dyn Fn(&Observed) -> Result<(), String> + 'a;

/// How many objects are looked at together: a file that holds everything can be larger than one may be.
const TOGETHER: usize = 500;

/// The objects that do not come back, each with the reason.
fn refused<'a, T: Clone + 'a>(
    objects: impl Iterator<Item = &'a T>,
    check: &Check<'_>,
    add: impl Fn(&mut Observed, &T),
) -> Vec<(T, String)> {
    let objects: Vec<&T> = objects.collect();
    let of = |some: &[&T]| {
        let mut all = Observed::default();
        for object in some {
            add(&mut all, object);
        }
        check(&all)
    };
    let bad = objects.chunks(TOGETHER).filter(|together| of(together).is_err()).flatten();
    bad.filter_map(|object| Some(((*object).clone(), of(&[object]).err()?))).collect()
}

/// Definitions can hold such a number, and the management API says it so that it looks like a float; no client can declare it.
const BEYOND: &str = "it has a number beyond 64 bits, which no client can declare";

fn is_beyond(arguments: &Table) -> bool {
    fn beyond(field: &Field) -> bool {
        match field {
            Field::F64(number) => number.abs() >= LARGEST,
            Field::Array(items) => items.iter().any(beyond),
            Field::Table(table) => is_beyond(table),
            _ => false,
        }
    }
    arguments.values().any(beyond)
}

fn is_beyond_json(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_i64().is_none() && number.as_f64().is_none_or(|n| n.abs() >= LARGEST),
        Value::Array(items) => items.iter().any(is_beyond_json),
        Value::Object(map) => map.values().any(is_beyond_json),
        _ => false,
    }
}

/// 2⁶³.
const LARGEST: f64 = 9_223_372_036_854_775_808.0;

/// Why a queue is not for a file.
fn foreign(queue: &QueueSpec) -> Option<String> {
    if queue.exclusive {
        return Some("it is exclusive, and goes with its connection".to_owned());
    }
    if raw::kind(queue).is_some() {
        return None;
    }
    let kind = queue.arguments.get(QueueType::ARGUMENT).and_then(Field::as_str);
    Some(format!("a file has no queues of the type {}", word(kind.unwrap_or("that it has"))))
}

fn named(binding: &BindingSpec) -> String {
    format!("{} -> {} ({})", binding.source, binding.destination, binding.key)
}
