//! Which queues of a broker are what a service would become?
//!
//! A guess is made from names and arguments, written down as a service, read and expanded again: only what then comes to the very
//! objects that the broker has is a service.

use std::collections::{BTreeMap, HashMap};

use fancy_regex::Regex;

use super::{
    document::{Entry, Node},
    idle::Idle,
    raw::{keyed, kind, of_queue},
    understood,
};
use crate::{
    duration,
    message::{Field, Table},
    topology::{
        argument::{self, QueueType},
        diff::Observed,
        file::{Naming, is_for_work_queues},
        spec::{BindingSpec, ExchangeSpec, QueueSpec},
    },
    version::Version,
};

/// A bus with its services, and what they stand for.
pub(super) struct Bus {
    /// The sections that say them.
    pub(super) entries: Vec<Entry>,
    /// What these become.
    pub(super) objects: Observed,
    /// How many services there are.
    pub(super) services: usize,
    /// How many more there would be if the policy of their dead letter queues were as it is made for services.
    pub(super) uncovered: usize,
}

/// The bus of a broker with the services on it: the one with the most, if there are several.
///
/// # Errors
/// Why there is none.
pub(super) fn find(observed: &Observed, version: Version, idle: &Idle<'_>) -> Result<Bus, &'static str> {
    let index = Index::of(observed);
    let mut best: Option<Bus> = None;
    let mut why = "no queue here has exactly the shape of one";
    for bus in observed.exchanges.keys() {
        let Some(parts) = Parts::of(bus, &index) else { continue };
        let mut services = parts.services(version, idle);
        if services.is_empty() || best.as_ref().is_some_and(|best| best.services >= services.len()) {
            continue;
        }
        let all = services.len();
        let found = parts.bus(&services, version).or_else(|| {
            // Services that left their file and are still there have no part in its policy.
            services.retain(|service| parts.is_covered(service));
            let bus = parts.bus(&services, version)?;
            Some(Bus { uncovered: all - services.len(), ..bus })
        });
        match found {
            Some(bus) if best.as_ref().is_none_or(|best| best.services < bus.services) => best = Some(bus),
            Some(_) => (),
            None => {
                why = "the policy that apply would make for their dead letter queues is not there, or is another one";
            }
        }
    }
    best.ok_or(why)
}

/// What a broker has, found by where it leads.
struct Index<'a> {
    observed: &'a Observed,
    from: HashMap<&'a str, Vec<&'a BindingSpec>>,
}

impl<'a> Index<'a> {
    fn of(observed: &'a Observed) -> Index<'a> {
        let mut from: HashMap<&str, Vec<&BindingSpec>> = HashMap::new();
        for binding in observed.bindings() {
            if binding.to_queue && binding.arguments.is_empty() {
                from.entry(&binding.source).or_default().push(binding);
            }
        }
        Index { observed, from }
    }
}

/// A bus and its two exchanges, as the naming has them that every file has which says nothing else.
struct Parts<'a> {
    bus: &'a str,
    dead: String,
    observed: &'a Observed,
    /// The keys with which each queue is bound to the bus.
    subscribes: HashMap<&'a str, Vec<&'a str>>,
    /// Where the retry exchange leads each key.
    retries: HashMap<&'a str, &'a str>,
}

/// A service as it would be written: what its ladder is, and the rest.
struct Found {
    name: String,
    ladder: Node,
    rest: Vec<Entry>,
}

impl<'a> Parts<'a> {
    fn of(bus: &'a str, index: &Index<'a>) -> Option<Parts<'a>> {
        let naming = Naming::default();
        let [dead, retry] =
            [naming.dead_letter_exchange, naming.retry_exchange].map(|pattern| pattern.replace("{bus}", bus));
        let exchange = |name: &str| index.observed.exchanges.get(name);
        let plain = |spec: &ExchangeSpec| spec.arguments.is_empty() && is_topic(spec);
        if !is_topic(exchange(bus)?) || !plain(exchange(&dead)?) || !plain(exchange(&retry)?) {
            return None;
        }
        let from = |name: &str| index.from.get(name).map_or(&[][..], Vec::as_slice);
        let mut subscribes: HashMap<&str, Vec<&str>> = HashMap::new();
        for binding in from(bus) {
            subscribes.entry(&binding.destination).or_default().push(&binding.key);
        }
        let retries = from(&retry).iter().map(|binding| (binding.key.as_str(), binding.destination.as_str())).collect();
        Some(Parts { bus, dead, observed: index.observed, subscribes, retries })
    }

    /// The services, each of which alone becomes what the broker has.
    fn services(&self, version: Version, idle: &Idle<'_>) -> Vec<Found> {
        let found = self.observed.queues.values().filter_map(|queue| self.guess(queue, idle));
        found.filter(|service| self.is_exact(service, version)).collect()
    }

    fn guess(&self, queue: &QueueSpec, idle: &Idle<'_>) -> Option<Found> {
        let said = |name: &str| queue.arguments.get(name).and_then(Field::as_str);
        if said("x-dead-letter-exchange")? != self.dead || said("x-dead-letter-routing-key")? != queue.name {
            return None;
        }
        let mut own = Vec::new();
        if kind(queue)? == QueueType::Classic {
            own.push(Entry::new("type", Node::text("classic")));
        }
        let decided = |name: &str| argument::named(name).is_some_and(|known| !is_for_work_queues(known));
        own.extend(of_queue(&queue.arguments, |name| !decided(name), idle));
        let mut keys = self.subscribes.get(queue.name.as_str()).cloned().unwrap_or_default();
        keys.sort_unstable();
        let keys: Vec<Node> = keys.into_iter().map(|key| Node::Map(vec![Entry::new("key", Node::text(key))])).collect();
        let mut rest = Vec::new();
        rest.extend((!keys.is_empty()).then(|| Entry::new("subscribes", Node::List(keys))));
        rest.extend((!own.is_empty()).then(|| Entry::new("queue", Node::Map(own))));
        let dead = dead_letter_queue(&queue.name);
        rest.extend(enforced(&self.observed.queues.get(&dead)?.arguments));
        Some(Found { name: queue.name.clone(), ladder: self.ladder(&queue.name)?, rest })
    }

    /// The delays of a queue's retries, one by one.
    fn ladder(&self, queue: &str) -> Option<Node> {
        let rungs = (1..).map_while(|attempt| self.retries.get(format!("{queue}.{attempt}").as_str()));
        let delay = |rung: &str| {
            let wait = self.observed.queues.get(rung)?.arguments.get("x-message-ttl")?.as_int()?;
            Some(Node::text(duration::words(std::time::Duration::from_millis(u64::try_from(wait).ok()?))))
        };
        let delays = rungs.map(|rung| delay(rung)).collect::<Option<Vec<_>>>()?;
        if delays.is_empty() {
            return Some(Node::text("none"));
        }
        Some(Node::Map(vec![Entry::new("delays", Node::List(delays))]))
    }

    fn is_exact(&self, service: &Found, version: Version) -> bool {
        let written = written(service, None);
        let alone = [self.named(), Entry::section("services", Node::Map(vec![written]))];
        self.becomes(&alone, version).is_some_and(|mut objects| {
            // The policy is one for all of them.
            objects.policies.clear();
            self.observed.includes(&objects)
        })
    }

    /// Whether the policy that lifts the delivery limit of the bus's dead letter queues is for that of this service too.
    fn is_covered(&self, service: &Found) -> bool {
        let queue = dead_letter_queue(&service.name);
        let ours = format!("evbus-{}-dlq", self.bus);
        let policies = self.observed.policies.values().filter(|policy| policy.name.starts_with(&ours));
        let mut patterns = policies.filter_map(|policy| Regex::new(&policy.pattern).ok());
        self.observed.queues.get(&queue).and_then(kind) != Some(QueueType::Quorum)
            || patterns.any(|pattern| pattern.is_match(&queue).unwrap_or(false))
    }

    fn named(&self) -> Entry {
        Entry::new("bus", Node::Map(vec![Entry::new("exchange", Node::text(self.bus))]))
    }

    /// What sections become, without the bus itself if it has to be listed: then it is what it is listed as.
    fn becomes(&self, entries: &[Entry], version: Version) -> Option<Observed> {
        let mut objects = understood(entries, version).ok()?;
        if self.observed.exchanges.get(self.bus).is_some_and(|bus| !bus.arguments.is_empty()) {
            objects.exchanges.remove(self.bus);
        }
        Some(objects)
    }

    fn bus(&self, services: &[Found], version: Version) -> Option<Bus> {
        if services.is_empty() {
            return None;
        }
        let common = common(services);
        let map = services.iter().map(|service| written(service, common)).collect();
        let mut entries = vec![self.named()];
        if let Some(common) = common {
            entries.push(Entry::new("defaults", Node::Map(vec![Entry::new("retry", common.clone())])));
        }
        entries.push(Entry::section("services", Node::Map(map)));
        let exact =
            |entries: &[Entry]| self.becomes(entries, version).filter(|objects| self.observed.includes(objects));
        for audit in self.streams() {
            let with: Vec<Entry> = entries.iter().cloned().chain([audit]).collect();
            if let Some(objects) = exact(&with) {
                return Some(Bus { entries: with, objects, services: services.len(), uncovered: 0 });
            }
        }
        let objects = exact(&entries)?;
        Some(Bus { entries, objects, services: services.len(), uncovered: 0 })
    }

    /// Streams that hear every event, each as the audit stream it would be.
    fn streams(&self) -> Vec<Entry> {
        let hears = |queue: &&QueueSpec| {
            let keys = self.subscribes.get(queue.name.as_str());
            kind(queue) == Some(QueueType::Stream) && keys.is_some_and(|keys| keys.contains(&"#"))
        };
        let streams = self.observed.queues.values().filter(hears);
        streams.filter_map(|stream| Some(Entry::new("audit", Node::Map(audit(stream)?)))).collect()
    }
}

fn dead_letter_queue(queue: &str) -> String {
    Naming::default().dead_letter_queue.replace("{queue}", queue)
}

fn is_topic(spec: &ExchangeSpec) -> bool {
    spec.kind == "topic" && spec.durable && !spec.internal && !spec.auto_delete
}

/// The ladder that most services have, if more than one has it.
fn common(services: &[Found]) -> Option<&Node> {
    let mut counts: BTreeMap<String, (usize, &Node)> = BTreeMap::new();
    for service in services {
        counts.entry(format!("{:?}", service.ladder)).or_insert((0, &service.ladder)).0 += 1;
    }
    counts.into_values().max_by_key(|(count, _)| *count).filter(|(count, _)| *count > 1).map(|(_, ladder)| ladder)
}

fn written(service: &Found, common: Option<&Node>) -> Entry {
    let mut entries = service.rest.clone();
    if common != Some(&service.ladder) {
        entries.push(Entry::new("retry", service.ladder.clone()));
    }
    Entry::new(&service.name, Node::Map(entries))
}

/// The limits of a dead letter queue, which its service says.
fn enforced(arguments: &Table) -> Option<Entry> {
    let limit = |name: &str| keyed(argument::named(name)?, arguments.get(name)?);
    let limits = [("keep", "x-message-ttl"), ("max", "x-max-length")];
    let mut entries: Vec<Entry> =
        limits.into_iter().filter_map(|(key, name)| Some(Entry::new(key, limit(name)?))).collect();
    if entries.is_empty() {
        return None;
    }
    entries.push(Entry::new("enforce", Node::Flag(true)));
    Some(Entry::new("dead_letters", Node::Map(entries)))
}

fn audit(stream: &QueueSpec) -> Option<Vec<Entry>> {
    let mut entries = vec![Entry::new("stream", Node::text(&stream.name))];
    for (name, field) in stream.arguments.iter().filter(|(name, _)| *name != QueueType::ARGUMENT) {
        let known = argument::named(name)?;
        let key = if known.key == "max_age" { "keep" } else { known.key };
        entries.push(Entry::new(key, keyed(known, field)?));
    }
    Some(entries)
}
