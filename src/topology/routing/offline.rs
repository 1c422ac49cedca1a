//! Where messages would go on a broker that has what is wanted, and nothing else.

use super::{ALTERNATE_EXCHANGE, Routes};
use crate::{
    message::Table,
    topology::{
        expand::Wanted,
        spec::{ExchangeSpec, PolicySpec},
    },
    version::Version,
};

/// The exchanges that every virtual host has, by their types.
const PREDECLARED: [(&str, &str); 5] = [
    ("amq.direct", "direct"),
    ("amq.fanout", "fanout"),
    ("amq.headers", "headers"),
    ("amq.match", "headers"),
    ("amq.topic", "topic"),
];

impl Routes {
    /// The routes on a broker of that version which has what is wanted: through the exchanges that are always there too, and with
    /// the alternate exchanges that policies give. A queue that is bound and not listed is somebody else's, and is there: without it
    /// the binding could not be made. So is an exchange that is bound from; how that one decides, nobody can know.
    #[must_use]
    pub fn offline(wanted: &Wanted, version: Version) -> Routes {
        let mut routes = Routes::default().on(version);
        for (name, kind) in PREDECLARED {
            routes.exchange(&exchange(name, kind));
        }
        wanted.exchanges.iter().for_each(|exchange| routes.exchange(&exchange.spec));
        wanted.queues.iter().for_each(|queue| routes.queue(queue.spec.name.clone()));
        for binding in wanted.bindings.iter().map(|binding| &binding.spec) {
            if !routes.has_exchange(&binding.source) {
                routes.exchange(&exchange(&binding.source, ""));
            }
            if binding.is_to_queue() {
                routes.queue(binding.destination.clone());
            }
            routes.bind(binding);
        }
        let policies: Vec<&PolicySpec> = wanted.policies.iter().map(|policy| &policy.spec).collect();
        let names: Vec<String> = routes.exchanges().map(str::to_owned).collect();
        for (exchange, alternate) in alternates(&policies, &names) {
            routes.alternate(exchange, alternate);
        }
        routes
    }
}

fn exchange(name: &str, kind: &str) -> ExchangeSpec {
    let (name, kind, arguments) = (name.to_owned(), kind.to_owned(), Table::new());
    ExchangeSpec { name, kind, durable: true, auto_delete: false, internal: false, arguments }
}

/// The exchanges to which the policy in force gives an alternate one: of those that match, that of the highest priority. A pattern
/// that cannot be read here is passed over; the broker will say what it thinks of it.
fn alternates<'a>(policies: &[&'a PolicySpec], exchanges: &'a [String]) -> Vec<(&'a str, &'a str)> {
    let for_exchanges = policies.iter().filter(|policy| matches!(policy.apply_to.as_str(), "exchanges" | "all"));
    let patterns: Vec<_> =
        for_exchanges.filter_map(|policy| Some((fancy_regex::Regex::new(&policy.pattern).ok()?, *policy))).collect();
    let in_force = |exchange: &str| {
        let matching = patterns.iter().filter(|(pattern, _)| pattern.is_match(exchange).unwrap_or(false));
        matching.map(|(_, policy)| *policy).max_by_key(|policy| policy.priority)
    };
    let alternate = |exchange: &'a String| {
        Some((exchange.as_str(), in_force(exchange)?.definition.get(ALTERNATE_EXCHANGE)?.as_str()?))
    };
    exchanges.iter().filter_map(alternate).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::topology::{expand::expand, file::File};

    fn routes(text: &str) -> Routes {
        let text = format!("evbus: 1\n{text}").into_bytes();
        let file = File::read(vec![("f".to_owned(), Path::new(""), text)]).expect("a right file");
        let version = Version::new(4, 3, 0);
        Routes::offline(&expand(&file.topology, version).0, version)
    }

    fn reached(text: &str, exchange: &str, key: &str) -> Vec<String> {
        routes(text).reach(exchange, &[key], None).into_iter().map(|reached| reached.queue).collect()
    }

    #[test]
    fn a_policy_gives_an_alternate_exchange_where_an_argument_does_not() {
        let objects = "exchanges: {a: {type: direct}, b: {type: direct, alternate_exchange: g}, f: {type: fanout}, g: {type: fanout}}
queues: {q: {type: classic}, r: {type: classic}}
bindings: [{from: f, to: q}, {from: g, to: r}]
";
        let policy = |name: &str, priority: u8, apply_to: &str, to: &str| {
            format!(
                "  {name}: {{pattern: \"^[ab]$\", apply_to: {apply_to}, priority: {priority}, definition: {{{to}}}}}\n"
            )
        };
        let to_f = "alternate-exchange: f";
        let one = format!("{objects}policies:\n{}", policy("p", 1, "exchanges", to_f));
        assert_eq!(reached(&one, "a", "k"), ["q"]);
        assert_eq!(reached(&one, "b", "k"), ["r"], "an argument beats a policy");
        assert_eq!(reached(&one, "f", "k"), ["q"], "the pattern does not match it, and it needs none");
        let hidden = format!("{one}{}", policy("other", 2, "all", "alternate-exchange: g"));
        assert_eq!(reached(&hidden, "a", "k"), ["r"], "the highest priority wins");
        let queues = format!("{objects}policies:\n{}", policy("p", 1, "queues", "max-length: 5"));
        assert!(reached(&queues, "a", "k").is_empty());
    }

    #[test]
    fn exchanges_that_are_always_there_need_not_be_listed() {
        let text = "queues: {q: {type: classic}}\nbindings: [{from: amq.topic, to: q, key: \"a.*\"}]\n";
        assert_eq!(reached(text, "amq.topic", "a.b"), ["q"]);
    }

    #[test]
    fn what_others_made_is_there_where_a_binding_needs_it() {
        let text = "bus: {exchange: b}
bindings: [{from: b, to: theirs, key: k}, {from: partner, to: ours}, {from: b, to_exchange: onward, key: k}]
queues: {ours: {type: classic}}
services: {}
";
        assert_eq!(reached(text, "b", "k"), ["theirs"]);
        assert_eq!(routes(text).beyond("b", &["k"], None), ["onward"]);
        let partner = routes(text).reach("partner", &["k"], None);
        assert_eq!((partner[0].queue.as_str(), partner[0].certain), ("ours", false));
    }
}
