//! What do the dead letters of a queue need to arrive, as arguments and policies say on a broker?

use std::collections::{HashMap, HashSet};

use super::{Observed, identity};
use crate::{
    message::Field,
    topology::{
        argument::QueueType,
        expand::kind,
        order::dead_letters,
        owned::Id,
        policies::{InForce, Target},
        routing::{ALTERNATE_EXCHANGE, topic_matches},
        spec::{BindingSpec, ExchangeSpec, PolicySpec, QueueSpec},
    },
};

/// The ways of dead letters on a broker.
pub(super) struct Ways<'a> {
    observed: &'a Observed,
    policies: InForce<'a>,
    /// Bindings by the exchange they lead from.
    out: HashMap<&'a str, Vec<&'a BindingSpec>>,
}

/// What dead letters pass.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// Exchanges, bindings and queues.
    pub passed: HashSet<Id>,
    /// Whether it ends in a queue.
    pub arrives: bool,
}

impl<'a> Ways<'a> {
    pub(super) fn of(observed: &'a Observed) -> Ways<'a> {
        let mut out: HashMap<&str, Vec<&BindingSpec>> = HashMap::new();
        for binding in observed.bindings.values() {
            out.entry(&binding.source).or_default().push(binding);
        }
        Ways { observed, policies: InForce::of(observed.policies.values()), out }
    }

    /// The policy in force on a queue.
    pub(super) fn policy(&self, queue: &QueueSpec) -> Option<&'a PolicySpec> {
        self.policies.on(&Target { name: &queue.name, queue: Some(kind(queue)) })
    }

    /// Where the dead letters of a queue go: its arguments say so, or the policy in force.
    pub(super) fn letters(&self, queue: &'a QueueSpec) -> Option<(&'a str, Option<&'a str>)> {
        let policy = self.policy(queue);
        let said = |key: &str| policy.and_then(|policy| policy.definition.get(key)).and_then(|value| value.as_str());
        let (exchange, key) = match dead_letters(&queue.arguments) {
            Some((exchange, key)) => (exchange, key),
            None => (said("dead-letter-exchange")?, None),
        };
        Some((exchange, key.or_else(|| said("dead-letter-routing-key"))))
    }

    /// The policy in force on an exchange.
    pub(super) fn policy_on_exchange(&self, exchange: &str) -> Option<&'a PolicySpec> {
        self.policies.on(&Target { name: exchange, queue: None })
    }

    /// Whether the broker keeps dead letters of a queue until their targets have confirmed them.
    pub(super) fn is_at_least_once(&self, queue: &QueueSpec) -> bool {
        let own = queue.arguments.get("x-dead-letter-strategy").and_then(Field::as_str);
        let of_policy = || self.policy(queue)?.definition.get("dead-letter-strategy")?.as_str();
        kind(queue) == QueueType::Quorum && own.or_else(of_policy) == Some("at-least-once")
    }

    /// The exchange that takes what another one cannot route.
    pub(super) fn alternate(&self, exchange: &'a ExchangeSpec) -> Option<&'a str> {
        let own = exchange.arguments.get(ALTERNATE_EXCHANGE).and_then(Field::as_str);
        own.or_else(|| {
            let policy = self.policy_on_exchange(&exchange.name)?;
            policy.definition.get(ALTERNATE_EXCHANGE)?.as_str()
        })
    }

    /// The exchanges that lead to one what they cannot route.
    pub(super) fn leading_to(&self, alternate: &str) -> impl Iterator<Item = &'a str> {
        let leads = move |exchange: &&ExchangeSpec| self.alternate(exchange) == Some(alternate);
        self.observed.exchanges.values().filter(leads).map(|exchange| exchange.name.as_str())
    }

    /// What the dead letters of a queue may pass, but for what is left out. Where no key is set they keep their own, which nobody
    /// knows: every binding may be on their way then.
    pub(super) fn of_letters(&self, queue: &'a QueueSpec, without: impl Fn(&Id) -> bool) -> Way {
        let mut way = Way::default();
        match self.letters(queue) {
            None => (),
            Some(("", key)) => {
                let id = format!("queue {}", key.unwrap_or(&queue.name));
                way.arrives = !without(&id);
                way.passed.insert(id);
            }
            Some((exchange, key)) => self.pass(exchange, key, &without, &mut way),
        }
        way
    }

    fn pass(&self, exchange: &'a str, key: Option<&str>, without: &impl Fn(&Id) -> bool, way: &mut Way) {
        let id = format!("exchange {exchange}");
        let Some(found) = self.observed.exchanges.get(exchange).filter(|_| !without(&id)) else { return };
        if !way.passed.insert(id) {
            return;
        }
        for binding in self.out.get(exchange).map_or(&[][..], Vec::as_slice) {
            let id = format!("binding {}", identity(binding));
            if !may_take(&found.kind, &binding.key, key) || without(&id) {
                continue;
            }
            if binding.is_to_queue() {
                let queue = format!("queue {}", binding.destination);
                if !without(&queue) {
                    way.passed.extend([id, queue]);
                    way.arrives = true;
                }
            } else {
                way.passed.insert(id);
                self.pass(&binding.destination, key, without, way);
            }
        }
        if let Some(alternate) = self.alternate(found) {
            self.pass(alternate, key, without, way);
        }
    }
}

/// Whether a binding may take a message: certainly not only where a key says so.
pub(super) fn may_take(kind: &str, pattern: &str, key: Option<&str>) -> bool {
    match (kind, key) {
        ("direct", Some(key)) => pattern == key,
        ("topic", Some(key)) => topic_matches(pattern, key),
        _ => true,
    }
}
