//! From trees to a topology: what each file says is put together, and what no shape can forbid is found.
//!
//! The shapes have been checked before (`shape.rs`): a value that is not as it should be has been told, and is passed over here.

use std::{collections::HashMap, path::Path, time::Duration};

use super::{
    format,
    model::{
        Alerts, Argument, Audit, Binding, DeadLetters, Event, EventVersion, Exchange, Naming, Policy, Queue, Service,
        Subscription, Topology,
    },
    shape,
    tree::{Entry, Node, Scalar, Value},
};
use crate::{
    duration::duration,
    message::{Field, Table},
    topology::{
        argument::{self, Holds, LONGEST, QueueType},
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
    }
    reader.topology
}

struct Reader<'a> {
    problems: &'a mut Vec<Problem>,
    topology: Topology,
}

/// A retry ladder with more different delays than this would be more queues than anybody wants to own.
const RUNGS: usize = 100;

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

    fn service(&mut self, entry: &Entry, defaults: Option<&Node>) {
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
            Some(node) => self.retry(node),
            None => standard_ladder(),
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

    /// The delays of a ladder, one for each attempt.
    fn retry(&mut self, node: &Node) -> Vec<Duration> {
        let time = |key: &str| node.get(key).and_then(|node| shape::time(node, key).ok());
        let other = node.entries().iter().find(|entry| entry.key != "delays" && entry.key != "<<");
        if let Some(delays) = node.entry("delays") {
            if let Some(other) = other {
                self.problem_once(
                    Problem::new("a retry ladder is either a list of delays or made from `first`", other.place)
                        .label("not beside `delays`")
                        .also(delays.place, "the list"),
                );
            }
            let delays: Vec<_> =
                delays.node.items().iter().filter_map(|node| shape::time(node, "delays").ok()).collect();
            if delays.len() > RUNGS {
                self.problem_once(Problem::new(format!("a ladder has at most {RUNGS} delays"), node.place));
            }
            return delays;
        }
        if !matches!(node.value, Value::Map(_)) {
            return Vec::new();
        }
        for key in ["first", "attempts"] {
            if node.entry(key).is_none() {
                self.problem_once(
                    Problem::new(format!("a retry ladder needs `{key}`"), node.place)
                        .label(format!("`{key}` is missing"))
                        .help(
                            "write { first: 1s, factor: 2, max: 5m, attempts: 6 }, { delays: [1s, 10s, 1m] }, or none",
                        ),
                );
            }
        }
        let Some(first) = time("first") else { return Vec::new() };
        let attempts = node.get("attempts").and_then(integer).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let factor = node.get("factor").and_then(number).unwrap_or(2.0);
        let max = time("max").unwrap_or(Duration::from_millis(LONGEST));
        if let (true, Some(entry)) = (max < first, node.entry("max")) {
            self.problem_once(
                Problem::new("the longest wait of a ladder is shorter than its first", entry.node.place)
                    .label("less than `first`"),
            );
        }
        ladder(first, factor, max, attempts.min(RUNGS))
    }

    /// A problem of the defaults is met by every service that takes them over, and told once.
    fn problem_once(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
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
    fn arguments(&mut self, node: &Node, of_service: bool) -> Vec<Argument> {
        let mut arguments: Vec<Argument> = Vec::new();
        for entry in node.entries() {
            if let Some(argument) = argument::keyed(&entry.key).and_then(|known| keyed_argument(known, entry)) {
                arguments.push(argument);
            }
        }
        for entry in node.get("arguments").map_or(&[][..], Node::entries) {
            let known = argument::named(&entry.key);
            if entry.key == QueueType::ARGUMENT {
                self.problem_once(
                    Problem::new("the type of a queue is said by `type:`", entry.place)
                        .label("not here")
                        .help("evbus always declares it"),
                );
            } else if let Some(first) = arguments.iter().find(|argument| argument.name == entry.key) {
                let problem =
                    Problem::new(format!("`{}` is set twice", entry.key), entry.place).label("as an argument");
                let problem = problem.also(first.place, "by its key");
                self.problem_once(problem);
            } else if of_service && known.is_some_and(|known| !format::of_work_queues(known)) {
                self.problem_once(
                    Problem::new(format!("`{}` is not for the queue of a service", entry.key), entry.place)
                        .label("decided by evbus")
                        .help(shape::DECIDED),
                );
            } else {
                if let Some((known, expected)) = known.and_then(|known| Some((known, raw_problem(known, &entry.node)?)))
                {
                    let problem = Problem::new(format!("`{}` takes {expected}", entry.key), entry.node.place)
                        .label(format!("this is {}", entry.node.kind()));
                    self.problem_once(if matches!(known.holds, Holds::Time | Holds::Size | Holds::Age) {
                        problem.help(format!("`{}:` beside `arguments:` takes units", known.key))
                    } else {
                        problem
                    });
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

/// The ladder of a file that says nothing about retries.
fn standard_ladder() -> Vec<Duration> {
    ladder(Duration::from_secs(1), 2.0, Duration::from_secs(300), 6)
}

fn ladder(first: Duration, factor: f64, max: Duration, attempts: usize) -> Vec<Duration> {
    let most = max.as_secs_f64();
    let mut wait = first.as_secs_f64();
    let mut delays = Vec::with_capacity(attempts);
    for _ in 0..attempts {
        // Whole milliseconds, the broker's unit; both bounds have been checked to be no more than ten years.
        let millis = (wait.min(most) * 1000.0).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between one and LONGEST")]
        delays.push(Duration::from_millis((millis as u64).clamp(1, LONGEST)));
        wait = (wait * factor).min(most);
    }
    delays
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

fn queue_type(node: &Node) -> Option<Spanned<QueueType>> {
    let word = text(node.get("type")?)?;
    Some(Spanned::new(QueueType::from_word(&word)?, word.place))
}

/// An argument by its key, in the broker's units.
fn keyed_argument(known: &argument::Argument, entry: &Entry) -> Option<Argument> {
    let node = &entry.node;
    let time = || duration(shape::text(node)?).ok();
    let value = match known.holds {
        Holds::Time => Field::I64(i64::try_from(time()?.as_millis()).ok()?),
        Holds::Age => Field::text(age(time()?)),
        Holds::Number(..) => Field::I64(integer(node)?),
        Holds::Size => Field::I64(shape::size(node)?),
        Holds::Flag => Field::Bool(flag(node)?),
        Holds::Text | Holds::Word(_) => Field::text(text(node)?.value),
    };
    Some(Argument { name: known.name.to_owned(), value, place: entry.place })
}

/// A length of time as the broker reads it from text: one number, one unit, nothing finer than a second.
fn age(time: Duration) -> String {
    let seconds = time.as_secs().max(1);
    match [("D", 86_400), ("h", 3600), ("m", 60)].iter().find(|(_, unit)| seconds.is_multiple_of(*unit)) {
        Some((word, unit)) => format!("{}{word}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

/// What a raw argument should be, if it is not.
fn raw_problem(known: &argument::Argument, node: &Node) -> Option<String> {
    let (expected, right) = match known.holds {
        Holds::Time => ("a whole number of milliseconds".to_owned(), integer(node).is_some_and(|n| n >= 0)),
        Holds::Size => ("a whole number of bytes".to_owned(), integer(node).is_some_and(|n| n >= 0)),
        Holds::Number(least, _) => {
            (format!("a whole number, at least {least}"), integer(node).is_some_and(|n| n >= least))
        }
        Holds::Flag => ("true or false".to_owned(), flag(node).is_some()),
        Holds::Age => ("a number and a unit of Y, M, D, h, m, s, like 7D".to_owned(), is_age(shape::text(node))),
        Holds::Text => ("text".to_owned(), matches!(node.value, Value::Scalar(_, Scalar::Text))),
        Holds::Word(words) => (words.join(", or "), shape::text(node).is_some_and(|text| words.contains(&text))),
    };
    (!right).then_some(expected)
}

fn is_age(text: Option<&str>) -> bool {
    let number = text.and_then(|text| text.strip_suffix(['Y', 'M', 'D', 'h', 'm', 's']));
    number.is_some_and(|number| number.parse::<u64>().is_ok())
}

fn text(node: &Node) -> Option<Spanned<String>> {
    shape::text(node).map(|text| Spanned::new(text.to_owned(), node.place))
}

fn flag(node: &Node) -> Option<bool> {
    match node.value {
        Value::Scalar(_, Scalar::Bool(flag)) => Some(flag),
        _ => None,
    }
}

fn integer(node: &Node) -> Option<i64> {
    match node.value {
        Value::Scalar(_, Scalar::Integer(number)) => Some(number),
        _ => None,
    }
}

fn count(node: &Node) -> Option<u64> {
    integer(node).and_then(|number| u64::try_from(number).ok())
}

fn number(node: &Node) -> Option<f64> {
    match node.value {
        #[expect(clippy::cast_precision_loss, reason = "a factor: nobody writes one beyond 2^52")]
        Value::Scalar(_, Scalar::Integer(number)) => Some(number as f64),
        Value::Scalar(_, Scalar::Float(number)) => Some(number),
        _ => None,
    }
}

fn table(node: &Node) -> Table {
    node.entries().iter().map(|entry| (entry.key.clone(), field(&entry.node))).collect()
}

/// Any value as the broker takes it.
fn field(node: &Node) -> Field {
    match &node.value {
        Value::Scalar(_, Scalar::Null) => Field::Void,
        Value::Scalar(_, Scalar::Bool(flag)) => Field::Bool(*flag),
        Value::Scalar(_, Scalar::Integer(number)) => Field::I64(*number),
        Value::Scalar(_, Scalar::Float(number)) => Field::F64(*number),
        Value::Scalar(text, Scalar::Text) => Field::text(text.as_str()),
        Value::List(items) => Field::Array(items.iter().map(field).collect()),
        Value::Map(_) => Field::Table(table(node)),
    }
}

fn json(node: &Node) -> serde_json::Value {
    use serde_json::Value as Json;
    match &node.value {
        Value::Scalar(_, Scalar::Null) => Json::Null,
        Value::Scalar(_, Scalar::Bool(flag)) => (*flag).into(),
        Value::Scalar(_, Scalar::Integer(number)) => (*number).into(),
        Value::Scalar(_, Scalar::Float(number)) => (*number).into(),
        Value::Scalar(text, Scalar::Text) => text.as_str().into(),
        Value::List(items) => items.iter().map(json).collect::<Vec<_>>().into(),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|entry| (entry.key.clone(), json(&entry.node))).collect())
        }
    }
}
