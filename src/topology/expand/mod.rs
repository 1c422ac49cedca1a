//! What does a topology become on a broker of a given version? Services become queues, exchanges, bindings and a policy.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use super::{
    argument::QueueType,
    file::{Event, Service, Subscription, Topology},
    pattern,
    place::{Place, Problem},
    routing::Routes,
    spec::{BindingSpec, ExchangeSpec, PolicySpec, QueueSpec},
};
use crate::{
    duration,
    message::{Field, Table},
    nearest,
    version::Version,
};

/// Every object that a topology wants, in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Exchanges.
    pub exchanges: Vec<Wish<ExchangeSpec>>,
    /// Queues.
    pub queues: Vec<Wish<QueueSpec>>,
    /// Bindings.
    pub bindings: Vec<Wish<BindingSpec>>,
    /// Policies.
    pub policies: Vec<Wish<PolicySpec>>,
}

/// An object that is wanted.
#[derive(Debug, Clone)]
pub struct Wish<S> {
    /// What it is to be.
    pub spec: S,
    /// What it is for.
    pub role: Role,
    /// Why there is one, in words.
    pub because: String,
    /// What in the file asks for it.
    pub place: Place,
}

/// What an object is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The exchange every event goes through.
    Bus,
    /// Where dead letters go first.
    DeadLetterExchange,
    /// Where services publish what is to be tried again.
    RetryExchange,
    /// The queue of a service.
    Work,
    /// The queue of its dead letters.
    DeadLetters,
    /// A queue in which messages wait for their next try.
    Retry,
    /// The stream of all events, or a binding to it.
    Audit,
    /// A binding that lets events in.
    Subscription,
    /// Listed in the file.
    Listed,
    /// A policy that makes up for arguments with which queues were declared.
    InPlace,
}

impl Wanted {
    /// Where messages go in what is wanted.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let mut routes = Routes::default();
        self.exchanges.iter().for_each(|exchange| routes.exchange(&exchange.spec));
        self.queues.iter().for_each(|queue| routes.queue(queue.spec.name.clone()));
        self.bindings.iter().for_each(|binding| routes.bind(&binding.spec));
        routes
    }

    /// The dead letter queue of each work queue that evbus lays out, by the work queue's name.
    #[must_use]
    pub fn dead_letter_queues(&self) -> BTreeMap<&str, &str> {
        let ours = self.bindings.iter().filter(|binding| binding.role == Role::DeadLetters);
        ours.map(|binding| (binding.spec.key.as_str(), binding.spec.destination.as_str())).collect()
    }
}

/// The version from which on a quorum queue has a delivery limit unless one is set, and −1 is none.
const LIMITED: Version = Version::new(4, 0, 0);

/// The priority of the policies that evbus makes: above what catches everything by habit.
const PRIORITY: i64 = 100;

/// What the topology becomes, and what of it cannot be: subscriptions to events that are not in the catalog.
#[must_use]
pub fn expand(topology: &Topology, version: Version) -> (Wanted, Vec<Problem>) {
    expand_beside(topology, version, &[])
}

/// The same beside dead letter queues that the topology no longer has and the broker still does: their delivery limit stays lifted.
#[must_use]
pub fn expand_beside(topology: &Topology, version: Version, staying: &[String]) -> (Wanted, Vec<Problem>) {
    let mut expansion = Expansion {
        topology,
        events: topology.events.iter().map(|event| (event.name.as_str(), event)).collect(),
        bus: topology.bus().to_owned(),
        dead: topology.naming.dead_letter_exchange.replace("{bus}", topology.bus()),
        retry: topology.naming.retry_exchange.replace("{bus}", topology.bus()),
        wanted: Wanted::default(),
        problems: Vec::new(),
    };
    if topology.has_bus() {
        expansion.bus();
        let mut queues = HashSet::new();
        for service in &topology.services {
            // Two services on one queue: `lint` says that. It is one queue all the same, as the first of them wants it.
            if queues.insert(service.queue.as_str()) {
                expansion.lay_out(service);
            }
            expansion.subscribe(service);
        }
        if version >= LIMITED {
            expansion.no_delivery_limit(staying);
        }
        expansion.audit();
    }
    expansion.listed();
    (expansion.wanted, expansion.problems)
}

struct Expansion<'a> {
    topology: &'a Topology,
    events: HashMap<&'a str, &'a Event>,
    bus: String,
    dead: String,
    retry: String,
    wanted: Wanted,
    problems: Vec<Problem>,
}

impl Expansion<'_> {
    fn bus(&mut self) {
        let topology = self.topology;
        let first_service = topology.services.first().map(|service| service.name.place);
        let place = topology.bus.as_ref().map(|bus| bus.place).or(first_service).unwrap_or_default();
        // Listed under `exchanges:` it is as it is listed there: an alternate exchange has to be said somewhere.
        if !topology.exchanges.iter().any(|exchange| exchange.spec.name == self.bus) {
            self.exchange(self.bus.clone(), Role::Bus, "every event goes through it".to_owned(), place);
        }
        if !topology.services.is_empty() {
            self.exchange(self.dead.clone(), Role::DeadLetterExchange, format!("dead letters of {}", self.bus), place);
            self.exchange(self.retry.clone(), Role::RetryExchange, format!("retries of {}", self.bus), place);
        }
    }

    fn exchange(&mut self, name: String, role: Role, because: String, place: Place) {
        let spec = ExchangeSpec {
            name,
            kind: "topic".to_owned(),
            durable: true,
            auto_delete: false,
            internal: false,
            arguments: Table::new(),
        };
        self.wanted.exchanges.push(Wish { spec, role, because, place });
    }

    fn lay_out(&mut self, service: &Service) {
        let naming = &self.topology.naming;
        let named = |pattern: &str| pattern.replace("{queue}", &service.queue).replace("{service}", &service.name);
        let (queue, kind, place) = (service.queue.value.clone(), service.kind.value, service.name.place);
        let of = format!("of {}", *service.name);

        let dead_letters = named(&naming.dead_letter_queue);
        let mut arguments = Table::new();
        if service.dead_letters.enforce.is_some() {
            arguments.extend(service.dead_letters.keep.map(|keep| ("x-message-ttl".to_owned(), millis(keep))));
            let max = service.dead_letters.max.and_then(|max| i64::try_from(max).ok());
            arguments.extend(max.map(|max| ("x-max-length".to_owned(), Field::I64(max))));
        }
        self.queue(dead_letters.clone(), kind, arguments, Role::DeadLetters, format!("dead letters {of}"), place);
        self.bind(&self.dead.clone(), &dead_letters, &queue, Role::DeadLetters, format!("dead letters {of}"), place);

        for (delay, attempts) in rungs(&service.retry) {
            let words = duration::words(delay);
            let name = named(&naming.retry_queue).replace("{delay}", &words);
            let mut arguments = Table::from([("x-message-ttl".to_owned(), millis(delay))]);
            dead_lettering(&mut arguments, kind, "", &queue);
            self.queue(name.clone(), kind, arguments, Role::Retry, format!("retries {of} after {words}"), place);
            for attempt in attempts {
                let key = format!("{queue}.{attempt}");
                let because = format!("retry {attempt} {of} waits {words}");
                self.bind(&self.retry.clone(), &name, &key, Role::Retry, because, place);
            }
        }

        let mut arguments: Table =
            service.arguments.iter().map(|argument| (argument.name.clone(), argument.value.clone())).collect();
        dead_lettering(&mut arguments, kind, &self.dead, &queue);
        self.queue(queue, kind, arguments, Role::Work, format!("the queue {of}"), place);
    }

    fn subscribe(&mut self, service: &Service) {
        let mut bound = HashSet::new();
        for subscription in &service.subscribes {
            let (key, wanted) = match subscription {
                Subscription::Key(key) => (key, key),
                Subscription::Event(name) => {
                    let Some(event) = self.events.get(name.as_str()) else {
                        self.problems.push(unknown_event(self.topology, name, name.place));
                        continue;
                    };
                    (&event.routing_key, name)
                }
            };
            if !bound.insert(key.as_str()) {
                continue;
            }
            let because = format!("{} wants {}", *service.name, **wanted);
            self.bind(&self.bus.clone(), &service.queue, key, Role::Subscription, because, subscription.place());
        }
    }

    /// One policy lifts the delivery limit of every quorum DLQ. As an argument it would destroy messages before 4.0, and make
    /// an upgrade of the broker a replacement of the queue.
    fn no_delivery_limit(&mut self, staying: &[String]) {
        let quorum =
            |queue: &&Wish<QueueSpec>| queue.role == Role::DeadLetters && kind(&queue.spec) == QueueType::Quorum;
        let names = self.wanted.queues.iter().filter(quorum).map(|queue| queue.spec.name.as_str());
        let names: Vec<&str> = names.chain(staying.iter().map(String::as_str)).collect();
        if names.is_empty() {
            return;
        }
        let place = self.wanted.queues.iter().find(quorum).map(|first| first.place).unwrap_or_default();
        for (at, fold) in pattern::exactly(&names).into_iter().enumerate() {
            let number = if at == 0 { String::new() } else { format!("-{}", at + 1) };
            let spec = PolicySpec {
                name: format!("evbus-{}-dlq{number}", self.bus),
                pattern: fold.pattern,
                apply_to: "quorum_queues".to_owned(),
                priority: PRIORITY,
                definition: serde_json::Map::from_iter([("delivery-limit".to_owned(), (-1).into())]),
            };
            let because = "looking at a dead letter must not use up its deliveries".to_owned();
            self.wanted.policies.push(Wish { spec, role: Role::DeadLetters, because, place });
        }
    }

    fn audit(&mut self) {
        let Some(audit) = &self.topology.audit else { return };
        let arguments =
            audit.arguments.iter().map(|argument| (argument.name.clone(), argument.value.clone())).collect();
        let (stream, place) = (audit.stream.value.clone(), audit.stream.place);
        self.queue(stream.clone(), QueueType::Stream, arguments, Role::Audit, "keeps every event".to_owned(), place);
        let mut sources = vec![(self.bus.clone(), "every event is kept")];
        if !self.topology.services.is_empty() {
            sources.extend([(self.dead.clone(), "every death is kept"), (self.retry.clone(), "every retry is kept")]);
        }
        for (source, because) in sources {
            self.bind(&source, &stream, "#", Role::Audit, because.to_owned(), place);
        }
    }

    fn listed(&mut self) {
        let because = || "listed".to_owned();
        for exchange in &self.topology.exchanges {
            let role = if exchange.spec.name == self.bus && self.topology.has_bus() { Role::Bus } else { Role::Listed };
            self.wanted.exchanges.push(Wish {
                spec: exchange.spec.clone(),
                role,
                because: because(),
                place: exchange.place,
            });
        }
        for queue in &self.topology.queues {
            let mut arguments: Table =
                queue.arguments.iter().map(|argument| (argument.name.clone(), argument.value.clone())).collect();
            arguments.insert(QueueType::ARGUMENT.to_owned(), Field::text(queue.kind.word()));
            let spec = QueueSpec {
                name: queue.name.value.clone(),
                durable: queue.durable,
                exclusive: false,
                auto_delete: queue.auto_delete,
                arguments,
            };
            self.wanted.queues.push(Wish { spec, role: Role::Listed, because: because(), place: queue.name.place });
        }
        let mut seen: HashMap<(String, String, bool, String), Vec<Table>> = HashMap::new();
        let identity =
            |spec: &BindingSpec| (spec.source.clone(), spec.destination.clone(), spec.to_queue, spec.key.clone());
        for wish in &self.wanted.bindings {
            seen.entry(identity(&wish.spec)).or_default().push(wish.spec.arguments.clone());
        }
        for binding in &self.topology.bindings {
            let spec = binding.spec.clone();
            let others = seen.entry(identity(&spec)).or_default();
            if !others.contains(&spec.arguments) {
                others.push(spec.arguments.clone());
                self.wanted.bindings.push(Wish { spec, role: Role::Listed, because: because(), place: binding.from });
            }
        }
        for policy in &self.topology.policies {
            self.wanted.policies.push(Wish {
                spec: policy.spec.clone(),
                role: Role::Listed,
                because: because(),
                place: policy.place,
            });
        }
    }

    fn queue(
        &mut self,
        name: String,
        kind: QueueType,
        mut arguments: Table,
        role: Role,
        because: String,
        place: Place,
    ) {
        arguments.insert(QueueType::ARGUMENT.to_owned(), Field::text(kind.word()));
        let spec = QueueSpec { name, durable: true, exclusive: false, auto_delete: false, arguments };
        self.wanted.queues.push(Wish { spec, role, because, place });
    }

    fn bind(&mut self, source: &str, queue: &str, key: &str, role: Role, because: String, place: Place) {
        let spec = BindingSpec {
            source: source.to_owned(),
            destination: queue.to_owned(),
            to_queue: true,
            key: key.to_owned(),
            arguments: Table::new(),
        };
        self.wanted.bindings.push(Wish { spec, role, because, place });
    }
}

/// What is said about a subscription to an event that is not in the catalog.
#[must_use]
pub fn unknown_event(topology: &Topology, name: &str, place: Place) -> Problem {
    let known = || topology.events.iter().map(|event| event.name.as_str());
    let problem =
        Problem::new(format!("there is no event `{name}` in the catalog"), place).label("not under `events:`");
    match nearest::among(name, known()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if name.contains(['.', '*', '#']) => problem.help(format!("a pattern is written {{ key: {name:?} }}")),
        None => problem.help(format!(
            "add it under `events:` with its `routing_key`, or subscribe to a pattern: {{ key: {name:?} }}"
        )),
    }
}

/// The type that a queue's arguments say; none is classic.
#[must_use]
pub fn kind(queue: &QueueSpec) -> QueueType {
    let word = queue.arguments.get(QueueType::ARGUMENT).and_then(Field::as_str);
    word.and_then(QueueType::from_word).unwrap_or(QueueType::Classic)
}

/// The arguments that send dead letters to an exchange with a key: at least once where the type can.
fn dead_lettering(arguments: &mut Table, kind: QueueType, exchange: &str, key: &str) {
    let mut set = |name: &str, value: &str| arguments.insert(name.to_owned(), Field::text(value));
    set("x-dead-letter-exchange", exchange);
    set("x-dead-letter-routing-key", key);
    if kind == QueueType::Quorum {
        set("x-dead-letter-strategy", "at-least-once");
        set("x-overflow", "reject-publish");
    }
}

fn millis(time: Duration) -> Field {
    // Times of a file are at most ten years.
    Field::I64(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

/// The different delays of a ladder, each with the attempts (from 1) that wait so long.
fn rungs(delays: &[Duration]) -> Vec<(Duration, Vec<usize>)> {
    let mut rungs: Vec<(Duration, Vec<usize>)> = Vec::new();
    for (at, delay) in delays.iter().enumerate() {
        match rungs.iter_mut().find(|(other, _)| other == delay) {
            Some((_, attempts)) => attempts.push(at + 1),
            None => rungs.push((*delay, vec![at + 1])),
        }
    }
    rungs
}

#[cfg(test)]
mod tests;
