//! Rules about events and who wants them.

use super::{Finding, Level, Subject};
use crate::topology::{expand::Role, expand::unknown_event, file::Subscription, routing::topic_matches};

pub(super) fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    unknown(subject, findings);
    unheard(subject, findings);
}

fn unknown(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for service in &subject.topology.services {
        for subscription in &service.subscribes {
            let Subscription::Event(name) = subscription else { continue };
            if subject.topology.event(name).is_none() {
                let problem = unknown_event(subject.topology, name, name.place);
                findings.push(Finding {
                    rule: "unknown-event",
                    level: Level::Error,
                    place: name.place,
                    message: format!("{} subscribes to {}, and there is no such event", *service.name, **name),
                    fix: problem.help.unwrap_or_default(),
                });
            }
        }
    }
}

/// An event that reaches no queue but a stream's: it is published, and nobody acts on it.
fn unheard(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let bus = subject.topology.bus();
    let audit = subject.topology.audit.as_ref().map(|audit| audit.stream.value.as_str());
    for event in &subject.topology.events {
        let key = event.routing_key.value.as_str();
        let heard = subject.routes.reach(bus, &[key], None).iter().any(|reached| Some(reached.queue.as_str()) != audit);
        // A binding to an exchange that others own may lead on to somebody.
        let leaves = subject.wanted.bindings.iter().any(|binding| {
            binding.role == Role::Listed
                && binding.spec.source == bus
                && !binding.spec.is_to_queue()
                && !subject.routes.has_exchange(&binding.spec.destination)
                && topic_matches(&binding.spec.key, key)
        });
        if !heard && !leaves {
            findings.push(Finding {
                rule: "unheard-event",
                level: Level::Warning,
                place: event.name.place,
                message: format!("nobody subscribes to {}", *event.name),
                fix: "subscribe a service to it, or leave it out of the catalog".to_owned(),
            });
        }
    }
}
