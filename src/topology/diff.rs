//! How does what is wanted differ from what a broker has? Compared as the broker itself compares when something is declared
//! again: the width of a number means nothing, what it does not know is not looked at, and missing differs from present.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{
    argument::{self, QueueType},
    expand::{Role, kind},
    order::{Object, Step, dead_letters},
    plan::{Action, Blocked, Change, Difference, Plan},
    routing::ALTERNATE_EXCHANGE,
    spec::{BindingSpec, ExchangeSpec, PolicySpec, QueueSpec},
};
use crate::{
    message::{Field, Table},
    version::Version,
};

/// What a broker has in one virtual host.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Its exchanges by name.
    pub exchanges: BTreeMap<String, ExchangeSpec>,
    /// Its queues by name. Their arguments name their type.
    pub queues: BTreeMap<String, QueueSpec>,
    /// Which policy is in force on each queue that has one.
    pub queue_policies: BTreeMap<String, String>,
    /// Its bindings, by all that tells one from others.
    bindings: BTreeMap<String, BindingSpec>,
    /// Its policies by name.
    pub policies: BTreeMap<String, PolicySpec>,
    /// Whether the user may set policies.
    pub may_set_policies: bool,
}

impl Observed {
    /// Adds a binding.
    pub fn bind(&mut self, binding: BindingSpec) {
        self.bindings.insert(identity(&binding), binding);
    }
}

/// What tells a binding from others: all of it. The width of a number is no part of that.
fn identity(binding: &BindingSpec) -> String {
    let BindingSpec { source, destination, to_queue, key, arguments } = binding;
    let arguments: Vec<String> = arguments.iter().map(|(name, field)| format!("{name:?}: {}", words(field))).collect();
    format!("{source:?} {destination:?} {to_queue} {key:?} {arguments:?}")
}

/// What would have to be changed on a broker of that version that has what was observed.
#[must_use]
pub fn diff(steps: &[Step], observed: &Observed, version: Version) -> Plan {
    let mut plan = Plan::default();
    let names = Names::of(steps);
    // Where each step's change is, if there is one, and what keeps others from building on it.
    let mut changes: Vec<Option<usize>> = Vec::with_capacity(steps.len());
    let mut unsound: Vec<Option<String>> = Vec::with_capacity(steps.len());
    for step in steps {
        let mut change = compare(step, &names, observed, version);
        let name = || format!("{} {}", step.object.kind(), step.object.name());
        if let Some(change) = &mut change {
            change.needs = step.needs.iter().filter_map(|need| changes[*need]).collect();
            let broken = step.needs.iter().find_map(|need| unsound[*need].as_ref());
            if let (None, Action::Create, Some(broken)) = (&change.blocked, change.action, broken) {
                change.blocked = Some(Blocked { because: format!("it needs the {broken}"), bearable: false });
            }
        }
        unsound.push(match change.as_ref().and_then(|change| change.blocked.as_ref()) {
            Some(blocked) if !blocked.bearable => {
                Some(if change.as_ref().is_some_and(|change| change.action == Action::Create) {
                    format!("{}, which is not made", name())
                } else {
                    format!("{}, which is not as the file wants it", name())
                })
            }
            _ => None,
        });
        changes.push(change.as_ref().map(|_| plan.changes.len()));
        match change {
            Some(change) => plan.changes.push(change),
            None => plan.unchanged += 1,
        }
    }
    for change in &plan.changes {
        if let Some(Blocked { because, bearable: true }) = &change.blocked {
            plan.warnings.push(format!("the {} {} is not set: {because}", change.object.kind(), change.object.name()));
        }
    }
    plan.warnings.extend(hidden(steps, observed));
    plan
}

/// Dead letter queues on which another policy is in force than the one that lifts their delivery limit.
fn hidden(steps: &[Step], observed: &Observed) -> Vec<String> {
    let objects = || steps.iter().filter(|step| step.role == Role::DeadLetters).map(|step| &step.object);
    let ours: HashSet<&str> = objects()
        .filter_map(|object| match object {
            Object::Policy(policy) if observed.policies.contains_key(&policy.name) => Some(policy.name.as_str()),
            _ => None,
        })
        .collect();
    let mut warnings = Vec::new();
    for object in objects().filter(|_| !ours.is_empty()) {
        let Object::Queue(queue) = object else { continue };
        if let Some(other) = observed.queue_policies.get(&queue.name).filter(|other| !ours.contains(other.as_str())) {
            warnings.push(format!(
                "on {} the policy {other} hides the one that lifts its delivery limit: each look uses up a delivery. Narrow its pattern, or lower its priority",
                queue.name
            ));
        }
    }
    warnings
}

/// Everything is declared: what the broker has cannot be seen.
#[must_use]
pub fn blind(steps: &[Step], why: &str) -> Plan {
    let mut changes: Vec<Change> = Vec::with_capacity(steps.len());
    for step in steps {
        let mut change = create(step);
        change.needs.clone_from(&step.needs);
        if let Object::Policy(_) = step.object {
            let because = "policies can only be set through the management API".to_owned();
            change.blocked = Some(Blocked { because, bearable: step.role == Role::DeadLetters });
        }
        changes.push(change);
    }
    let mut warnings = vec![format!(
        "{why}: what the broker has cannot be compared. What is there equally stays as it is, what is there differently is refused by the broker, and arguments it does not know are not compared"
    )];
    warnings.extend(changes.iter().filter_map(|change| {
        let blocked = change.blocked.as_ref()?;
        Some(format!("the policy {} is not set: {}", change.object.name(), blocked.because))
    }));
    Plan { changes, unchanged: 0, warnings, blind: true }
}

fn compare(step: &Step, names: &Names<'_>, observed: &Observed, version: Version) -> Option<Change> {
    match &step.object {
        Object::Exchange(wanted) => match observed.exchanges.get(&wanted.name) {
            None => Some(create(step)),
            Some(found) => differing(step, Action::Replace, exchange_differences(wanted, found)),
        },
        Object::Queue(wanted) => match observed.queues.get(&wanted.name) {
            None => {
                let mut change = create(step);
                change.risk = lost_dead_letters(wanted, names, observed);
                Some(change)
            }
            Some(found) => {
                let (differences, idle) = queue_differences(wanted, found, version);
                differing(step, Action::Replace, differences).or_else(|| idle_difference(step, idle, version))
            }
        },
        Object::Binding(wanted) => {
            if observed.bindings.contains_key(&identity(wanted)) {
                return None;
            }
            let mut change = create(step);
            let because = missing_end(wanted, names, observed).or_else(|| second_rung(wanted, step.role, observed));
            change.blocked = because.map(|because| Blocked { because, bearable: false });
            Some(change)
        }
        Object::Policy(wanted) => compare_policy(step, wanted, observed),
    }
}

fn create(step: &Step) -> Change {
    Change {
        action: Action::Create,
        object: step.object.clone(),
        role: step.role,
        because: step.because.clone(),
        risk: None,
        blocked: None,
        differences: Vec::new(),
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
fn queue_differences(wanted: &QueueSpec, found: &QueueSpec, version: Version) -> (Vec<Difference>, Vec<Difference>) {
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
struct Names<'a> {
    exchanges: HashSet<&'a str>,
    queues: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    fn of(steps: &'a [Step]) -> Names<'a> {
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
fn second_rung(wanted: &BindingSpec, role: Role, observed: &Observed) -> Option<String> {
    let same = |binding: &&BindingSpec| {
        binding.source == wanted.source && binding.key == wanted.key && binding.destination != wanted.destination
    };
    let other = observed.bindings.values().filter(|_| role == Role::Retry).find(same)?;
    Some(format!(
        "the broker leads {} to {} already: with both, each retry would come twice. Unbind that one, and apply again",
        wanted.key, other.destination
    ))
}

fn compare_policy(step: &Step, wanted: &PolicySpec, observed: &Observed) -> Option<Change> {
    let ours = step.role == Role::DeadLetters;
    let forbidden = || Blocked { because: "the user has not the tag policymaker".to_owned(), bearable: ours };
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
    differing(step, Action::Update, differences)
}

/// A value in words that are equal where the broker takes the values for equal.
fn words(field: &Field) -> String {
    if let Some(number) = field.as_int() {
        return number.to_string();
    }
    match field {
        Field::Bool(flag) => flag.to_string(),
        Field::F32(number) => f64::from(*number).to_string(),
        Field::F64(number) => number.to_string(),
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::topology::{expand::expand, file::File, order::order};

    const TEXT: &str = "evbus: 1\nevents: {A: {routing_key: a}}\nservices: {s: {subscribes: [A], retry: {delays: [1s]}}, t: {subscribes: [A], retry: none}}\n";
    const V4: Version = Version::new(4, 0, 5);

    fn steps(text: &str) -> Vec<Step> {
        let file = File::read(vec![("f".to_owned(), Path::new(""), text.as_bytes().to_vec())]).expect("a right file");
        order(&expand(&file.topology, V4).0)
    }

    /// A broker on which everything has been made.
    fn made(steps: &[Step]) -> Observed {
        let mut observed = Observed { may_set_policies: true, ..Observed::default() };
        for step in steps {
            match step.object.clone() {
                Object::Exchange(exchange) => drop(observed.exchanges.insert(exchange.name.clone(), exchange)),
                Object::Queue(queue) => drop(observed.queues.insert(queue.name.clone(), queue)),
                Object::Binding(binding) => observed.bind(binding),
                Object::Policy(policy) => drop(observed.policies.insert(policy.name.clone(), policy)),
            }
        }
        observed
    }

    fn named<'a>(plan: &'a Plan, name: &str) -> Option<&'a Change> {
        plan.changes.iter().find(|change| change.object.name() == name)
    }

    #[test]
    fn nothing_there_is_everything_to_make_and_everything_there_is_nothing_to_do() {
        let steps = steps(TEXT);
        let empty = Observed { may_set_policies: true, ..Observed::default() };
        let plan = diff(&steps, &empty, V4);
        assert_eq!((plan.count(Action::Create), plan.blocked(), plan.unchanged), (steps.len(), 0, 0));
        let plan = diff(&steps, &made(&steps), V4);
        assert!(plan.is_empty() && !plan.differs() && plan.changes.is_empty());
        assert_eq!(plan.unchanged, steps.len());
    }

    #[test]
    fn a_queue_that_exists_differently_blocks_what_leads_to_it_and_nothing_else() {
        let steps = steps(TEXT);
        let mut observed = made(&[]);
        let mut other = steps
            .iter()
            .find_map(|step| match &step.object {
                Object::Queue(queue) if queue.name == "s.dlq" => Some(queue.clone()),
                _ => None,
            })
            .expect("it is wanted");
        other.arguments.insert("x-max-length".to_owned(), Field::I32(5));
        observed.queues.insert(other.name.clone(), other);
        let plan = diff(&steps, &observed, V4);
        let conflict = named(&plan, "s.dlq").expect("it differs");
        assert_eq!(conflict.action, Action::Replace);
        assert_eq!(conflict.because, "exists differently: x-max-length is 5, and the file wants it not to be set");
        for blocked in ["events.dlx -> s.dlq (s)", "s", "events -> s (a)"] {
            assert!(named(&plan, blocked).is_some_and(Change::is_refused), "{blocked} would lose messages");
        }
        for made in ["events", "events.dlx", "t.dlq", "t", "events -> t (a)", "s.retry.1s"] {
            assert!(named(&plan, made).is_some_and(Change::is_doable), "{made} has nothing to do with it");
        }
        assert!(plan.differs());
    }

    #[test]
    fn widths_and_what_the_broker_does_not_compare_are_no_conflict() {
        let text = "evbus: 1\nqueues: {q: {message_ttl: 5s, consumer_timeout: 1h, arguments: {x-team: a}}}\n";
        let steps = steps(text);
        let mut observed = made(&steps);
        if let Some(queue) = observed.queues.get_mut("q") {
            queue.arguments.insert("x-message-ttl".to_owned(), Field::U16(5000));
            queue.arguments.insert("x-team".to_owned(), Field::text("b"));
            queue.arguments.remove("x-consumer-timeout");
        }
        let plan = diff(&steps, &observed, V4);
        assert!(plan.is_empty() && !plan.differs());
        assert_eq!(plan.changes[0].action, Action::Keep);
        assert!(
            plan.changes[0].because.contains("x-team is \"b\", and the file wants \"a\""),
            "{}",
            plan.changes[0].because
        );
        let plan = diff(&steps, &observed, Version::new(4, 3, 6));
        assert!(plan.changes[0].is_refused(), "4.3 compares the consumer timeout");
    }

    #[test]
    fn a_queue_without_a_type_is_a_classic_one() {
        let steps = steps("evbus: 1\nqueues: {q: {type: classic}}\n");
        let mut observed = made(&steps);
        observed.queues.entry("q".to_owned()).and_modify(|queue| queue.arguments.clear());
        assert!(diff(&steps, &observed, V4).changes.is_empty());
    }

    #[test]
    fn a_changed_ladder_never_takes_a_retry_twice() {
        let observed = made(&steps(TEXT));
        let changed = steps(&TEXT.replace("delays: [1s]", "delays: [2s]"));
        let plan = diff(&changed, &observed, V4);
        assert!(named(&plan, "s.retry.2s").is_some_and(Change::is_doable));
        let rung = named(&plan, "events.retry -> s.retry.2s (s.1)").expect("it is not there");
        assert!(rung.blocked.as_ref().is_some_and(|blocked| blocked.because.contains("twice")), "{rung:?}");
    }

    #[test]
    fn the_policy_of_evbus_follows_the_services_and_others_are_left_alone() {
        let observed = made(&steps(TEXT));
        let grown = steps(&TEXT.replace("t: {", "u: {retry: none}, t: {"));
        let plan = diff(&grown, &observed, V4);
        let policy = named(&plan, "evbus-events-dlq").expect("its pattern changed");
        assert!(policy.action == Action::Update && policy.is_doable());

        let text =
            |ttl: u32| format!("evbus: 1\npolicies: {{p: {{pattern: x, definition: {{message-ttl: {ttl}}}}}}}\n");
        let plan = diff(&steps(&text(2)), &made(&steps(&text(1))), V4);
        assert!(plan.changes[0].is_refused());
    }

    #[test]
    fn a_policy_that_hides_the_one_of_evbus_is_warned_of() {
        let steps = steps(TEXT);
        let mut observed = made(&steps);
        observed.queue_policies.insert("s.dlq".to_owned(), "evbus-events-dlq".to_owned());
        assert!(diff(&steps, &observed, V4).warnings.is_empty());
        observed.queue_policies.insert("t.dlq".to_owned(), "everything".to_owned());
        let plan = diff(&steps, &observed, V4);
        assert!(plan.warnings.len() == 1 && plan.warnings[0].starts_with("on t.dlq the policy everything hides"));
    }

    #[test]
    fn without_the_tag_the_policy_of_evbus_is_a_warning_and_a_listed_one_is_missed() {
        let observed = Observed::default();
        let plan = diff(&steps(TEXT), &observed, V4);
        let policy = named(&plan, "evbus-events-dlq").expect("it is wanted");
        assert!(!policy.is_doable() && !policy.is_refused());
        assert_eq!(plan.warnings.len(), 1);
        assert!(named(&plan, "s.dlq").is_some_and(Change::is_doable), "everything else goes on");
        let listed = steps("evbus: 1\npolicies: {p: {pattern: x, definition: {message-ttl: 1}}}\n");
        assert!(diff(&listed, &observed, V4).changes[0].is_refused());
    }

    #[test]
    fn a_binding_to_what_nobody_has_is_not_tried() {
        let steps = steps("evbus: 1\nbindings: [{from: amq.topic, to: q, key: a}]\n");
        let mut observed = made(&[]);
        let plan = diff(&steps, &observed, V4);
        assert!(plan.changes[0].is_refused());
        for step in &self::steps("evbus: 1\nexchanges: {x: {}}\nqueues: {q: {}}\n") {
            match step.object.clone() {
                Object::Exchange(exchange) => drop(observed.exchanges.insert("amq.topic".to_owned(), exchange)),
                Object::Queue(queue) => drop(observed.queues.insert(queue.name.clone(), queue)),
                _ => (),
            }
        }
        assert!(diff(&steps, &observed, V4).changes[0].is_doable(), "others may have made both");
    }
}
