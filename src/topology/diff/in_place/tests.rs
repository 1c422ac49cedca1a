//! What is made in place, what is not, and what becomes of it.

use std::path::Path;

use super::*;
use crate::topology::{
    diff::{Scope, diff, tests::*},
    expand::expand,
    file::File,
    order::{Stage, Step, order},
    plan::{Action, Change, Plan},
};

const BEFORE: &str =
    "evbus: 1\nname: shop\nqueues:\n  a: {type: classic, message_ttl: 2h}\n  b+: {type: quorum, message_ttl: 3h}\n";

fn after(a: &str, b: &str) -> String {
    format!("evbus: 1\nname: shop\nqueues:\n  a: {{type: classic, {a}}}\n  b+: {{type: quorum, {b}}}\n")
}

fn plan(text: &str, observed: &Observed, scope: &Scope, asked: bool) -> (Plan, Vec<Step>) {
    let file = File::read(vec![("f".to_owned(), Path::new(""), text.as_bytes().to_vec())]).expect("a right file");
    let (mut wanted, _) = expand(&file.topology, V4);
    let scope = Scope { in_place: InPlace::asked(asked), ..scope.clone() };
    let in_place = InPlace::add(&mut wanted, observed, V4, &scope);
    let mut steps = order(&wanted);
    in_place.wait(&mut steps);
    (diff(&steps, observed, V4, &Scope { in_place, ..scope }), steps)
}

/// A broker with what a file wants, all of it made for that file.
fn begin(text: &str) -> (Observed, Scope) {
    let steps = steps(text);
    let mut observed = made(&steps);
    empty(&mut observed);
    (observed, owning(&steps, false))
}

/// What becomes of both when the policies of a plan are set.
fn carry_out(plan: &Plan, observed: &mut Observed, scope: &mut Scope) {
    for change in plan.changes.iter().filter(|change| change.is_doable()) {
        let Object::Policy(policy) = &change.object else { panic!("only policies change: {change:?}") };
        let record = scope.ownership.record.as_mut().expect("there is a record");
        if change.action == Action::Delete {
            observed.policies.remove(&policy.name);
            record.objects.remove(&change.object.id());
        } else {
            observed.policies.insert(policy.name.clone(), policy.clone());
            record.objects.insert(change.object.id(), change.object.mark());
        }
    }
}

fn policies(observed: &Observed) -> Vec<(&str, String)> {
    observed.policies.values().map(|policy| (policy.pattern.as_str(), sorted(&policy.definition))).collect()
}

fn blocked<'a>(plan: &'a Plan, name: &str) -> &'a str {
    named(plan, name).and_then(|change| change.blocked.as_ref()).map_or("", |blocked| &blocked.because)
}

#[test]
fn what_a_policy_can_make_up_for_is_offered_made_and_no_difference_any_more() {
    let (mut observed, mut scope) = begin(BEFORE);
    let text = after("message_ttl: 1h", "message_ttl: 1h");
    let (offered, _) = plan(&text, &observed, &scope, false);
    let words = "--in-place sets it by a policy, --replace makes it anew and keeps its messages";
    assert_eq!((blocked(&offered, "a"), blocked(&offered, "b+")), (words, words));
    assert_eq!(offered.doable(), 0);

    let (asked, _) = plan(&text, &observed, &scope, true);
    assert_eq!((asked.count(Action::Create), asked.count(Action::Keep), asked.blocked()), (1, 2, 0));
    let policy = asked.changes.iter().find(|change| change.is_doable()).expect("the policy");
    assert_eq!(policy.because, "makes up for arguments that they were declared with: a, b+");
    assert!(
        policy.risk.as_ref().is_some_and(|risk| risk.starts_with("what is in the queue keeps")),
        "{:?}",
        policy.risk
    );
    carry_out(&asked, &mut observed, &mut scope);
    assert_eq!(policies(&observed), [(r"^(?:a|b\+)$", r#"{"message-ttl": "3600000"}"#.to_owned())]);

    for asked in [false, true] {
        let (again, _) = plan(&text, &observed, &scope, asked);
        assert!(again.is_empty() && !again.differs(), "{again:?}");
        let kept = named(&again, "a").expect("it is told");
        let name = &observed.policies.values().next().expect("one").name;
        let because =
            format!("x-message-ttl is 7200000, and the file wants 3600000: the policy {name} makes up for it");
        assert_eq!(kept.because, because);
    }
}

#[test]
fn what_is_wanted_otherwise_later_is_asked_for_again_and_what_is_not_goes() {
    let (mut observed, mut scope) = begin(BEFORE);
    let both = after("message_ttl: 1h", "message_ttl: 1h");
    let (asked, _) = plan(&both, &observed, &scope, true);
    carry_out(&asked, &mut observed, &mut scope);

    // Unasked the policy in force stays as it is.
    let one = after("message_ttl: 30m", "message_ttl: 1h");
    let (unasked, _) = plan(&one, &observed, &scope, false);
    assert!(unasked.is_empty() && blocked(&unasked, "a").starts_with("--in-place"), "{unasked:?}");
    let (asked, _) = plan(&one, &observed, &scope, true);
    let stages: Vec<_> =
        asked.changes.iter().filter(|change| change.is_doable()).map(|it| (it.action, it.stage)).collect();
    let expected = [(Action::Create, Stage::InPlace), (Action::Update, Stage::InPlaceAgain)];
    assert_eq!(stages, expected, "no queue is without a policy in between");
    carry_out(&asked, &mut observed, &mut scope);
    let mut found: Vec<&str> = policies(&observed).iter().map(|(pattern, _)| *pattern).collect();
    found.sort_unstable();
    assert_eq!(found, ["^a$", r"^b\+$"]);

    // As it was declared: nothing is to be made up for, and no policy hides that.
    let (back, _) = plan(BEFORE, &observed, &scope, false);
    assert_eq!((back.count(Action::Delete), back.doable()), (2, 2), "{back:?}");
    carry_out(&back, &mut observed, &mut scope);
    assert!(plan(BEFORE, &observed, &scope, false).0.changes.is_empty());
}

#[test]
fn a_policy_in_force_ends_only_when_the_queue_is_as_it_is_wanted() {
    let (mut observed, mut scope) = begin(BEFORE);
    let (asked, _) =
        plan(&after("dead_letter_exchange: x, message_ttl: 2h", "message_ttl: 3h"), &observed, &scope, true);
    carry_out(&asked, &mut observed, &mut scope);
    let before = observed.policies.clone();
    // Now a policy cannot make up for all of it, and the queue waits to be made anew.
    let text = after("dead_letter_exchange: x, message_ttl: 9h", "message_ttl: 3h");
    for asked in [false, true] {
        let (other, _) = plan(&text, &observed, &scope, asked);
        assert!(blocked(&other, "a").starts_with("--replace") && other.is_empty(), "{other:?}");
    }
    assert_eq!(observed.policies, before);
    scope.replace = true;
    let (anew, _) = plan(&text, &observed, &scope, false);
    let at = |action: Action| anew.changes.iter().position(|change| change.action == action);
    assert!(at(Action::Replace) < at(Action::Delete) && anew.doable() == 2, "{anew:?}");
}

#[test]
fn larger_missing_and_other_things_cannot_be_made_up_for() {
    let (observed, scope) = begin(BEFORE);
    for (a, b) in [
        ("message_ttl: 3h", "message_ttl: 3h"),
        ("max_length: 5", "message_ttl: 3h"),
        ("message_ttl: 2h, arguments: {x-max-priority: 5}", "message_ttl: 3h"),
        ("message_ttl: 2h", "message_ttl: 3h, arguments: {x-single-active-consumer: true}"),
    ] {
        let (asked, _) = plan(&after(a, b), &observed, &scope, true);
        assert!(asked.is_empty() && asked.blocked() == 1, "{a} {b}: {asked:?}");
    }
    // An argument that is there is stronger.
    let (letters, own) = begin("evbus: 1\nname: shop\nqueues: {a: {type: classic, dead_letter_exchange: x}}\n");
    let text = "evbus: 1\nname: shop\nqueues: {a: {type: classic, dead_letter_exchange: y}}\n";
    assert!(blocked(&plan(text, &letters, &own, true).0, "a").starts_with("--replace"));
    let text = "evbus: 1\nname: shop\nqueues:\n  a: {type: quorum, message_ttl: 1h}\n";
    let (asked, _) = plan(text, &observed, &scope, true);
    assert!(blocked(&asked, "a").starts_with("--replace"), "{asked:?}");
}

#[test]
fn somebody_elses_policy_is_never_hidden_and_that_of_the_dead_letter_queues_is_carried_along() {
    let (mut observed, scope) = begin(BEFORE);
    let foreign = PolicySpec {
        name: "ops".into(),
        pattern: "^a$".into(),
        apply_to: "queues".into(),
        priority: 7,
        definition: Map::from_iter([("max-length".to_owned(), Value::from(9))]),
    };
    observed.policies.insert("ops".into(), foreign);
    let (asked, _) = plan(&after("message_ttl: 1h", "message_ttl: 3h"), &observed, &scope, true);
    let words = "it cannot be made so in place: only one policy is in force on it, and that is ops: set message-ttl there; --replace makes it anew and keeps its messages";
    assert_eq!(blocked(&asked, "a"), words);

    let bus = |keep: &str| {
        format!("evbus: 1\nname: shop\nservices: {{s: {{subscribes: [{{key: k}}], retry: none{keep}}}}}\n")
    };
    let (mut observed, mut scope) = begin(&bus(""));
    let (asked, _) = plan(&bus(", dead_letters: {max: 5, enforce: true}"), &observed, &scope, true);
    assert_eq!((asked.count(Action::Create), asked.blocked()), (1, 0), "{asked:?}");
    carry_out(&asked, &mut observed, &mut scope);
    let policy = observed.policies.values().find(|policy| policy.name.starts_with(PREFIX)).expect("it is made");
    assert_eq!(
        (policy.definition["delivery-limit"].as_i64(), policy.definition["max-length"].as_i64()),
        (Some(-1), Some(5))
    );
    assert_eq!((policy.priority, asked.warnings.is_empty()), (101, true));
}

#[test]
fn without_a_name_or_the_tag_it_is_said_why_nothing_is_made_in_place() {
    let (mut observed, scope) = begin(BEFORE);
    let text = after("message_ttl: 1h", "message_ttl: 3h");
    let (nameless, _) = plan(&text, &observed, &Scope::default(), true);
    assert!(blocked(&nameless, "a").contains("written down under the file's name"), "{nameless:?}");
    observed.may_set_policies = false;
    let (asked, _) = plan(&text, &observed, &scope, true);
    assert!(blocked(&asked, "a").contains("has not the tag policymaker"), "{asked:?}");
    assert!(asked.changes.iter().all(Change::is_refused));
}
