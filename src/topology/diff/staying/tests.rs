//! What the file no longer wants: what of it goes, and what stays, and why.

use crate::topology::diff::{tests::*, *};

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
