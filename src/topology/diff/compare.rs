//! In what does one object differ from the one that a broker has, and what stands in the way of making it?

use std::collections::{BTreeSet, HashSet};

use super::{Observed, Scope, in_place};
use crate::{
    message::{Field, Table},
    topology::{
        argument::{self, QueueType},
        expand::{Role, kind},
        order::{Object, Step, dead_letters},
        owned::Ownership,
        plan::{Action, Blocked, Change, Difference},
        replacement,
        routing::ALTERNATE_EXCHANGE,
        spec::{BindingSpec, ExchangeSpec, PolicySpec, QueueSpec},
    },
    version::Version,
};

/// The change that a step asks for on a broker; none where everything is as it is wanted.
pub(super) fn compare(
    step: &Step,
    names: &Names<'_>,
    observed: &Observed,
    version: Version,
    scope: &Scope,
) -> Option<Change> {
    let (id, ownership) = (step.object.id(), &scope.ownership);
    let mut change = difference(step, names, observed, version, scope)?;
    change.owned = ownership.owns(&id);
    if !observed.hides(&id) {
        change.drift = drift(ownership.mark(&id), observed.find(&id));
    }
    Some(change)
}

/// What somebody did by hand to an object of the file's own.
fn drift(mark: Option<&str>, found: Option<Object>) -> Option<String> {
    let mark = mark?;
    match found {
        None => Some("somebody deleted it".to_owned()),
        Some(found) => (found.mark() != mark).then(|| "somebody changed it".to_owned()),
    }
}

fn difference(step: &Step, names: &Names<'_>, observed: &Observed, version: Version, scope: &Scope) -> Option<Change> {
    let ownership = &scope.ownership;
    match &step.object {
        Object::Exchange(wanted) => match observed.exchanges.get(&wanted.name) {
            None if is_stood_in_for(wanted, observed) => Some(begun(step, Vec::new())),
            None => Some(create(step)),
            Some(found) => {
                let differences = exchange_differences(wanted, found);
                if differences.is_empty() && is_stood_in_for(wanted, observed) {
                    return Some(begun(step, Vec::new()));
                }
                differing(step, Action::Replace, differences)
            }
        },
        Object::Queue(wanted) => match observed.queues.get(&wanted.name) {
            None if is_held(wanted, observed) => Some(begun(step, Vec::new())),
            None => {
                let mut change = create(step);
                change.risk = lost_dead_letters(wanted, names, observed);
                Some(change)
            }
            Some(found) => {
                let (differences, idle) = queue_differences(wanted, found, version);
                if differences.is_empty() && is_held(wanted, observed) {
                    return Some(begun(step, idle));
                }
                if let Some(policy) = scope.in_place.policy_for(&wanted.name) {
                    let because = format!("{}: the policy {policy} makes up for it", said(&differences));
                    return Some(Change { action: Action::Keep, because, differences, ..create(step) });
                }
                differing(step, Action::Replace, differences).or_else(|| idle_difference(step, idle, version))
            }
        },
        Object::Binding(wanted) => {
            if observed.has(wanted) {
                return None;
            }
            if wanted.to_queue && observed.hides_bindings_to(&wanted.destination) {
                return Some(untold(step, &wanted.destination, ownership));
            }
            let mut change = create(step);
            let because =
                missing_end(wanted, names, observed).or_else(|| second_rung(wanted, step.role, observed, ownership));
            change.blocked = because.map(|because| Blocked { because, bearable: false });
            Some(change)
        }
        Object::Policy(wanted) => {
            let mut change = compare_policy(step, wanted, observed, ownership)?;
            change.risk = in_place::risk(wanted).filter(|_| step.role == Role::InPlace);
            Some(change)
        }
    }
}

pub(super) fn create(step: &Step) -> Change {
    Change {
        action: Action::Create,
        object: step.object.clone(),
        role: step.role,
        because: step.because.clone(),
        risk: None,
        blocked: None,
        differences: Vec::new(),
        drift: None,
        owned: false,
        feeders: Vec::new(),
        replacement: None,
        needs: Vec::new(),
        stage: step.stage,
    }
}

/// An object that is there differently is left as it is.
fn differing(step: &Step, action: Action, differences: Vec<Difference>) -> Option<Change> {
    if differences.is_empty() {
        return None;
    }
    let because = format!("exists differently: {}", said(&differences));
    let blocked = Some(Blocked { because: "evbus does not change what exists".to_owned(), bearable: false });
    Some(Change { action, because, blocked, differences, ..create(step) })
}

/// A binding that the broker may have and does not tell of. The file's own has been made, and comes back with the queue.
fn untold(step: &Step, queue: &str, ownership: &Ownership) -> Change {
    let because = format!("the node of {queue} is down, and the broker does not tell what leads there");
    if ownership.owns(&step.object.id()) {
        return Change { action: Action::Keep, because, ..create(step) };
    }
    Change { blocked: Some(Blocked { because, bearable: false }), ..create(step) }
}

/// Whether messages of a queue wait elsewhere for it to be made anew.
pub(super) fn is_held(wanted: &QueueSpec, observed: &Observed) -> bool {
    observed.queues.contains_key(&replacement::holding(&wanted.name))
}

/// Whether another exchange has the bindings of this one for it to be made anew.
fn is_stood_in_for(wanted: &ExchangeSpec, observed: &Observed) -> bool {
    observed.exchanges.contains_key(&replacement::stand_in_name(&wanted.name))
}

/// A replace that did not end goes on.
fn begun(step: &Step, differences: Vec<Difference>) -> Change {
    Change { action: Action::Replace, because: String::new(), differences, ..create(step) }
}

fn idle_difference(step: &Step, differences: Vec<Difference>, version: Version) -> Option<Change> {
    if differences.is_empty() {
        return None;
    }
    let because =
        format!("RabbitMQ {version} stores this when a queue is made and never compares it: {}", said(&differences));
    Some(Change { action: Action::Keep, because, differences, ..create(step) })
}

fn said(differences: &[Difference]) -> String {
    let one = |difference: &Difference| {
        let found = difference.found.as_deref().unwrap_or("not set");
        let wanted = difference.wanted.as_deref().unwrap_or("it not to be set");
        format!("{} is {found}, and the file wants {wanted}", difference.what)
    };
    differences.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn exchange_differences(wanted: &ExchangeSpec, found: &ExchangeSpec) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut differ = |what: &str, found: Option<String>, wanted: Option<String>| {
        if found != wanted {
            differences.push(Difference { what: what.to_owned(), found, wanted });
        }
    };
    differ("type", Some(found.kind.clone()), Some(wanted.kind.clone()));
    differ("durable", Some(found.durable.to_string()), Some(wanted.durable.to_string()));
    differ("auto_delete", Some(found.auto_delete.to_string()), Some(wanted.auto_delete.to_string()));
    differ("internal", Some(found.internal.to_string()), Some(wanted.internal.to_string()));
    let alternate = |spec: &ExchangeSpec| spec.arguments.get(ALTERNATE_EXCHANGE).map(words);
    differ(ALTERNATE_EXCHANGE, alternate(found), alternate(wanted));
    differences
}

/// What the broker would refuse a declaration for, and what it would take no notice of.
pub(super) fn queue_differences(
    wanted: &QueueSpec,
    found: &QueueSpec,
    version: Version,
) -> (Vec<Difference>, Vec<Difference>) {
    let (mut differences, mut idle) = (Vec::new(), Vec::new());
    let difference =
        |what: &str, found: Option<String>, wanted: Option<String>| Difference { what: what.to_owned(), found, wanted };
    let flags = [
        ("durable", found.durable, wanted.durable),
        ("auto_delete", found.auto_delete, wanted.auto_delete),
        ("exclusive", found.exclusive, wanted.exclusive),
    ];
    for (what, found, wanted) in flags {
        if found != wanted {
            differences.push(difference(what, Some(found.to_string()), Some(wanted.to_string())));
        }
    }
    let (found_kind, wanted_kind) = (kind(found), kind(wanted));
    if found_kind != wanted_kind {
        differences.push(difference(QueueType::ARGUMENT, Some(found_kind.to_string()), Some(wanted_kind.to_string())));
    }
    let names: BTreeSet<&String> = wanted.arguments.keys().chain(found.arguments.keys()).collect();
    for name in names.into_iter().filter(|name| *name != QueueType::ARGUMENT) {
        let value = |arguments: &Table| arguments.get(name).map(words);
        let (found, wanted_value) = (value(&found.arguments), value(&wanted.arguments));
        if found == wanted_value {
            continue;
        }
        let compared = argument::named(name).is_some_and(|argument| argument.is_compared(found_kind, version));
        if compared {
            differences.push(difference(name, found, wanted_value));
        } else if wanted_value.is_some() {
            idle.push(difference(name, found, wanted_value));
        }
    }
    (differences, idle)
}

/// The objects that the file makes.
pub(super) struct Names<'a> {
    exchanges: HashSet<&'a str>,
    queues: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn of(steps: &'a [Step]) -> Names<'a> {
        let mut names = Names { exchanges: HashSet::new(), queues: HashSet::new() };
        for step in steps {
            match &step.object {
                Object::Exchange(exchange) => names.exchanges.insert(&exchange.name),
                Object::Queue(queue) => names.queues.insert(&queue.name),
                Object::Binding(_) | Object::Policy(_) => false,
            };
        }
        names
    }

    fn has_exchange(&self, name: &str, observed: &Observed) -> bool {
        name.is_empty() || self.exchanges.contains(name) || observed.exchanges.contains_key(name)
    }

    fn has_queue(&self, name: &str, observed: &Observed) -> bool {
        self.queues.contains(name) || observed.queues.contains_key(name)
    }
}

/// Whether the dead letters of a queue that is to be made would go to an exchange that nobody has.
fn lost_dead_letters(wanted: &QueueSpec, names: &Names<'_>, observed: &Observed) -> Option<String> {
    let (exchange, _) = dead_letters(&wanted.arguments)?;
    let lost = || format!("its dead letters are lost: there is no exchange {exchange}");
    (!names.has_exchange(exchange, observed)).then(lost)
}

/// What a binding would lead from or to that is neither there nor in the file.
fn missing_end(wanted: &BindingSpec, names: &Names<'_>, observed: &Observed) -> Option<String> {
    let missing =
        |kind: &str, name: &str| Some(format!("there is no {kind} {name}, neither on the broker nor in the file"));
    if !names.has_exchange(&wanted.source, observed) {
        return missing("exchange", &wanted.source);
    }
    if wanted.is_to_queue() {
        return if names.has_queue(&wanted.destination, observed) {
            None
        } else {
            missing("queue", &wanted.destination)
        };
    }
    if names.has_exchange(&wanted.destination, observed) { None } else { missing("exchange", &wanted.destination) }
}

/// What keeps a rung of a ladder from being bound: another one that takes the same retry. With both, it would come twice.
/// The file's own is taken away when this one is there.
fn second_rung(wanted: &BindingSpec, role: Role, observed: &Observed, ownership: &Ownership) -> Option<String> {
    let is_own = |binding: &BindingSpec| ownership.owns(&Object::Binding(binding.clone()).id());
    let same = |binding: &&BindingSpec| {
        binding.source == wanted.source
            && binding.key == wanted.key
            && binding.destination != wanted.destination
            && !is_own(binding)
    };
    let other = observed.bindings.values().filter(|_| role == Role::Retry).find(same)?;
    Some(format!(
        "the broker leads {} to {} already: with both, each retry would come twice. Unbind that one, and apply again",
        wanted.key, other.destination
    ))
}

fn compare_policy(step: &Step, wanted: &PolicySpec, observed: &Observed, ownership: &Ownership) -> Option<Change> {
    let id = step.object.id();
    let owned = ownership.owns(&id);
    let ours = step.role == Role::DeadLetters && !ownership.others.contains_key(&id);
    let forbidden = || Blocked {
        because: "the user has not the tag policymaker".to_owned(),
        bearable: step.role == Role::DeadLetters,
    };
    let blocked = (!observed.may_set_policies).then(forbidden);
    let Some(found) = observed.policies.get(&wanted.name) else { return Some(Change { blocked, ..create(step) }) };
    let mut differences = Vec::new();
    let mut differ = |what: &str, found: Option<String>, wanted: Option<String>| {
        if found != wanted {
            differences.push(Difference { what: what.to_owned(), found, wanted });
        }
    };
    differ("pattern", Some(found.pattern.clone()), Some(wanted.pattern.clone()));
    differ("apply-to", Some(found.apply_to.clone()), Some(wanted.apply_to.clone()));
    differ("priority", Some(found.priority.to_string()), Some(wanted.priority.to_string()));
    let keys: BTreeSet<&String> = wanted.definition.keys().chain(found.definition.keys()).collect();
    for key in keys {
        let value = |policy: &PolicySpec| policy.definition.get(key).map(ToString::to_string);
        differ(key, value(found), value(wanted));
    }
    // The policy that evbus makes follows the services: it is evbus's own to change.
    if ours && !differences.is_empty() {
        let because = format!("follows the services: {}", said(&differences));
        return Some(Change { action: Action::Update, because, blocked, differences, ..create(step) });
    }
    if owned && !differences.is_empty() {
        let because = said(&differences);
        return Some(Change { action: Action::Update, because, blocked, differences, ..create(step) });
    }
    differing(step, Action::Update, differences)
}

/// A value in words that are equal where the broker takes the values for equal.
pub(in crate::topology) fn words(field: &Field) -> String {
    if let Some(number) = field.as_int() {
        return number.to_string();
    }
    match field {
        Field::Bool(flag) => flag.to_string(),
        // 5.0 is not 5: to the broker these are two arguments, and can be two bindings.
        Field::F32(number) => format!("{:?}", f64::from(*number)),
        Field::F64(number) => format!("{number:?}"),
        Field::Text(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        Field::Array(items) => format!("[{}]", items.iter().map(words).collect::<Vec<_>>().join(", ")),
        Field::Table(table) => {
            let fields = table.iter().map(|(name, field)| format!("{name}: {}", words(field)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        Field::Void => "nothing".to_owned(),
        other => format!("{other:?}"),
    }
}
