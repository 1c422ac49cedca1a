//! What a topology file says, read and checked, every part with its place.

use std::{path::PathBuf, time::Duration};

use crate::{
    message::Field,
    topology::{
        argument::QueueType,
        place::{Place, Spanned},
        routing::topic_matches,
        spec::{BindingSpec, ExchangeSpec, PolicySpec},
    },
};

/// A topology, as one file or several say it.
#[derive(Debug, Clone, Default)]
pub struct Topology {
    /// Who owns what it creates.
    pub name: Option<Spanned<String>>,
    /// The virtual host it is for.
    pub vhost: Option<Spanned<String>>,
    /// The bus, where it is named.
    pub bus: Option<Spanned<String>>,
    /// The names that are made from others.
    pub naming: Naming,
    /// The catalog, in the order of the file.
    pub events: Vec<Event>,
    /// The services, in the order of the file.
    pub services: Vec<Service>,
    /// The stream that keeps every event.
    pub audit: Option<Audit>,
    /// Further exchanges.
    pub exchanges: Vec<Exchange>,
    /// Further queues.
    pub queues: Vec<Queue>,
    /// Further bindings.
    pub bindings: Vec<Binding>,
    /// Policies.
    pub policies: Vec<Policy>,
    /// What lint is not to tell.
    pub silences: Vec<Silence>,
}

impl Topology {
    /// The name of the bus where none is named.
    pub const BUS: &'static str = "events";

    /// The exchange that events go through.
    #[must_use]
    pub fn bus(&self) -> &str {
        self.bus.as_ref().map_or(Topology::BUS, |bus| bus)
    }

    /// Whether there is a bus at all: a file may also list plain objects alone.
    #[must_use]
    pub fn has_bus(&self) -> bool {
        self.bus.is_some() || self.audit.is_some() || !self.services.is_empty() || !self.events.is_empty()
    }

    /// How long the service whose dead letters are kept there retries before it gives up; `None` where no service's are.
    #[must_use]
    pub fn retries_before(&self, dead_letters: &str) -> Option<Duration> {
        let pattern = &self.naming.dead_letter_queue;
        let named = |service: &Service| pattern.replace("{queue}", &service.queue).replace("{service}", &service.name);
        let service = self.services.iter().find(|service| named(service) == dead_letters)?;
        Some(service.retry.iter().sum())
    }

    /// The event of that name.
    #[must_use]
    pub fn event(&self, name: &str) -> Option<&Event> {
        self.events.iter().find(|event| *event.name == name)
    }

    /// Whether anybody but the audit stream wants what has that key on the bus, as far as the file says.
    #[must_use]
    pub fn is_wanted(&self, key: &str) -> bool {
        let wants = |subscription: &Subscription| match subscription {
            Subscription::Event(name) => self.event(name).is_some_and(|event| *event.routing_key == key),
            Subscription::Key(pattern) => topic_matches(pattern, key),
        };
        let leads = |binding: &Binding| binding.spec.source == self.bus() && topic_matches(&binding.spec.key, key);
        self.services.iter().flat_map(|service| &service.subscribes).any(wants) || self.bindings.iter().any(leads)
    }

    /// The service of that name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| *service.name == name)
    }
}

/// The patterns of names that are made from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// Of a service's queue, from `{service}`.
    pub queue: String,
    /// Of its dead letter queue, from `{queue}` and `{service}`.
    pub dead_letter_queue: String,
    /// Of a retry queue, from `{queue}`, `{service}` and `{delay}`.
    pub retry_queue: String,
    /// Of the bus's dead letter exchange, from `{bus}`.
    pub dead_letter_exchange: String,
    /// Of the bus's retry exchange, from `{bus}`.
    pub retry_exchange: String,
}

impl Default for Naming {
    fn default() -> Naming {
        Naming {
            queue: "{service}".to_owned(),
            dead_letter_queue: "{queue}.dlq".to_owned(),
            retry_queue: "{queue}.retry.{delay}".to_owned(),
            dead_letter_exchange: "{bus}.dlx".to_owned(),
            retry_exchange: "{bus}.retry".to_owned(),
        }
    }
}

/// An event of the catalog.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its name.
    pub name: Spanned<String>,
    /// The key it is published with.
    pub routing_key: Spanned<String>,
    /// The service that publishes it.
    pub publisher: Option<Spanned<String>>,
    /// What it means.
    pub description: Option<String>,
    /// Its versions, in the order of the file.
    pub versions: Vec<EventVersion>,
}

/// A version of an event.
#[derive(Debug, Clone)]
pub struct EventVersion {
    /// The version, like `1.0`.
    pub version: Spanned<String>,
    /// The file with the JSON Schema of its payload, relative to the working directory.
    pub schema: Spanned<PathBuf>,
}

/// A service.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name.
    pub name: Spanned<String>,
    /// The name of its queue; the place is the service's where the name follows from it.
    pub queue: Spanned<String>,
    /// The type of its queue.
    pub kind: Spanned<QueueType>,
    /// The arguments of its queue that the file sets.
    pub arguments: Vec<Argument>,
    /// What it wants.
    pub subscribes: Vec<Subscription>,
    /// How long each retry waits; none where it does not retry.
    pub retry: Vec<Duration>,
    /// What holds for its dead letters.
    pub dead_letters: DeadLetters,
    /// What is to be reported about its queue.
    pub alerts: Alerts,
}

/// What a service wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscription {
    /// An event, by name.
    Event(Spanned<String>),
    /// Whatever has a key that matches.
    Key(Spanned<String>),
}

impl Subscription {
    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        match self {
            Subscription::Event(name) => name.place,
            Subscription::Key(key) => key.place,
        }
    }
}

/// What holds for the dead letters of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeadLetters {
    /// Older ones are reported for review.
    pub keep: Option<Duration>,
    /// More of them are reported for review.
    pub max: Option<u64>,
    /// Where it says that the broker is to delete what exceeds the two.
    pub enforce: Option<Place>,
}

/// What is to be reported about a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Alerts {
    /// More ready messages than this.
    pub depth: Option<u64>,
    /// A message that has waited longer than this.
    pub age: Option<Duration>,
    /// Fewer consumers than this.
    pub consumers: Option<u64>,
    /// More dead letters than this.
    pub dead: Option<u64>,
}

/// The stream that keeps every event.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Its name.
    pub stream: Spanned<String>,
    /// How long, how much, in what portions.
    pub arguments: Vec<Argument>,
}

/// An exchange that is listed.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Where its name stands.
    pub place: Place,
    /// What it is to be.
    pub spec: ExchangeSpec,
}

/// A queue that is listed.
#[derive(Debug, Clone)]
pub struct Queue {
    /// Its name.
    pub name: Spanned<String>,
    /// Its type.
    pub kind: Spanned<QueueType>,
    /// Survives a restart.
    pub durable: bool,
    /// Goes with its last consumer.
    pub auto_delete: bool,
    /// Its arguments, without its type.
    pub arguments: Vec<Argument>,
}

/// An argument of a queue.
#[derive(Debug, Clone)]
pub struct Argument {
    /// Its name, as the broker knows it.
    pub name: String,
    /// Its value, as the broker takes it.
    pub value: Field,
    /// Where it stands.
    pub place: Place,
}

/// A binding that is listed.
#[derive(Debug, Clone)]
pub struct Binding {
    /// What it is to be.
    pub spec: BindingSpec,
    /// Where the exchange it leads from is named.
    pub from: Place,
    /// Where what it leads to is named.
    pub to: Place,
    /// Where its key stands; where it has none, the same as `from`.
    pub key: Place,
}

/// A policy that is listed.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Where its name stands.
    pub place: Place,
    /// What it is to be.
    pub spec: PolicySpec,
}

/// What lint is not to tell, and why.
#[derive(Debug, Clone)]
pub struct Silence {
    /// The rule.
    pub rule: Spanned<String>,
    /// The name of what it finds something about; of anything where it is missing.
    pub object: Option<Spanned<String>>,
    /// Why it is meant to be as it is.
    pub because: String,
}
