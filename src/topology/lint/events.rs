//! Rules about events, who wants them, and the schemas they name.

use super::{Finding, Level, Rule, subject::Subject};
use crate::topology::{
    expand::unknown_event,
    file::{Event, Subscription, Topology},
    routing::topic_matches,
};

pub(super) static UNKNOWN_EVENT: Rule = Rule {
    id: "unknown-event",
    level: Level::Error,
    finds: "a subscription to an event that is not in the catalog",
    why: "There is no key to bind the queue with: the service would never hear of it, and `plan` and `apply` refuse the file.",
    fix: "Correct the name, add the event under `events:`, or subscribe to a pattern: `{ key: … }`.",
};

pub(super) static UNHEARD_EVENT: Rule = Rule {
    id: "unheard-event",
    level: Level::Warning,
    finds: "an event that nobody subscribes to",
    why: "It is published and reaches no queue but the audit stream: nobody acts on it.",
    fix: "Subscribe a service to it, or leave it out of the catalog.",
};

pub(super) static UNMATCHED_SUBSCRIPTION: Rule = Rule {
    id: "unmatched-subscription",
    level: Level::Warning,
    finds: "a pattern that no event of the catalog matches",
    why: "The service waits for events that nobody has said will come; often a word of the pattern is misspelled.",
    fix: "Correct the pattern, or add the events it is meant for to the catalog.",
};

pub(super) static NOT_PAST: Rule = Rule {
    id: "event-not-past",
    level: Level::Info,
    finds: "the name of an event that is not in the past tense",
    why: "An event says what has happened, and nobody can refuse it. A name like a command invites its publisher to expect an answer.",
    fix: "Name it after what happened: `OrderPlaced`, not `PlaceOrder`.",
};

/// A schema that cannot be read. What lies beside the file, [`crate::topology`] cannot see: `ops` finds this.
pub static UNREADABLE_SCHEMA: Rule = Rule {
    id: "unreadable-schema",
    level: Level::Error,
    finds: "a schema file that is missing or cannot be read",
    why: "`publish` checks every payload against its schema, and refuses what it cannot check.",
    fix: "Name a file that is there, relative to the topology file, or leave the version away.",
};

/// A schema that cannot be used.
pub static INVALID_SCHEMA: Rule = Rule {
    id: "invalid-schema",
    level: Level::Error,
    finds: "a schema that is not JSON, not a JSON Schema, or refers to one that cannot be had",
    why: "`publish` checks every payload against its schema, and refuses what it cannot check.",
    fix: "Make it a JSON Schema, written as JSON, that refers to nothing but files beside it and below.",
};

pub(super) fn check(topology: &Topology, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    subscriptions(topology, findings);
    for event in &topology.events {
        unheard(event, topology, subject, findings);
        if !is_past(&event.name) {
            findings.push(about(&NOT_PAST, event).says(
                format!("{} does not say what has happened: no word of it is in the past tense", *event.name),
                "name it after what happened, like OrderPlaced",
            ));
        }
    }
}

fn about(rule: &'static Rule, event: &Event) -> Finding {
    Finding::new(rule, "event", event.name.as_str()).at(event.name.place)
}

fn subscriptions(topology: &Topology, findings: &mut Vec<Finding>) {
    for service in &topology.services {
        for subscription in &service.subscribes {
            let of_service = |rule| Finding::new(rule, "service", service.name.as_str()).at(subscription.place());
            match subscription {
                Subscription::Event(name) if topology.event(name).is_none() => {
                    let help = unknown_event(topology, name, name.place).help.unwrap_or_default();
                    let message = format!("{} subscribes to {}, and there is no such event", *service.name, **name);
                    findings.push(of_service(&UNKNOWN_EVENT).says(message, help));
                }
                Subscription::Key(pattern)
                    if !topology.events.is_empty()
                        && !topology.events.iter().any(|event| topic_matches(pattern, &event.routing_key)) =>
                {
                    findings.push(of_service(&UNMATCHED_SUBSCRIPTION).says(
                        format!("{} subscribes to {}, and no event has such a key", *service.name, **pattern),
                        "correct the pattern, or add the events it is meant for to the catalog",
                    ));
                }
                _ => (),
            }
        }
    }
}

/// An event that reaches no queue but a stream's: it is published, and nobody acts on it.
fn unheard(event: &Event, topology: &Topology, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let bus = topology.bus();
    let audit = topology.audit.as_ref().map(|audit| audit.stream.value.as_str());
    let key = event.routing_key.value.as_str();
    let heard = subject.routes.reach(bus, &[key], None).iter().any(|reached| Some(reached.queue.as_str()) != audit);
    // A binding to an exchange that others own may lead on to somebody.
    let leaves = subject.out_of(bus).iter().any(|binding| {
        binding.role.is_none()
            && !binding.spec.is_to_queue()
            && !subject.routes.has_exchange(&binding.spec.destination)
            && topic_matches(&binding.spec.key, key)
    });
    if !heard && !leaves {
        findings.push(about(&UNHEARD_EVENT, event).says(
            format!("nobody subscribes to {}", *event.name),
            "subscribe a service to it, or leave it out of the catalog",
        ));
    }
}

/// Participles that do not end in `ed`.
const IRREGULAR: &[&str] = &[
    "become",
    "begun",
    "bound",
    "bought",
    "broken",
    "brought",
    "built",
    "cast",
    "caught",
    "chosen",
    "come",
    "cut",
    "dealt",
    "done",
    "drawn",
    "driven",
    "fallen",
    "fed",
    "felt",
    "found",
    "frozen",
    "given",
    "gone",
    "grown",
    "held",
    "hidden",
    "hit",
    "kept",
    "known",
    "laid",
    "lapsed",
    "left",
    "lent",
    "let",
    "lost",
    "made",
    "met",
    "overdue",
    "paid",
    "put",
    "read",
    "reset",
    "run",
    "said",
    "seen",
    "sent",
    "set",
    "shown",
    "shut",
    "sold",
    "spent",
    "split",
    "spread",
    "stolen",
    "taken",
    "thrown",
    "told",
    "undone",
    "understood",
    "withdrawn",
    "won",
    "written",
];

/// Whether a word of a name is a participle: `OrderPlaced`, `order.placed`, `PAYMENT_LOST`.
fn is_past(name: &str) -> bool {
    words(name).iter().any(|word| {
        let regular = word.len() > 3 && word.ends_with("ed") && !word.ends_with("eed");
        regular || IRREGULAR.contains(&word.as_str())
    })
}

/// The words of a name, in small letters.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_is_small = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && before_is_small) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        before_is_small = c.is_lowercase() || c.is_numeric();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::is_past;

    #[test]
    fn what_has_happened_is_told_from_what_is_to_happen() {
        for past in ["OrderPlaced", "order.paid", "PAYMENT_LOST", "HTTPRequestSent", "StockReservedV2", "QuoteCreated"]
        {
            assert!(is_past(past), "{past}");
        }
        for other in ["PlaceOrder", "OrderFeed", "SendMail", "order.cancel", "Speed", "Bed", ""] {
            assert!(!is_past(other), "{other}");
        }
    }
}
