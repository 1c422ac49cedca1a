//! What a file says of a service, and what its defaults say where it does not.

use super::{
    ladder,
    model::{Alerts, Argument, DeadLetters, Service, Subscription},
    read::Reader,
    shape,
    tree::{Entry, Node, Scalar, Value},
    values::{count, flag, queue_type, text},
};
use crate::topology::{argument::QueueType, place::Spanned};

impl Reader<'_> {
    pub(super) fn service(&mut self, entry: &Entry, defaults: Option<&Node>) {
        let node = &entry.node;
        let name = Spanned::new(entry.key.clone(), entry.place);
        let said = |key: &str| node.get(key).or_else(|| defaults.and_then(|defaults| defaults.get(key)));
        let own = node.get("queue");
        let default = defaults.and_then(|defaults| defaults.get("queue"));
        let queue = own
            .and_then(|queue| queue.get("name"))
            .and_then(text)
            .unwrap_or_else(|| Spanned::new(self.topology.naming.queue.replace("{service}", &name), name.place));
        let kind = [own, default].into_iter().flatten().find_map(queue_type);
        let mut arguments: Vec<Argument> = own.map(|node| self.arguments(node, true)).unwrap_or_default();
        for argument in default.map(|node| self.arguments(node, true)).unwrap_or_default() {
            if !arguments.iter().any(|own| own.name == argument.name) {
                arguments.push(argument);
            }
        }
        // What is wrong with the defaults is wrong once, however many services take them over.
        self.problems.dedup();
        let retry = match said("retry") {
            Some(node) => ladder::read(node, self.problems),
            None => ladder::standard(),
        };
        self.topology.services.push(Service {
            queue,
            kind: kind.unwrap_or_else(|| Spanned::new(QueueType::Quorum, name.place)),
            arguments,
            subscribes: subscriptions(node.get("subscribes")),
            retry,
            dead_letters: dead_letters(said("dead_letters")),
            alerts: alerts(said("alerts")),
            name,
        });
    }
}

fn subscriptions(node: Option<&Node>) -> Vec<Subscription> {
    let items = node.map_or(&[][..], Node::items);
    items
        .iter()
        .filter_map(|item| match &item.value {
            Value::Map(_) => item.get("key").and_then(text).map(Subscription::Key),
            Value::Scalar(name, Scalar::Text) if !name.is_empty() => {
                Some(Subscription::Event(Spanned::new(name.clone(), item.place)))
            }
            _ => None,
        })
        .collect()
}

fn dead_letters(node: Option<&Node>) -> DeadLetters {
    let Some(node) = node else { return DeadLetters::default() };
    let enforce = node.entry("enforce").filter(|entry| flag(&entry.node) == Some(true)).map(|entry| entry.place);
    DeadLetters {
        keep: node.get("keep").and_then(|node| shape::time(node, "keep").ok()),
        max: node.get("max").and_then(count),
        enforce,
    }
}

fn alerts(node: Option<&Node>) -> Alerts {
    let Some(node) = node else { return Alerts::default() };
    Alerts {
        depth: node.get("depth").and_then(count),
        age: node.get("age").and_then(|node| shape::time(node, "age").ok()),
        consumers: node.get("consumers").and_then(count),
        dead: node.get("dead").and_then(count),
    }
}
