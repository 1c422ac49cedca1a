//! Rules about bindings and exchanges: keys that do not do what they seem to, and ends that are not there.

use std::collections::BTreeMap;

use super::{
    Finding, Level, Rule,
    keys::has_wildcard,
    subject::{Part, Subject},
};
use crate::{
    nearest,
    topology::{
        objects::{Item, Teller, alternate, is_given},
        routing::topic_matches,
        spec::{BindingSpec, ExchangeSpec},
    },
    version::Version,
};

pub(super) static WILDCARD_ON_DIRECT: Rule = Rule {
    id: "wildcard-on-direct",
    level: Level::Error,
    finds: "a pattern on a direct exchange, which takes it literally",
    why: "Only a message whose key is that very text, `*` or `#` included, is taken: none ever is.",
    fix: "Make the exchange a topic exchange, or bind the keys that are meant.",
};

pub(super) static WILDCARD_INSIDE: Rule = Rule {
    id: "wildcard-inside-word",
    level: Level::Warning,
    finds: "a `*` or `#` inside a word of a topic key, where it means itself",
    why: "`order*` matches the key `order*` alone: a wildcard stands for whole words, between dots.",
    fix: "Write `order.*` for one more word, `order.#` for any number.",
};

pub(super) static TOO_MANY: Rule = Rule {
    id: "too-many-wildcards",
    level: Level::Error,
    finds: "more `#` in a key than the broker takes",
    why: "From 4.3 on the broker refuses the binding.",
    fix: "One `#` stands for any number of words: leave the others away.",
};

pub(super) static REDUNDANT: Rule = Rule {
    id: "redundant-binding",
    level: Level::Info,
    finds: "a binding that a wider one of the same two already covers",
    why: "It changes nothing: a queue gets one copy of a message. Whoever removes it believes to have ended something.",
    fix: "Leave one of the two away.",
};

pub(super) static KEY_ON_FANOUT: Rule = Rule {
    id: "key-on-fanout",
    level: Level::Info,
    finds: "a routing key on a fanout exchange, which takes no account of it",
    why: "Everything that is published to the exchange arrives, whatever its key.",
    fix: "Leave the key away, or make the exchange a topic exchange.",
};

pub(super) static EMPTY_ON_DIRECT: Rule = Rule {
    id: "empty-key-on-direct",
    level: Level::Warning,
    finds: "an empty key on a direct exchange",
    why: "Only messages that are published without a key are taken.",
    fix: "Write the key, or make the exchange a fanout exchange, where everything is meant.",
};

pub(super) static EMPTY_HEADERS: Rule = Rule {
    id: "empty-headers-binding",
    level: Level::Info,
    finds: "a binding to a headers exchange that asks for no headers",
    why: "It takes everything, whatever the key of the binding says.",
    fix: "Say as `arguments` which headers are meant, or make the exchange a fanout exchange.",
};

pub(super) static UNDECLARED: Rule = Rule {
    id: "undeclared-end",
    level: Level::Error,
    finds: "a binding from or to something that is not declared; a warning in a topology file, where others may have made it",
    why: "The broker refuses the binding, and ends an import there.",
    fix: "Declare what is missing, or correct the name.",
};

pub(super) static ALTERNATE: Rule = Rule {
    id: "undeclared-alternate-exchange",
    level: Level::Warning,
    finds: "an alternate exchange that is not declared",
    why: "What no binding takes is to go there, and is lost.",
    fix: "Declare it, with a queue bound to it, or correct the name.",
};

pub(super) static LITERAL_TOPIC: Rule = Rule {
    id: "literal-topic",
    level: Level::Info,
    finds: "a topic exchange that is bound without any wildcard",
    why: "A direct exchange does the same. Where patterns are to come, all is well.",
    fix: "Nothing has to be done.",
};

pub(super) static UNBOUND_EXCHANGE: Rule = Rule {
    id: "unbound-exchange",
    level: Level::Info,
    finds: "an exchange that no binding leads out of",
    why: "What is published to it is lost, unless programs bind their own queues to it.",
    fix: "Bind a queue to it, or remove it.",
};

pub(super) static UNBOUND_QUEUE: Rule = Rule {
    id: "unbound-queue",
    level: Level::Info,
    finds: "a queue that no binding leads to, where others are bound",
    why: "Only what is published to the default exchange with its name arrives.",
    fix: "Bind it, if a binding was forgotten.",
};

pub(super) static DEFAULT_EXCHANGE: Rule = Rule {
    id: "default-exchange-binding",
    level: Level::Error,
    finds: "a binding from the default exchange",
    why: "Every queue has one by its name already; the broker refuses another, and ends an import there.",
    fix: "Leave it away.",
};

pub(super) fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for binding in &subject.objects.bindings {
        if binding.spec.source.is_empty() {
            findings.push(Finding::about(&DEFAULT_EXCHANGE, binding).says(
                format!(
                    "nothing can be bound to the default exchange: {} is by its name already",
                    binding.spec.destination
                ),
                "leave it away",
            ));
            continue;
        }
        key(binding, subject, findings);
        if subject.objects.teller != Teller::Broker && binding.role.is_none() {
            ends(binding, subject, findings);
        }
    }
    redundant(subject, findings);
    for exchange in &subject.objects.exchanges {
        of_exchange(exchange, subject, findings);
    }
    unbound_queues(subject, findings);
}

/// How many `#` the key of a topic binding may have, from 4.3 on (measured on 4.3.6: 406).
const HASHES: usize = 2;

fn key(binding: &Item<BindingSpec>, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let BindingSpec { source, key, .. } = &binding.spec;
    let about = |rule| Finding::about(rule, binding).at(binding.part("key"));
    match subject.exchange_type(source) {
        "direct" if has_wildcard(key) => findings.push(about(&WILDCARD_ON_DIRECT).says(
            format!("{source} is a direct exchange: it takes the key {key} literally"),
            format!("say `type: topic` for {source}, or bind the keys that are meant"),
        )),
        "direct" if key.is_empty() => findings.push(about(&EMPTY_ON_DIRECT).says(
            format!("{source} is a direct exchange: with an empty key it hands on what has none, and nothing else"),
            "write the key, or `type: fanout` where everything is meant",
        )),
        "fanout" if !key.is_empty() && key != "#" => findings.push(about(&KEY_ON_FANOUT).says(
            format!("{source} is a fanout exchange: it takes no account of the key {key}"),
            "leave the key away, or say `type: topic`",
        )),
        "headers" if !binding.spec.arguments.keys().any(|name| !name.starts_with("x-")) => {
            findings.push(about(&EMPTY_HEADERS).says(
                format!("{source} is a headers exchange, and this binding asks for no headers: it takes everything"),
                "say as arguments which headers are meant, or `type: fanout`",
            ));
        }
        "topic" => topic_key(binding, subject.version, findings),
        _ => (),
    }
}

fn topic_key(binding: &Item<BindingSpec>, version: Version, findings: &mut Vec<Finding>) {
    let key = &binding.spec.key;
    let about = |rule| Finding::about(rule, binding).at(binding.part("key"));
    let hashes = key.split('.').filter(|word| *word == "#").count();
    if hashes > HASHES && version >= Version::new(4, 3, 0) {
        findings.push(about(&TOO_MANY).says(
            format!("RabbitMQ {version} takes {HASHES} `#` in a key, and {key} has {hashes}: the binding is refused"),
            "one `#` stands for any number of words: leave the others away",
        ));
    }
    if let Some(word) = key.split('.').find(|word| word.len() > 1 && word.contains(['*', '#'])) {
        findings.push(about(&WILDCARD_INSIDE).says(
            format!("in the key {key} the word {word} means itself: a wildcard stands for whole words"),
            "put a dot before the wildcard, or leave it away",
        ));
    }
}

fn ends(binding: &Item<BindingSpec>, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let BindingSpec { source, destination, .. } = &binding.spec;
    let to_queue = binding.spec.is_to_queue();
    let there = if to_queue { subject.routes.has_queue(destination) } else { subject.routes.has_exchange(destination) };
    let exchanges = || subject.objects.exchanges.iter().map(|item| item.spec.name.as_str());
    let mut missing = Vec::new();
    if !subject.routes.has_exchange(source) {
        missing.push(("exchange", source, binding.place, nearest::among(source, exchanges())));
    }
    if !there && to_queue {
        let queues = subject.objects.queues.iter().map(|item| item.spec.name.as_str());
        missing.push(("queue", destination, binding.part("to"), nearest::among(destination, queues)));
    } else if !there {
        missing.push(("exchange", destination, binding.part("to"), nearest::among(destination, exchanges())));
    }
    let level = if subject.objects.teller == Teller::Topology { Level::Warning } else { Level::Error };
    for (kind, name, place, near) in missing {
        let unless = if level == Level::Warning { ", unless somebody else makes it" } else { "" };
        findings.push(Finding::about(&UNDECLARED, binding).at(place).level(level).says(
            format!(
                "a binding leads {} the {kind} {name}, {}",
                if name == source { "from" } else { "to" },
                subject.missing()
            ),
            near.map_or_else(|| format!("declare {name}{unless}"), |near| format!("did you mean {near}?")),
        ));
    }
}

fn redundant(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    type Ends<'a> = (&'a str, &'a str, bool);
    let mut between: BTreeMap<Ends<'_>, Vec<&Item<BindingSpec>>> = BTreeMap::new();
    for binding in &subject.objects.bindings {
        let BindingSpec { source, destination, to_queue, .. } = &binding.spec;
        if subject.exchange_type(source) == "topic" {
            between.entry((source, destination, *to_queue)).or_default().push(binding);
        }
    }
    for bindings in between.values() {
        let wide: Vec<&str> = bindings.iter().map(|it| it.spec.key.as_str()).filter(|key| has_wildcard(key)).collect();
        for binding in bindings {
            let key = binding.spec.key.as_str();
            if let Some(wider) = wide.iter().find(|wider| **wider != key && covers(wider, key)) {
                let BindingSpec { source, destination, .. } = &binding.spec;
                findings.push(Finding::about(&REDUNDANT, binding).at(binding.part("key")).says(
                    format!("{destination} is bound to {source} with {wider}, which covers {key}"),
                    "leave one of the two away",
                ));
            }
        }
    }
}

/// Whether one pattern matches whatever the other does. Words that nobody writes stand for the other's wildcards.
fn covers(wider: &str, other: &str) -> bool {
    let with = |hash: &str| {
        let words = other.split('.').flat_map(|word| match word {
            "#" => hash.split('.').filter(|word| !word.is_empty()).collect(),
            "*" => vec!["\u{1}"],
            word => vec![word],
        });
        words.collect::<Vec<_>>().join(".")
    };
    topic_matches(wider, &with("")) && topic_matches(wider, &with("\u{1}.\u{1}.\u{1}"))
}

fn of_exchange(exchange: &Item<ExchangeSpec>, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let name = exchange.name.as_str();
    if let Some(to) = alternate(&exchange.spec).filter(|to| !subject.routes.has_exchange(to)) {
        findings.push(Finding::about(&ALTERNATE, exchange).at(exchange.part("alternate-exchange")).says(
            format!("what {name} cannot route goes to {to}, {}: it is lost", subject.missing()),
            format!("declare {to}, or correct the name"),
        ));
    }
    let out = subject.out_of(name);
    if exchange.role.is_some() || is_given(name) {
        return;
    }
    if out.is_empty() {
        findings.push(Finding::about(&UNBOUND_EXCHANGE, exchange).says(
            format!("no binding leads out of {name}: what is published to it is lost, unless programs bind to it"),
            "bind a queue to it, or remove it",
        ));
    }
    let matters = |binding: &&Item<BindingSpec>| {
        !binding.spec.is_to_queue() || subject.part(&binding.spec.destination) == Some(Part::Work)
    };
    let literal = exchange.spec.kind == "topic" && out.iter().all(|binding| !has_wildcard(&binding.spec.key));
    if literal && out.iter().any(matters) {
        findings.push(Finding::about(&LITERAL_TOPIC, exchange).says(
            format!("no binding of the topic exchange {name} has a wildcard: a direct exchange does the same"),
            "nothing has to be done",
        ));
    }
}

fn unbound_queues(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if !subject.objects.bindings.iter().any(|binding| binding.spec.is_to_queue() && binding.role.is_none()) {
        return;
    }
    for view in subject.queues.iter().filter(|view| view.part == Part::Work && view.item.role.is_none()) {
        let name = &view.item.name;
        if subject.bound_to(name).is_empty() && !view.is_fed && !view.is_fleeting() && !view.item.spec.auto_delete {
            findings.push(Finding::about(&UNBOUND_QUEUE, view.item).says(
                format!("no binding leads to {name}: only what is published to it by its name arrives"),
                "bind it, if a binding was forgotten",
            ));
        }
    }
}
