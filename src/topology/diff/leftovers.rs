//! What does the file's name own that the file no longer wants, and may it go? Removal runs backwards: what lets messages in goes
//! first, and what catches them only when nothing is left that could let one fall.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Inside, Observed, Scope, identity};
use crate::message::Field;
use crate::topology::{
    argument::QueueType,
    expand::{Role, Wanted, Wish, kind},
    order::{self, Object, Stage, Step, dead_letters},
    owned::{Id, Record},
    place::Place,
    plan::{Action, Blocked, Change, Plan},
    policies::{InForce, Target},
    routing::ALTERNATE_EXCHANGE,
    spec::{BindingSpec, QueueSpec},
};

/// Adds to a plan what becomes of what is no longer wanted.
pub(super) fn add(plan: &mut Plan, steps: &[Step], observed: &Observed, scope: &Scope) {
    let rungs = rungs(plan, steps, observed, scope);
    let wanted: HashSet<Id> = steps.iter().map(|step| step.object.id()).collect();
    let record = scope.ownership.record.iter();
    let unwanted: Vec<&Id> = record.flat_map(Record::ids).filter(|id| !wanted.contains(*id)).collect();
    let there: HashSet<&Id> = unwanted.iter().copied().filter(|id| observed.find(id).is_some()).collect();
    let steps = backwards(observed, &there);
    plan.forgotten = unwanted.len() - steps.len();
    let staying = Staying::of(observed, &steps, scope);
    // The changes of what needs each of them, and so goes before it.
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (at, step) in steps.iter().enumerate() {
        let mut change = removal(step);
        let after = std::mem::take(&mut dependents[at]);
        let needed = after.iter().map(|index| &plan.changes[*index]).find(|earlier| !earlier.is_doable());
        if let Some(replacement) = rungs.get(&step.object.id()) {
            change.because = String::from("its retries wait elsewhere now");
            change.needs.extend(replacement);
        } else if !scope.prune {
            change.action = Action::Keep;
            change.because = format!("{}: --prune deletes it", change.because);
        } else {
            let stays = needed
                .map(|earlier| format!("the {} {} stays, and needs it", earlier.object.kind(), earlier.object.name()));
            let in_force = || in_force(&step.object, &plan.changes);
            let because = stays
                .or_else(in_force)
                .or_else(|| staying.uses(&step.object))
                .or_else(|| full(&step.object, observed, scope));
            let forbidden = || {
                let is_policy = matches!(step.object, Object::Policy(_)) && !observed.may_set_policies;
                is_policy.then(|| "the user has not the tag policymaker".to_owned())
            };
            if because.is_none()
                && let Some(inside) = inside(&step.object, observed).and_then(said)
            {
                change.because = format!("{}; {inside}", change.because);
            }
            change.blocked = because.or_else(forbidden).map(|because| Blocked { because, bearable: false });
            change.risk = staying.goes_along(&step.object).or_else(|| lost(&step.object, observed));
        }
        change.needs.extend(after);
        step.needs.iter().for_each(|need| dependents[*need].push(plan.changes.len()));
        plan.changes.push(change);
    }
}

/// The rungs of ladders that others of this plan take the place of, and which: those go without being asked for, since with both
/// each retry would come twice. In the plan they stand in each other's way no longer.
fn rungs(plan: &mut Plan, steps: &[Step], observed: &Observed, scope: &Scope) -> HashMap<Id, Option<usize>> {
    let wanted: HashSet<String> = steps
        .iter()
        .filter_map(|step| match &step.object {
            Object::Binding(binding) => Some(identity(binding)),
            _ => None,
        })
        .collect();
    let mut by_key: HashMap<(&str, &str), Vec<&BindingSpec>> = HashMap::new();
    for binding in observed.bindings.values() {
        by_key.entry((&binding.source, &binding.key)).or_default().push(binding);
    }
    let mut rungs = HashMap::new();
    for step in steps.iter().filter(|step| step.role == Role::Retry) {
        let Object::Binding(new) = &step.object else { continue };
        let others = by_key.get(&(new.source.as_str(), new.key.as_str())).map_or(&[][..], Vec::as_slice);
        let others: Vec<&&BindingSpec> = others.iter().filter(|other| !wanted.contains(&identity(other))).collect();
        let ids: Vec<Id> = others.iter().map(|other| Object::Binding((**other).clone()).id()).collect();
        if ids.iter().any(|id| !scope.ownership.owns(id)) {
            continue;
        }
        let at = plan.changes.iter().position(|change| change.object == step.object);
        rungs.extend(ids.into_iter().map(|id| (id, at)));
    }
    rungs
}

/// The objects of these ids in the order in which they go, each with those behind it that it needs. The way of a dead letter may
/// lead over what stays, so that the order of everything is asked for.
fn backwards(observed: &Observed, leaving: &HashSet<&Id>) -> Vec<Step> {
    if leaving.is_empty() {
        return Vec::new();
    }
    let delays: HashSet<&str> =
        observed.queues.values().filter(|queue| is_delay(queue)).map(|q| q.name.as_str()).collect();
    let to_delays = observed.bindings.values().filter(|binding| delays.contains(binding.destination.as_str()));
    let retrying: HashSet<&str> = to_delays.map(|binding| binding.source.as_str()).collect();
    let role = |is_retry: bool, role: Role| if is_retry { role } else { Role::Listed };
    let everything = Wanted {
        exchanges: observed
            .exchanges
            .values()
            .map(|spec| wish(spec.clone(), role(retrying.contains(spec.name.as_str()), Role::RetryExchange)))
            .collect(),
        queues: observed
            .queues
            .values()
            .map(|spec| wish(spec.clone(), role(delays.contains(spec.name.as_str()), Role::Retry)))
            .collect(),
        bindings: observed.bindings.values().map(|spec| wish(spec.clone(), Role::Listed)).collect(),
        policies: observed.policies.values().map(|spec| wish(spec.clone(), Role::Listed)).collect(),
    };
    let mut steps = order::order(&everything);
    steps.reverse();
    let last = steps.len().saturating_sub(1);
    // Where each of those that leave will be.
    let mut places: HashMap<usize, usize> = HashMap::new();
    for (at, step) in steps.iter().enumerate() {
        if leaving.contains(&step.object.id()) {
            places.insert(at, places.len());
        }
    }
    let mut stages: Vec<Stage> = Vec::new();
    let mut leaving = Vec::with_capacity(places.len());
    for (_, mut step) in steps.into_iter().enumerate().filter(|(at, _)| places.contains_key(at)) {
        step.needs = step.needs.iter().filter_map(|need| places.get(&(last - *need)).copied()).collect();
        if stages.last() != Some(&step.stage) {
            stages.push(step.stage);
        }
        step.stage = Stage::Removals(stages.len());
        leaving.push(step);
    }
    leaving
}

/// Whether messages wait in a queue for a time and go on to another one: a rung of a ladder.
fn is_delay(queue: &QueueSpec) -> bool {
    queue.arguments.contains_key("x-message-ttl") && matches!(dead_letters(&queue.arguments), Some(("", Some(_))))
}

fn wish<S>(spec: S, role: Role) -> Wish<S> {
    Wish { spec, role, because: String::new(), place: Place::default() }
}

fn removal(step: &Step) -> Change {
    let because = "made for this name before, and no longer in the file".to_owned();
    Change {
        action: Action::Delete,
        object: step.object.clone(),
        role: step.role,
        because,
        risk: None,
        blocked: None,
        differences: Vec::new(),
        drift: None,
        owned: true,
        needs: Vec::new(),
        stage: step.stage,
    }
}

fn inside<'a>(object: &Object, observed: &'a Observed) -> Option<&'a Inside> {
    let Object::Queue(queue) = object else { return None };
    observed.inside.get(&queue.name)
}

/// What is in a queue in words; nothing where it is empty and nobody reads it.
fn said(inside: &Inside) -> Option<String> {
    let count = |count: Option<u64>, what: &str| match count {
        None => Some(format!("an unknown number of {what}s")),
        Some(0) => None,
        Some(1) => Some(format!("1 {what}")),
        Some(many) => Some(format!("{many} {what}s")),
    };
    let held = inside.unacked.unwrap_or(0);
    let messages = count(inside.ready.map(|ready| ready + held + inside.letters()), "message");
    let messages = messages.map(|messages| if held > 0 { format!("{messages} ({held} unacked)") } else { messages });
    let parts: Vec<String> = [messages, count(inside.consumers, "consumer")].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("it has {}", parts.join(" and ")))
}

/// Why a queue may not go as it is.
fn full(object: &Object, observed: &Observed, scope: &Scope) -> Option<String> {
    let Object::Queue(queue) = object else { return None };
    if kind(queue) == QueueType::Stream {
        let how = format!("rabbitmqctl delete_queue {}", queue.name);
        return Some(format!("a stream keeps what has happened, and evbus archives none: delete it by hand, {how}"));
    }
    let inside = observed.inside.get(&queue.name).copied().unwrap_or_default();
    let has = said(&inside)?;
    if inside.letters() > 0 {
        return Some(format!("{has}, of which {} are dead letters that nobody has taken yet", inside.letters()));
    }
    if !scope.prune_non_empty {
        return Some(format!("{has}: --prune-non-empty archives its messages first, and deletes it all the same"));
    }
    if inside.ready.is_none() {
        return Some(format!("{has}, which nobody can archive: its node may be down"));
    }
    let is_held = inside.unacked.is_some_and(|held| held > 0);
    is_held.then(|| format!("{has}: what consumers hold cannot be archived; stop them first"))
}

/// Why a policy may not go: a queue that nobody wants and that stays all the same would do without it.
fn in_force(object: &Object, changes: &[Change]) -> Option<String> {
    let Object::Policy(policy) = object else { return None };
    let policies = InForce::of([policy]);
    let staying = changes.iter().filter(|change| change.action == Action::Delete && change.blocked.is_some());
    let queues = staying.filter_map(|change| match &change.object {
        Object::Queue(queue) => Some(queue),
        _ => None,
    });
    let mut under =
        queues.filter(|queue| policies.on(&Target { name: &queue.name, queue: Some(kind(queue)) }).is_some());
    under.next().map(|queue| format!("it is in force on the queue {}, which stays", queue.name))
}

fn lost(object: &Object, observed: &Observed) -> Option<String> {
    let Object::Queue(queue) = object else { return None };
    let inside = observed.inside.get(&queue.name)?;
    let consumers = inside.consumers.filter(|consumers| *consumers > 0)?;
    Some(format!("{consumers} of its consumers are cut off"))
}

/// What stays on the broker, by what it uses.
struct Staying {
    /// Who sends its dead letters, or what it cannot route, through an exchange.
    exchanges: BTreeMap<String, String>,
    /// Whose dead letters go straight to a queue.
    queues: BTreeMap<String, String>,
    /// Bindings that stay, by the objects at their ends.
    bound: HashMap<Id, (usize, Option<String>)>,
}

impl Staying {
    fn of(observed: &Observed, leaving: &[Step], scope: &Scope) -> Staying {
        let leaving: HashSet<Id> = leaving.iter().map(|step| step.object.id()).collect();
        let mut staying = Staying { exchanges: BTreeMap::new(), queues: BTreeMap::new(), bound: HashMap::new() };
        if leaving.is_empty() {
            return staying;
        }
        for queue in observed.queues.values().filter(|queue| !leaving.contains(&format!("queue {}", queue.name))) {
            match dead_letters(&queue.arguments) {
                Some(("", Some(key))) => {
                    staying.queues.insert(key.to_owned(), format!("the dead letters of queue {} go there", queue.name));
                }
                Some((exchange, _)) => {
                    let how = format!("the dead letters of queue {} go through it", queue.name);
                    staying.exchanges.insert(exchange.to_owned(), how);
                }
                None => (),
            }
        }
        for exchange in observed.exchanges.values() {
            let alternate = exchange.arguments.get(ALTERNATE_EXCHANGE).and_then(Field::as_str);
            let stays = !leaving.contains(&format!("exchange {}", exchange.name));
            if let Some(alternate) = alternate.filter(|_| stays) {
                let how = format!("it is the alternate exchange of {}", exchange.name);
                staying.exchanges.insert(alternate.to_owned(), how);
            }
        }
        for binding in observed.bindings.values().filter(|binding| !binding.source.is_empty()) {
            let id = format!("binding {}", identity(binding));
            if leaving.contains(&id) {
                continue;
            }
            let owner = scope.ownership.others.get(&id);
            let kind = if binding.is_to_queue() { "queue" } else { "exchange" };
            for end in [format!("exchange {}", binding.source), format!("{kind} {}", binding.destination)] {
                let (count, whose) = staying.bound.entry(end).or_default();
                *count += 1;
                *whose = whose.take().or_else(|| owner.cloned());
            }
        }
        staying
    }

    /// Why something that stays keeps an object from going.
    fn uses(&self, object: &Object) -> Option<String> {
        let bound = self.bound.get(&object.id());
        match object {
            Object::Exchange(exchange) => {
                let bindings = bound.map(|(count, _)| match count {
                    1 => "a binding leads from it or to it that this file did not make".to_owned(),
                    _ => format!("{count} bindings lead from it or to it that this file did not make"),
                });
                bindings.or_else(|| self.exchanges.get(&exchange.name).cloned())
            }
            Object::Queue(queue) => {
                let whose = bound.and_then(|(_, whose)| whose.as_ref());
                let theirs = whose.map(|whose| format!("{whose} has bound it too"));
                theirs.or_else(|| self.queues.get(&queue.name).cloned())
            }
            Object::Binding(_) | Object::Policy(_) => None,
        }
    }

    /// What goes with a queue although somebody else has made it.
    fn goes_along(&self, object: &Object) -> Option<String> {
        let Object::Queue(_) = object else { return None };
        let (count, _) = self.bound.get(&object.id())?;
        Some(if *count == 1 {
            "a binding made by somebody else goes with it".to_owned()
        } else {
            format!("{count} bindings made by somebody else go with it")
        })
    }
}
