//! Which queues does a message reach, and through what? Answered as the broker answers it, without a broker.
//!
//! The rules are the broker's own: every exchange is passed at most once, so cycles end; an alternate exchange takes over
//! where not a single binding matched; a queue gets one copy, however many ways lead to it.

mod matching;
mod near;
mod offline;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

pub use matching::topic_matches;
use matching::{Comparison, Wants};
pub use near::Near;

use super::spec::{BindingSpec, ExchangeSpec};
use crate::{
    message::{Field, Table},
    version::Version,
};

/// The argument, and the policy key, that names where an exchange sends what it cannot route.
pub const ALTERNATE_EXCHANGE: &str = "alternate-exchange";

/// Exchanges and bindings, ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    exchanges: BTreeMap<String, Exchange>,
    queues: BTreeSet<String>,
    comparison: Comparison,
}

#[derive(Debug, Clone, Default)]
struct Exchange {
    kind: Kind,
    internal: bool,
    alternate: Option<String>,
    bindings: Vec<BindingSpec>,
    /// The bindings by their key: a bus has thousands of them.
    literal: HashMap<String, Vec<usize>>,
    /// Those with wildcards.
    patterns: Vec<usize>,
}

/// How an exchange decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    Topic,
    Direct,
    Fanout,
    Headers,
    /// A plugin's exchange decides by rules of its own: any of its bindings can be taken.
    #[default]
    Unknown,
}

/// A queue that a message reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The queue.
    pub queue: String,
    /// The ways to it, each from the exchange that was published to towards the queue.
    pub via: Vec<Vec<Hop>>,
    /// Whether it is sure to get it. `false` behind exchanges of a plugin, which choose by rules of their own.
    pub certain: bool,
}

/// One exchange on the way to a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The exchange.
    pub exchange: String,
    /// The key of the binding that led out of it; the routing key itself at the default exchange; empty for an alternate exchange.
    pub key: String,
    /// Whether it was left through its alternate exchange.
    pub alternate: bool,
    /// The arguments of that binding, where they decided: out of a headers exchange.
    pub arguments: Table,
}

impl Routes {
    /// The same routes on a broker of that version; otherwise it is of the newest one known.
    #[must_use]
    pub fn on(self, version: Version) -> Routes {
        Routes { comparison: Comparison::of(version), ..self }
    }

    /// Adds an exchange, with its alternate exchange if its arguments name one.
    pub fn exchange(&mut self, spec: &ExchangeSpec) {
        let delayed = spec.arguments.get("x-delayed-type").and_then(Field::as_str);
        let kind = if spec.kind == "x-delayed-message" { delayed.unwrap_or_default() } else { &spec.kind };
        let exchange = self.exchanges.entry(spec.name.clone()).or_default();
        exchange.kind = match kind {
            "topic" => Kind::Topic,
            "direct" => Kind::Direct,
            "fanout" => Kind::Fanout,
            "headers" => Kind::Headers,
            _ => Kind::Unknown,
        };
        exchange.internal = spec.internal;
        if let Some(alternate) = spec.arguments.get(ALTERNATE_EXCHANGE).and_then(Field::as_str) {
            exchange.alternate = Some(alternate.to_owned());
        }
    }

    /// Gives an exchange an alternate one by policy; an argument of its own stays in force, as on the broker.
    pub fn alternate(&mut self, exchange: &str, alternate: &str) {
        if let Some(exchange) = self.exchanges.get_mut(exchange) {
            exchange.alternate.get_or_insert_with(|| alternate.to_owned());
        }
    }

    /// Adds a queue.
    pub fn queue(&mut self, name: impl Into<String>) {
        self.queues.insert(name.into());
    }

    /// Adds a binding. One from or to something that was not added leads nowhere, as on the broker.
    pub fn bind(&mut self, binding: &BindingSpec) {
        if let Some(exchange) = self.exchanges.get_mut(&binding.source) {
            let at = exchange.bindings.len();
            if binding.key.split('.').any(|word| word == "*" || word == "#") {
                exchange.patterns.push(at);
            }
            exchange.literal.entry(binding.key.clone()).or_default().push(at);
            exchange.bindings.push(binding.clone());
        }
    }

    /// Whether there is such an exchange; the default exchange always is.
    #[must_use]
    pub fn has_exchange(&self, name: &str) -> bool {
        name.is_empty() || self.exchanges.contains_key(name)
    }

    /// Whether nobody but other exchanges may publish to it.
    #[must_use]
    pub fn is_internal(&self, exchange: &str) -> bool {
        self.exchanges.get(exchange).is_some_and(|exchange| exchange.internal)
    }

    /// The exchanges, by name; the default exchange is not among them.
    pub fn exchanges(&self) -> impl Iterator<Item = &str> {
        self.exchanges.keys().map(String::as_str)
    }

    /// Whether there is such a queue.
    #[must_use]
    pub fn has_queue(&self, name: &str) -> bool {
        self.queues.contains(name)
    }

    /// The queues that a message published to that exchange reaches, sorted by name. The first key is the routing key, the rest
    /// are those of its `CC` and `BCC` headers.
    #[must_use]
    pub fn reach(&self, exchange: &str, keys: &[&str], headers: Option<&Table>) -> Vec<Reached> {
        self.walk(exchange, keys, headers).0.into_values().collect()
    }

    /// The exchanges that such a message is led on to and that are not there, sorted by name.
    #[must_use]
    pub fn beyond(&self, exchange: &str, keys: &[&str], headers: Option<&Table>) -> Vec<String> {
        self.walk(exchange, keys, headers).1.into_iter().map(str::to_owned).collect()
    }

    /// The queues that are reached, by name, and the exchanges that would be if they were there.
    fn walk<'a>(
        &'a self,
        exchange: &'a str,
        keys: &[&'a str],
        headers: Option<&Table>,
    ) -> (BTreeMap<&'a str, Reached>, BTreeSet<&'a str>) {
        let (mut found, mut beyond) = (BTreeMap::new(), BTreeSet::new());
        if exchange.is_empty() {
            for key in keys.iter().copied().filter(|key| self.queues.contains(*key)) {
                arrive(&mut found, key, vec![Hop::through("", key)], true);
            }
            return (found, beyond);
        }
        let mut passed: BTreeSet<&str> = BTreeSet::from([exchange]);
        let mut next: VecDeque<(&str, Vec<Hop>, bool)> = VecDeque::from([(exchange, Vec::new(), true)]);
        while let Some((name, path, certain)) = next.pop_front() {
            let Some(here) = self.exchanges.get(name) else {
                beyond.insert(name);
                continue;
            };
            let certain = certain && here.kind != Kind::Unknown;
            let mut matched = false;
            for binding in here.taking(keys, headers, self.comparison) {
                matched = true;
                let mut path = path.clone();
                path.push(Hop { arguments: here.deciding(binding), ..Hop::through(name, &binding.key) });
                if !binding.is_to_queue() {
                    if passed.insert(&binding.destination) {
                        next.push_back((&binding.destination, path, certain));
                    }
                } else if self.queues.contains(&binding.destination) {
                    arrive(&mut found, &binding.destination, path, certain);
                }
            }
            if let (false, Some(alternate)) = (matched, &here.alternate)
                && passed.insert(alternate)
            {
                let mut path = path;
                path.push(Hop { alternate: true, ..Hop::through(name, "") });
                next.push_back((alternate, path, certain));
            }
        }
        (found, beyond)
    }
}

impl Hop {
    fn through(exchange: &str, key: &str) -> Hop {
        Hop { exchange: exchange.to_owned(), key: key.to_owned(), alternate: false, arguments: Table::new() }
    }
}

fn arrive<'a>(found: &mut BTreeMap<&'a str, Reached>, queue: &'a str, path: Vec<Hop>, certain: bool) {
    let reached =
        found.entry(queue).or_insert_with(|| Reached { queue: queue.to_owned(), via: Vec::new(), certain: false });
    reached.certain |= certain;
    if !reached.via.contains(&path) {
        reached.via.push(path);
    }
}

impl Exchange {
    /// The bindings that take a message with these keys and headers, in an order of their own: a broker lists them in any.
    fn taking(&self, keys: &[&str], headers: Option<&Table>, comparison: Comparison) -> Vec<&BindingSpec> {
        let places = self.places_taking(keys, headers, comparison);
        let mut taking: Vec<&BindingSpec> = places.into_iter().map(|at| &self.bindings[at]).collect();
        taking.sort_by(|a, b| {
            let plain = (&a.key, &a.destination, a.to_queue).cmp(&(&b.key, &b.destination, b.to_queue));
            plain.then_with(|| format!("{:?}", a.arguments).cmp(&format!("{:?}", b.arguments)))
        });
        taking
    }

    /// Where these bindings stand.
    fn places_taking(&self, keys: &[&str], headers: Option<&Table>, comparison: Comparison) -> BTreeSet<usize> {
        let literal = || keys.iter().filter_map(|key| self.literal.get(*key)).flatten().copied();
        match self.kind {
            Kind::Direct => literal().collect(),
            Kind::Topic => {
                let matching = |at: &usize| keys.iter().any(|key| topic_matches(&self.bindings[*at].key, key));
                literal().chain(self.patterns.iter().copied()).filter(matching).collect()
            }
            Kind::Headers => {
                let matching = |at: &usize| Wants::of(&self.bindings[*at].arguments).matched(headers, comparison);
                (0..self.bindings.len()).filter(matching).collect()
            }
            Kind::Fanout | Kind::Unknown => (0..self.bindings.len()).collect(),
        }
    }

    /// The arguments of a binding, if they are what decides here.
    fn deciding(&self, binding: &BindingSpec) -> Table {
        if self.kind == Kind::Headers { binding.arguments.clone() } else { Table::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(name: &str, kind: &str, alternate: Option<&str>) -> ExchangeSpec {
        let arguments = alternate.map(|name| (ALTERNATE_EXCHANGE.to_owned(), Field::text(name))).into_iter().collect();
        ExchangeSpec {
            name: name.to_owned(),
            kind: kind.to_owned(),
            durable: true,
            auto_delete: false,
            internal: false,
            arguments,
        }
    }

    pub(super) fn binding(source: &str, destination: &str, to_queue: bool, key: &str, arguments: Table) -> BindingSpec {
        BindingSpec {
            source: source.to_owned(),
            destination: destination.to_owned(),
            to_queue,
            key: key.to_owned(),
            arguments,
        }
    }

    /// `"events:topic"`, `"q"`, `"events -key-> q"`, `"events -key=> other exchange"`.
    pub(super) fn routes(lines: &[&str]) -> Routes {
        let mut routes = Routes::default();
        for line in lines {
            if let Some((source, rest)) = line.split_once(" -") {
                let (key, to) = rest.split_once("> ").expect("a binding has an arrow");
                let (key, to_queue) = (&key[..key.len() - 1], key.ends_with('-'));
                routes.bind(&binding(source, to, to_queue, key, Table::new()));
            } else if let Some((name, kind)) = line.split_once(':') {
                let (kind, alternate) =
                    kind.split_once('/').map_or((kind, None), |(kind, alternate)| (kind, Some(alternate)));
                routes.exchange(&exchange(name, kind, alternate));
            } else {
                routes.queue(*line);
            }
        }
        routes
    }

    fn queues(routes: &Routes, exchange: &str, keys: &[&str]) -> Vec<String> {
        routes.reach(exchange, keys, None).into_iter().map(|reached| reached.queue).collect()
    }

    #[test]
    fn each_kind_of_exchange_decides_by_its_own_rule() {
        let all = routes(&["q", "t:topic", "d:direct", "f:fanout", "t -a.*-> q", "d -a.*-> q", "f -whatever-> q"]);
        assert_eq!(queues(&all, "t", &["a.b"]), ["q"]);
        assert!(queues(&all, "d", &["a.b"]).is_empty(), "a wildcard means nothing to a direct exchange");
        assert_eq!(queues(&all, "f", &["x"]), ["q"]);
        assert_eq!(queues(&all, "", &["q"]), ["q"]);
        assert!(queues(&all, "nowhere", &["q"]).is_empty());
    }

    #[test]
    fn exchanges_lead_on_to_exchanges_and_cycles_end() {
        let all = routes(&["q", "a:topic", "b:topic", "a -x.#=> b", "b -#=> a", "b -x.y-> q"]);
        let reached = all.reach("a", &["x.y"], None);
        assert_eq!(reached.len(), 1);
        assert_eq!(reached[0].via, [vec![Hop::through("a", "x.#"), Hop::through("b", "x.y")]]);
    }

    #[test]
    fn an_alternate_exchange_takes_only_what_no_binding_matched() {
        let all =
            routes(&["q", "rest", "a:direct/ae", "ae:fanout", "dead:fanout", "a -k-> q", "a -e=> dead", "ae --> rest"]);
        assert_eq!(queues(&all, "a", &["k"]), ["q"]);
        assert_eq!(queues(&all, "a", &["other"]), ["rest"]);
        assert!(queues(&all, "a", &["e"]).is_empty(), "a binding that leads to a dead end has matched");
    }

    #[test]
    fn exchanges_that_are_not_there_are_named_and_lead_nowhere() {
        let all = routes(&["q", "a:topic/gone", "a -k.#=> missing", "a -k.*-> q"]);
        assert_eq!(all.beyond("a", &["k.l"], None), ["missing"]);
        assert_eq!(all.beyond("a", &["other"], None), ["gone"]);
        assert!(all.beyond("", &["q"], None).is_empty());
    }

    #[test]
    fn keys_of_cc_headers_route_like_the_key_itself_and_a_queue_gets_one_copy() {
        let all = routes(&["p", "q", "d:direct", "d -a-> p", "d -b-> p", "d -c-> q"]);
        let reached = all.reach("d", &["a", "b", "c"], None);
        assert_eq!(reached.iter().map(|r| (r.queue.as_str(), r.via.len())).collect::<Vec<_>>(), [("p", 2), ("q", 1)]);
    }

    #[test]
    fn the_order_of_bindings_means_nothing() {
        let lines = ["q", "t:topic", "u:topic", "t -a.*-> q", "t -a.b-> q", "t -#=> u", "t -a.#=> u", "u -#-> q"];
        let mut turned = lines;
        turned[3..].reverse();
        assert_eq!(routes(&lines).reach("t", &["a.b"], None), routes(&turned).reach("t", &["a.b"], None));
    }

    #[test]
    fn an_exchange_of_a_plugin_may_choose_any_of_its_bindings() {
        let all = routes(&["q", "h:x-consistent-hash", "h -1-> q"]);
        assert!(!all.reach("h", &["k"], None)[0].certain);
    }
}
