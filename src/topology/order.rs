//! In which order is a topology created, and what does each object need? So that between two steps no message can be lost that a
//! finished topology would keep.
//!
//! Exchanges first and policies, then the queues that catch (dead letter queues, retry queues, streams) with the bindings that
//! lead to them, then the queues whose dead letters they catch, and last the bindings that let messages in.

use std::collections::{BTreeSet, HashMap};

use super::{
    expand::{Role, Wanted, Wish},
    place::Place,
    routing::ALTERNATE_EXCHANGE,
    spec::{BindingSpec, ExchangeSpec, PolicySpec, QueueSpec},
};
use crate::message::{Field, Table};

/// Any object of a broker.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    /// An exchange.
    Exchange(ExchangeSpec),
    /// A policy.
    Policy(PolicySpec),
    /// A queue.
    Queue(QueueSpec),
    /// A binding.
    Binding(BindingSpec),
}

impl Object {
    /// What it is, in a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Object::Exchange(_) => "exchange",
            Object::Policy(_) => "policy",
            Object::Queue(_) => "queue",
            Object::Binding(_) => "binding",
        }
    }

    /// Its name; a binding's says from where, with which key, to where.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Object::Exchange(exchange) => exchange.name.clone(),
            Object::Policy(policy) => policy.name.clone(),
            Object::Queue(queue) => queue.name.clone(),
            Object::Binding(binding) => format!("{} -> {} ({})", binding.source, binding.destination, binding.key),
        }
    }
}

/// One object on its way to be.
#[derive(Debug, Clone)]
pub struct Step {
    /// The object.
    pub object: Object,
    /// What it is for.
    pub role: Role,
    /// Why there is one.
    pub because: String,
    /// What in the file asks for it.
    pub place: Place,
    /// Steps of one stage can go on side by side; stages follow each other.
    pub stage: Stage,
    /// The steps, all before it, without which it would be of no use or lose messages.
    pub needs: Vec<usize>,
}

/// When a step is taken: the larger, the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Exchanges.
    Exchanges,
    /// Policies: a queue is never without the one that is for it.
    Policies,
    /// Queues whose own dead letters need nothing.
    Catchers,
    /// The bindings that lead to them.
    CatchingBindings,
    /// Queues by how far their dead letters travel: a queue comes after those that catch for it.
    Queues(usize),
    /// Policies that make up for arguments of queues: what they say is in force before more is let in, and what they no longer say
    /// ends when the queue says it itself.
    InPlace,
    /// Those of them that are there already: they may leave queues to the new ones.
    InPlaceAgain,
    /// Bindings that catch, to one of those.
    LaterCatchingBindings,
    /// What lets messages in.
    Inlets,
    /// What is no longer wanted, backwards.
    Removals(usize),
}

/// Every object that is wanted, in the order of creation.
#[must_use]
pub fn order(wanted: &Wanted) -> Vec<Step> {
    let plan = Plan::of(wanted);
    let stages: HashMap<&str, Stage> =
        wanted.queues.iter().map(|wish| (wish.spec.name.as_str(), plan.stage_of_queue(wish))).collect();
    let mut steps: Vec<Step> = Vec::new();
    for wish in &wanted.exchanges {
        steps.push(step(wish, Object::Exchange(wish.spec.clone()), Stage::Exchanges));
    }
    for wish in &wanted.policies {
        let stage = if wish.role == Role::InPlace { Stage::InPlace } else { Stage::Policies };
        steps.push(step(wish, Object::Policy(wish.spec.clone()), stage));
    }
    for wish in &wanted.queues {
        let stage = plan.stage_of_queue(wish);
        steps.push(step(wish, Object::Queue(wish.spec.clone()), stage));
    }
    for wish in &wanted.bindings {
        let stage = plan.stage_of_binding(&wish.spec, &stages);
        steps.push(step(wish, Object::Binding(wish.spec.clone()), stage));
    }
    steps.sort_by_key(|step| step.stage);
    needs(&mut steps, wanted);
    steps
}

fn step<S>(wish: &Wish<S>, object: Object, stage: Stage) -> Step {
    Step { object, role: wish.role, because: wish.because.clone(), place: wish.place, stage, needs: Vec::new() }
}

/// Where the dead letters of a queue go: the exchange, and the key where one is set.
#[must_use]
pub fn dead_letters(arguments: &Table) -> Option<(&str, Option<&str>)> {
    let exchange = arguments.get("x-dead-letter-exchange").and_then(Field::as_str)?;
    Some((exchange, arguments.get("x-dead-letter-routing-key").and_then(Field::as_str)))
}

struct Plan<'a> {
    /// Exchanges that dead letters or retries pass.
    catching: BTreeSet<&'a str>,
    /// How far the dead letters of each queue travel.
    depths: HashMap<&'a str, usize>,
}

impl<'a> Plan<'a> {
    fn of(wanted: &'a Wanted) -> Plan<'a> {
        let mut catching: BTreeSet<&str> = wanted
            .queues
            .iter()
            .filter_map(|queue| dead_letters(&queue.spec.arguments))
            .map(|(exchange, _)| exchange)
            .filter(|exchange| !exchange.is_empty())
            .collect();
        catching.extend(
            wanted.exchanges.iter().filter(|wish| wish.role == Role::RetryExchange).map(|wish| wish.spec.name.as_str()),
        );
        loop {
            let onward = wanted.bindings.iter().map(|wish| &wish.spec).filter(|binding| !binding.is_to_queue());
            let onward = onward.map(|binding| (binding.source.as_str(), binding.destination.as_str()));
            let alternates = wanted.exchanges.iter().filter_map(|wish| {
                let alternate = wish.spec.arguments.get(ALTERNATE_EXCHANGE).and_then(Field::as_str)?;
                Some((wish.spec.name.as_str(), alternate))
            });
            let more: Vec<&str> = onward
                .chain(alternates)
                .filter(|(from, to)| catching.contains(from) && !catching.contains(to))
                .map(|(_, to)| to)
                .collect();
            if more.is_empty() {
                break;
            }
            catching.extend(more);
        }
        let mut plan = Plan { catching, depths: HashMap::new() };
        let targets = targets(wanted);
        for queue in &wanted.queues {
            plan.depth(&queue.spec.name, &targets, &mut Vec::new());
        }
        plan
    }

    fn depth(&mut self, queue: &'a str, targets: &HashMap<&'a str, Vec<&'a str>>, path: &mut Vec<&'a str>) -> usize {
        if let Some(depth) = self.depths.get(queue) {
            return *depth;
        }
        // A ring of queues has no first one, and a chain beyond this has none that matters.
        if path.contains(&queue) || path.len() > 50 {
            return 0;
        }
        path.push(queue);
        let next = targets.get(queue).map_or(&[][..], Vec::as_slice);
        let depth = next.iter().map(|next| 1 + self.depth(next, targets, path)).max();
        path.pop();
        // Even what dead-letters to nowhere comes after what catches.
        let depth = depth.unwrap_or(0);
        self.depths.insert(queue, depth);
        depth
    }

    fn stage_of_queue(&self, wish: &Wish<QueueSpec>) -> Stage {
        match self.depths.get(wish.spec.name.as_str()) {
            Some(0) | None => Stage::Catchers,
            // Nothing waits in a retry queue before the service it is for has failed.
            _ if wish.role == Role::Retry => Stage::Catchers,
            Some(depth) => Stage::Queues(*depth),
        }
    }

    fn stage_of_binding(&self, binding: &BindingSpec, stages: &HashMap<&str, Stage>) -> Stage {
        if !self.catching.contains(binding.source.as_str()) {
            return Stage::Inlets;
        }
        match stages.get(binding.destination.as_str()) {
            Some(Stage::Queues(_)) if binding.is_to_queue() => Stage::LaterCatchingBindings,
            _ => Stage::CatchingBindings,
        }
    }
}

/// The queues that catch the dead letters of each queue.
fn targets(wanted: &Wanted) -> HashMap<&str, Vec<&str>> {
    let names: HashMap<String, &str> =
        wanted.queues.iter().map(|queue| (queue.spec.name.clone(), queue.spec.name.as_str())).collect();
    let routes = wanted.routes();
    let mut bound: HashMap<&str, Vec<&str>> = HashMap::new();
    for binding in wanted.bindings.iter().map(|wish| &wish.spec).filter(|binding| binding.is_to_queue()) {
        bound.entry(&binding.source).or_default().push(&binding.destination);
    }
    let mut targets = HashMap::new();
    for queue in &wanted.queues {
        let caught: Vec<&str> = match dead_letters(&queue.spec.arguments) {
            None => continue,
            Some((exchange, Some(key))) => {
                let reached = routes.reach(exchange, &[key], None);
                reached.iter().filter_map(|reached| names.get(&reached.queue).copied()).collect()
            }
            // They keep their own keys, which nobody knows: whatever is bound there may catch them.
            Some((exchange, None)) => {
                let bound = bound.get(exchange).map_or(&[][..], Vec::as_slice);
                bound.iter().filter_map(|name| names.get(*name).copied()).collect()
            }
        };
        targets.insert(queue.spec.name.as_str(), caught);
    }
    targets
}

/// Fills in what each step needs.
fn needs(steps: &mut [Step], wanted: &Wanted) {
    let mut at: HashMap<(&'static str, String), usize> = HashMap::new();
    let mut bindings: HashMap<(String, String, String), usize> = HashMap::new();
    for (index, step) in steps.iter().enumerate() {
        match &step.object {
            Object::Binding(binding) => {
                let id = (binding.source.clone(), binding.key.clone(), binding.destination.clone());
                bindings.insert(id, index);
            }
            object => {
                at.insert((object.kind(), object.name()), index);
            }
        }
    }
    let routes = wanted.routes();
    let find = |kind: &'static str, name: &str| at.get(&(kind, name.to_owned())).copied();
    for index in 0..steps.len() {
        let mut needs: BTreeSet<usize> = BTreeSet::new();
        match &steps[index].object {
            Object::Exchange(exchange) => {
                let alternate = exchange.arguments.get(ALTERNATE_EXCHANGE).and_then(Field::as_str);
                needs.extend(alternate.and_then(|name| find("exchange", name)));
            }
            Object::Policy(_) => (),
            Object::Queue(queue) => {
                if let Some((exchange, key)) = dead_letters(&queue.arguments) {
                    needs.extend(find("exchange", exchange));
                    for reached in key.map(|key| routes.reach(exchange, &[key], None)).unwrap_or_default() {
                        needs.extend(find("queue", &reached.queue));
                        for path in &reached.via {
                            let ends = path.iter().skip(1).map(|hop| hop.exchange.as_str());
                            for (hop, to) in path.iter().zip(ends.chain([reached.queue.as_str()])) {
                                let id = (hop.exchange.clone(), hop.key.clone(), to.to_owned());
                                needs.extend(bindings.get(&id).copied());
                            }
                        }
                    }
                }
            }
            Object::Binding(binding) => {
                needs.extend(find("exchange", &binding.source));
                let kind = if binding.is_to_queue() { "queue" } else { "exchange" };
                if let Some(to) = find(kind, &binding.destination) {
                    needs.insert(to);
                    // What lets messages into a queue needs what catches its dead letters, also where the queue is there already.
                    needs.extend(&steps[to].needs);
                }
            }
        }
        // A ladder comes before the queue it leads back to: only what comes first can be waited for.
        steps[index].needs = needs.into_iter().filter(|need| *need < index).collect();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        topology::{expand::expand, file::File},
        version::Version,
    };

    fn steps(text: &str) -> Vec<Step> {
        let text = format!("evbus: 1\n{text}");
        let file = File::read(vec![("f".to_owned(), Path::new(""), text.into_bytes())]).expect("a right file");
        order(&expand(&file.topology, Version::new(4, 3, 0)).0)
    }

    fn at(steps: &[Step], name: &str) -> usize {
        let found = steps.iter().position(|step| step.object.name() == name);
        found.unwrap_or_else(|| {
            panic!("{name} is not among {:?}", steps.iter().map(|s| s.object.name()).collect::<Vec<_>>())
        })
    }

    #[test]
    fn what_catches_comes_before_what_falls_and_what_lets_in_comes_last() {
        let steps = steps(
            "events: {A: {routing_key: a}}\nservices: {s: {subscribes: [A], retry: {delays: [1s]}}}\naudit: {stream: log}\n",
        );
        let place = |name: &str| at(&steps, name);
        for (first, then) in [
            ("events", "evbus-events-dlq"),
            ("evbus-events-dlq", "s.dlq"),
            ("s.dlq", "events.dlx -> s.dlq (s)"),
            ("events.dlx -> s.dlq (s)", "s"),
            ("s.retry.1s", "s"),
            ("events.retry -> s.retry.1s (s.1)", "s"),
            ("events.dlx -> log (#)", "s"),
            ("s", "events -> s (a)"),
            ("log", "events -> log (#)"),
        ] {
            assert!(place(first) < place(then), "{first} comes before {then}");
        }
    }

    #[test]
    fn a_queue_needs_the_whole_way_of_its_dead_letters_and_its_inlet_needs_them_too() {
        let steps = steps("services: {s: {subscribes: [{key: a}], retry: none}}\n");
        let needs = |name: &str| {
            let needs = &steps[at(&steps, name)].needs;
            needs.iter().map(|need| steps[*need].object.name()).collect::<Vec<_>>()
        };
        assert_eq!(needs("s"), ["events.dlx", "s.dlq", "events.dlx -> s.dlq (s)"]);
        assert_eq!(needs("events -> s (a)"), ["events", "events.dlx", "s.dlq", "events.dlx -> s.dlq (s)", "s"]);
    }

    #[test]
    fn listed_queues_follow_the_same_law() {
        let steps = steps(
            "exchanges: {in: {}, dead: {type: direct}}\nqueues:\n  work: {dead_letter_exchange: dead, dead_letter_routing_key: k}\n  grave: {}\nbindings:\n  - {from: in, to: work, key: \"#\"}\n  - {from: dead, to: grave, key: k}\n",
        );
        let names: Vec<String> = steps.iter().map(|step| step.object.name()).collect();
        assert_eq!(names, ["in", "dead", "grave", "dead -> grave (k)", "work", "in -> work (#)"]);
    }

    #[test]
    fn a_ring_of_queues_is_ordered_somehow_and_ends() {
        let steps = steps(
            "queues:\n  a: {dead_letter_exchange: \"\", dead_letter_routing_key: b}\n  b: {dead_letter_exchange: \"\", dead_letter_routing_key: a}\n",
        );
        assert_eq!(steps.len(), 2);
        assert!(steps.iter().enumerate().all(|(index, step)| step.needs.iter().all(|need| *need < index)));
    }
}
