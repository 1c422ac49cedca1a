//! Rules about where dead letters go, and what they go through.

use std::collections::HashSet;

use super::{
    Finding, Level, Rule,
    subject::{Letters, Part, Subject, View, some},
};
use crate::topology::objects::alternate;

pub(super) static NOWHERE: Rule = Rule {
    id: "dead-letters-go-nowhere",
    level: Level::Error,
    finds: "dead letters that reach no queue; a warning where others may have made what is missing",
    why: "The broker drops what its dead letter exchange cannot route, and says nothing. That the exchange exists is not enough: a binding has to match the key that the dead letters come with.",
    fix: "Bind a queue to the dead letter exchange with that key; `#` on a topic exchange catches everything.",
};

pub(super) static SELF: Rule = Rule {
    id: "self-dead-lettering",
    level: Level::Error,
    finds: "a queue that gets its own dead letters",
    why: "What is rejected comes back at once and forever; what expires is dropped by the broker, which sees the circle.",
    fix: "Let its dead letters go to another queue; where a policy says so, end its pattern so that it matches the work queues alone.",
};

pub(super) static MOVE_ON: Rule = Rule {
    id: "dead-letters-move-on",
    level: Level::Warning,
    finds: "a dead letter queue that dead-letters again",
    why: "Whoever rejects a dead letter while looking at it sends it on, mostly back into the work queue or to nowhere.",
    fix: "Leave the dead letter exchange of the dead letter queue away.",
};

pub(super) static UNFED: Rule = Rule {
    id: "unfed-dead-letter-queue",
    level: Level::Warning,
    finds: "a queue that is named like a dead letter queue, and gets no queue's dead letters",
    why: "Mostly the exchange or the key is another than the work queue says, and what fails is lost. Where programs publish to it themselves, all is well.",
    fix: "Give the work queue the exchange and the key that lead to it.",
};

pub(super) static SOME_WITHOUT: Rule = Rule {
    id: "some-without-dead-letters",
    level: Level::Warning,
    finds: "a work queue without a dead letter exchange, where others have one",
    why: "What is rejected there is gone. Where some queues are cared for, the others were mostly forgotten.",
    fix: "Give it a dead letter exchange like the others.",
};

pub(super) static KEY_ALONE: Rule = Rule {
    id: "dead-letter-key-alone",
    level: Level::Warning,
    finds: "a dead letter routing key without a dead letter exchange",
    why: "The key does nothing, and there are no dead letters: what is rejected is gone.",
    fix: "Name the dead letter exchange; an empty name is the default exchange.",
};

pub(super) static SHARED_RETRY: Rule = Rule {
    id: "shared-retry",
    level: Level::Warning,
    finds: "a retry queue whose messages come back through an exchange that others are bound to, or can be",
    why: "Every queue that is bound to that key, today or later, gets a copy of each retry: others handle what they have handled.",
    fix: "Let the retry queue dead-letter to the default exchange (an empty name) with the work queue's name as its key.",
};

pub(super) static ASTRAY: Rule = Rule {
    id: "dead-letters-astray",
    level: Level::Warning,
    finds: "dead letters or retries that no binding takes, and that only an alternate exchange catches",
    why: "They arrive among everything else that nobody wanted. A retry that ends there is never tried again.",
    fix: "Bind the queue they are meant for with the key that they come with.",
};

pub(super) fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for view in &subject.queues {
        match &view.letters {
            Some(letters) => {
                route(view, letters, subject, findings);
                astray(view, letters, findings);
                onward(view, letters, findings);
                shared_retry(view, letters, subject, findings);
            }
            None => key_alone(view, findings),
        }
    }
    unfed(subject, findings);
    some_without(subject, findings);
}

/// How a policy is named behind what it says.
fn by(letters: &Letters<'_>) -> String {
    letters.policy.map_or_else(String::new, |policy| format!(" (by the policy {})", policy.name))
}

fn exchange(letters: &Letters<'_>) -> String {
    if letters.exchange.is_empty() { "the default exchange".to_owned() } else { letters.exchange.to_owned() }
}

fn route(view: &View<'_>, letters: &Letters<'_>, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let (name, by, to) = (&view.item.name, by(letters), exchange(letters));
    let about = |rule| Finding::about(rule, view.item);
    if !subject.routes.has_exchange(letters.exchange) {
        let level = if subject.is_partial() { Level::Warning } else { Level::Error };
        findings.push(about(&NOWHERE).level(level).says(
            format!("the dead letters of {name} go to {to}{by}, {}", subject.missing()),
            if subject.is_partial() {
                format!("declare {to}, unless somebody else makes it: without it, dead letters are lost")
            } else {
                format!("make {to} and bind a queue to it: without it, dead letters are lost")
            },
        ));
    } else if letters.reaches(name) {
        findings.push(about(&SELF).says(
            format!(
                "the dead letters of {name} come back to {name}{by}: rejected ones forever, expired ones are dropped"
            ),
            if letters.policy.is_some() {
                "end the policy's pattern so that it matches the work queues alone"
            } else {
                "let them go to another queue, or leave its dead letter exchange away"
            },
        ));
    } else if letters.reached.is_empty() && !chooses_by_headers(letters, subject) {
        let key = letters.key.map_or_else(|| "the keys they came with".to_owned(), |key| format!("the key {key:?}"));
        findings.push(about(&NOWHERE).says(
            format!("the dead letters of {name} go to {to} with {key}{by}, and no queue gets them: they are lost"),
            format!("bind a queue to {to} with that key"),
        ));
    }
}

/// A headers exchange with bindings: what headers a message will have, nobody can tell.
fn chooses_by_headers(letters: &Letters<'_>, subject: &Subject<'_>) -> bool {
    subject.exchange_type(letters.exchange) == "headers" && !subject.out_of(letters.exchange).is_empty()
}

fn astray(view: &View<'_>, letters: &Letters<'_>, findings: &mut Vec<Finding>) {
    let mut ways = letters.reached.iter().flat_map(|reached| &reached.via).peekable();
    if ways.peek().is_some() && ways.all(|way| way.iter().any(|hop| hop.alternate)) {
        let (name, to) = (&view.item.name, exchange(letters));
        findings.push(Finding::about(&ASTRAY, view.item).says(
            format!(
                "no binding of {to} takes the dead letters of {name}{}: only the alternate exchange catches them",
                by(letters)
            ),
            format!("bind the queue they are meant for to {to} with the key they come with"),
        ));
    }
}

/// A dead letter queue that dead-letters again by its own arguments; policies have a rule of their own.
fn onward(view: &View<'_>, letters: &Letters<'_>, findings: &mut Vec<Finding>) {
    let loops = letters.reaches(&view.item.name);
    if view.part == Part::Dead && letters.policy.is_none() && !loops {
        let name = &view.item.name;
        findings.push(Finding::about(&MOVE_ON, view.item).at(view.place_of("dead-letter-exchange")).says(
            format!("{name} keeps dead letters, and sends what is rejected from it on to {}", exchange(letters)),
            "leave its dead letter exchange away",
        ));
    }
}

fn shared_retry(view: &View<'_>, letters: &Letters<'_>, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if view.part != Part::Wait || letters.exchange.is_empty() || letters.reached.is_empty() {
        return;
    }
    let open = subject.exchange_type(letters.exchange) != "direct";
    if open || letters.reached.len() > 1 {
        let name = &view.item.name;
        findings.push(Finding::about(&SHARED_RETRY, view.item).says(
            format!(
                "what waits in {name} comes back through {}: every queue bound to its key gets each retry",
                letters.exchange
            ),
            "let it dead-letter to the default exchange with the work queue's name as its key",
        ));
    }
}

fn key_alone(view: &View<'_>, findings: &mut Vec<Finding>) {
    const KEY: &str = "dead-letter-routing-key";
    let own = view.item.spec.arguments.contains_key(&format!("x-{KEY}"));
    let set = view.policy().is_some_and(|policy| policy.spec.definition.contains_key(KEY));
    if own || set {
        findings.push(Finding::about(&KEY_ALONE, view.item).at(view.place_of(KEY)).says(
            format!(
                "{} has a dead letter routing key and no dead letter exchange: its dead letters are lost",
                view.item.name
            ),
            "name the dead letter exchange; an empty name is the default exchange",
        ));
    }
}

fn unfed(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let set = |policy: &crate::topology::spec::PolicySpec| {
        policy
            .definition
            .get(crate::topology::routing::ALTERNATE_EXCHANGE)
            .and_then(|it| it.as_str())
            .map(str::to_owned)
    };
    let mut alternates: HashSet<String> =
        subject.objects.exchanges.iter().filter_map(|item| alternate(&item.spec)).map(str::to_owned).collect();
    alternates.extend(subject.objects.policies.iter().filter_map(|item| set(&item.spec)));
    for view in subject.queues.iter().filter(|view| view.part == Part::Dead && !view.is_fed && view.item.role.is_none())
    {
        let name = &view.item.name;
        let catches_all = subject.bound_to(name).iter().any(|binding| alternates.contains(&binding.spec.source));
        if !catches_all && !view.is_fleeting() {
            findings.push(Finding::about(&UNFED, view.item).says(
                format!("{name} is named like a dead letter queue, and gets no queue's dead letters"),
                "give the work queue the exchange and the key that lead to it, unless programs publish to it themselves",
            ));
        }
    }
}

fn some_without(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let work = || {
        let listed = subject.queues.iter().filter(|view| view.part == Part::Work && view.item.role.is_none());
        listed.filter(|view| !view.is_fleeting())
    };
    let with: Vec<&str> = work().filter(|view| view.letters.is_some()).map(|view| view.item.name.as_str()).collect();
    if with.is_empty() {
        return;
    }
    for view in work().filter(|view| view.letters.is_none()) {
        let have = if with.len() == 1 { "has" } else { "have" };
        findings.push(Finding::about(&SOME_WITHOUT, view.item).says(
            format!(
                "{} has no dead letter exchange, as {} {have}: what it rejects is gone",
                view.item.name,
                some(&with)
            ),
            "give it a dead letter exchange like the others",
        ));
    }
}
