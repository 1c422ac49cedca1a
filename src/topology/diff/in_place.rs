//! Which differences of a queue can a policy make up for, so that the queue stays as it is?
//!
//! Only one policy is in force on a queue, and the broker's work grows with their number: queues of which the same is wanted share
//! one, by a pattern that names them, or several where they are too many for one. It carries the keys of the policy of evbus that it takes
//! the place of; where anybody else's is in force nothing is made in place.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};

use super::{
    Observed, Scope,
    compare::{is_held, queue_differences},
};
use crate::{
    topology::{
        argument::QueueType::{self, Classic, Quorum, Stream},
        expand::{Role, Wanted, Wish, kind},
        order::{Object, Stage, Step},
        owned::Ownership,
        pattern::{self, Fold},
        place::Place,
        plan::Difference,
        policies::{InForce, Target},
        policy::{TEMPORARY, is_known, is_passed_over},
        spec::{PolicySpec, QueueSpec},
    },
    version::Version,
};

/// What the names of the policies begin with that make in place what a file wants of its queues.
pub const PREFIX: &str = "evbus.in-place.";

/// How it stands with the queues that differ in nothing but what a policy can say.
#[derive(Debug, Clone, Default)]
pub struct InPlace {
    asked: bool,
    /// The policies that make up for it, by queue.
    made: BTreeMap<String, String>,
    /// Queues for which one could.
    possible: BTreeSet<String>,
    /// Why none can be for a queue whose differences one could say.
    obstacles: BTreeMap<String, String>,
    /// Queues that are made anew, by the policy that is there for them until then.
    ending: BTreeMap<String, BTreeSet<String>>,
    /// The policies that there are already.
    older: BTreeSet<String>,
}

impl InPlace {
    /// Nothing yet; whether it is asked for that something is made in place.
    #[must_use]
    pub fn asked(asked: bool) -> InPlace {
        InPlace { asked, ..InPlace::default() }
    }

    /// Adds to what is wanted the policies that make it so in place: those that are asked for now, and those that are there for it
    /// already.
    pub fn add(wanted: &mut Wanted, observed: &Observed, version: Version, scope: &Scope) -> InPlace {
        let owner = &scope.ownership;
        let name = owner.record.as_ref().map(|record| record.name.as_str());
        let mut found = InPlace::asked(scope.in_place.asked);
        let mut groups = Groups::new();
        let force = Force::of(wanted, observed, owner, name);
        let situation = Situation { observed, version, name, force, replace: scope.replace };
        for wish in &wanted.queues {
            found.look_at(wish, &situation, &mut groups);
        }
        let Some(name) = name else { return found };
        let mut policies = Vec::new();
        for ((_, priority), group) in groups {
            for (spec, queues) in group.policies(name, priority) {
                let make_up = if queues.len() == 1 { "the arguments that it was" } else { "arguments that they were" };
                let because = format!("makes up for {make_up} declared with: {}", some(&queues));
                let made = queues.into_iter().filter(|queue| group.made.contains(*queue));
                found.made.extend(made.map(|queue| (queue.to_owned(), spec.name.clone())));
                policies.push(Wish { spec, role: Role::InPlace, because, place: group.place });
            }
        }
        // New ones first: what an older one no longer names would be without any for a moment.
        let (older, new): (Vec<_>, Vec<_>) =
            policies.into_iter().partition(|wish| observed.policies.contains_key(&wish.spec.name));
        found.older = older.iter().map(|wish| wish.spec.name.clone()).collect();
        wanted.policies.extend(new.into_iter().chain(older));
        found
    }

    fn look_at(&mut self, wish: &Wish<QueueSpec>, situation: &Situation<'_>, groups: &mut Groups) {
        let Situation { observed, version, name, force, replace } = situation;
        let queue = &wish.spec.name;
        let Some(there) = observed.queues.get(queue).filter(|_| !is_held(&wish.spec, observed)) else { return };
        let (differences, _) = queue_differences(&wish.spec, there, *version);
        if differences.is_empty() {
            return;
        }
        let target = Target { name: queue, queue: Some(kind(there)) };
        let standing = force.standing.on(&target);
        let mut group = |definition: &Map<String, Value>, priority: i64, made: bool| {
            let group =
                groups.entry((sorted(definition), priority)).or_insert_with(|| Group::of(definition, wish.place));
            group.queues.push(queue.clone());
            group.made.extend(made.then(|| queue.clone()));
        };
        let keys = keys(&differences, &wish.spec, there, *version);
        match keys.map(|keys| force.with_carried(keys, &target, observed, *name)) {
            Some(Ok((definition, priority))) => {
                let stands = |policy: &&PolicySpec| policy.definition == definition && policy.priority == priority;
                if self.asked || standing.as_ref().is_some_and(stands) {
                    return group(&definition, priority, true);
                }
                self.possible.insert(queue.clone());
            }
            Some(Err(obstacle)) => drop(self.obstacles.insert(queue.clone(), obstacle)),
            None => (),
        }
        // What is in force on it stays so until it is as the file wants it, one way or the other.
        match standing {
            Some(policy) if *replace => drop(self.ending.entry(policy.name.clone()).or_default().insert(queue.clone())),
            Some(policy) => group(&policy.definition, policy.priority, false),
            None => (),
        }
    }

    /// Lets the policies wait for the queues that are made anew, and that they are there for until then; and what is there already for
    /// what is new.
    pub fn wait(&self, steps: &mut [Step]) {
        let queues: BTreeMap<String, usize> = steps
            .iter()
            .enumerate()
            .filter(|_| !self.ending.is_empty())
            .filter_map(|(at, step)| match &step.object {
                Object::Queue(queue) => Some((queue.name.clone(), at)),
                _ => None,
            })
            .collect();
        for step in steps.iter_mut().filter(|step| step.role == Role::InPlace) {
            let ending = self.ending.get(&step.object.name()).into_iter().flatten();
            step.needs.extend(ending.filter_map(|queue| queues.get(queue)));
            if self.older.contains(&step.object.name()) {
                step.stage = Stage::InPlaceAgain;
            }
        }
    }

    /// The policy that makes up for the differences of a queue.
    pub(super) fn policy_for(&self, queue: &str) -> Option<&str> {
        self.made.get(queue).map(String::as_str)
    }

    /// What to say of a queue that is not made in place: that it could be, or why it cannot be though that was asked for.
    pub(super) fn said(&self, queue: &str) -> Option<Said> {
        if self.possible.contains(queue) {
            return Some(Said::Possible);
        }
        let obstacle = self.obstacles.get(queue).filter(|_| self.asked)?;
        Some(Said::Impossible(format!("it cannot be made so in place: {obstacle}")))
    }
}

/// What there is to say of a queue that is not made in place.
pub(super) enum Said {
    /// It could be.
    Possible,
    /// It cannot be, and why.
    Impossible(String),
}

/// Whether an object is a policy that makes something in place.
pub(super) fn is_ours(object: &Object) -> bool {
    matches!(object, Object::Policy(policy) if policy.name.starts_with(PREFIX))
}

/// What setting such a policy does to what is there. Broker facts (3.10, 4.0, 4.3): a bound is in force at once; a time to live is that of
/// what comes from then on, while what is there keeps its own, and only the first message of a queue expires.
pub(super) fn risk(policy: &PolicySpec) -> Option<String> {
    let bounds = ["max-length", "max-length-bytes", "max-age", "delivery-limit"];
    let has = |keys: &[&str]| keys.iter().any(|key| policy.definition.get(*key).is_some_and(|value| *value != -1));
    let mut risks = Vec::new();
    if has(&bounds) {
        risks.push(
            "in force at once: what is beyond the new bound is dead-lettered where that is set, and lost elsewhere",
        );
    }
    if has(&["message-ttl"]) {
        risks.push("what is in the queue keeps the time it came with, and what comes waits behind it");
    }
    if has(&["expires"]) {
        risks.push("a queue that nobody has used for so long is deleted with its messages");
    }
    (!risks.is_empty()).then(|| risks.join("; "))
}

/// What has to be known to say what can be made in place.
struct Situation<'a> {
    observed: &'a Observed,
    version: Version,
    /// The name of the file whose record is known.
    name: Option<&'a str>,
    force: Force<'a>,
    /// Whether queues that no policy can make up for are made anew.
    replace: bool,
}

/// Queues of which the same is wanted, by that and by the priority that it takes.
type Groups = BTreeMap<(String, i64), Group>;

struct Group {
    definition: Map<String, Value>,
    queues: Vec<String>,
    /// Those for which it makes up for all that differs.
    made: BTreeSet<String>,
    /// What in the file asks for the first of them.
    place: Place,
}

impl Group {
    fn of(definition: &Map<String, Value>, place: Place) -> Group {
        Group { definition: definition.clone(), queues: Vec::new(), made: BTreeSet::new(), place }
    }

    /// One policy, or several where the names of the queues are too many for the pattern of one; each with its queues. One of several is
    /// named by its pattern too: where that changes, another one is there before it goes.
    fn policies(&self, name: &str, priority: i64) -> Vec<(PolicySpec, Vec<&str>)> {
        let names: Vec<&str> = self.queues.iter().map(String::as_str).collect();
        let folds = pattern::exactly(&names);
        let several = folds.len() > 1;
        let policy = |pattern: String| {
            let mut text = format!("{} {priority}", sorted(&self.definition));
            if several {
                text = format!("{text} {pattern}");
            }
            let digits: String =
                digest(&SHA256, text.as_bytes()).as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
            PolicySpec {
                name: format!("{PREFIX}{name}.{digits}"),
                pattern,
                apply_to: "queues".to_owned(),
                priority,
                definition: self.definition.clone(),
            }
        };
        folds.into_iter().map(|Fold { pattern, names }| (policy(pattern), names)).collect()
    }
}

/// The policies that matter.
struct Force<'a> {
    /// Those that make something in place for this file already.
    standing: InForce<'a>,
    /// All others, as they will be.
    others: InForce<'a>,
    /// The names of those that evbus lays out for the file.
    laid_out: BTreeSet<&'a str>,
}

impl<'a> Force<'a> {
    fn of(wanted: &'a Wanted, observed: &'a Observed, owner: &Ownership, name: Option<&str>) -> Force<'a> {
        let prefix = name.map(|name| format!("{PREFIX}{name}."));
        let is_own = |policy: &&PolicySpec| {
            prefix.as_ref().is_some_and(|prefix| policy.name.starts_with(prefix))
                && owner.owns(&format!("policy {}", policy.name))
        };
        let written: BTreeSet<&str> = wanted.policies.iter().map(|wish| wish.spec.name.as_str()).collect();
        let others = observed.policies.values().filter(|policy| {
            !is_own(policy) && !written.contains(policy.name.as_str()) && !policy.name.starts_with(TEMPORARY)
        });
        let laid_out = wanted.policies.iter().filter(|wish| wish.role == Role::DeadLetters);
        Force {
            standing: InForce::of(observed.policies.values().filter(is_own)),
            others: InForce::of(wanted.policies.iter().map(|wish| &wish.spec).chain(others)),
            laid_out: laid_out.map(|wish| wish.spec.name.as_str()).collect(),
        }
    }

    /// These keys with those of the policy that they take the place of, and the priority that puts them there; or why they cannot be
    /// in force on a queue.
    fn with_carried(
        &self,
        mut keys: Map<String, Value>,
        target: &Target<'_>,
        observed: &Observed,
        name: Option<&str>,
    ) -> Result<(Map<String, Value>, i64), String> {
        if name.is_none() {
            return Err("its policy is written down under the file's name, and that cannot be done".to_owned());
        }
        if !observed.may_set_policies && self.standing.on(target).is_none() {
            return Err("the user has not the tag policymaker".to_owned());
        }
        let Some(policy) = self.others.on(target) else { return Ok((keys, 1)) };
        let is_laid_out = self.laid_out.contains(policy.name.as_str());
        if !is_laid_out || policy.definition.keys().any(|key| keys.contains_key(key)) {
            let keys = keys.keys().map(String::as_str).collect::<Vec<_>>().join(" and ");
            return Err(format!("only one policy is in force on it, and that is {}: set {keys} there", policy.name));
        }
        keys.extend(policy.definition.clone());
        Ok((keys, policy.priority.saturating_add(1)))
    }
}

/// How a policy and an argument of the same queue come together. Broker facts (3.10, 4.0, 4.3).
enum Meeting {
    /// The smaller number counts.
    Smaller,
    /// The argument counts: a policy has a say only where there is none.
    Argument,
    /// The policy counts.
    Policy,
}

fn meeting(key: &str, kind: QueueType, version: Version) -> Option<Meeting> {
    const SMALLER: [&str; 5] = ["message-ttl", "expires", "max-length", "max-length-bytes", "consumer-timeout"];
    const LETTERS: [&str; 2] = ["dead-letter-exchange", "dead-letter-routing-key"];
    const OF_QUORUM: [&str; 4] =
        ["dead-letter-strategy", "delayed-retry-type", "delayed-retry-min", "delayed-retry-max"];
    match (kind, key) {
        (Stream, "max-age" | "max-length-bytes") | (Quorum, "overflow") => Some(Meeting::Policy),
        (Stream, _) => None,
        (Quorum, "delivery-limit") if version >= Version::new(4, 0, 0) => Some(Meeting::Smaller),
        (Classic, "overflow") => Some(Meeting::Argument),
        (Quorum, key) if OF_QUORUM.contains(&key) => Some(Meeting::Argument),
        (_, key) if LETTERS.contains(&key) => Some(Meeting::Argument),
        (_, key) if SMALLER.contains(&key) => Some(Meeting::Smaller),
        _ => None,
    }
}

/// The keys of a policy that makes up for all of these differences; `None` where none does.
fn keys(
    differences: &[Difference],
    wanted: &QueueSpec,
    found: &QueueSpec,
    version: Version,
) -> Option<Map<String, Value>> {
    let kind = kind(found);
    let mut keys = Map::new();
    for difference in differences {
        let key = difference.what.strip_prefix("x-")?;
        let (value, has) = (wanted.arguments.get(&difference.what)?, found.arguments.get(&difference.what));
        let number = value.as_int().filter(|number| *number >= 0);
        let is_met = match meeting(key, kind, version)? {
            Meeting::Smaller => {
                number.is_some_and(|number| has.is_none_or(|has| has.as_int().is_some_and(|has| has > number)))
            }
            Meeting::Argument => has.is_none(),
            Meeting::Policy => true,
        };
        if !is_met || !is_known(key, version) || is_passed_over(key, kind) {
            return None;
        }
        let value = number.map(Value::from).or_else(|| value.as_str().map(Value::from))?;
        keys.insert(key.to_owned(), value);
    }
    Some(keys)
}

/// A definition as a text that is the same for the same one.
fn sorted(definition: &Map<String, Value>) -> String {
    let sorted: BTreeMap<&String, String> = definition.iter().map(|(key, value)| (key, value.to_string())).collect();
    format!("{sorted:?}")
}

/// The first of some names.
fn some(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

#[cfg(test)]
mod tests;
