//! What differs, what blocks what, and what is left alone?

use std::path::Path;

use super::*;
use crate::{
    message::Field,
    topology::{expand::expand, file::File, order::order, owned::Record},
};

const TEXT: &str = "evbus: 1\nevents: {A: {routing_key: a}}\nservices: {s: {subscribes: [A], retry: {delays: [1s]}}, t: {subscribes: [A], retry: none}}\n";
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
fn what_the_file_no_longer_wants_stays_unless_it_is_pruned_and_goes_backwards_then() {
    let before = steps(TEXT);
    let after = steps(&TEXT.replace("t: {subscribes: [A], retry: none}", ""));
    let mut observed = made(&before);
    empty(&mut observed);
    let plan = diff(&after, &observed, V4, &owning(&before, false));
    assert!(named(&plan, "t").is_some_and(|change| change.action == Action::Keep && change.owned));
    let plan = diff(&after, &observed, V4, &owning(&before, true));
    let gone: Vec<String> = plan
        .changes
        .iter()
        .filter(|change| change.action == Action::Delete)
        .map(|change| change.object.name())
        .collect();
    assert_eq!(gone, ["events -> t (a)", "t", "events.dlx -> t.dlq (t)", "t.dlq"]);
    assert!(plan.changes.iter().all(Change::is_doable));
    // Somebody else's are not even looked at.
    let plan = diff(&after, &observed, V4, &Scope { prune: true, ..Scope::default() });
    assert!(plan.changes.iter().all(|change| change.action != Action::Delete), "{plan:?}");
}

#[test]
fn a_queue_with_messages_stays_and_so_does_what_catches_for_it() {
    let before = steps(TEXT);
    let after = steps(&TEXT.replace("t: {subscribes: [A], retry: none}", ""));
    let mut observed = made(&before);
    empty(&mut observed);
    let full = Inside { total: Some(3), ready: Some(3), unacked: Some(0), consumers: Some(1) };
    observed.inside.insert("t".to_owned(), full);
    let plan = diff(&after, &observed, V4, &owning(&before, true));
    let blocked = |name: &str| {
        let change = named(&plan, name).unwrap_or_else(|| panic!("{name} is in the plan"));
        change.blocked.as_ref().map(|blocked| blocked.because.clone()).unwrap_or_default()
    };
    assert!(blocked("t").contains("3 messages and 1 consumer: --prune-non-empty"), "{}", blocked("t"));
    assert_eq!(blocked("t.dlq"), "the queue t stays, and needs it");
    assert_eq!(blocked("events -> t (a)"), "", "what lets messages in goes all the same");
    let more = Scope { prune_non_empty: true, ..owning(&before, true) };
    let plan = diff(&after, &observed, V4, &more);
    let change = named(&plan, "t").expect("it is in the plan");
    assert!(change.is_doable() && change.risk.as_ref().is_some_and(|risk| risk == "1 of its consumers is cut off"));
    for held in [Inside { unacked: Some(2), ..full }, Inside { ready: None, ..full }, Inside { total: Some(5), ..full }]
    {
        observed.inside.insert("t".to_owned(), held);
        assert!(named(&diff(&after, &observed, V4, &more), "t").is_some_and(Change::is_refused), "{held:?}");
    }
}

#[test]
fn what_somebody_elses_objects_use_stays() {
    let before = steps("evbus: 1\nexchanges: {x: {}, y: {}}\nqueues: {q: {}, r: {}}\n");
    let mut observed = made(&before);
    let others = steps(
        "evbus: 1\nexchanges: {x: {}, z: {alternate_exchange: y}}\nqueues: {o: {dead_letter_exchange: \"\", dead_letter_routing_key: q}, r: {}}\nbindings: [{from: x, to: o, key: a}, {from: x, to: r, key: b}]\n",
    );
    let theirs = made(&others);
    observed.exchanges.extend(theirs.exchanges);
    observed.queues.extend(theirs.queues);
    theirs.bindings.into_values().for_each(|binding| observed.bind(binding));
    empty(&mut observed);
    let plan = diff(&[], &observed, V4, &owning(&before, true));
    let blocked = |name: &str| {
        let change = named(&plan, name).unwrap_or_else(|| panic!("{name} is in the plan"));
        change.blocked.as_ref().map(|blocked| blocked.because.clone()).unwrap_or_default()
    };
    assert!(blocked("x").contains("2 bindings lead from it"), "{}", blocked("x"));
    assert_eq!(blocked("y"), "it is the alternate exchange of z");
    assert_eq!(blocked("q"), "the dead letters of queue o go there");
    let r = named(&plan, "r").expect("it is in the plan");
    assert!(r.is_doable() && r.risk.as_deref() == Some("a binding made by somebody else goes with it"));
}

/// Why an object that the file no longer wants stays; empty where it goes.
fn kept(plan: &Plan, name: &str) -> String {
    let change = named(plan, name).unwrap_or_else(|| panic!("{name} is in the plan"));
    change.blocked.as_ref().map(|blocked| blocked.because.clone()).unwrap_or_default()
}

const HOLDS: Inside = Inside { total: Some(1), ready: Some(1), unacked: Some(0), consumers: Some(0) };

#[test]
fn what_catches_for_a_queue_that_stays_does_too_whoever_says_where_its_dead_letters_go() {
    let key = "queues: {work: {dead_letter_exchange: dead}, grave: {}}\n";
    let policy = "queues: {work: {}, grave: {}}\npolicies: {p: {pattern: ^work$, definition: {dead-letter-exchange: dead, dead-letter-routing-key: work}}}\n";
    for (said, by) in [(key, "argument"), (policy, "policy")] {
        let before = steps(&format!(
            "evbus: 1\nexchanges: {{dead: {{type: fanout}}}}\nbindings: [{{from: dead, to: grave}}]\n{said}"
        ));
        let mut observed = made(&before);
        empty(&mut observed);
        observed.inside.insert("work".to_owned(), HOLDS);
        let plan = diff(&[], &observed, V4, &owning(&before, true));
        for name in ["work", "dead", "grave", "dead -> grave ()"] {
            assert!(!kept(&plan, name).is_empty(), "{by}: {name} goes: {plan:#?}");
        }
        empty(&mut observed);
        let plan = diff(&[], &observed, V4, &owning(&before, true));
        let names: Vec<String> = plan.changes.iter().map(|change| change.object.name()).collect();
        let place = |name: &str| names.iter().position(|other| other == name).expect("it is in the plan");
        assert!(plan.changes.iter().all(Change::is_doable), "{by}: an empty one goes");
        for name in ["dead", "grave", "dead -> grave ()"] {
            assert!(place("work") < place(name), "{by}: {names:?}");
        }
    }
}

#[test]
fn the_whole_way_of_somebody_elses_dead_letters_stays() {
    let before = steps(
        "evbus: 1\nexchanges: {dead: {type: direct}}\nqueues: {grave: {}, other: {}}\nbindings: [{from: dead, to: grave, key: k}, {from: dead, to: other, key: l}]\n",
    );
    let theirs = steps("evbus: 1\nqueues: {foreign: {dead_letter_exchange: dead, dead_letter_routing_key: k}}\n");
    let mut observed = made(&before);
    observed.queues.extend(made(&theirs).queues);
    empty(&mut observed);
    let plan = diff(&[], &observed, V4, &owning(&before, true));
    for name in ["dead", "grave", "dead -> grave (k)"] {
        assert!(!kept(&plan, name).is_empty(), "{name} goes");
    }
    assert_eq!((kept(&plan, "other"), kept(&plan, "dead -> other (l)")), (String::new(), String::new()));
}

#[test]
fn a_queue_stays_until_its_rungs_are_empty() {
    let before = steps(TEXT);
    let mut observed = made(&before);
    empty(&mut observed);
    observed.inside.insert("s.retry.1s".to_owned(), HOLDS);
    let more = Scope { prune_non_empty: true, ..owning(&before, true) };
    let plan = diff(&[], &observed, V4, &more);
    assert!(kept(&plan, "s").starts_with("s.retry.1s sends its messages there"), "{}", kept(&plan, "s"));
    assert!(!kept(&plan, "s.dlq").is_empty() && kept(&plan, "t").is_empty());
    empty(&mut observed);
    let plan = diff(&[], &observed, V4, &more);
    assert_eq!(named(&plan, "s").map(|change| change.feeders.clone()), Some(vec!["s.retry.1s".to_owned()]));
}

#[test]
fn what_was_made_anew_by_somebody_else_stays() {
    let before = steps("evbus: 1\nqueues: {q: {}, r: {}}\npolicies: {p: {pattern: x, definition: {message-ttl: 1}}}\n");
    let mut observed = made(&before);
    let others =
        steps("evbus: 1\nqueues: {q: {max_length: 77}}\npolicies: {p: {pattern: y, definition: {message-ttl: 1}}}\n");
    observed.queues.extend(made(&others).queues);
    observed.policies.extend(made(&others).policies);
    empty(&mut observed);
    let plan = diff(&[], &observed, V4, &owning(&before, true));
    assert!(kept(&plan, "q").contains("made it anew") && kept(&plan, "p").contains("made it anew"));
    assert_eq!(kept(&plan, "r"), "");
}

#[test]
fn an_exchange_of_somebody_else_that_deletes_itself_keeps_its_last_binding() {
    let before =
        steps("evbus: 1\nexchanges: {x: {auto_delete: true}}\nqueues: {q: {}}\nbindings: [{from: x, to: q, key: a}]\n");
    let mut observed = made(&before);
    empty(&mut observed);
    let mut scope = owning(&before, true);
    scope.ownership.record.as_mut().expect("a record").objects.remove("exchange x");
    let plan = diff(&[], &observed, V4, &scope);
    assert!(kept(&plan, "x -> q (a)").contains("deletes itself"), "{}", kept(&plan, "x -> q (a)"));
}

#[test]
fn a_rung_of_its_own_ladder_is_moved_and_not_doubled() {
    let before = steps(TEXT);
    let mut observed = made(&before);
    empty(&mut observed);
    let after = steps(&TEXT.replace("delays: [1s]", "delays: [2s]"));
    let plan = diff(&after, &observed, V4, &owning(&before, false));
    let at =
        |name: &str| plan.changes.iter().position(|change| change.object.name() == name).expect("it is in the plan");
    let (new, old) = (at("events.retry -> s.retry.2s (s.1)"), at("events.retry -> s.retry.1s (s.1)"));
    assert!(new < old && plan.changes[new].is_doable(), "a gap would lose retries to the audit stream");
    assert!(plan.changes[old].action == Action::Delete && plan.changes[old].is_doable());
    assert_eq!(plan.changes[old].needs, [new]);
    assert!(named(&plan, "s.retry.1s").is_some_and(|change| change.action == Action::Keep), "it may hold retries");
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
