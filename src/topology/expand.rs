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
            expansion.no_delivery_limit();
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
    fn no_delivery_limit(&mut self) {
        let quorum =
            |queue: &&Wish<QueueSpec>| queue.role == Role::DeadLetters && kind(&queue.spec) == QueueType::Quorum;
        let names: Vec<&str> = self.wanted.queues.iter().filter(quorum).map(|queue| queue.spec.name.as_str()).collect();
        let Some(first) = self.wanted.queues.iter().find(quorum) else { return };
        let place = first.place;
        for (at, pattern) in pattern::exactly(&names).into_iter().enumerate() {
            let number = if at == 0 { String::new() } else { format!("-{}", at + 1) };
            let spec = PolicySpec {
                name: format!("evbus-{}-dlq{number}", self.bus),
                pattern,
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
        for binding in &self.topology.bindings {
            let spec = binding.spec.clone();
            if !self.wanted.bindings.iter().any(|other| other.spec == spec) {
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

/// Names that two things of one topology would have, and names that no broker would take.
#[must_use]
pub fn collisions(topology: &Topology) -> Vec<Problem> {
    let (wanted, _) = expand(topology, LIMITED);
    let mut problems = Vec::new();
    let exchanges = wanted.exchanges.iter().map(|wish| (&wish.spec.name, wish.place, wish.because.as_str()));
    clashes("exchange", exchanges, &mut problems);
    let queues = wanted.queues.iter().map(|wish| (&wish.spec.name, wish.place, wish.because.as_str()));
    clashes("queue", queues, &mut problems);
    let policies = wanted.policies.iter().map(|wish| (&wish.spec.name, wish.place, wish.because.as_str()));
    clashes("policy", policies, &mut problems);
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
    for binding in wanted.bindings.iter().filter(|binding| binding.spec.key.len() > super::file::LONGEST_NAME) {
        problems.push(
            Problem::new(
                format!(
                    "the key {} has {} bytes, and the broker takes {}",
                    binding.spec.key,
                    binding.spec.key.len(),
                    super::file::LONGEST_NAME
                ),
                binding.place,
            )
            .label("its name is too long"),
        );
    }
    problems
}

fn clashes<'a>(what: &str, names: impl Iterator<Item = (&'a String, Place, &'a str)>, problems: &mut Vec<Problem>) {
    let mut seen: HashMap<&str, (Place, &str)> = HashMap::new();
    for (name, place, because) in names {
        // One name that is too long makes every name that is made from it so.
        match super::file::bad_name(&format!("a {what} that is made from it"), name, place) {
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::topology::file::File;

    fn wanted(text: &str, version: Version) -> (Wanted, Vec<Problem>) {
        let text = format!("evbus: 1\n{text}");
        let file = File::read(vec![("f".to_owned(), Path::new(""), text.into_bytes())]).expect("a right file");
        expand(&file.topology, version)
    }

    const SERVICE: &str = "events: {A: {routing_key: a.b}}\nservices: {s: {subscribes: [A, {key: \"x.#\"}, A], retry: {delays: [1s, 10s, 1s]}}}\naudit: {stream: log, keep: 30d}\n";

    fn lines(wanted: &Wanted) -> Vec<String> {
        let arguments = |table: &Table| {
            let one = |(name, field): (&String, &Field)| match field.as_int() {
                Some(number) => format!("{name}={number}"),
                None => format!("{name}={}", field.as_str().unwrap_or("?")),
            };
            table.iter().map(one).collect::<Vec<_>>().join(" ")
        };
        let exchanges = wanted.exchanges.iter().map(|wish| format!("{} {}", wish.spec.kind, wish.spec.name));
        let queues =
            wanted.queues.iter().map(|wish| format!("{}: {}", wish.spec.name, arguments(&wish.spec.arguments)));
        let bindings = wanted
            .bindings
            .iter()
            .map(|wish| format!("{} -{}-> {}", wish.spec.source, wish.spec.key, wish.spec.destination));
        let policies = wanted
            .policies
            .iter()
            .map(|wish| format!("{} {} {}", wish.spec.name, wish.spec.pattern, wish.spec.apply_to));
        exchanges.chain(queues).chain(bindings).chain(policies).collect()
    }

    #[test]
    fn a_service_becomes_a_queue_a_dlq_and_a_ladder_that_lose_nothing_between_them() {
        let (wanted, problems) = wanted(SERVICE, Version::new(4, 0, 5));
        assert!(problems.is_empty());
        assert_eq!(
            lines(&wanted),
            [
                "topic events",
                "topic events.dlx",
                "topic events.retry",
                "s.dlq: x-queue-type=quorum",
                "s.retry.1s: x-dead-letter-exchange= x-dead-letter-routing-key=s x-dead-letter-strategy=at-least-once x-message-ttl=1000 x-overflow=reject-publish x-queue-type=quorum",
                "s.retry.10s: x-dead-letter-exchange= x-dead-letter-routing-key=s x-dead-letter-strategy=at-least-once x-message-ttl=10000 x-overflow=reject-publish x-queue-type=quorum",
                "s: x-dead-letter-exchange=events.dlx x-dead-letter-routing-key=s x-dead-letter-strategy=at-least-once x-overflow=reject-publish x-queue-type=quorum",
                "log: x-max-age=30D x-queue-type=stream",
                "events.dlx -s-> s.dlq",
                "events.retry -s.1-> s.retry.1s",
                "events.retry -s.3-> s.retry.1s",
                "events.retry -s.2-> s.retry.10s",
                "events -a.b-> s",
                "events -x.#-> s",
                "events -#-> log",
                "events.dlx -#-> log",
                "events.retry -#-> log",
                "evbus-events-dlq ^s\\.dlq$ quorum_queues",
            ]
        );
    }

    #[test]
    fn the_delivery_limit_is_lifted_by_policy_and_never_before_4_0() {
        let (wanted, _) = wanted(SERVICE, Version::new(3, 13, 7));
        assert!(wanted.policies.is_empty());
        assert!(wanted.queues.iter().all(|queue| !queue.spec.arguments.contains_key("x-delivery-limit")));
    }

    #[test]
    fn a_classic_service_is_classic_throughout_and_dead_letters_at_most_once() {
        let text = "services: {s: {queue: {type: classic}, retry: {delays: [1s]}, dead_letters: {keep: 1d, max: 5, enforce: true}}}\n";
        let (wanted, _) = wanted(text, Version::new(4, 3, 0));
        let queues: Vec<String> = lines(&wanted).into_iter().filter(|line| line.contains("x-queue-type")).collect();
        assert_eq!(
            queues,
            [
                "s.dlq: x-max-length=5 x-message-ttl=86400000 x-queue-type=classic",
                "s.retry.1s: x-dead-letter-exchange= x-dead-letter-routing-key=s x-message-ttl=1000 x-queue-type=classic",
                "s: x-dead-letter-exchange=events.dlx x-dead-letter-routing-key=s x-queue-type=classic",
            ]
        );
        assert!(wanted.policies.is_empty(), "a classic queue has no delivery limit");
    }

    #[test]
    fn names_follow_the_naming_and_limits_that_are_not_enforced_stay_out_of_the_broker() {
        let text = "bus: {exchange: shop}\nnaming: {queue: \"q.{service}\", dead_letter_queue: \"{service}_error\", retry_queue: \"{queue}_wait_{delay}\", dead_letter_exchange: \"{bus}-dead\", retry_exchange: \"{bus}-again\"}\nservices: {s: {retry: {delays: [90s]}, dead_letters: {max: 5}}}\n";
        let (wanted, _) = wanted(text, Version::new(4, 3, 0));
        let names: Vec<&str> = wanted.exchanges.iter().map(|wish| wish.spec.name.as_str()).collect();
        assert_eq!(names, ["shop", "shop-dead", "shop-again"]);
        let names: Vec<&str> = wanted.queues.iter().map(|wish| wish.spec.name.as_str()).collect();
        assert_eq!(names, ["s_error", "q.s_wait_1m30s", "q.s"]);
        assert!(!wanted.queues[0].spec.arguments.contains_key("x-max-length"));
        assert_eq!(wanted.policies[0].spec.name, "evbus-shop-dlq");
    }

    #[test]
    fn a_subscription_to_an_event_that_is_not_there_is_a_problem_with_the_nearest_one() {
        let (wanted, problems) = wanted(
            "events: {QuoteCreated: {routing_key: a}}\nservices: {s: {subscribes: [QuoteCreatd]}}\n",
            Version::new(4, 3, 0),
        );
        assert_eq!(problems[0].help.as_deref(), Some("did you mean `QuoteCreated`?"));
        assert!(wanted.bindings.iter().all(|binding| binding.role != Role::Subscription));
    }

    #[test]
    fn five_thousand_services_are_laid_out_and_ordered_quickly() {
        use std::fmt::Write as _;
        let mut text = "evbus: 1\nevents:\n".to_owned();
        for n in 0..5000 {
            let _ = writeln!(text, "  Event{n}: {{ routing_key: event.n{n} }}");
        }
        text.push_str("services:\n");
        for n in 0..5000 {
            let _ = writeln!(text, "  service-{n}: {{ subscribes: [Event{n}, Event{}] }}", (n * 7) % 5000);
        }
        let started = std::time::Instant::now();
        let file = File::read(vec![("f".to_owned(), Path::new(""), text.into_bytes())]).expect("a right file");
        let (wanted, _) = expand(&file.topology, Version::new(4, 3, 0));
        let steps = crate::topology::order::order(&wanted);
        assert!(steps.len() > 5000 * 17);
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }
}
