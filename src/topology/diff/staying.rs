//! What stays on a broker, and what it cannot do without.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Observed, Scope, identity, ways::Ways};
use crate::topology::{
    expand::kind,
    order::{Object, Step},
    owned::Id,
    policies::{InForce, Target},
};

/// What stays, by what it uses.
pub(super) struct Staying<'a> {
    observed: &'a Observed,
    /// Why objects may not go, though they are no longer wanted.
    used: BTreeMap<Id, String>,
    /// Bindings that stay, by the objects at their ends: how many, and somebody who owns one.
    bound: HashMap<Id, (usize, Option<String>)>,
    leaving: HashSet<Id>,
}

impl<'a> Staying<'a> {
    pub(super) fn of(observed: &'a Observed, ways: &Ways<'a>, leaving: &[Step], scope: &Scope) -> Staying<'a> {
        let leaving: HashSet<Id> = leaving.iter().map(|step| step.object.id()).collect();
        let mut staying = Staying { observed, used: BTreeMap::new(), bound: HashMap::new(), leaving };
        if staying.leaving.is_empty() {
            return staying;
        }
        staying.letters(ways);
        staying.alternates(ways);
        staying.bindings(scope);
        staying
    }

    /// Dead letters of what stays have to arrive. Where a key is set and another queue still gets them, the rest of the way may go.
    fn letters(&mut self, ways: &Ways<'a>) {
        for queue in self.observed.queues.values() {
            if self.leaving.contains(&format!("queue {}", queue.name)) {
                continue;
            }
            let Some((_, key)) = ways.letters(queue) else { continue };
            if key.is_some() && ways.of_letters(queue, |id| self.leaving.contains(id)).arrives {
                continue;
            }
            for id in ways.of_letters(queue, |_| false).passed {
                if self.leaving.contains(&id) {
                    self.used.insert(id, format!("the dead letters of queue {} go there", queue.name));
                }
            }
        }
    }

    fn alternates(&mut self, ways: &Ways<'a>) {
        for exchange in self.observed.exchanges.values() {
            if self.leaving.contains(&format!("exchange {}", exchange.name)) {
                continue;
            }
            if let Some(alternate) = ways.alternate(exchange) {
                let how = format!("it is the alternate exchange of {}", exchange.name);
                self.used.entry(format!("exchange {alternate}")).or_insert(how);
            }
        }
    }

    fn bindings(&mut self, scope: &Scope) {
        let mut goes: HashMap<&str, Vec<Id>> = HashMap::new();
        for binding in self.observed.bindings.values().filter(|binding| !binding.source.is_empty()) {
            let id = format!("binding {}", identity(binding));
            if self.leaving.contains(&id) {
                goes.entry(&binding.source).or_default().push(id);
                continue;
            }
            let owner = scope.ownership.others.get(&id);
            let kind = if binding.is_to_queue() { "queue" } else { "exchange" };
            for end in [format!("exchange {}", binding.source), format!("{kind} {}", binding.destination)] {
                let (count, whose) = self.bound.entry(end).or_default();
                *count += 1;
                *whose = whose.take().or_else(|| owner.cloned());
            }
        }
        // An exchange that deletes itself goes with its last binding.
        for (source, ids) in goes {
            let exchange = format!("exchange {source}");
            let deletes_itself = self.observed.exchanges.get(source).is_some_and(|exchange| exchange.auto_delete);
            if deletes_itself && !self.leaving.contains(&exchange) && !self.bound.contains_key(&exchange) {
                let how = format!("the exchange {source} deletes itself with its last binding");
                self.used.extend(ids.into_iter().map(|id| (id, how.clone())));
            }
        }
    }

    /// Why something that stays keeps an object from going.
    pub(super) fn uses(&self, object: &Object) -> Option<String> {
        let bound = self.bound.get(&object.id());
        let by_bindings = match object {
            Object::Exchange(_) => bound.map(|(count, _)| match count {
                1 => "a binding leads from it or to it that this file did not make".to_owned(),
                _ => format!("{count} bindings lead from it or to it that this file did not make"),
            }),
            Object::Queue(_) => {
                bound.and_then(|(_, whose)| whose.as_ref()).map(|whose| format!("{whose} has bound it too"))
            }
            Object::Binding(_) | Object::Policy(_) => None,
        };
        by_bindings.or_else(|| self.used.get(&object.id()).cloned())
    }

    /// What changes for others with an object's going.
    pub(super) fn goes_along(&self, object: &Object) -> Option<String> {
        match object {
            Object::Queue(_) => {
                let (count, _) = self.bound.get(&object.id())?;
                Some(match count {
                    1 => "a binding made by somebody else goes with it".to_owned(),
                    _ => format!("{count} bindings made by somebody else go with it"),
                })
            }
            Object::Policy(policy) => {
                let all = InForce::of(self.observed.policies.values());
                let is_under = |target: &Target<'_>| all.on(target).is_some_and(|found| found.name == policy.name);
                let queues = self.observed.queues.values().filter(|queue| {
                    !self.leaving.contains(&format!("queue {}", queue.name))
                        && is_under(&Target { name: &queue.name, queue: Some(kind(queue)) })
                });
                let names: Vec<&str> = queues.map(|queue| queue.name.as_str()).collect();
                let (first, rest) = names.split_first()?;
                Some(match rest.len() {
                    0 => format!("it is in force on the queue {first}, which stays"),
                    more => format!("it is in force on the queue {first} and {more} more, which stay"),
                })
            }
            Object::Exchange(_) | Object::Binding(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
