//! From the tree of a definitions file to the objects of its virtual hosts.

use std::collections::{BTreeMap, HashSet};

use super::{Definitions, Oddity, User};
use crate::{
    message::{Field, Table},
    topology::{
        argument::QueueType,
        file::{Node, Value, flag, integer, json, table, text},
        objects::{Item, Objects, Teller},
        place::{Place, Problem},
        spec::{BindingSpec, ExchangeSpec, PolicySpec, QueueSpec},
    },
};

/// A section, what one entry of it is called, and the fields that such an entry can have.
struct Section {
    name: &'static str,
    kind: &'static str,
    fields: &'static [&'static str],
}

const EXCHANGES: Section = Section {
    name: "exchanges",
    kind: "exchange",
    fields: &["name", "vhost", "type", "durable", "auto_delete", "internal", "arguments"],
};
const QUEUES: Section = Section {
    name: "queues",
    kind: "queue",
    fields: &["name", "vhost", "type", "durable", "auto_delete", "exclusive", "arguments"],
};
const BINDINGS: Section = Section {
    name: "bindings",
    kind: "binding",
    fields: &["source", "vhost", "destination", "destination_type", "routing_key", "arguments", "properties_key"],
};
const POLICIES: Section = Section {
    name: "policies",
    kind: "policy",
    fields: &["name", "vhost", "pattern", "apply-to", "definition", "priority"],
};

/// The keys of a whole file.
const TOP: [&str; 19] = [
    "rabbit_version",
    "rabbitmq_version",
    "rabbitmq_definition_format",
    "original_cluster_name",
    "original_vhost_name",
    "product_name",
    "product_version",
    "explanation",
    "description",
    "default_queue_type",
    "metadata",
    "limits",
    "users",
    "vhosts",
    "permissions",
    "topic_permissions",
    "parameters",
    "global_parameters",
    "operator_policies",
];

/// What a tree says, and why it cannot be read as definitions.
pub(super) fn read(root: &Node) -> (Definitions, Vec<Problem>) {
    let mut reader = Reader {
        root,
        problems: Vec::new(),
        definitions: Definitions::default(),
        listed: Vec::new(),
        is_of_one: is_of_one(root),
        told: HashSet::new(),
        seen: HashSet::new(),
        vhosts: BTreeMap::new(),
    };
    reader.whole();
    reader.listed = reader.list("vhosts", "vhost").into_iter().filter_map(|node| name(node, "name")).collect();
    for node in reader.list(EXCHANGES.name, EXCHANGES.kind) {
        reader.exchange(node);
    }
    for node in reader.list(QUEUES.name, QUEUES.kind) {
        reader.queue(node);
    }
    for node in reader.list(BINDINGS.name, BINDINGS.kind) {
        reader.binding(node);
    }
    for node in reader.list(POLICIES.name, POLICIES.kind) {
        reader.policy(node);
    }
    for node in reader.list("users", "user") {
        reader.user(node);
    }
    reader.definitions.permitted =
        reader.list("permissions", "permission").into_iter().filter_map(|node| name(node, "user")).collect();
    reader.definitions.vhosts = reader.vhosts.into_values().collect();
    (reader.definitions, reader.problems)
}

struct Reader<'a> {
    root: &'a Node,
    problems: Vec<Problem>,
    definitions: Definitions,
    /// The virtual hosts that the file lists.
    listed: Vec<String>,
    is_of_one: bool,
    /// Those that are told of so far.
    told: HashSet<String>,
    seen: HashSet<String>,
    vhosts: BTreeMap<String, Objects>,
}

/// Whether the file is what one virtual host exports. Broker fact (3.10.8): policies name it even there.
fn is_of_one(root: &Node) -> bool {
    let mut objects = [EXCHANGES, QUEUES, BINDINGS].into_iter().flat_map(|section| {
        let list = root.get(section.name);
        list.map_or(&[][..], Node::items)
    });
    root.get("vhosts").is_none() && !objects.any(|item| item.get("vhost").is_some())
}

fn name(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(text).map(|text| text.value)
}

/// Where the entries of a map stand, by their keys.
fn places(node: Option<&Node>) -> BTreeMap<String, Place> {
    node.map_or(&[][..], Node::entries).iter().map(|entry| (entry.key.clone(), entry.place)).collect()
}

impl<'a> Reader<'a> {
    fn whole(&mut self) {
        let sections = [EXCHANGES.name, QUEUES.name, BINDINGS.name, POLICIES.name];
        for entry in self.root.entries() {
            if !TOP.contains(&entry.key.as_str()) && !sections.contains(&entry.key.as_str()) {
                self.odd(Oddity::Unknown(entry.key.clone()), entry.place, "file", &entry.key);
            }
        }
    }

    fn odd(&mut self, oddity: Oddity, place: Place, kind: &'static str, name: &str) {
        self.definitions.oddities.push((oddity, place, kind, name.to_owned()));
    }

    /// The maps of a section. Whatever else stands there is a problem.
    fn list(&mut self, key: &str, kind: &str) -> Vec<&'a Node> {
        let Some(node) = self.root.get(key).filter(|node| !node.is_null()) else { return Vec::new() };
        let Value::List(items) = &node.value else {
            let problem = Problem::new(format!("`{key}` of a definitions file is a list"), node.place);
            self.problems.push(problem.label(format!("is {}", node.kind())));
            return Vec::new();
        };
        for item in items.iter().filter(|item| !matches!(item.value, Value::Map(_))) {
            let problem = Problem::new(format!("a {kind} is described by an object with named fields"), item.place);
            self.problems.push(problem.label(format!("is {}", item.kind())));
        }
        items.iter().filter(|item| matches!(item.value, Value::Map(_))).collect()
    }

    /// Checks what all objects have in common, and answers the objects of its virtual host.
    fn common(&mut self, node: &Node, section: &Section, name: &str) -> &mut Objects {
        for entry in node.entries().iter().filter(|entry| !section.fields.contains(&entry.key.as_str())) {
            self.odd(Oddity::Unknown(entry.key.clone()), entry.place, section.kind, name);
        }
        let vhost = self.vhost(node, section.kind, name);
        if !self.seen.insert(format!("{vhost:?} {} {name:?} {}", section.kind, identity(node))) {
            self.odd(Oddity::Again, node.place, section.kind, name);
        }
        let known = Some(vhost.clone()).filter(|vhost| !vhost.is_empty());
        let new = || Objects { teller: Teller::Definitions, vhost: known, ..Objects::default() };
        self.vhosts.entry(vhost).or_insert_with(new)
    }

    /// The virtual host of an object; empty where the whole file is one virtual host's.
    fn vhost(&mut self, node: &Node, kind: &'static str, name: &str) -> String {
        if self.is_of_one {
            return String::new();
        }
        let Some(vhost) = self::name(node, "vhost") else {
            self.odd(Oddity::MissingVhost, node.place, kind, name);
            return if let [only] = self.listed.as_slice() { only.clone() } else { "/".to_owned() };
        };
        let is_known = self.listed.contains(&vhost) || (self.root.get("vhosts").is_none() && vhost == "/");
        if !is_known && self.told.insert(vhost.clone()) {
            let place = node.entry("vhost").map_or(node.place, |entry| entry.node.place);
            self.odd(Oddity::UndeclaredVhost(vhost.clone()), place, kind, name);
        }
        vhost
    }

    /// A field without which there is no such object.
    fn needed(&mut self, node: &Node, key: &'static str, kind: &'static str) -> Option<String> {
        let found = name(node, key);
        if found.is_none() {
            self.odd(Oddity::Missing(key), node.place, kind, &format!("a {kind}"));
        }
        found
    }

    fn exchange(&mut self, node: &Node) {
        let Some(name) = self.needed(node, "name", EXCHANGES.kind) else { return };
        let kind = self::name(node, "type");
        if kind.is_none() {
            self.odd(Oddity::Missing("type"), node.place, EXCHANGES.kind, &name);
        }
        let is = |key: &str, otherwise: bool| node.get(key).and_then(flag).unwrap_or(otherwise);
        let spec = ExchangeSpec {
            name: name.clone(),
            kind: kind.unwrap_or_else(|| "direct".to_owned()),
            durable: is("durable", true),
            auto_delete: is("auto_delete", false),
            internal: is("internal", false),
            arguments: arguments(node),
        };
        let item = Item { place: Some(node.place), parts: places(node.get("arguments")), ..Item::from(spec) };
        // What every virtual host has is exported by some tools, and passed over by an import.
        let given = crate::topology::objects::is_given(&name);
        let objects = self.common(node, &EXCHANGES, &name);
        if !given {
            objects.exchanges.push(item);
        }
    }

    fn queue(&mut self, node: &Node) {
        let Some(name) = self.needed(node, "name", QUEUES.kind) else { return };
        let is = |key: &str, otherwise: bool| node.get(key).and_then(flag).unwrap_or(otherwise);
        let mut arguments = arguments(node);
        if let Some(kind) = self::name(node, "type").filter(|_| !arguments.contains_key(QueueType::ARGUMENT)) {
            arguments.insert(QueueType::ARGUMENT.to_owned(), Field::text(kind));
        }
        let spec = QueueSpec {
            name: name.clone(),
            durable: is("durable", true),
            exclusive: is("exclusive", false),
            auto_delete: is("auto_delete", false),
            arguments,
        };
        let item = Item { place: Some(node.place), parts: places(node.get("arguments")), ..Item::from(spec) };
        self.common(node, &QUEUES, &name).queues.push(item);
    }

    fn binding(&mut self, node: &Node) {
        let Some(source) = self.needed(node, "source", BINDINGS.kind) else { return };
        let Some(destination) = self.needed(node, "destination", BINDINGS.kind) else { return };
        let (kind, key) = (self::name(node, "destination_type"), self::name(node, "routing_key"));
        let spec = BindingSpec {
            source,
            destination,
            to_queue: kind.as_deref() != Some("exchange"),
            key: key.clone().unwrap_or_default(),
            arguments: arguments(node),
        };
        let item = Item::from(spec);
        for (field, missing) in [("destination_type", kind.is_none()), ("routing_key", key.is_none())] {
            if missing {
                self.odd(Oddity::Missing(field), node.place, BINDINGS.kind, &item.name);
            }
        }
        let place = |key: &str| node.get(key).map(|node| node.place);
        let parts = [("key", place("routing_key")), ("to", place("destination"))];
        let parts = parts.into_iter().filter_map(|(part, place)| Some((part.to_owned(), place?))).collect();
        let item = Item { place: Some(node.place), parts, ..item };
        self.common(node, &BINDINGS, &item.name).bindings.push(item);
    }

    fn policy(&mut self, node: &Node) {
        let Some(name) = self.needed(node, "name", POLICIES.kind) else { return };
        let pattern = self::name(node, "pattern");
        for (field, missing) in [("pattern", pattern.is_none()), ("definition", node.get("definition").is_none())] {
            if missing {
                self.odd(Oddity::Missing(field), node.place, POLICIES.kind, &name);
            }
        }
        let Some(pattern) = pattern else { return };
        let definition = node.get("definition").map_or(&[][..], Node::entries);
        let spec = PolicySpec {
            name: name.clone(),
            pattern,
            apply_to: self::name(node, "apply-to").unwrap_or_else(|| "all".to_owned()),
            priority: node.get("priority").and_then(integer).unwrap_or(0),
            definition: definition.iter().map(|entry| (entry.key.clone(), json(&entry.node))).collect(),
        };
        let mut parts = places(node.get("definition"));
        parts.extend(node.get("pattern").map(|pattern| ("pattern".to_owned(), pattern.place)));
        let item = Item { place: Some(node.place), parts, ..Item::from(spec) };
        self.common(node, &POLICIES, &name).policies.push(item);
    }

    fn user(&mut self, node: &Node) {
        let Some(name) = self.needed(node, "name", "user") else { return };
        let written = node.entry("password").filter(|entry| text(&entry.node).is_some_and(|text| !text.is_empty()));
        let password = written.map(|entry| entry.place);
        self.definitions.users.push(User { name, place: node.place, password });
    }
}

/// The arguments of an object; they may be missing, or `null`, or an empty list.
fn arguments(node: &Node) -> Table {
    node.get("arguments").map(table).unwrap_or_default()
}

/// What tells two bindings of one name apart.
fn identity(node: &Node) -> String {
    let kind = name(node, "destination_type").unwrap_or_default();
    let arguments = node.get("arguments").filter(|_| node.get("source").is_some()).map(json);
    format!("{kind} {}", arguments.unwrap_or_default())
}
