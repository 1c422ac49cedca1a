//! Which policy is in force on what, and which keys lose their effect when policies change? Only one policy applies to an object:
//! the keys of several are never put together.

use std::collections::{BTreeMap, BTreeSet};

use fancy_regex::Regex;

use super::{
    argument::QueueType,
    diff::Observed,
    expand::kind,
    order::{Object, Step},
    plan::{Action, Change},
    policy::{is_for, is_for_exchanges, is_passed_over},
    routing::ALTERNATE_EXCHANGE,
    spec::PolicySpec,
};

/// Policies with their patterns, the one that wins first. A pattern that cannot be read matches nothing.
pub struct InForce<'a>(Vec<(Regex, &'a PolicySpec)>);

impl<'a> InForce<'a> {
    /// Of these policies.
    pub fn of(policies: impl IntoIterator<Item = &'a PolicySpec>) -> InForce<'a> {
        let read = |policy: &'a PolicySpec| Some((Regex::new(&policy.pattern).ok()?, policy));
        let mut policies: Vec<_> = policies.into_iter().filter_map(read).collect();
        policies.sort_by_key(|(_, policy)| std::cmp::Reverse(policy.priority));
        InForce(policies)
    }

    /// The one on a queue or an exchange.
    #[must_use]
    pub fn on(&self, target: &Target<'_>) -> Option<&'a PolicySpec> {
        self.matching(target).next()
    }

    /// All that would apply, the one that does first.
    fn matching(&self, target: &Target<'_>) -> impl Iterator<Item = &'a PolicySpec> {
        let fits = |(pattern, policy): &&(Regex, &PolicySpec)| {
            target.takes(policy) && pattern.is_match(target.name).unwrap_or(false)
        };
        self.0.iter().filter(fits).map(|(_, policy)| *policy)
    }
}

/// What a policy can be in force on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target<'a> {
    /// Its name.
    pub name: &'a str,
    /// The type of a queue; `None` is an exchange.
    pub queue: Option<QueueType>,
}

impl Target<'_> {
    /// Whether a policy can be in force on it. Broker fact (3.10, 4.0, 4.3): one key that a type of queue does not take makes the
    /// broker pass over the whole policy there.
    fn takes(&self, policy: &PolicySpec) -> bool {
        match self.queue {
            Some(kind) => {
                is_for(&policy.apply_to, kind) && !policy.definition.keys().any(|key| is_passed_over(key, kind))
            }
            None => is_for_exchanges(&policy.apply_to),
        }
    }
}

/// What is to be known of the policies of a file before they are applied: on what others hide them, and what they hide themselves,
/// with the keys that have no effect then; and where nobody knows, since two have the same priority. One sentence for each two policies.
#[must_use]
pub fn hidden(steps: &[Step], changes: &[Change], observed: &Observed) -> Vec<String> {
    let wanted: BTreeMap<&str, &PolicySpec> = steps
        .iter()
        .filter_map(|step| match &step.object {
            Object::Policy(policy) => Some((policy.name.as_str(), policy)),
            _ => None,
        })
        .collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let policy = |change: &&Change| matches!(change.object, Object::Policy(_));
    let not_made = |change: &&Change| change.blocked.is_some() && change.action != Action::Delete;
    let spared: BTreeSet<String> = changes.iter().filter(policy).filter(not_made).map(|c| c.object.name()).collect();
    let deleted: BTreeSet<String> = changes
        .iter()
        .filter(policy)
        .filter(|change| change.action == Action::Delete && change.is_doable())
        .map(|change| change.object.name())
        .collect();
    let made = wanted.iter().filter(|(name, _)| !spared.contains(**name)).map(|(_, policy)| *policy);
    let made: Vec<&PolicySpec> = made.collect();
    let others = observed
        .policies
        .values()
        .filter(|policy| !deleted.contains(&policy.name) && !made.iter().any(|made| made.name == policy.name));
    let after = InForce::of(made.iter().copied().chain(others));
    let before = InForce::of(observed.policies.values());
    let mut losses = Losses::new();
    for target in targets(steps, observed) {
        let mut matching = after.matching(&target);
        let Some(winner) = matching.next() else { continue };
        for other in matching {
            let is_ours = wanted.contains_key(other.name.as_str());
            if other.priority == winner.priority && (is_ours || wanted.contains_key(winner.name.as_str())) {
                let (first, second) = if winner.name < other.name { (winner, other) } else { (other, winner) };
                note(&mut losses, first, second, Relation::Tied, &target);
            } else if is_ours {
                note(&mut losses, winner, other, Relation::HidesOurs, &target);
            }
        }
        let takes_the_place = |was: &&PolicySpec| {
            was.priority != winner.priority
                && !deleted.contains(&was.name)
                && wanted.contains_key(winner.name.as_str())
                && !wanted.contains_key(was.name.as_str())
        };
        if let Some(was) = before.on(&target).filter(takes_the_place) {
            note(&mut losses, winner, was, Relation::TakesThePlace, &target);
        }
    }
    losses
        .into_iter()
        .map(|((winner, loser, relation), (names, keys))| said(winner, loser, relation, &names, &keys))
        .collect()
}

/// How two policies on one object stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Relation {
    /// The second is the file's, and without effect.
    HidesOurs,
    /// The first is the file's, and the second was in force before.
    TakesThePlace,
    /// One of them is the file's, and which is in force is up to the broker.
    Tied,
}

/// By two policies and how they stand to each other: where, and which keys that is about.
type Losses<'a> = BTreeMap<(&'a str, &'a str, Relation), (Vec<&'a str>, BTreeSet<&'a str>)>;

fn note<'a>(
    losses: &mut Losses<'a>,
    winner: &'a PolicySpec,
    loser: &'a PolicySpec,
    relation: Relation,
    target: &Target<'a>,
) {
    // Each of the two kinds has keys of its own.
    let has_effect = |key: &str| (key == ALTERNATE_EXCHANGE) == target.queue.is_none();
    let lost_from = |loser: &'a PolicySpec, winner: &'a PolicySpec| {
        let definition = loser.definition.iter();
        let lost = definition.filter(|(key, value)| winner.definition.get(*key) != Some(*value) && has_effect(key));
        lost.map(|(key, _)| key.as_str()).collect::<BTreeSet<_>>()
    };
    let mut keys = lost_from(loser, winner);
    if relation == Relation::Tied {
        keys.extend(lost_from(winner, loser));
    }
    if keys.is_empty() {
        return;
    }
    let (names, all) = losses.entry((&winner.name, &loser.name, relation)).or_default();
    names.push(target.name);
    all.extend(keys);
}

fn said(winner: &str, loser: &str, relation: Relation, names: &[&str], keys: &BTreeSet<&str>) -> String {
    const SHOWN: usize = 3;
    let mut where_ = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        where_ = format!("{where_} and {} more", names.len() - SHOWN);
    }
    let keys = keys.iter().copied().collect::<Vec<_>>().join(", ");
    match relation {
        Relation::HidesOurs => format!(
            "on {where_} the policy {winner} hides {loser} of this file: {keys} has no effect there. Narrow the pattern of {winner}, or give {loser} a higher priority"
        ),
        Relation::TakesThePlace => format!(
            "on {where_} the policy {winner} of this file takes the place of {loser}: its {keys} stops having effect there"
        ),
        Relation::Tied => format!(
            "on {where_} the policies {winner} and {loser} have the same priority: nobody can say which of them is in force there, and so {keys} may have no effect. Give one of them a higher priority"
        ),
    }
}

fn targets<'a>(steps: &'a [Step], observed: &'a Observed) -> BTreeSet<Target<'a>> {
    let mut targets = BTreeSet::new();
    for queue in observed.queues.values() {
        targets.insert(Target { name: &queue.name, queue: Some(kind(queue)) });
    }
    for exchange in observed.exchanges.values().filter(|exchange| !exchange.name.is_empty()) {
        targets.insert(Target { name: &exchange.name, queue: None });
    }
    for step in steps {
        match &step.object {
            // What is there differently stays as it is.
            Object::Queue(queue) if !observed.queues.contains_key(&queue.name) => {
                targets.insert(Target { name: &queue.name, queue: Some(kind(queue)) });
            }
            Object::Exchange(exchange) => {
                targets.insert(Target { name: &exchange.name, queue: None });
            }
            _ => (),
        }
    }
    targets
}
