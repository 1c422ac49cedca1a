//! What differs, what blocks what, and what is left alone?

use std::path::Path;

use super::*;
use crate::{
    message::Field,
    topology::{expand::expand, file::File, order::order},
};

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

    let text = |ttl: u32| format!("evbus: 1\npolicies: {{p: {{pattern: x, definition: {{message-ttl: {ttl}}}}}}}\n");
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
    for step in &super::tests::steps("evbus: 1\nexchanges: {x: {}}\nqueues: {q: {}}\n") {
        match step.object.clone() {
            Object::Exchange(exchange) => drop(observed.exchanges.insert("amq.topic".to_owned(), exchange)),
            Object::Queue(queue) => drop(observed.queues.insert(queue.name.clone(), queue)),
            _ => (),
        }
    }
    assert!(diff(&steps, &observed, V4).changes[0].is_doable(), "others may have made both");
}
