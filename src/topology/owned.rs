//! What does a name own? The record of what `apply` has made under it, and the marks by which a change made by hand is seen.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::{
    diff::{Observed, identity, words},
    order::{Object, Step},
    spec::{ExchangeSpec, PolicySpec, QueueSpec},
};
use crate::message::Table;

/// The format of a record.
pub const FORMAT: &str = "evbus.owned/1";

/// What tells an object from every other of its virtual host, as a record names it: `queue orders`.
pub type Id = String;

/// What one name owns in one virtual host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// [`FORMAT`].
    pub format: String,
    /// Whose it is: the `name` of the topology file.
    pub name: String,
    /// The virtual host.
    pub vhost: String,
    /// What it has made, each with the mark of what it was then.
    pub objects: BTreeMap<Id, String>,
    /// What an apply was about to make. It has, or it was killed before: what is there of it counts as its own.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub intended: BTreeSet<Id>,
}

impl Record {
    /// Of somebody who owns nothing yet.
    #[must_use]
    pub fn new(name: &str, vhost: &str) -> Record {
        Record {
            format: FORMAT.to_owned(),
            name: name.to_owned(),
            vhost: vhost.to_owned(),
            objects: BTreeMap::new(),
            intended: BTreeSet::new(),
        }
    }

    /// Whether an object is its own.
    #[must_use]
    pub fn owns(&self, id: &str) -> bool {
        self.objects.contains_key(id) || self.intended.contains(id)
    }

    /// What it owns, in a stable order.
    pub fn ids(&self) -> impl Iterator<Item = &Id> {
        let only_intended = self.intended.iter().filter(|id| !self.objects.contains_key(*id));
        self.objects.keys().chain(only_intended)
    }
}

/// Who owns what, as far as can be known.
#[derive(Debug, Clone, Default)]
pub struct Ownership {
    /// What the file's own name owns; `None` where there is no name, or nothing can be known.
    pub record: Option<Record>,
    /// What other names own, and which.
    pub others: BTreeMap<Id, String>,
}

impl Ownership {
    /// Whether an object is the file's own.
    #[must_use]
    pub fn owns(&self, id: &str) -> bool {
        self.record.as_ref().is_some_and(|record| record.owns(id))
    }

    /// The mark that an object of the file's own was left with.
    #[must_use]
    pub fn mark(&self, id: &str) -> Option<&str> {
        self.record.as_ref()?.objects.get(id).map(String::as_str)
    }
}

/// What is wanted and belongs to another name, with that name: nobody can be right about such an object. A file without a name claims
/// nothing; what it wants may be there, whoever has made it.
#[must_use]
pub fn claimed(steps: &[Step], ownership: &Ownership) -> Vec<(Object, String)> {
    let of_another = |step: &Step| Some((step.object.clone(), ownership.others.get(&step.object.id())?.clone()));
    if ownership.record.is_none() || ownership.others.is_empty() {
        return Vec::new();
    }
    steps.iter().filter_map(of_another).collect()
}

impl Object {
    /// What tells it from every other object.
    #[must_use]
    pub fn id(&self) -> Id {
        match self {
            Object::Binding(binding) => format!("binding {}", identity(binding)),
            other => format!("{} {}", other.kind(), other.name()),
        }
    }

    /// What is equal for equal objects, and for no others: by it a change made by hand is seen.
    #[must_use]
    pub fn mark(&self) -> String {
        let text = match self {
            Object::Exchange(ExchangeSpec { kind, durable, auto_delete, internal, arguments, .. }) => {
                format!("{kind:?} {durable} {auto_delete} {internal} {}", arguments_of(arguments))
            }
            Object::Queue(QueueSpec { durable, exclusive, auto_delete, arguments, .. }) => {
                format!("{durable} {exclusive} {auto_delete} {}", arguments_of(arguments))
            }
            // All of a binding is in its id: it is as it was, or it is another.
            Object::Binding(_) => String::new(),
            Object::Policy(PolicySpec { pattern, apply_to, priority, definition, .. }) => {
                let keys: BTreeMap<_, _> = definition.iter().map(|(key, value)| (key, value.to_string())).collect();
                format!("{pattern:?} {apply_to:?} {priority} {keys:?}")
            }
        };
        // Half of a digest: it has to tell apart what one object was at different times.
        digest(&SHA256, text.as_bytes()).as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn arguments_of(arguments: &Table) -> String {
    arguments.iter().map(|(name, field)| format!("{name:?}={} ", words(field))).collect()
}

impl Observed {
    /// The object that an id names, if the broker has it.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Object> {
        let (kind, name) = id.split_once(' ')?;
        match kind {
            "exchange" => self.exchanges.get(name).cloned().map(Object::Exchange),
            "queue" => self.queues.get(name).cloned().map(Object::Queue),
            "policy" => self.policies.get(name).cloned().map(Object::Policy),
            "binding" => self.binding(name).cloned().map(Object::Binding),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{message::Field, topology::spec::BindingSpec};

    fn queue(ttl: Field) -> Object {
        let arguments = Table::from([("x-message-ttl".to_owned(), ttl)]);
        let spec = QueueSpec { name: "q".into(), durable: true, exclusive: false, auto_delete: false, arguments };
        Object::Queue(spec)
    }

    #[test]
    fn a_mark_is_the_same_for_what_the_broker_takes_for_the_same() {
        assert_eq!(queue(Field::I32(5)).mark(), queue(Field::I64(5)).mark());
        assert_ne!(queue(Field::I32(5)).mark(), queue(Field::I32(6)).mark());
    }

    #[test]
    fn what_is_on_the_broker_is_found_by_its_id() {
        let binding = BindingSpec {
            source: "a b".into(),
            destination: "c".into(),
            to_queue: true,
            key: "d -> e".into(),
            arguments: Table::from([("x".to_owned(), Field::Bool(true))]),
        };
        let mut observed = Observed::default();
        observed.bind(binding.clone());
        let Object::Queue(spec) = queue(Field::I32(1)) else { unreachable!("it is a queue") };
        observed.queues.insert("q".into(), spec);
        for object in [Object::Binding(binding), queue(Field::I32(1))] {
            assert_eq!(observed.find(&object.id()), Some(object));
        }
        assert_eq!(observed.find("queue nobody"), None);
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let mut record = Record::new("shop", "/");
        record.objects.insert("queue q".into(), queue(Field::I32(1)).mark());
        record.intended.insert("queue r".into());
        let text = serde_json::to_string(&record).expect("it is JSON");
        assert_eq!(serde_json::from_str::<Record>(&text).expect("it is read"), record);
        assert_eq!(record.ids().collect::<Vec<_>>(), ["queue q", "queue r"]);
    }
}
