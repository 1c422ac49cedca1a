//! What does the file's name own that the file no longer wants, and may it go? Removal runs backwards: what lets messages in goes
//! first, and what catches them only when nothing is left that could let one fall.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap, HashSet},
};

use super::{Inside, Observed, Scope, identity, in_place, staying::Staying, ways::Ways};
use crate::message::Field;
use crate::topology::{
    argument::QueueType,
    expand::{Role, Wanted, Wish, kind},
    order::{self, Object, Stage, Step, dead_letters},
    owned::{Id, Record},
    place::Place,
    plan::{Action, Blocked, Change, Plan},
    replacement,
    spec::{BindingSpec, ExchangeSpec, QueueSpec},
};

/// Adds to a plan what becomes of what is no longer wanted.
pub(super) fn add<'a>(plan: &mut Plan, steps: &[Step], observed: &'a Observed, ways: &Ways<'a>, scope: &Scope) {
    let rungs = rungs(plan, steps, observed, scope);
    let wanted: HashSet<Id> = steps.iter().map(|step| step.object.id()).collect();
    let record = scope.ownership.record.iter();
    let unwanted: Vec<&Id> = record.flat_map(Record::ids).filter(|id| !wanted.contains(*id)).collect();
    let there: HashSet<&Id> = unwanted.iter().copied().filter(|id| observed.find(id).is_some()).collect();
    let (steps, feeders) = backwards(observed, ways, &there);
    let hidden = unwanted.iter().filter(|id| observed.hides(id)).count();
    plan.forgotten = unwanted.len() - steps.len() - hidden;
    plan.warnings.extend(waiting(&unwanted, observed));
    let staying = Staying::of(observed, ways, &steps, scope);
    // The changes of what needs each of them, and so goes before it.
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (at, step) in steps.iter().enumerate() {
        let mut change = removal(step);
        let after = std::mem::take(&mut dependents[at]);
        let needed = after.iter().map(|index| &plan.changes[*index]).find(|earlier| !earlier.is_doable());
        if let Some(replacement) = rungs.get(&step.object.id()) {
            change.because = String::from("its retries wait elsewhere now");
            change.needs.extend(replacement);
        } else if !scope.prune && !in_place::is_ours(&step.object) {
            change.action = Action::Keep;
            change.because = format!("{}: --prune deletes it", change.because);
        } else {
            let stays = needed
                .map(|earlier| format!("the {} {} stays, and needs it", earlier.object.kind(), earlier.object.name()));
            let because = stays
                .or_else(|| unfinished(&step.object, observed))
                .or_else(|| anew(&step.object, scope))
                .or_else(|| staying.uses(&step.object))
                .or_else(|| feeders.get(&at).and_then(|feeders| fed(feeders, observed)))
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
        change.feeders = feeders.get(&at).cloned().unwrap_or_default();
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

/// By the place of a queue, the queues behind it whose messages come to it.
type Feeders = HashMap<usize, Vec<String>>;

/// The objects of these ids in the order in which they go, each with those behind it that it needs. The way of a dead letter may
/// lead over what stays, so that the order of everything is asked for.
fn backwards(observed: &Observed, ways: &Ways<'_>, leaving: &HashSet<&Id>) -> (Vec<Step>, Feeders) {
    let mut feeders = Feeders::new();
    if leaving.is_empty() {
        return (Vec::new(), feeders);
    }
    let mut steps = order::order(&everything(observed, ways));
    steps.reverse();
    let last = steps.len().saturating_sub(1);
    // Where each of those that leave will be.
    let mut places: HashMap<usize, usize> = HashMap::new();
    let mut by_id: HashMap<Id, usize> = HashMap::new();
    for (at, step) in steps.iter().enumerate() {
        let id = step.object.id();
        if leaving.contains(&id) {
            by_id.insert(id, places.len());
            places.insert(at, places.len());
        }
    }
    let mut stages: Vec<Stage> = Vec::new();
    let mut all = Vec::with_capacity(places.len());
    for (_, mut step) in steps.into_iter().enumerate().filter(|(at, _)| places.contains_key(at)) {
        let at = all.len();
        let mut needs: BTreeSet<usize> =
            step.needs.iter().filter_map(|need| places.get(&(last - *need)).copied()).collect();
        if let Some(Object::Queue(queue)) = observed.find(&step.object.id())
            && let Some(queue) = observed.queues.get(&queue.name)
        {
            let passed = ways.of_letters(queue, |_| false).passed;
            let policy = ways.policy(queue).map(|policy| format!("policy {}", policy.name));
            for needed in passed.iter().chain(&policy).filter_map(|id| by_id.get(id)) {
                match (*needed).cmp(&at) {
                    Ordering::Greater => drop(needs.insert(*needed)),
                    Ordering::Less => feeders.entry(*needed).or_default().push(queue.name.clone()),
                    Ordering::Equal => (),
                }
            }
            step.object = Object::Queue(queue.clone());
        }
        step.needs = needs.into_iter().collect();
        if stages.last() != Some(&step.stage) {
            stages.push(step.stage);
        }
        step.stage = Stage::Removals(stages.len());
        all.push(step);
    }
    (all, feeders)
}

/// All that a broker has, as if it were wanted: rungs of ladders by what they do, dead letters also where a policy sends them.
fn everything(observed: &Observed, ways: &Ways<'_>) -> Wanted {
    let delays: HashSet<&str> =
        observed.queues.values().filter(|queue| is_delay(queue)).map(|queue| queue.name.as_str()).collect();
    let to_delays = observed.bindings.values().filter(|binding| delays.contains(binding.destination.as_str()));
    let retrying: HashSet<&str> = to_delays.map(|binding| binding.source.as_str()).collect();
    let role = |is_retry: bool, role: Role| if is_retry { role } else { Role::Listed };
    let queue = |spec: &QueueSpec| {
        let mut queue = spec.clone();
        if let Some((exchange, key)) = observed.queues.get(&spec.name).and_then(|spec| ways.letters(spec)) {
            queue.arguments.insert("x-dead-letter-exchange".to_owned(), Field::text(exchange));
            if let Some(key) = key {
                queue.arguments.insert("x-dead-letter-routing-key".to_owned(), Field::text(key));
            }
        }
        wish(queue, role(delays.contains(spec.name.as_str()), Role::Retry))
    };
    let exchange =
        |spec: &ExchangeSpec| wish(spec.clone(), role(retrying.contains(spec.name.as_str()), Role::RetryExchange));
    Wanted {
        exchanges: observed.exchanges.values().map(exchange).collect(),
        queues: observed.queues.values().map(queue).collect(),
        bindings: observed.bindings.values().map(|spec| wish(spec.clone(), Role::Listed)).collect(),
        policies: observed.policies.values().map(|spec| wish(spec.clone(), Role::Listed)).collect(),
    }
}

/// Why a queue may not go before its rungs are empty: what waits there comes back to it.
fn fed(feeders: &[String], observed: &Observed) -> Option<String> {
    feeders.iter().find_map(|name| {
        let inside = observed.inside.get(name).copied().unwrap_or_default();
        let has = said(&Inside { consumers: Some(0), ..inside })?;
        Some(format!("{name} sends its messages there, and {has}: apply again when it is empty"))
    })
}

/// Why an object may not go that is being made anew: the rest of it waits elsewhere, and knows only this one to come back to.
fn unfinished(object: &Object, observed: &Observed) -> Option<String> {
    let (began, waits) = match object {
        Object::Queue(queue) => (replacement::holding(&queue.name), "has its messages"),
        Object::Exchange(exchange) => (replacement::stand_in_name(&exchange.name), "stands in for it"),
        Object::Binding(_) | Object::Policy(_) => return None,
    };
    let is_there = observed.queues.contains_key(&began) || observed.exchanges.contains_key(&began);
    is_there.then(|| format!("a replace was begun, and {began} {waits}: {END_IT}"))
}

/// How a replace is ended of something that the file no longer has.
const END_IT: &str = "put it back into the file and apply it with --replace first";

/// That the messages of queues that are gone, and that the file no longer wants, wait for them all the same.
fn waiting(unwanted: &[&Id], observed: &Observed) -> Option<String> {
    let queues = unwanted.iter().filter(|id| observed.find(id).is_none()).filter_map(|id| id.strip_prefix("queue "));
    let holding: Vec<String> =
        queues.map(replacement::holding).filter(|name| observed.queues.contains_key(name)).collect();
    let (wait, its) = if holding.len() == 1 { ("waits", "its queue") } else { ("wait", "their queues") };
    (!holding.is_empty()).then(|| format!("{} {wait} for {its} with what was in it: {END_IT}", holding.join(", ")))
}

/// Why an object may not go that is not what was made.
fn anew(object: &Object, scope: &Scope) -> Option<String> {
    let made = scope.ownership.mark(&object.id())?;
    (made != object.mark()).then(|| "somebody has changed it or made it anew since: delete it by hand".to_owned())
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
        feeders: Vec::new(),
        replacement: None,
        needs: Vec::new(),
        stage: step.stage,
    }
}

fn inside<'a>(object: &Object, observed: &'a Observed) -> Option<&'a Inside> {
    let Object::Queue(queue) = object else { return None };
    observed.inside.get(&queue.name)
}

/// What is in a queue in words; nothing where it is empty and nobody reads it.
pub(super) fn said(inside: &Inside) -> Option<String> {
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
        let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        let vhost = scope.ownership.record.as_ref().map_or("/", |record| &record.vhost);
        let how = format!("rabbitmqctl -p {} delete_queue {}", quoted(vhost), quoted(&queue.name));
        return Some(format!("a stream keeps what has happened, and evbus archives none: delete it by hand, {how}"));
    }
    if let Some(why) = observed.unusable(&queue.name) {
        return Some(format!("{why}: nobody knows what is in it, and it comes back with what it had"));
    }
    let inside = observed.inside.get(&queue.name).copied().unwrap_or_default();
    let has = said(&inside)?;
    if let (1.., Some(("", Some(key)))) = (inside.letters(), dead_letters(&queue.arguments))
        && !observed.queues.contains_key(key)
    {
        return Some(format!("{has}, due at the queue {key}, and that is not there: make it again, and they go on"));
    }
    if inside.letters() > 0 {
        let are = if inside.letters() == 1 { "is a dead letter" } else { "are dead letters" };
        return Some(format!("{has}, of which {} {are} that nobody has taken yet", inside.letters()));
    }
    if inside.ready.is_none() {
        return Some(format!("{has}, which nobody can archive: its node may be down"));
    }
    if !scope.prune_non_empty {
        return Some(format!("{has}: --prune-non-empty archives its messages first, and deletes it all the same"));
    }
    let is_held = inside.unacked.is_some_and(|held| held > 0);
    is_held.then(|| format!("{has}: what consumers hold cannot be archived; stop them first"))
}

fn lost(object: &Object, observed: &Observed) -> Option<String> {
    let Object::Queue(queue) = object else { return None };
    let inside = observed.inside.get(&queue.name)?;
    let consumers = inside.consumers.filter(|consumers| *consumers > 0)?;
    let are = if consumers == 1 { "is" } else { "are" };
    Some(format!("{consumers} of its consumers {are} cut off"))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};
    use crate::topology::diff::diff;

    #[test]
    fn what_is_being_made_anew_stays_and_what_waits_for_a_queue_that_is_gone_is_told() {
        let before = steps("evbus: 1\nqueues: {q: {type: classic}}\nexchanges: {x: {}}\n");
        let scope = owning(&before, true);
        let mut observed = made(&before);
        empty(&mut observed);
        assert!(diff(&[], &observed, V4, &scope).changes.iter().all(Change::is_doable));

        let holding = QueueSpec { name: "evbus.hold.q".into(), ..observed.queues["q"].clone() };
        observed.queues.insert(holding.name.clone(), holding);
        let stand_in = replacement::stand_in(&observed.exchanges["x"], None);
        observed.exchanges.insert(stand_in.name.clone(), stand_in);
        let plan = diff(&[], &observed, V4, &scope);
        for (name, waits) in [("q", "evbus.hold.q has its messages"), ("x", "evbus.stand-in.x stands in for it")] {
            let blocked = named(&plan, name).and_then(|change| change.blocked.as_ref()).expect("it stays");
            assert_eq!(blocked.because, format!("a replace was begun, and {waits}: {END_IT}"));
        }
        assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);

        observed.queues.remove("q");
        let plan = diff(&[], &observed, V4, &scope);
        assert_eq!(plan.warnings, [format!("evbus.hold.q waits for its queue with what was in it: {END_IT}")]);
    }
}
