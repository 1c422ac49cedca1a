//! Rules about policies: which is in force, what of it is, and what the broker thinks of it.

use std::collections::BTreeMap;

use super::{
    Finding, Level, Rule,
    subject::{Part, Subject, View, applies, some},
};
use crate::{
    message::Field,
    nearest,
    topology::{argument::QueueType, objects::Item, pattern::LONGEST, policy, spec::PolicySpec},
    version::Version,
};

pub(super) static CATCHES_DEAD: Rule = Rule {
    id: "policy-catches-dead-letters",
    level: Level::Warning,
    finds: "a policy that gives work queues a dead letter exchange, and their dead letter queue too",
    why: "A dead letter that is rejected while somebody looks at it goes on its way again, in circles or to nowhere.",
    fix: "End the pattern so that it matches the work queues alone.",
};

pub(super) static HIDDEN: Rule = Rule {
    id: "hidden-policy",
    level: Level::Warning,
    finds: "a policy that another of higher priority hides, with keys that the other does not have",
    why: "One policy is in force on a queue, that of the highest priority. Policies are not put together.",
    fix: "Repeat the keys in the policy that goes first, or let the patterns match different queues.",
};

pub(super) static TIE: Rule = Rule {
    id: "policy-tie",
    level: Level::Warning,
    finds: "two policies of the same priority on one queue",
    why: "Which of the two is in force is not defined, and can change.",
    fix: "Give them different priorities.",
};

pub(super) static AGAINST: Rule = Rule {
    id: "argument-against-policy",
    level: Level::Warning,
    finds: "an argument and a policy that say different things of one queue",
    why: "Of two limits the smaller holds; of two dead letter exchanges or keys the queue's own. A change of the policy may then change nothing.",
    fix: "Say it in one place; a policy can be changed while the queue is there.",
};

pub(super) static PASSED_OVER: Rule = Rule {
    id: "passed-over-policy",
    level: Level::Warning,
    finds: "a policy that matches queues of a type that does not take one of its keys",
    why: "The broker passes the whole policy over on such queues: its other keys have no effect there either.",
    fix: "Move the key to a policy for the queues that take it; `apply-to: classic_queues`, `quorum_queues` or `streams` tells them apart from 3.12 on.",
};

pub(super) static UNKNOWN_KEY: Rule = Rule {
    id: "unknown-policy-key",
    level: Level::Error,
    finds: "a key that policies do not have",
    why: "The broker refuses the policy, and an import that holds it.",
    fix: "Correct the key, leave it away, or set it as an argument of the queue; keys of policies have no `x-`.",
};

pub(super) static MIRRORING: Rule = Rule {
    id: "mirroring-policy",
    level: Level::Error,
    finds: "a key of mirroring (`ha-…`), which is gone from 4.0 on; a warning before",
    why: "From 4.0 on the broker refuses the policy, and an import that holds it. Nothing is mirrored any more.",
    fix: "Leave the keys away, and use quorum queues where messages have to survive a node.",
};

pub(super) static NOTHING: Rule = Rule {
    id: "policy-matches-nothing",
    level: Level::Warning,
    finds: "a policy that matches nothing",
    why: "Nothing that is declared here has such a name: what the policy is to bring about does not happen.",
    fix: "Correct its pattern or what it applies to, or remove it.",
};

pub(super) static UNANCHORED: Rule = Rule {
    id: "unanchored-policy",
    level: Level::Warning,
    finds: "a pattern that does not begin with `^`",
    why: "It matches every name that has it anywhere inside: `orders` also matches `reorders.dlq`.",
    fix: "Begin it with `^`.",
};

pub(super) static CATCH_ALL: Rule = Rule {
    id: "catch-all-policy",
    level: Level::Info,
    finds: "a policy that matches everything",
    why: "It also holds for dead letter queues, retry queues and whatever is made later; a more exact policy replaces it as a whole.",
    fix: "Let its pattern name what it is for.",
};

pub(super) static UNREADABLE: Rule = Rule {
    id: "unreadable-pattern",
    level: Level::Error,
    finds: "a pattern that is no regular expression",
    why: "The broker refuses the policy.",
    fix: "Correct the regular expression.",
};

pub(super) static TOO_LONG: Rule = Rule {
    id: "too-long-pattern",
    level: Level::Error,
    finds: "a pattern of more than 1,024 bytes, which the broker refuses from 4.3 on",
    why: "The broker refuses the policy, also when definitions are imported.",
    fix: "Split it over several policies, or match what the names have in common.",
};

pub(super) fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for policy in &subject.objects.policies {
        keys(policy, subject.version, findings);
        pattern(policy, subject, findings);
    }
    by_policy(subject, findings);
}

fn keys(policy: &Item<PolicySpec>, version: Version, findings: &mut Vec<Finding>) {
    for key in policy.spec.definition.keys() {
        let about = |rule| Finding::about(rule, policy).at(policy.part(key));
        if policy::is_mirroring(key) {
            let gone = !policy::is_known(key, version);
            findings.push(about(&MIRRORING).level(if gone { Level::Error } else { Level::Warning }).says(
                if gone {
                    format!(
                        "{key} of the policy {}: RabbitMQ {version} mirrors no queues, and refuses the policy",
                        policy.name
                    )
                } else {
                    format!("{key} of the policy {}: mirroring is gone from RabbitMQ 4.0 on", policy.name)
                },
                "leave it away, and use quorum queues where messages have to survive a node",
            ));
        } else if !policy::is_known(key, version) {
            findings.push(about(&UNKNOWN_KEY).says(
                format!("RabbitMQ {version} knows no key {key} of policies, and refuses the policy {}", policy.name),
                match (key.strip_prefix("x-"), nearest::among(key, policy::names())) {
                    (Some(plain), _) if policy::is_known(plain, version) => format!("did you mean {plain}?"),
                    (None, Some(near)) if strsim::damerau_levenshtein(key, near) <= 3 => {
                        format!("did you mean {near}?")
                    }
                    _ => "leave it away, or set it as an argument of the queue".to_owned(),
                },
            ));
        }
    }
}

fn pattern(policy: &Item<PolicySpec>, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let about = |rule| Finding::about(rule, policy).at(policy.part("pattern"));
    let (name, pattern) = (&policy.name, policy.spec.pattern.as_str());
    let Ok(expression) = fancy_regex::Regex::new(pattern) else {
        findings.push(about(&UNREADABLE).says(
            format!("the pattern of the policy {name} is no regular expression: {pattern}"),
            "correct the regular expression",
        ));
        return;
    };
    if pattern.len() > LONGEST && subject.version >= Version::new(4, 3, 0) {
        let (bytes, version) = (pattern.len(), subject.version);
        findings.push(about(&TOO_LONG).says(
            format!(
                "RabbitMQ {version} takes patterns of at most {LONGEST} bytes, and that of the policy {name} has {bytes}: it is refused"
            ),
            "split it over several policies, or match what the names have in common",
        ));
    }
    let meets = |name: &str| expression.is_match(name).unwrap_or(false);
    if matches!(pattern, "" | "^" | ".*" | "^.*" | ".*$" | "^.*$" | ".+" | "^.+" | "^.+$" | "(.*)" | "^(.*)$") {
        findings.push(about(&CATCH_ALL).says(
            format!("the policy {name} is for everything, dead letter queues and what is made later too"),
            "let its pattern name what it is for",
        ));
    } else if !pattern.starts_with('^') && !pattern.starts_with("(^") && !pattern.starts_with("\\A") {
        findings.push(about(&UNANCHORED).says(
            format!(
                "the pattern of the policy {name} does not begin with ^: it matches names that have it anywhere inside"
            ),
            format!("write ^{pattern}"),
        ));
    }
    let of_queues =
        subject.queues.iter().any(|view| policy::is_for(&policy.spec.apply_to, view.kind) && meets(&view.item.name));
    let mut exchanges = subject.objects.exchanges.iter();
    let of_exchanges = policy::is_for_exchanges(&policy.spec.apply_to)
        && (exchanges.any(|item| meets(&item.spec.name)) || pattern.contains("amq"));
    if !of_queues && !of_exchanges {
        findings.push(about(&NOTHING).says(
            format!("the policy {name} matches nothing: no {} has a name like {pattern}", noun(&policy.spec.apply_to)),
            "correct its pattern or what it applies to, or remove it",
        ));
    }
}

fn noun(apply_to: &str) -> &'static str {
    match apply_to {
        "queues" => "queue",
        "exchanges" => "exchange",
        "classic_queues" => "classic queue",
        "quorum_queues" => "quorum queue",
        "streams" => "stream",
        _ => "queue and no exchange",
    }
}

/// Findings about policies, gathered: one policy can be for thousands of queues.
type Gathered<'a, K> = BTreeMap<K, (&'a Item<PolicySpec>, Vec<&'a str>)>;

fn gather<'a, K: Ord>(gathered: &mut Gathered<'a, K>, key: K, policy: &'a Item<PolicySpec>, queue: &'a str) {
    gathered.entry(key).or_insert_with(|| (policy, Vec::new())).1.push(queue);
}

fn by_policy(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let mut hidden: Gathered<'_, (&str, &str)> = BTreeMap::new();
    let mut tied: Gathered<'_, (&str, &str)> = BTreeMap::new();
    let mut passed: Gathered<'_, (&str, QueueType)> = BTreeMap::new();
    let mut against: Gathered<'_, (&str, &str)> = BTreeMap::new();
    let mut dead: Gathered<'_, &str> = BTreeMap::new();
    for view in &subject.queues {
        let name = view.item.name.as_str();
        for policy in &view.policies {
            if !applies(policy, view.kind) {
                gather(&mut passed, (&policy.name, view.kind), policy, name);
            }
            for key in policy.spec.definition.keys().filter(|key| disagrees(view, policy, key)) {
                gather(&mut against, (&policy.name, key), policy, name);
            }
        }
        if let Some((first, others)) = view.policies.split_first() {
            for other in others {
                // One that is passed over here anyway does not lose by being hidden, if the first is not passed over too.
                if applies(first, view.kind) && !applies(other, view.kind) {
                    continue;
                }
                if other.spec.priority == first.spec.priority {
                    gather(&mut tied, (&first.name, &other.name), other, name);
                }
                if other.spec.definition.keys().any(|key| !first.spec.definition.contains_key(key)) {
                    gather(&mut hidden, (&first.name, &other.name), other, name);
                }
            }
        }
        let by_policy = view.letters.as_ref().and_then(|letters| letters.policy.map(|policy| (letters, policy)));
        if let (Part::Dead, Some((letters, policy))) = (view.part, by_policy)
            && !letters.reaches(name)
        {
            gather(&mut dead, policy.name.as_str(), policy, name);
        }
    }
    for ((first, _), (policy, queues)) in &tied {
        findings.push(Finding::about(&TIE, policy).says(
            format!(
                "{first} and {} have the same priority on {}: which is in force is not defined",
                policy.name,
                some(queues)
            ),
            "give them different priorities",
        ));
    }
    for ((first, _), (policy, queues)) in &hidden {
        findings.push(hides(first, policy, queues, subject));
    }
    for ((_, kind), (policy, queues)) in &passed {
        let keys: Vec<&str> = policy
            .spec
            .definition
            .keys()
            .map(String::as_str)
            .filter(|key| policy::is_passed_over(key, *kind))
            .collect();
        findings.push(Finding::about(&PASSED_OVER, policy).at(policy.part(keys.first().unwrap_or(&""))).says(
            format!(
                "the broker passes the policy {} over on {}: a {kind} queue takes no {}",
                policy.name,
                some(queues),
                some(&keys)
            ),
            "move the key to a policy for the queues that take it",
        ));
    }
    for ((_, key), (policy, queues)) in &against {
        findings.push(opposed(key, policy, queues));
    }
    for (policy, queues) in dead.values() {
        findings.push(Finding::about(&CATCHES_DEAD, policy).at(policy.part("pattern")).says(
            format!(
                "the policy {} also sends on what is rejected from {}, which keeps dead letters",
                policy.name,
                some(queues)
            ),
            "end its pattern so that it matches the work queues alone",
        ));
    }
}

fn hides(first: &str, policy: &Item<PolicySpec>, queues: &[&str], subject: &Subject<'_>) -> Finding {
    let winner = subject.objects.policies.iter().find(|item| item.name == first);
    let lost = |key: &&String| winner.is_none_or(|winner| !winner.spec.definition.contains_key(*key));
    let keys: Vec<&str> = policy.spec.definition.keys().filter(lost).map(String::as_str).collect();
    Finding::about(&HIDDEN, policy).says(
        format!("{first} goes before {} on {}: {} has no effect there", policy.name, some(queues), some(&keys)),
        format!("repeat the keys in {first}, or let the patterns match different queues"),
    )
}

/// Whether an argument says something else than the policy.
fn disagrees(view: &View<'_>, policy: &Item<PolicySpec>, key: &str) -> bool {
    let Some(own) = view.item.spec.arguments.get(&format!("x-{key}")) else { return false };
    let Some(set) = policy.spec.definition.get(key) else { return false };
    match own {
        Field::Bool(own) => set.as_bool() != Some(*own),
        _ => match (own.as_int(), own.as_str()) {
            (Some(own), _) => set.as_i64() != Some(own),
            (_, Some(own)) => set.as_str() != Some(own),
            _ => false,
        },
    }
}

fn opposed(key: &str, policy: &Item<PolicySpec>, queues: &[&str]) -> Finding {
    let says = policy.spec.definition.get(key).map(ToString::to_string).unwrap_or_default();
    let holds = match key {
        "overflow" => "classic queues follow their argument, quorum queues the policy",
        "max-age" | "stream-max-segment-size-bytes" => "streams follow the policy",
        _ if policy.spec.definition.get(key).is_some_and(serde_json::Value::is_number) => "the smaller holds",
        _ => "the argument holds",
    };
    Finding::about(&AGAINST, policy).at(policy.part(key)).says(
        format!(
            "the policy {} says {key} {says}, and the arguments of {} say otherwise: {holds}",
            policy.name,
            some(queues)
        ),
        "say it in one place; a policy can be changed while the queue is there",
    )
}
