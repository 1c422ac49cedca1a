//! The objects of one virtual host, whoever tells of them: a topology file that was laid out, a definitions file, or a broker.

use std::collections::BTreeMap;

use super::{
    argument::QueueType,
    diff::Observed,
    expand::{self, Role, Wanted, Wish},
    file::{Argument, Binding, Topology},
    order::Object,
    place::Place,
    routing::{ALTERNATE_EXCHANGE, Routes},
    spec::{BindingSpec, ExchangeSpec, PolicySpec, QueueSpec},
};
use crate::message::Table;

/// Who tells of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Teller {
    /// A topology file: what it does not say, somebody else may have made.
    #[default]
    Topology,
    /// A definitions file: what it does not say is not there when it is imported.
    Definitions,
    /// A broker: what it does not say is not there.
    Broker,
}

/// The objects of one virtual host.
#[derive(Debug, Clone, Default)]
pub struct Objects {
    /// Who tells of them.
    pub teller: Teller,
    /// The virtual host, where it is known.
    pub vhost: Option<String>,
    /// Exchanges, without those that every virtual host has.
    pub exchanges: Vec<Item<ExchangeSpec>>,
    /// Queues.
    pub queues: Vec<Item<QueueSpec>>,
    /// Bindings, without those that every queue has to the default exchange.
    pub bindings: Vec<Item<BindingSpec>>,
    /// Policies.
    pub policies: Vec<Item<PolicySpec>>,
}

/// An object, and where it stands.
#[derive(Debug, Clone)]
pub struct Item<S> {
    /// What it is.
    pub spec: S,
    /// `queue`, `exchange`, `binding` or `policy`.
    pub kind: &'static str,
    /// Its name; a binding's says from where, with which key, to where.
    pub name: String,
    /// Where it stands, if in a file.
    pub place: Option<Place>,
    /// Where its arguments stand, the keys of its definition, its pattern, its routing key.
    pub parts: BTreeMap<String, Place>,
    /// What evbus lays it out for. What is merely listed has none, like everything in definitions and on a broker.
    pub role: Option<Role>,
}

impl<S> Item<S> {
    /// Where a part of it stands; else where it stands itself.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<Place> {
        self.parts.get(name).copied().or(self.place)
    }

    fn placed(mut self, place: Option<Place>, parts: BTreeMap<String, Place>) -> Item<S> {
        self.place = place;
        self.parts = parts;
        self
    }

    fn of_wish(wish: &Wish<S>, item: Item<S>) -> Item<S> {
        Item { role: (wish.role != Role::Listed).then_some(wish.role), place: Some(wish.place), ..item }
    }
}

macro_rules! item_of {
    ($spec:ident, $object:ident) => {
        impl From<$spec> for Item<$spec> {
            fn from(spec: $spec) -> Item<$spec> {
                let object = Object::$object(spec.clone());
                Item { spec, kind: object.kind(), name: object.name(), place: None, parts: BTreeMap::new(), role: None }
            }
        }
    };
}

item_of!(ExchangeSpec, Exchange);
item_of!(QueueSpec, Queue);
item_of!(BindingSpec, Binding);
item_of!(PolicySpec, Policy);

impl Item<QueueSpec> {
    /// Its type.
    #[must_use]
    pub fn queue_type(&self) -> QueueType {
        expand::kind(&self.spec)
    }
}

/// The exchanges that every virtual host has, and their types.
const GIVEN: [(&str, &str); 7] = [
    ("amq.direct", "direct"),
    ("amq.fanout", "fanout"),
    ("amq.headers", "headers"),
    ("amq.match", "headers"),
    ("amq.topic", "topic"),
    ("amq.rabbitmq.trace", "topic"),
    ("amq.rabbitmq.log", "topic"),
];

/// Whether every virtual host has an exchange of that name.
#[must_use]
pub fn is_given(exchange: &str) -> bool {
    exchange.is_empty() || exchange.starts_with("amq.")
}

impl Objects {
    /// What a topology becomes.
    #[must_use]
    pub fn of_topology(topology: &Topology, wanted: &Wanted) -> Objects {
        let mut objects = Objects::default();
        for wish in &wanted.exchanges {
            objects.exchanges.push(Item::of_wish(wish, wish.spec.clone().into()));
        }
        let listed: BTreeMap<&str, &[Argument]> =
            topology.queues.iter().map(|queue| (queue.name.as_str(), queue.arguments.as_slice())).collect();
        let of_services: BTreeMap<&str, &[Argument]> =
            topology.services.iter().rev().map(|it| (it.queue.as_str(), it.arguments.as_slice())).collect();
        for wish in &wanted.queues {
            let name = wish.spec.name.as_str();
            let arguments = match wish.role {
                Role::Listed => listed.get(name).copied(),
                Role::Work => of_services.get(name).copied(),
                Role::Audit => topology.audit.as_ref().map(|audit| audit.arguments.as_slice()),
                _ => None,
            };
            let parts = arguments.unwrap_or_default().iter().map(|it| (it.name.clone(), it.place)).collect();
            let item = Item::of_wish(wish, wish.spec.clone().into());
            objects.queues.push(item.placed(Some(wish.place), parts));
        }
        let written: BTreeMap<Place, &Binding> = topology.bindings.iter().map(|it| (it.from, it)).collect();
        for wish in &wanted.bindings {
            let written = written.get(&wish.place).filter(|_| wish.role == Role::Listed);
            let parts = written.iter().flat_map(|it| [("key".to_owned(), it.key), ("to".to_owned(), it.to)]).collect();
            let item = Item::of_wish(wish, wish.spec.clone().into());
            objects.bindings.push(item.placed(Some(wish.place), parts));
        }
        for wish in &wanted.policies {
            objects.policies.push(Item::of_wish(wish, wish.spec.clone().into()));
        }
        objects
    }

    /// What a broker has in a virtual host.
    #[must_use]
    pub fn of_broker(observed: &Observed, vhost: &str) -> Objects {
        let exchanges = observed.exchanges.values().filter(|exchange| !is_given(&exchange.name));
        let bindings = observed.bindings().filter(|binding| !binding.source.is_empty());
        Objects {
            teller: Teller::Broker,
            vhost: Some(vhost.to_owned()),
            exchanges: exchanges.cloned().map(Item::from).collect(),
            queues: observed.queues.values().cloned().map(Item::from).collect(),
            bindings: bindings.cloned().map(Item::from).collect(),
            policies: observed.policies.values().cloned().map(Item::from).collect(),
        }
    }

    /// Where messages go in it.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let mut routes = Routes::default();
        for (name, kind) in GIVEN {
            let spec = ExchangeSpec {
                name: name.to_owned(),
                kind: kind.to_owned(),
                durable: true,
                auto_delete: false,
                internal: false,
                arguments: Table::new(),
            };
            routes.exchange(&spec);
        }
        self.exchanges.iter().for_each(|exchange| routes.exchange(&exchange.spec));
        self.queues.iter().for_each(|queue| routes.queue(queue.spec.name.clone()));
        self.bindings.iter().for_each(|binding| routes.bind(&binding.spec));
        routes
    }
}

/// The alternate exchange that an exchange's arguments name.
#[must_use]
pub fn alternate(exchange: &ExchangeSpec) -> Option<&str> {
    exchange.arguments.get(ALTERNATE_EXCHANGE).and_then(crate::message::Field::as_str)
}
