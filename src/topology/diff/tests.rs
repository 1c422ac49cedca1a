//! What differs, what blocks what, and what is left alone?

use std::path::Path;

use super::*;
use crate::{
    message::Field,
    topology::{expand::expand, file::File, order::order, owned::Record},
};

pub(super) const TEXT: &str = "evbus: 1\nevents: {A: {routing_key: a}}\nservices: {s: {subscribes: [A], retry: {delays: [1s]}}, t: {subscribes: [A], retry: none}}\n";
pub(super) const V4: Version = Version::new(4, 0, 5);

pub(super) fn steps(text: &str) -> Vec<Step> {
    let file = File::read(vec![("f".to_owned(), Path::new(""), text.as_bytes().to_vec())]).expect("a right file");
    order(&expand(&file.topology, V4).0)
}

/// A broker on which everything has been made.
pub(super) fn made(steps: &[Step]) -> Observed {
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

pub(super) fn named<'a>(plan: &'a Plan, name: &str) -> Option<&'a Change> {
    plan.changes.iter().find(|change| change.object.name() == name)
}

#[test]
fn nothing_there_is_everything_to_make_and_everything_there_is_nothing_to_do() {
    let steps = steps(TEXT);
    let empty = Observed { may_set_policies: true, ..Observed::default() };
    let plan = diff(&steps, &empty, V4, &Scope::default());
    assert_eq!((plan.count(Action::Create), plan.blocked(), plan.unchanged), (steps.len(), 0, 0));
    let plan = diff(&steps, &made(&steps), V4, &Scope::default());
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
    let plan = diff(&steps, &observed, V4, &Scope::default());
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
    let plan = diff(&steps, &observed, V4, &Scope::default());
    assert!(plan.is_empty() && !plan.differs());
    assert_eq!(plan.changes[0].action, Action::Keep);
    assert!(
        plan.changes[0].because.contains("x-team is \"b\", and the file wants \"a\""),
        "{}",
        plan.changes[0].because
    );
    let plan = diff(&steps, &observed, Version::new(4, 3, 6), &Scope::default());
    assert!(plan.changes[0].is_refused(), "4.3 compares the consumer timeout");
}

#[test]
fn a_queue_without_a_type_is_a_classic_one() {
    let steps = steps("evbus: 1\nqueues: {q: {type: classic}}\n");
    let mut observed = made(&steps);
    observed.queues.entry("q".to_owned()).and_modify(|queue| queue.arguments.clear());
    assert!(diff(&steps, &observed, V4, &Scope::default()).changes.is_empty());
}

#[test]
fn a_changed_ladder_never_takes_a_retry_twice() {
    let observed = made(&steps(TEXT));
    let changed = steps(&TEXT.replace("delays: [1s]", "delays: [2s]"));
    let plan = diff(&changed, &observed, V4, &Scope::default());
    assert!(named(&plan, "s.retry.2s").is_some_and(Change::is_doable));
    let rung = named(&plan, "events.retry -> s.retry.2s (s.1)").expect("it is not there");
    assert!(rung.blocked.as_ref().is_some_and(|blocked| blocked.because.contains("twice")), "{rung:?}");
}

#[test]
fn the_policy_of_evbus_follows_the_services_and_others_are_left_alone() {
    let observed = made(&steps(TEXT));
    let grown = steps(&TEXT.replace("t: {", "u: {retry: none}, t: {"));
    let plan = diff(&grown, &observed, V4, &Scope::default());
    let policy = named(&plan, "evbus-events-dlq").expect("its pattern changed");
    assert!(policy.action == Action::Update && policy.is_doable());

    let text = |ttl: u32| format!("evbus: 1\npolicies: {{p: {{pattern: x, definition: {{message-ttl: {ttl}}}}}}}\n");
    let plan = diff(&steps(&text(2)), &made(&steps(&text(1))), V4, &Scope::default());
    assert!(plan.changes[0].is_refused());
}

#[test]
fn a_policy_that_hides_or_is_hidden_is_told_with_the_keys_that_have_no_effect() {
    let steps = steps(TEXT);
    let mut observed = made(&steps);
    let warnings = |observed: &Observed| diff(&steps, observed, V4, &Scope::default()).warnings;
    assert!(warnings(&observed).is_empty());
    let policy = |name: &str, pattern: &str, priority: i64| PolicySpec {
        name: name.to_owned(),
        pattern: pattern.to_owned(),
        apply_to: "queues".to_owned(),
        priority,
        definition: serde_json::Map::from_iter([("max-length".to_owned(), 5.into())]),
    };
    observed.policies.insert("everything".to_owned(), policy("everything", "^t", 200));
    let found = warnings(&observed);
    assert!(
        found.len() == 1 && found[0].starts_with("on t.dlq the policy everything hides evbus-events-dlq"),
        "{found:?}"
    );
    assert!(found[0].contains("delivery-limit has no effect there"), "{found:?}");
    // One key that quorum queues do not take, and the broker passes over the whole policy there.
    let mut lazy = policy("everything", "^t", 200);
    lazy.definition.insert("queue-mode".to_owned(), "lazy".into());
    observed.policies.insert("everything".to_owned(), lazy);
    assert!(warnings(&observed).is_empty());
    // With the same priority it is up to the broker, whichever comes first in the alphabet.
    let priority = observed.policies["evbus-events-dlq"].priority;
    for (name, pair) in [("all", "all and evbus-events-dlq"), ("some", "evbus-events-dlq and some")] {
        observed.policies.insert(name.to_owned(), policy(name, "^t", priority));
        let found = warnings(&observed);
        let told = format!("on t.dlq the policies {pair} have the same priority");
        assert!(found.len() == 1 && found[0].starts_with(&told), "{found:?}");
        assert!(found[0].contains("and so delivery-limit, max-length may have no effect"), "{found:?}");
        observed.policies.remove(name);
    }
    // Before it is applied, what it will take the place of.
    observed.policies.insert("everything".to_owned(), policy("everything", "", 1));
    assert!(warnings(&observed).is_empty(), "it has been so all the time");
    observed.policies.remove("evbus-events-dlq");
    let found = warnings(&observed);
    assert!(
        found.len() == 1 && found[0].starts_with("on s.dlq, t.dlq the policy evbus-events-dlq of this file"),
        "{found:?}"
    );
    assert!(found[0].contains("max-length stops having effect"), "{found:?}");
}

#[test]
fn without_the_tag_the_policy_of_evbus_is_a_warning_and_a_listed_one_is_missed() {
    let observed = Observed::default();
    let plan = diff(&steps(TEXT), &observed, V4, &Scope::default());
    let policy = named(&plan, "evbus-events-dlq").expect("it is wanted");
    assert!(!policy.is_doable() && !policy.is_refused());
    assert_eq!(plan.warnings.len(), 1);
    assert!(named(&plan, "s.dlq").is_some_and(Change::is_doable), "everything else goes on");
    let listed = steps("evbus: 1\npolicies: {p: {pattern: x, definition: {message-ttl: 1}}}\n");
    assert!(diff(&listed, &observed, V4, &Scope::default()).changes[0].is_refused());
}

#[test]
fn a_binding_to_what_nobody_has_is_not_tried() {
    let steps = steps("evbus: 1\nbindings: [{from: amq.topic, to: q, key: a}]\n");
    let mut observed = made(&[]);
    let plan = diff(&steps, &observed, V4, &Scope::default());
    assert!(plan.changes[0].is_refused());
    for step in &super::tests::steps("evbus: 1\nexchanges: {x: {}}\nqueues: {q: {}}\n") {
        match step.object.clone() {
            Object::Exchange(exchange) => drop(observed.exchanges.insert("amq.topic".to_owned(), exchange)),
            Object::Queue(queue) => drop(observed.queues.insert(queue.name.clone(), queue)),
            _ => (),
        }
    }
    assert!(diff(&steps, &observed, V4, &Scope::default()).changes[0].is_doable(), "others may have made both");
}

/// Everything that was made belongs to the file.
pub(super) fn owning(steps: &[Step], prune: bool) -> Scope {
    let mut record = Record::new("shop", "/");
    record.objects = steps.iter().map(|step| (step.object.id(), step.object.mark())).collect();
    let ownership = Ownership { record: Some(record), ..Ownership::default() };
    Scope { ownership, prune, ..Scope::default() }
}

/// Nothing is in any queue.
pub(super) fn empty(observed: &mut Observed) {
    let none = Inside { total: Some(0), ready: Some(0), unacked: Some(0), consumers: Some(0) };
    observed.inside = observed.queues.keys().map(|name| (name.clone(), none)).collect();
}

#[test]
fn what_somebody_changed_by_hand_is_told_from_what_the_file_changed() {
    let text = |ttl: u32| {
        format!("evbus: 1\npolicies: {{p: {{pattern: x, definition: {{message-ttl: {ttl}}}}}}}\nqueues: {{q: {{}}}}\n")
    };
    let (one, two) = (steps(&text(1)), steps(&text(2)));
    let plan = diff(&two, &made(&one), V4, &owning(&one, false));
    let change = &plan.changes[0];
    assert!(change.action == Action::Update && change.is_doable() && change.drift.is_none(), "{change:?}");
    let mut drifted = made(&two);
    drifted.queues.clear();
    let plan = diff(&one, &drifted, V4, &owning(&one, false));
    let drift = |name: &str| named(&plan, name).and_then(|change| change.drift.as_deref());
    assert_eq!((drift("p"), drift("q")), (Some("somebody changed it"), Some("somebody deleted it")));
}
