//! How does what is wanted differ from what a broker has? Compared as the broker itself compares when something is declared
//! again: the width of a number means nothing, what it does not know is not looked at, and missing differs from present.

mod anew;
mod compare;
mod down;
mod in_place;
mod leftovers;
mod staying;
mod ways;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use self::compare::words;
pub use self::in_place::InPlace;
use self::{
    anew::Anew,
    compare::{Names, compare, create},
    ways::Ways,
};
use super::{
    expand::{Role, Wanted},
    order::{Object, Step},
    owned::Ownership,
    plan::{Action, Blocked, Change, Plan},
    policies,
    spec::{BindingSpec, ExchangeSpec, PolicySpec, QueueSpec},
};
use crate::version::Version;

/// What a broker has in one virtual host.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Its exchanges by name.
    pub exchanges: BTreeMap<String, ExchangeSpec>,
    /// Its queues by name. Their arguments name their type.
    pub queues: BTreeMap<String, QueueSpec>,
    /// Which policy is in force on each queue that has one.
    pub queue_policies: BTreeMap<String, String>,
    /// Its bindings, by all that tells one from others.
    bindings: BTreeMap<String, BindingSpec>,
    /// Its policies by name.
    pub policies: BTreeMap<String, PolicySpec>,
    /// Whether the user may set policies.
    pub may_set_policies: bool,
    /// Queues that cannot be used, because the node they lie on is down or most of their nodes are.
    pub down: BTreeSet<String>,
    /// What is in its queues, where that was asked for.
    pub inside: BTreeMap<String, Inside>,
}

/// What is in a queue, and who reads it. `None` is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inside {
    /// Messages, of every kind.
    pub total: Option<u64>,
    /// Those that wait for a consumer.
    pub ready: Option<u64>,
    /// Those that somebody holds.
    pub unacked: Option<u64>,
    /// Consumers.
    pub consumers: Option<u64>,
}

impl Inside {
    /// Dead letters on their way, which no target has confirmed yet: they are neither ready nor held.
    #[must_use]
    pub fn letters(&self) -> u64 {
        let known = self.ready.unwrap_or(0) + self.unacked.unwrap_or(0);
        self.total.map_or(0, |total| total.saturating_sub(known))
    }
}

/// What belongs to the file, and how far a plan may go.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Who owns what.
    pub ownership: Ownership,
    /// Delete what the file's name owns and the file no longer wants.
    pub prune: bool,
    /// Also queues that hold messages, which are archived first, or have consumers.
    pub prune_non_empty: bool,
    /// Make queues anew that exist differently, with what is in them.
    pub replace: bool,
    /// What a policy makes up for.
    pub in_place: InPlace,
}

impl Observed {
    /// Adds a binding.
    pub fn bind(&mut self, binding: BindingSpec) {
        self.bindings.insert(identity(&binding), binding);
    }

    /// Its bindings, by source, destination and key.
    pub fn bindings(&self) -> impl Iterator<Item = &BindingSpec> {
        self.bindings.values()
    }

    /// Keeps the bindings that this holds for.
    pub fn keep_bindings(&mut self, keep: impl Fn(&BindingSpec) -> bool) {
        self.bindings.retain(|_, binding| keep(binding));
    }

    /// What a broker would have that has all that is wanted and nothing else.
    #[must_use]
    pub fn of(wanted: &Wanted) -> Observed {
        let mut all = Observed::default();
        all.exchanges.extend(wanted.exchanges.iter().map(|wish| (wish.spec.name.clone(), wish.spec.clone())));
        all.queues.extend(wanted.queues.iter().map(|wish| (wish.spec.name.clone(), wish.spec.clone())));
        all.policies.extend(wanted.policies.iter().map(|wish| (wish.spec.name.clone(), wish.spec.clone())));
        wanted.bindings.iter().for_each(|wish| all.bind(wish.spec.clone()));
        all
    }

    /// Whether both have the same exchanges, queues, bindings and policies, to the last argument.
    #[must_use]
    pub fn is_same(&self, other: &Observed) -> bool {
        self.exchanges == other.exchanges
            && self.queues == other.queues
            && self.bindings == other.bindings
            && self.policies == other.policies
    }

    /// Whether this has everything that the other has, to the last argument.
    #[must_use]
    pub fn includes(&self, other: &Observed) -> bool {
        fn all<T: PartialEq>(own: &BTreeMap<String, T>, other: &BTreeMap<String, T>) -> bool {
            other.iter().all(|(name, object)| own.get(name) == Some(object))
        }
        all(&self.exchanges, &other.exchanges)
            && all(&self.queues, &other.queues)
            && all(&self.bindings, &other.bindings)
            && all(&self.policies, &other.policies)
    }

    /// Leaves away what the other has.
    pub fn without(&mut self, other: &Observed) {
        self.exchanges.retain(|name, _| !other.exchanges.contains_key(name));
        self.queues.retain(|name, _| !other.queues.contains_key(name));
        self.bindings.retain(|name, _| !other.bindings.contains_key(name));
        self.policies.retain(|name, _| !other.policies.contains_key(name));
    }

    /// Whether it has this binding, to the last argument.
    #[must_use]
    pub fn has(&self, binding: &BindingSpec) -> bool {
        self.bindings.contains_key(&identity(binding))
    }

    /// The binding of that identity.
    pub(super) fn binding(&self, identity: &str) -> Option<&BindingSpec> {
        self.bindings.get(identity)
    }
}

/// What tells a binding from others: all of it. The width of a number is no part of that.
pub(super) fn identity(binding: &BindingSpec) -> String {
    let BindingSpec { source, destination, to_queue, key, arguments } = binding;
    let arguments: Vec<String> = arguments.iter().map(|(name, field)| format!("{name:?}: {}", words(field))).collect();
    format!("{source:?} {destination:?} {to_queue} {key:?} {arguments:?}")
}

/// What would have to be changed on a broker of that version that has what was observed.
#[must_use]
pub fn diff(steps: &[Step], observed: &Observed, version: Version, scope: &Scope) -> Plan {
    let mut plan = Plan::default();
    let names = Names::of(steps);
    let ways = Ways::of(observed);
    let anew = Anew::of(observed, &ways, version);
    // Where each step's change is, if there is one, and what keeps others from building on it.
    let mut changes: Vec<Option<usize>> = Vec::with_capacity(steps.len());
    let mut unsound: Vec<Option<String>> = Vec::with_capacity(steps.len());
    for step in steps {
        let mut change = compare(step, &names, observed, version, scope);
        let name = || format!("{} {}", step.object.kind(), step.object.name());
        if let Some(change) = &mut change {
            anew.settle(change, scope);
            change.needs = step.needs.iter().filter_map(|need| changes[*need]).collect();
            let broken = step.needs.iter().find_map(|need| unsound[*need].as_ref());
            let waits =
                change.action == Action::Create || (step.role == Role::InPlace && change.action == Action::Update);
            if let (None, true, Some(broken)) = (&change.blocked, waits, broken) {
                change.blocked = Some(Blocked { because: format!("it needs the {broken}"), bearable: false });
            }
        }
        unsound.push(match change.as_ref().and_then(|change| change.blocked.as_ref()) {
            Some(blocked) if !blocked.bearable => {
                Some(if change.as_ref().is_some_and(|change| change.action == Action::Create) {
                    format!("{}, which is not made", name())
                } else {
                    format!("{}, which is not as the file wants it", name())
                })
            }
            _ => None,
        });
        changes.push(change.as_ref().map(|_| plan.changes.len()));
        match change {
            Some(change) => plan.changes.push(change),
            None => plan.unchanged += 1,
        }
    }
    leftovers::add(&mut plan, steps, observed, &ways, scope);
    for change in &plan.changes {
        if let Some(Blocked { because, bearable: true }) = &change.blocked {
            plan.warnings.push(format!("the {} {} is not set: {because}", change.object.kind(), change.object.name()));
        }
    }
    plan.warnings.extend(policies::hidden(steps, &plan.changes, observed));
    plan.warnings.extend(down::warning(steps, observed));
    plan
}

/// Everything is declared: what the broker has cannot be seen.
#[must_use]
pub fn blind(steps: &[Step], why: &str) -> Plan {
    let mut changes: Vec<Change> = Vec::with_capacity(steps.len());
    for step in steps {
        let mut change = create(step);
        change.needs.clone_from(&step.needs);
        if let Object::Policy(_) = step.object {
            let because = "policies can only be set through the management API".to_owned();
            change.blocked = Some(Blocked { because, bearable: step.role == Role::DeadLetters });
        }
        changes.push(change);
    }
    let mut warnings = vec![format!(
        "{why}: what the broker has cannot be compared. What is there equally stays as it is, what is there differently is refused by the broker, and arguments it does not know are not compared"
    )];
    warnings.extend(changes.iter().filter_map(|change| {
        let blocked = change.blocked.as_ref()?;
        Some(format!("the policy {} is not set: {}", change.object.name(), blocked.because))
    }));
    Plan { changes, unchanged: 0, warnings, forgotten: 0, blind: true }
}

#[cfg(test)]
mod tests;
