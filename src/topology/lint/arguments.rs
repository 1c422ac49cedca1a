//! Rules about what queues and exchanges are declared with.

use super::{
    Finding, Level, Rule,
    subject::{Subject, View},
};
use crate::{
    message::Field,
    nearest,
    topology::{
        argument::{self, ARGUMENTS, Argument, Holds, QueueType},
        routing::ALTERNATE_EXCHANGE,
    },
    version::Version,
};

pub(super) static UNKNOWN: Rule = Rule {
    id: "unknown-argument",
    level: Level::Warning,
    finds: "an argument that RabbitMQ does not know",
    why: "It is stored and ignored: what its author expects of it does not happen.",
    fix: "Correct the name, or leave it away, unless a plugin reads it.",
};

pub(super) static REFUSED: Rule = Rule {
    id: "refused-argument",
    level: Level::Error,
    finds: "an argument that this type of queue does not take",
    why: "The broker refuses the declaration: there is no queue.",
    fix: "Leave it away, or choose a type of queue that takes it.",
};

pub(super) static WRONG_VALUE: Rule = Rule {
    id: "wrong-argument-value",
    level: Level::Error,
    finds: "an argument with a value it cannot have",
    why: "The broker refuses the declaration: there is no queue. Mostly a number was written as text.",
    fix: "Write the value as the finding says.",
};

pub(super) static QUEUE_MODE: Rule = Rule {
    id: "queue-mode",
    level: Level::Info,
    finds: "a queue mode (lazy, default), which does nothing from 3.12 on",
    why: "Every classic queue keeps its messages on disk now. On other types of queues the key makes the broker pass a policy over.",
    fix: "Leave it away.",
};

pub(super) static TRANSIENT_QUEUE: Rule = Rule {
    id: "transient-queue",
    level: Level::Warning,
    finds: "a queue that does not survive a restart, and is not one connection's own",
    why: "It is gone after a restart with all that is in it; the broker means to refuse such queues, and some of 4.3 do.",
    fix: "Make it durable; or exclusive, where it is for one connection.",
};

pub(super) static TRANSIENT_EXCHANGE: Rule = Rule {
    id: "transient-exchange",
    level: Level::Warning,
    finds: "an exchange that does not survive a restart",
    why: "After a restart it is gone with all its bindings, and whoever publishes to it loses the channel.",
    fix: "Make it durable.",
};

pub(super) fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for view in &subject.queues {
        for (name, value) in view.item.spec.arguments.iter().filter(|(name, _)| *name != QueueType::ARGUMENT) {
            match argument::named(name) {
                None => unknown(view, name, findings),
                Some(known) => of_queue(view, known, value, subject.version, findings),
            }
        }
        let spec = &view.item.spec;
        if !spec.durable && !spec.exclusive && !view.is_fleeting() {
            findings.push(Finding::about(&TRANSIENT_QUEUE, view.item).says(
                format!("{} does not survive a restart, and what is in it neither", spec.name),
                "make it durable, or exclusive where it is for one connection",
            ));
        }
    }
    modes_of_policies(subject, findings);
    exchanges(subject, findings);
}

fn unknown(view: &View<'_>, name: &str, findings: &mut Vec<Finding>) {
    let fix = match nearest::among(name, ARGUMENTS.iter().map(|known| known.name)) {
        // Arguments begin alike; only a slip of the pen is worth a guess.
        Some(near) if strsim::damerau_levenshtein(name, near) <= 3 => format!("did you mean {near}?"),
        _ => "leave it away, unless a plugin reads it".to_owned(),
    };
    let message = format!("RabbitMQ knows no argument {name}: it is stored and ignored");
    findings.push(Finding::about(&UNKNOWN, view.item).at(view.item.part(name)).says(message, fix));
}

fn of_queue(view: &View<'_>, known: &Argument, value: &Field, version: Version, findings: &mut Vec<Finding>) {
    let (name, kind) = (known.name, view.kind);
    let about = |rule| Finding::about(rule, view.item).at(view.item.part(name));
    if known.is_refused(kind, version) {
        let takers: Vec<&str> = known.takers(version).into_iter().map(QueueType::word).collect();
        findings.push(about(&REFUSED).says(
            format!("a {kind} queue takes no {name} on RabbitMQ {version}: the declaration is refused"),
            if takers.is_empty() {
                "leave it away".to_owned()
            } else {
                format!("leave it away; {} queues take it", takers.join(" and "))
            },
        ));
    } else if let Some(expected) = expected(known.holds, value) {
        findings.push(about(&WRONG_VALUE).says(
            format!("{name} of {} is not {expected}: the declaration is refused", view.item.name),
            format!("write {expected}"),
        ));
    }
    if name == "x-queue-mode" && version >= WITHOUT_MODES {
        findings.push(
            about(&QUEUE_MODE).says(format!("the queue mode of {} does nothing", view.item.name), "leave it away"),
        );
    }
}

/// From here on queue modes do nothing.
const WITHOUT_MODES: Version = Version::new(3, 12, 0);

/// What an argument should hold, if it does not.
fn expected(holds: Holds, value: &Field) -> Option<String> {
    let number = |least: i64| value.as_int().is_some_and(|number| number >= least);
    let (expected, right) = match holds {
        Holds::Time => ("a whole number of milliseconds".to_owned(), number(0)),
        Holds::Size => ("a whole number of bytes".to_owned(), number(0)),
        Holds::Number(least, _) => (format!("a whole number, at least {least}"), number(least)),
        Holds::Flag => ("true or false".to_owned(), matches!(value, Field::Bool(_))),
        Holds::Age => {
            ("a number and a unit of Y, M, D, h, m, s, like 7D".to_owned(), value.as_str().is_some_and(is_age))
        }
        Holds::Text => ("text".to_owned(), value.as_str().is_some()),
        Holds::Word(words) => (words.join(", or "), value.as_str().is_some_and(|text| words.contains(&text))),
    };
    (!right).then_some(expected)
}

fn is_age(text: &str) -> bool {
    let number = text.strip_suffix(['Y', 'M', 'D', 'h', 'm', 's']);
    number.is_some_and(|number| number.parse::<u64>().is_ok())
}

fn modes_of_policies(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let with_mode = |item: &&crate::topology::objects::Item<crate::topology::spec::PolicySpec>| {
        item.spec.definition.contains_key("queue-mode")
    };
    for policy in subject.objects.policies.iter().filter(with_mode).filter(|_| subject.version >= WITHOUT_MODES) {
        findings.push(
            Finding::about(&QUEUE_MODE, policy)
                .at(policy.part("queue-mode"))
                .says(format!("the queue mode that the policy {} sets does nothing", policy.name), "leave it away"),
        );
    }
}

/// The four standard types of exchanges take one argument; plugins have their own.
fn exchanges(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for exchange in &subject.objects.exchanges {
        let spec = &exchange.spec;
        if matches!(spec.kind.as_str(), "topic" | "direct" | "fanout" | "headers") {
            for name in spec.arguments.keys().filter(|name| *name != ALTERNATE_EXCHANGE) {
                let message = format!("a {} exchange knows no argument {name}: it is stored and ignored", spec.kind);
                findings
                    .push(Finding::about(&UNKNOWN, exchange).at(exchange.part(name)).says(message, "leave it away"));
            }
        }
        if !spec.durable && !spec.auto_delete {
            findings.push(Finding::about(&TRANSIENT_EXCHANGE, exchange).says(
                format!("{} does not survive a restart, and its bindings neither", spec.name),
                "make it durable",
            ));
        }
    }
}
