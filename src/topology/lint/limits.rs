//! Rules about what the broker removes by itself: what is too old, and what is too much.

use super::{
    Finding, Level, Rule,
    subject::{Part, Subject, View},
};
use crate::{duration, topology::expand::Role};

pub(super) static EXPIRES: Rule = Rule {
    id: "expires-without-dead-letters",
    level: Level::Warning,
    finds: "a work queue whose messages expire, and have nowhere to go then",
    why: "What was not consumed in time is gone without a trace. That may be meant, for prices or positions.",
    fix: "Give the queue a dead letter exchange; or say under `lint:` why it is meant.",
};

pub(super) static DROPS: Rule = Rule {
    id: "drops-without-dead-letters",
    level: Level::Warning,
    finds: "a work queue that drops its oldest messages when it is full, and they have nowhere to go",
    why: "When consumers are down for long enough, the oldest messages are gone without a trace.",
    fix: "Let it refuse new messages (`overflow: reject-publish`), or give it a dead letter exchange; or say under `lint:` why it is meant.",
};

pub(super) static DEAD_EXPIRE: Rule = Rule {
    id: "dead-letters-expire",
    level: Level::Warning,
    finds: "a dead letter queue whose messages expire",
    why: "The evidence of a failure is gone before somebody has looked, often over a week-end.",
    fix: "Leave the limit away, and remove what was reviewed with `evbus dlq purge`: it keeps a copy.",
};

pub(super) static DEAD_LIMITED: Rule = Rule {
    id: "dead-letters-limited",
    level: Level::Warning,
    finds: "a dead letter queue with a limit to its length",
    why: "When it is full, dead letters are dropped, or their queues have to keep them; and looking at a full queue can drop what is being looked at.",
    fix: "Leave the limit away, and remove what was reviewed with `evbus dlq purge`: it keeps a copy.",
};

pub(super) fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for view in subject.queues.iter().filter(|view| !view.is_fleeting()) {
        match view.part {
            Part::Work if view.letters.is_none() => work(view, findings),
            Part::Dead => dead(view, findings),
            _ => (),
        }
    }
}

/// How many messages, or bytes of them, a queue holds, and the key that says so.
fn length(view: &View<'_>) -> Option<(&'static str, String)> {
    let messages = view.limit("max-length").map(|limit| ("max-length", counted(limit, "message")));
    messages.or_else(|| view.limit("max-length-bytes").map(|limit| ("max-length-bytes", counted(limit, "byte"))))
}

fn counted(count: i64, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

fn after(millis: i64) -> String {
    u64::try_from(millis).map_or_else(
        |_| "at once".to_owned(),
        |millis| format!("after {}", duration::words(std::time::Duration::from_millis(millis))),
    )
}

fn work(view: &View<'_>, findings: &mut Vec<Finding>) {
    let name = &view.item.name;
    if let Some(ttl) = view.limit("message-ttl") {
        findings.push(Finding::about(&EXPIRES, view.item).at(view.place_of("message-ttl")).says(
            format!("messages in {name} expire {}, and have nowhere to go: they are lost", after(ttl)),
            "give the queue a dead letter exchange, or say under `lint:` why it is meant",
        ));
    }
    if let (Some((key, limit)), "drop-head") = (length(view), view.overflow()) {
        findings.push(Finding::about(&DROPS, view.item).at(view.place_of(key)).says(
            format!("{name} holds {limit} and drops the oldest beyond that, which have nowhere to go: they are lost"),
            "say `overflow: reject-publish`, give it a dead letter exchange, or say under `lint:` why it is meant",
        ));
    }
}

/// What evbus lays out with limits, `enforced-dead-letters` tells; a policy can limit it too.
fn dead(view: &View<'_>, findings: &mut Vec<Finding>) {
    let name = &view.item.name;
    let told = |key: &str| {
        view.item.role == Some(Role::DeadLetters) && view.item.spec.arguments.contains_key(&format!("x-{key}"))
    };
    let fix = "leave the limit away, and remove what was reviewed with `evbus dlq purge`: it keeps a copy";
    if let (Some(ttl), None, false) = (view.limit("message-ttl"), &view.letters, told("message-ttl")) {
        findings.push(
            Finding::about(&DEAD_EXPIRE, view.item)
                .at(view.place_of("message-ttl"))
                .says(format!("dead letters in {name} expire {}: the evidence is gone then", after(ttl)), fix),
        );
    }
    if let Some((key, limit)) = length(view).filter(|(key, _)| !told(key)) {
        findings.push(
            Finding::about(&DEAD_LIMITED, view.item).at(view.place_of(key)).says(
                format!("{name} holds {limit} of dead letters, and what comes beyond that is lost or held up"),
                fix,
            ),
        );
    }
}
