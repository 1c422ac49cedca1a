//! What the rules look at: the objects of a virtual host, and what follows for each queue — the policies that match it, where its
//! dead letters go, and what it is for.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use super::keys::{Keys, example, has_wildcard};
use crate::{
    message::Field,
    topology::{
        argument::QueueType,
        expand::Role,
        objects::{Item, Objects, Teller, is_given},
        policy,
        routing::{Reached, Routes},
        spec::{BindingSpec, ExchangeSpec, PolicySpec, QueueSpec},
    },
    version::Version,
};

/// Objects, and what follows from them.
pub(super) struct Subject<'a> {
    pub(super) objects: &'a Objects,
    pub(super) version: Version,
    pub(super) routes: Routes,
    pub(super) queues: Vec<View<'a>>,
    pub(super) exchanges: HashMap<&'a str, &'a Item<ExchangeSpec>>,
    /// What each queue is for.
    parts: HashMap<&'a str, Part>,
    /// The bindings that lead out of an exchange.
    out_of: HashMap<&'a str, Vec<&'a Item<BindingSpec>>>,
    /// The keys that it is bound with: those without wildcards in order, and the others.
    keys: HashMap<&'a str, Keys<'a>>,
    /// The bindings that lead into a queue.
    into: HashMap<&'a str, Vec<&'a Item<BindingSpec>>>,
}

/// A queue as the rules see it.
pub(super) struct View<'a> {
    pub(super) item: &'a Item<QueueSpec>,
    pub(super) kind: QueueType,
    /// The policies that match it. The first is in force, if none of its keys makes the broker pass it over.
    pub(super) policies: Vec<&'a Item<PolicySpec>>,
    pub(super) letters: Option<Letters<'a>>,
    pub(super) part: Part,
    /// Whether the dead letters of another queue reach it.
    pub(super) is_fed: bool,
}

/// Where the dead letters of a queue go.
pub(super) struct Letters<'a> {
    pub(super) exchange: &'a str,
    pub(super) key: Option<&'a str>,
    /// The policy that says so, where no argument does.
    pub(super) policy: Option<&'a Item<PolicySpec>>,
    /// The queues they arrive in, by name. Queues whose letters go the same way share one list: it can be as long as theirs.
    pub(super) reached: Rc<Vec<Reached>>,
}

impl Letters<'_> {
    /// Whether they arrive in that queue.
    pub(super) fn reaches(&self, queue: &str) -> bool {
        self.reached.binary_search_by(|reached| reached.queue.as_str().cmp(queue)).is_ok()
    }
}

/// What a queue is for, as its name and the ways to it tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Somebody works on what is in it.
    Work,
    /// It keeps what has failed.
    Dead,
    /// What is in it waits for its next try.
    Wait,
    /// A log.
    Stream,
}

impl<'a> Subject<'a> {
    pub(super) fn new(objects: &'a Objects, version: Version) -> Subject<'a> {
        let mut subject = Subject {
            objects,
            version,
            routes: objects.routes(),
            queues: Vec::new(),
            exchanges: objects.exchanges.iter().map(|item| (item.spec.name.as_str(), item)).collect(),
            parts: HashMap::new(),
            out_of: HashMap::new(),
            keys: HashMap::new(),
            into: HashMap::new(),
        };
        for binding in &objects.bindings {
            subject.out_of.entry(&binding.spec.source).or_default().push(binding);
            let keys = subject.keys.entry(&binding.spec.source).or_default();
            keys.add(&binding.spec.key);
            if binding.spec.is_to_queue() {
                subject.into.entry(&binding.spec.destination).or_default().push(binding);
            }
        }
        let patterns = Patterns::of(objects);
        for item in &objects.queues {
            subject.queues.push(View::new(item, &patterns));
        }
        subject.follow();
        subject.assign();
        subject
    }

    /// Whether what is not told of may be there all the same.
    pub(super) fn is_partial(&self) -> bool {
        self.objects.teller != Teller::Broker
    }

    /// How to say that something is not there.
    pub(super) fn missing(&self) -> &'static str {
        if self.is_partial() { "which this file does not declare" } else { "which does not exist" }
    }

    pub(super) fn out_of(&self, exchange: &str) -> &[&'a Item<BindingSpec>] {
        self.out_of.get(exchange).map_or(&[], Vec::as_slice)
    }

    pub(super) fn bound_to(&self, queue: &str) -> &[&'a Item<BindingSpec>] {
        self.into.get(queue).map_or(&[], Vec::as_slice)
    }

    /// What a queue is for.
    pub(super) fn part(&self, queue: &str) -> Option<Part> {
        self.parts.get(queue).copied()
    }

    /// The type of an exchange.
    pub(super) fn exchange_type(&self, name: &str) -> &str {
        match (self.exchanges.get(name), name) {
            (Some(exchange), _) => &exchange.spec.kind,
            (None, "amq.topic" | "amq.rabbitmq.trace" | "amq.rabbitmq.log") => "topic",
            (None, "amq.direct") => "direct",
            (None, "amq.fanout") => "fanout",
            (None, "amq.headers" | "amq.match") => "headers",
            _ => "",
        }
    }

    /// Fills in where dead letters arrive.
    fn follow(&mut self) {
        // Who shares a way: the first of them, and whether there are more.
        type Way<'a> = (&'a str, Vec<&'a str>);
        let mut ways: HashMap<Way<'a>, (Rc<Vec<Reached>>, &'a str, bool)> = HashMap::new();
        for at in 0..self.queues.len() {
            let view = &self.queues[at];
            let own = view.item.spec.name.as_str();
            let Some(letters) = &view.letters else { continue };
            let (exchange, key) = (letters.exchange, letters.key);
            let mut keys = key.map_or_else(|| self.keys_into(own), |key| vec![key]);
            keys.sort_unstable();
            keys.dedup();
            let way = (exchange, keys);
            let reached = match ways.get_mut(&way) {
                Some((reached, _, shared)) => {
                    *shared = true;
                    Rc::clone(reached)
                }
                None => {
                    // A key that is set is no pattern, whatever is in it.
                    let mut reached = match key {
                        Some(key) => self.routes.reach(exchange, &[key], None),
                        None => way.1.iter().flat_map(|key| self.reach(exchange, key)).collect(),
                    };
                    merge(&mut reached);
                    let reached = Rc::new(reached);
                    ways.insert(way, (Rc::clone(&reached), own, false));
                    reached
                }
            };
            if let Some(letters) = &mut self.queues[at].letters {
                letters.reached = reached;
            }
        }
        let mut fed: HashSet<&str> = HashSet::new();
        for (reached, first, shared) in ways.values() {
            let names = reached.iter().map(|reached| reached.queue.as_str());
            fed.extend(names.filter(|name| *shared || name != first));
        }
        for view in &mut self.queues {
            view.is_fed = fed.contains(view.item.spec.name.as_str());
        }
    }

    /// Says what each queue is for.
    fn assign(&mut self) {
        let catching: HashSet<&str> =
            self.queues.iter().filter_map(|view| Some(view.letters.as_ref()?.exchange)).collect();
        let ahead: HashMap<&str, &Letters<'_>> = self
            .queues
            .iter()
            .filter_map(|view| Some((view.item.spec.name.as_str(), view.letters.as_ref()?)))
            .collect();
        // A ring that is meant goes through few queues.
        let comes_back = |name: &str| {
            let mut next = ahead.get(name).into_iter().flat_map(|letters| letters.reached.iter().take(RING));
            next.any(|next| next.queue != name && ahead.get(next.queue.as_str()).is_some_and(|it| it.reaches(name)))
        };
        let parts: Vec<Part> = self
            .queues
            .iter()
            .map(|view| {
                let name = view.item.spec.name.as_str();
                let waits = view.limit("message-ttl").is_some() && view.letters.is_some();
                let only_caught = !self.bound_to(name).is_empty()
                    && self.bound_to(name).iter().all(|binding| catching.contains(binding.spec.source.as_str()));
                match view.item.role {
                    Some(Role::DeadLetters) => Part::Dead,
                    Some(Role::Retry) => Part::Wait,
                    Some(Role::Work) => Part::Work,
                    _ if view.kind == QueueType::Stream => Part::Stream,
                    _ if says(name, &["dlq", "dead", "deadletter", "deadletters"]) => Part::Dead,
                    _ if waits
                        && (says(name, &["retry", "retries", "wait", "delay", "delayed"]) || comes_back(name)) =>
                    {
                        Part::Wait
                    }
                    _ if view.is_fed && view.letters.is_none() && only_caught => Part::Dead,
                    _ => Part::Work,
                }
            })
            .collect();
        for (view, part) in self.queues.iter_mut().zip(parts) {
            view.part = part;
            self.parts.insert(&view.item.spec.name, part);
        }
    }

    /// The keys with which messages come into a queue: its own name, those it is bound with, or any.
    fn keys_into(&self, queue: &'a str) -> Vec<&'a str> {
        let bound = self.bound_to(queue);
        if bound.is_empty() {
            return vec![queue];
        }
        let key = |binding: &&'a Item<BindingSpec>| match self.exchange_type(&binding.spec.source) {
            "topic" | "direct" => binding.spec.key.as_str(),
            // Such an exchange takes no account of the key.
            _ => "#",
        };
        bound.iter().map(key).collect()
    }

    /// The queues that a key, or one of the keys that a pattern stands for, reaches.
    fn reach(&self, exchange: &str, key: &str) -> Vec<Reached> {
        let mut queues = self.routes.reach(exchange, &[key], None);
        if !has_wildcard(key) {
            return queues;
        }
        // A pattern of inbound keys stands for keys that nobody wrote down: those that the exchange is bound with are tried.
        for bound in self.keys.get(exchange).into_iter().flat_map(|keys| keys.near(key)) {
            queues.extend(self.routes.reach(exchange, &[&example(bound)], None));
        }
        queues
    }
}

/// Through how many queues a ring is looked for.
const RING: usize = 100;

impl<'a> View<'a> {
    fn new(item: &'a Item<QueueSpec>, patterns: &Patterns<'a>) -> View<'a> {
        let kind = item.queue_type();
        let policies = patterns.matching(&item.spec.name, kind);
        let mut view = View { item, kind, policies, letters: None, part: Part::Work, is_fed: false };
        view.letters = view.dead_letters();
        view
    }

    /// The policy in force.
    pub(super) fn policy(&self) -> Option<&'a Item<PolicySpec>> {
        self.policies.first().copied().filter(|policy| applies(policy, self.kind))
    }

    fn dead_letters(&self) -> Option<Letters<'a>> {
        let policy = self.policy();
        let own = |key: &str| self.item.spec.arguments.get(&format!("x-{key}")).and_then(Field::as_str);
        let set =
            |key: &str| policy.and_then(|policy| policy.spec.definition.get(key)).and_then(|value| value.as_str());
        let (exchange, key) = ("dead-letter-exchange", "dead-letter-routing-key");
        Some(Letters {
            exchange: own(exchange).or_else(|| set(exchange))?,
            key: own(key).or_else(|| set(key)),
            policy: policy.filter(|_| own(exchange).is_none()),
            reached: Rc::default(),
        })
    }

    /// A number that limits the queue, by argument or policy: the smaller one holds.
    pub(super) fn limit(&self, key: &str) -> Option<i64> {
        let own = self.item.spec.arguments.get(&format!("x-{key}")).and_then(Field::as_int);
        let set = self.policy().and_then(|policy| policy.spec.definition.get(key)).and_then(serde_json::Value::as_i64);
        own.into_iter().chain(set).min()
    }

    /// What happens when it is full. Broker fact: on classic queues the argument beats the policy, on quorum queues it is beaten.
    pub(super) fn overflow(&self) -> &'a str {
        let own = self.item.spec.arguments.get("x-overflow").and_then(Field::as_str);
        let set = self.policy().and_then(|policy| policy.spec.definition.get("overflow")).and_then(|it| it.as_str());
        let (first, second) = if self.kind == QueueType::Quorum { (set, own) } else { (own, set) };
        first.or(second).unwrap_or("drop-head")
    }

    /// Where what limits it is said: its argument, or the queue itself.
    pub(super) fn place_of(&self, key: &str) -> Option<crate::topology::place::Place> {
        self.item.part(&format!("x-{key}"))
    }

    /// Whether it is one program's own for as long as that runs.
    pub(super) fn is_fleeting(&self) -> bool {
        self.item.spec.exclusive || is_given(&self.item.spec.name)
    }
}

/// Tells each queue once, with all the ways to it.
fn merge(reached: &mut Vec<Reached>) {
    reached.sort_by(|a, b| a.queue.cmp(&b.queue));
    reached.dedup_by(|again, first| {
        let same = again.queue == first.queue;
        if same {
            first.via.append(&mut again.via);
        }
        same
    });
}

/// Whether a policy is not passed over on queues of that type.
pub(super) fn applies(item: &Item<PolicySpec>, kind: QueueType) -> bool {
    !item.spec.definition.keys().any(|key| policy::is_passed_over(key, kind))
}

/// The policies whose patterns can be read. What the broker thinks of another, a rule says.
struct Patterns<'a>(Vec<(fancy_regex::Regex, &'a Item<PolicySpec>)>);

impl<'a> Patterns<'a> {
    fn of(objects: &'a Objects) -> Patterns<'a> {
        let read = |item: &'a Item<PolicySpec>| Some((fancy_regex::Regex::new(&item.spec.pattern).ok()?, item));
        Patterns(objects.policies.iter().filter_map(read).collect())
    }

    fn matching(&self, queue: &str, kind: QueueType) -> Vec<&'a Item<PolicySpec>> {
        let meant = self.0.iter().filter(|(_, item)| policy::is_for(&item.spec.apply_to, kind));
        let matching = meant.filter(|(pattern, _)| pattern.is_match(queue).unwrap_or(false));
        let mut found: Vec<&Item<PolicySpec>> = matching.map(|(_, item)| *item).collect();
        found.sort_by_key(|item| (!applies(item, kind), std::cmp::Reverse(item.spec.priority)));
        found
    }
}

/// Whether one of the words of a name is one of these.
pub(super) fn says(name: &str, words: &[&str]) -> bool {
    let name = name.to_lowercase();
    let mut parts = name.split(|c: char| !c.is_alphanumeric());
    parts.any(|part| words.contains(&part))
}

/// A list of names that stays readable however long it is.
pub(super) fn some(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    match names {
        [one] => (*one).to_owned(),
        [.., last] if names.len() <= SHOWN => format!("{} and {last}", names[..names.len() - 1].join(", ")),
        _ => format!("{} and {} more", names[..SHOWN.min(names.len())].join(", "), names.len().saturating_sub(SHOWN)),
    }
}
