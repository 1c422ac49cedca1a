//! How does one object stand in a file, in RabbitMQ's own words?

use super::{
    document::{Entry, Node},
    idle::Idle,
};
use crate::{
    duration,
    message::{Field, Table},
    topology::{
        argument::{self, Argument, Holds, LONGEST, QueueType},
        diff::Observed,
        routing::ALTERNATE_EXCHANGE,
        spec::{BindingSpec, ExchangeSpec, PolicySpec, QueueSpec},
    },
};

/// The sections of everything, in the order of names; those that are empty are left away.
pub(super) fn sections(objects: &Observed, idle: &Idle<'_>) -> Vec<Entry> {
    let map = |entries: Vec<Entry>| Node::Map(entries);
    let exchanges = objects.exchanges.values().map(|spec| exchange(spec, idle)).collect();
    let queues = objects.queues.values().map(|spec| queue(spec, idle)).collect();
    let policies = objects.policies.values().map(|spec| policy(spec, idle)).collect();
    let mut bindings: Vec<&BindingSpec> = objects.bindings().collect();
    bindings.sort_by_key(|spec| (&spec.source, !spec.to_queue, &spec.destination, &spec.key));
    let sections = [
        ("exchanges", map(exchanges)),
        ("queues", map(queues)),
        ("bindings", Node::List(bindings.into_iter().map(binding).collect())),
        ("policies", map(policies)),
    ];
    sections.into_iter().filter(|(_, node)| !node.is_empty()).map(|(key, node)| Entry::section(key, node)).collect()
}

fn exchange(spec: &ExchangeSpec, idle: &Idle<'_>) -> Entry {
    let mut entries = vec![Entry::new("type", Node::text(&spec.kind))];
    entries.extend((!spec.durable).then(|| Entry::new("durable", Node::Flag(false))));
    entries.extend(spec.auto_delete.then(|| Entry::new("auto_delete", Node::Flag(true))));
    entries.extend(spec.internal.then(|| Entry::new("internal", Node::Flag(true))));
    let alternate = spec.arguments.get(ALTERNATE_EXCHANGE).and_then(Field::as_str);
    entries.extend(alternate.map(|name| Entry::new("alternate_exchange", Node::text(name))));
    let rest = spec.arguments.iter().filter(|(name, _)| alternate.is_none() || *name != ALTERNATE_EXCHANGE);
    let rest = rest
        .map(|(name, field)| Entry::new(name, Node::of_field(field)).noted(idle.exchange_argument(&spec.kind, name)));
    entries.extend(arguments(rest.collect()));
    Entry::new(&spec.name, Node::Map(entries))
}

fn queue(spec: &QueueSpec, idle: &Idle<'_>) -> Entry {
    // What has another type is not exported.
    let kind = kind(spec).unwrap_or(QueueType::Classic);
    let mut entries = vec![Entry::new("type", Node::text(kind.word()))];
    entries.extend((!spec.durable).then(|| Entry::new("durable", Node::Flag(false))));
    entries.extend(spec.auto_delete.then(|| Entry::new("auto_delete", Node::Flag(true))));
    entries.extend(of_queue(&spec.arguments, |_| true, idle));
    Entry::new(&spec.name, Node::Map(entries))
}

/// The type of a queue, if it is one that a file can say.
pub(super) fn kind(spec: &QueueSpec) -> Option<QueueType> {
    QueueType::from_word(spec.arguments.get(QueueType::ARGUMENT)?.as_str()?)
}

/// The arguments of a queue that this holds for: by their keys, in units, where that says exactly the same, and as they are otherwise.
pub(super) fn of_queue(table: &Table, which: impl Fn(&str) -> bool, idle: &Idle<'_>) -> Vec<Entry> {
    let (mut entries, mut rest) = (Vec::new(), Vec::new());
    for (name, field) in table.iter().filter(|(name, _)| *name != QueueType::ARGUMENT && which(name)) {
        let comments = idle.queue_argument(name);
        match argument::named(name).and_then(|known| Some((known.key, keyed(known, field)?))) {
            Some((key, node)) => entries.push(Entry::new(key, node).noted(comments)),
            None => rest.push(Entry::new(name, Node::of_field(field)).noted(comments)),
        }
    }
    entries.extend(arguments(rest));
    entries
}

fn arguments(rest: Vec<Entry>) -> Option<Entry> {
    (!rest.is_empty()).then(|| Entry::new("arguments", Node::Map(rest)))
}

/// The value of an argument under its key, if the key takes it.
pub(super) fn keyed(known: &Argument, field: &Field) -> Option<Node> {
    let number = field.as_int();
    match known.holds {
        Holds::Time => {
            let millis = u64::try_from(number?).ok().filter(|millis| (1..=LONGEST).contains(millis))?;
            Some(Node::text(duration::words(std::time::Duration::from_millis(millis))))
        }
        Holds::Number(least, most) => Some(Node::Integer(number.filter(|number| (least..=most).contains(number))?)),
        Holds::Size => Some(Node::Integer(number.filter(|number| *number >= 0)?)),
        Holds::Flag => match field {
            Field::Bool(flag) => Some(Node::Flag(*flag)),
            _ => None,
        },
        Holds::Text => Some(Node::text(field.as_str()?)),
        Holds::Word(words) => Some(Node::text(field.as_str().filter(|word| words.contains(word))?)),
        Holds::Age => age(field.as_str()?),
    }
}

/// The age of a stream in the units of a file, if reading it would say it to the broker in the same words.
fn age(text: &str) -> Option<Node> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u64 = number.parse().ok().filter(|count: &u64| *count > 0 && count.to_string() == number)?;
    // Each unit as long as it is not as many of the next larger one.
    let (seconds, whole) = match unit {
        "D" => (86_400, u64::MAX),
        "h" => (3600, 24),
        "m" => (60, 60),
        "s" => (1, 60),
        _ => return None,
    };
    let short = count.checked_mul(seconds).is_some_and(|seconds| seconds <= LONGEST / 1000);
    (short && !count.is_multiple_of(whole)).then(|| Node::text(format!("{number}{}", unit.to_ascii_lowercase())))
}

fn binding(spec: &BindingSpec) -> Node {
    let to = if spec.to_queue { "to" } else { "to_exchange" };
    let mut entries = vec![Entry::new("from", Node::text(&spec.source)), Entry::new(to, Node::text(&spec.destination))];
    entries.extend((!spec.key.is_empty()).then(|| Entry::new("key", Node::text(&spec.key))));
    let rest = spec.arguments.iter().map(|(name, field)| Entry::new(name, Node::of_field(field)));
    entries.extend(arguments(rest.collect()));
    Node::Map(entries)
}

fn policy(spec: &PolicySpec, idle: &Idle<'_>) -> Entry {
    let mut entries =
        vec![Entry::new("pattern", Node::text(&spec.pattern)), Entry::new("apply_to", Node::text(&spec.apply_to))];
    entries.extend((spec.priority != 0).then(|| Entry::new("priority", Node::Integer(spec.priority))));
    let mut definition: Vec<Entry> =
        spec.definition.iter().map(|(key, value)| Entry::new(key, Node::of_json(value))).collect();
    definition.sort_by(|a, b| a.key.cmp(&b.key));
    entries.push(Entry::new("definition", Node::Map(definition)));
    Entry::new(&spec.name, Node::Map(entries)).noted(idle.policy(spec))
}
