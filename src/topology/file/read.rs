//! From trees to a topology: what each file says is put together, and what no shape can forbid is found.
//!
//! The shapes have been checked before (`shape.rs`): a value that is not as it should be has been told, and is passed over here.

use std::{collections::HashMap, path::Path};

use super::{
    format,
    model::{Argument, Audit, Binding, Event, EventVersion, Exchange, Naming, Policy, Queue, Silence, Topology},
    shape,
    tree::{Entry, Node, Value},
    values::{field, flag, integer, json, keyed_argument, queue_type, raw_problem, table, text},
};
use crate::{
    message::Field,
    topology::{
        argument::{self, Holds, QueueType},
        place::{Place, Problem, Spanned},
        routing::ALTERNATE_EXCHANGE,
        spec::{BindingSpec, ExchangeSpec, PolicySpec},
    },
};

/// The files' trees, each with the folder its paths are relative to.
pub(super) fn read(trees: &[(Node, &Path)], problems: &mut Vec<Problem>) -> Topology {
    let mut reader = Reader { problems, topology: Topology::default() };
    let singles = reader.singles(trees);
    let defaults = singles.get("defaults").map(|entry| &entry.node);
    reader.topology.name = singles.get("name").and_then(|entry| text(&entry.node));
    reader.topology.vhost = singles.get("vhost").and_then(|entry| text(&entry.node));
    reader.topology.bus = singles.get("bus").and_then(|entry| entry.node.get("exchange")).and_then(text);
    reader.topology.naming = singles.get("naming").map_or_else(Naming::default, |entry| reader.naming(&entry.node));
    reader.topology.audit = singles.get("audit").and_then(|entry| audit(&entry.node));

    for section in ["events", "services", "exchanges", "queues", "policies"] {
        let mut seen: HashMap<&str, Place> = HashMap::new();
        for (tree, folder) in trees {
            for entry in tree.get(section).map_or(&[][..], Node::entries) {
                if let Some(first) = seen.insert(&entry.key, entry.place) {
                    reader.problems.push(
                        Problem::new(format!("`{}` stands under `{section}` of two files", entry.key), entry.place)
                            .label("again here")
                            .also(first, "first here"),
                    );
                    continue;
                }
                match section {
                    "events" => reader.event(entry, folder),
                    "services" => reader.service(entry, defaults),
                    "exchanges" => reader.exchange(entry),
                    "queues" => reader.queue(entry, defaults),
                    _ => reader.policy(entry),
                }
            }
        }
    }
    for (tree, _) in trees {
        for node in tree.get("bindings").map_or(&[][..], Node::items) {
            reader.binding(node);
        }
        for node in tree.get("lint").and_then(|lint| lint.get("ignore")).map_or(&[][..], Node::items) {
            reader.silence(node);
        }
    }
    reader.topology
}

pub(super) struct Reader<'a> {
    pub(super) problems: &'a mut Vec<Problem>,
    pub(super) topology: Topology,
}

impl Reader<'_> {
    /// The keys that can be said once, over all files.
    fn singles<'a>(&mut self, trees: &'a [(Node, &Path)]) -> HashMap<&'static str, &'a Entry> {
        let mut singles: HashMap<&'static str, &Entry> = HashMap::new();
        for (tree, _) in trees {
            for key in ["name", "vhost", "bus", "audit", "defaults", "naming"] {
                let Some(entry) = tree.entry(key) else { continue };
                if let Some(first) = singles.get(key) {
                    self.problems.push(
                        Problem::new(format!("`{key}` is said by two files"), entry.place)
                            .label("again here")
                            .also(first.place, "first here")
                            .help("say it in one of them"),
                    );
                } else {
                    singles.insert(key, entry);
                }
            }
        }
        singles
    }

    fn naming(&mut self, node: &Node) -> Naming {
        let mut naming = Naming::default();
        for entry in node.entries() {
            let (pattern, needed, allowed): (&mut String, &[&str], &[&str]) = match entry.key.as_str() {
                "queue" => (&mut naming.queue, &["{service}"], &["{service}"]),
                "dead_letter_queue" => (&mut naming.dead_letter_queue, &[], &["{queue}", "{service}"]),
                "retry_queue" => (&mut naming.retry_queue, &["{delay}"], &["{queue}", "{service}", "{delay}"]),
                "dead_letter_exchange" => (&mut naming.dead_letter_exchange, &[], &["{bus}"]),
                "retry_exchange" => (&mut naming.retry_exchange, &[], &["{bus}"]),
                _ => continue,
            };
            let Some(text) = shape::text(&entry.node) else { continue };
            let own_queue = !entry.key.ends_with("_queue") || text.contains("{queue}") || text.contains("{service}");
            let missing = needed.iter().find(|word| !text.contains(**word)).copied();
            let missing = missing.or((!own_queue).then_some("{queue}"));
            if let Some(missing) = missing {
                self.problems.push(
                    Problem::new(format!("the pattern `{}` has no `{missing}` in it", entry.key), entry.node.place)
                        .label("gives many queues one name")
                        .help(format!("it is made from {}", allowed.join(", "))),
                );
            }
            let mut rest = text.to_owned();
            for word in allowed {
                rest = rest.replace(word, "");
            }
            if rest.contains(['{', '}']) {
                self.problems.push(
                    Problem::new(format!("the pattern `{}` has something else in braces", entry.key), entry.node.place)
                        .label("not known here")
                        .help(format!("it is made from {}", allowed.join(", "))),
                );
            }
            text.clone_into(pattern);
        }
        naming
    }

    fn event(&mut self, entry: &Entry, folder: &Path) {
        let name = Spanned::new(entry.key.clone(), entry.place);
        // An event whose key is missing or malformed (which has been told) still is one that services can subscribe to.
        let routing_key =
            entry.node.get("routing_key").and_then(text).unwrap_or_else(|| Spanned::new(String::new(), entry.place));
        if routing_key.split('.').any(|word| word == "*" || word == "#") {
            self.problems.push(
                Problem::new("an event is published with one key, and this is a pattern", routing_key.place)
                    .label("has a wildcard in it")
                    .help("patterns are for subscriptions: `subscribes: [ { key: … } ]`"),
            );
        }
        let versions = entry.node.get("versions").map_or(&[][..], Node::entries);
        let versions = versions
            .iter()
            .filter_map(|version| {
                let path = text(&version.node)?;
                Some(EventVersion {
                    version: Spanned::new(version.key.clone(), version.place),
                    schema: Spanned::new(folder.join(&path.value), path.place),
                })
            })
            .collect();
        let optional = |key: &str| entry.node.get(key).and_then(text);
        self.topology.events.push(Event {
            name,
            routing_key,
            publisher: optional("publisher"),
            description: optional("description").map(|description| description.value),
            versions,
        });
    }

    fn exchange(&mut self, entry: &Entry) {
        let node = &entry.node;
        let mut arguments = node.get("arguments").map(table).unwrap_or_default();
        if let Some(alternate) = node.get("alternate_exchange").and_then(text) {
            arguments.insert(ALTERNATE_EXCHANGE.to_owned(), Field::text(alternate.value));
        }
        let spec = ExchangeSpec {
            name: entry.key.clone(),
            kind: node.get("type").and_then(text).map_or_else(|| "topic".to_owned(), |kind| kind.value),
            durable: node.get("durable").and_then(flag).unwrap_or(true),
            auto_delete: node.get("auto_delete").and_then(flag).unwrap_or(false),
            internal: node.get("internal").and_then(flag).unwrap_or(false),
            arguments,
        };
        self.topology.exchanges.push(Exchange { place: entry.place, spec });
    }

    fn queue(&mut self, entry: &Entry, defaults: Option<&Node>) {
        let node = &entry.node;
        let default = || defaults.and_then(|defaults| defaults.get("queue")).and_then(queue_type);
        let kind = queue_type(node).or_else(default).unwrap_or_else(|| Spanned::new(QueueType::Quorum, entry.place));
        let durable = node.get("durable").and_then(flag).unwrap_or(true);
        let auto_delete = node.get("auto_delete").and_then(flag).unwrap_or(false);
        for (key, wrong) in [("durable", !durable), ("auto_delete", auto_delete)] {
            if let (true, Some(entry)) = (wrong && kind.value != QueueType::Classic, node.entry(key)) {
                self.problems.push(
                    Problem::new(
                        format!("a {} queue is always durable and never deletes itself", kind.value),
                        entry.place,
                    )
                    .label("the broker refuses this")
                    .also(kind.place, "its type")
                    .help("leave it away, or say `type: classic`"),
                );
            }
        }
        let arguments = self.arguments(node, false);
        let name = Spanned::new(entry.key.clone(), entry.place);
        self.topology.queues.push(Queue { name, kind, durable, auto_delete, arguments });
    }

    /// The arguments of a queue: those with keys of their own, and the raw ones.
    pub(super) fn arguments(&mut self, node: &Node, of_service: bool) -> Vec<Argument> {
        let mut arguments: Vec<Argument> = Vec::new();
        for entry in node.entries() {
            if let Some(argument) = argument::keyed(&entry.key).and_then(|known| keyed_argument(known, entry)) {
                arguments.push(argument);
            }
        }
        for entry in node.get("arguments").map_or(&[][..], Node::entries) {
            let known = argument::named(&entry.key);
            if entry.key == QueueType::ARGUMENT {
                tell_once(
                    self.problems,
                    Problem::new("the type of a queue is said by `type:`", entry.place)
                        .label("not here")
                        .help("evbus always declares it"),
                );
            } else if let Some(first) = arguments.iter().find(|argument| argument.name == entry.key) {
                let problem =
                    Problem::new(format!("`{}` is set twice", entry.key), entry.place).label("as an argument");
                let problem = problem.also(first.place, "by its key");
                tell_once(self.problems, problem);
            } else if of_service && known.is_some_and(|known| !format::of_work_queues(known)) {
                tell_once(
                    self.problems,
                    Problem::new(format!("`{}` is not for the queue of a service", entry.key), entry.place)
                        .label("decided by evbus")
                        .help(shape::DECIDED),
                );
            } else {
                if let Some((known, expected)) = known.and_then(|known| Some((known, raw_problem(known, &entry.node)?)))
                {
                    let problem = Problem::new(format!("`{}` takes {expected}", entry.key), entry.node.place)
                        .label(format!("this is {}", entry.node.kind()));
                    tell_once(
                        self.problems,
                        if matches!(known.holds, Holds::Time | Holds::Size | Holds::Age) {
                            problem.help(format!("`{}:` beside `arguments:` takes units", known.key))
                        } else {
                            problem
                        },
                    );
                }
                arguments.push(Argument { name: entry.key.clone(), value: field(&entry.node), place: entry.place });
            }
        }
        arguments
    }

    fn binding(&mut self, node: &Node) {
        let (to, to_exchange) = (node.get("to").and_then(text), node.get("to_exchange").and_then(text));
        let (to, to_queue) = match (to, to_exchange) {
            (Some(to), None) => (to, true),
            (None, Some(to)) => (to, false),
            (Some(to), Some(other)) => {
                self.problems.push(
                    Problem::new("a binding leads to a queue (`to`) or to an exchange (`to_exchange`)", other.place)
                        .label("one too many")
                        .also(to.place, "the other"),
                );
                return;
            }
            (None, None) => {
                if node.get("to").is_none() && node.get("to_exchange").is_none() && matches!(node.value, Value::Map(_))
                {
                    self.problems.push(
                        Problem::new("a binding needs `to` (a queue) or `to_exchange`", node.place)
                            .label("leads nowhere"),
                    );
                }
                return;
            }
        };
        let Some(from) = node.get("from").and_then(text) else { return };
        let key = node.get("key").and_then(text);
        if from.is_empty() {
            self.problems.push(
                Problem::new("nothing can be bound to the default exchange", from.place)
                    .label("the default exchange")
                    .help("every queue is bound to it by its name already"),
            );
        }
        self.topology.bindings.push(Binding {
            key: key.as_ref().map_or(from.place, |key| key.place),
            from: from.place,
            to: to.place,
            spec: BindingSpec {
                source: from.value,
                destination: to.value,
                to_queue,
                key: key.map(|key| key.value).unwrap_or_default(),
                arguments: node.get("arguments").map(table).unwrap_or_default(),
            },
        });
    }

    fn silence(&mut self, node: &Node) {
        let (rule, object, because) = (node.get("rule"), node.get("object"), node.get("because"));
        let (Some(rule), Some(because)) = (rule.and_then(text), because.and_then(text)) else { return };
        if because.trim().is_empty() {
            self.problems.push(
                Problem::new("what lint is not to tell needs a reason", because.place)
                    .label("says nothing")
                    .help("write why it is meant to be so: the next reader asks"),
            );
        }
        let object = object.and_then(text);
        self.topology.silences.push(Silence { rule, object, because: because.value });
    }

    fn policy(&mut self, entry: &Entry) {
        let node = &entry.node;
        let Some(pattern) = node.get("pattern").and_then(text) else { return };
        let Some(definition) = node.get("definition") else { return };
        if definition.entries().is_empty() && matches!(definition.value, Value::Map(_)) {
            self.problems
                .push(Problem::new("a policy without keys does nothing, and the broker refuses it", definition.place));
        }
        let definition = definition.entries().iter().map(|entry| (entry.key.clone(), json(&entry.node))).collect();
        self.topology.policies.push(Policy {
            place: entry.place,
            spec: PolicySpec {
                name: entry.key.clone(),
                pattern: pattern.value,
                apply_to: node.get("apply_to").and_then(text).map_or_else(|| "all".to_owned(), |word| word.value),
                priority: node.get("priority").and_then(integer).unwrap_or(0),
                definition,
            },
        });
    }
}

fn audit(node: &Node) -> Option<Audit> {
    let stream = text(node.get("stream")?)?;
    let mut arguments = Vec::new();
    for entry in node.entries() {
        let key = if entry.key == "keep" { "max_age" } else { &entry.key };
        if let Some(argument) = argument::keyed(key).and_then(|known| keyed_argument(known, entry)) {
            arguments.push(argument);
        }
    }
    Some(Audit { stream, arguments })
}

/// A problem of the defaults is met by every service that takes them over, and told once.
pub(super) fn tell_once(problems: &mut Vec<Problem>, problem: Problem) {
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}
