//! What cannot be used or seen while nodes of a broker are down?

use super::Observed;
use crate::{
    message::Table,
    topology::{
        argument::QueueType,
        expand::kind,
        order::{Object, Step},
        owned::Id,
        spec::BindingSpec,
    },
};

impl Observed {
    /// Why nobody can get at a queue now; nothing where it can be used.
    pub(super) fn unusable(&self, queue: &str) -> Option<&'static str> {
        let is_classic = self.queues.get(queue).is_none_or(|queue| kind(queue) == QueueType::Classic);
        let why = if is_classic { "its node is down" } else { "most of its nodes are down" };
        self.down.contains(queue).then_some(why)
    }

    /// Whether what leads to a queue is not told.
    ///
    /// Broker fact (3.10): while the node of a classic queue is down its bindings are in no list, and come back with it; none can be
    /// made. Every queue is bound to the default exchange, so one whose binding there is told has all of them told (4.0, 4.3).
    pub(super) fn hides_bindings_to(&self, queue: &str) -> bool {
        let default = BindingSpec {
            source: String::new(),
            destination: queue.to_owned(),
            to_queue: true,
            key: queue.to_owned(),
            arguments: Table::new(),
        };
        self.down.contains(queue) && !self.has(&default)
    }

    /// Whether an object may be there although it is not told: a binding to a queue whose node is down.
    #[must_use]
    pub fn hides(&self, id: &Id) -> bool {
        // An identity quotes names, and in what is quoted no quote stands alone.
        let leads_to = |queue: &str| id.contains(&format!("\" {queue:?} true \""));
        id.starts_with("binding ")
            && self.find(id).is_none()
            && self.down.iter().any(|queue| leads_to(queue) && self.hides_bindings_to(queue))
    }
}

/// What is to be said of the wanted queues that cannot be used.
pub(super) fn warning(steps: &[Step], observed: &Observed) -> Option<String> {
    let queues = steps.iter().filter_map(|step| match &step.object {
        Object::Queue(queue) => Some(queue.name.as_str()),
        _ => None,
    });
    let down: Vec<&str> = queues.filter(|name| observed.down.contains(*name)).collect();
    let (it, needs, comes) = if down.len() == 1 { ("it", "it needs", "comes") } else { ("they", "they need", "come") };
    (!down.is_empty()).then(|| {
        format!("{} cannot be used: nodes are down that {needs}, and {it} {comes} back with them", down.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};
    use crate::topology::{
        diff::{Scope, diff},
        plan::{Action, Change},
    };

    const TEXT: &str = "evbus: 1\nexchanges: {x: {}}\nqueues: {q: {type: classic}, r: {type: quorum}}\nbindings: [{from: x, to: q, key: a}, {from: x, to: r}]\n";

    /// Both queues cannot be used, and a broker of 3.10 does not tell what leads to the classic one.
    fn down(steps: &[Step]) -> Observed {
        let mut observed = made(steps);
        observed.down = ["q".to_owned(), "r".to_owned()].into();
        observed.keep_bindings(|binding| binding.destination == "r");
        let default = BindingSpec {
            source: String::new(),
            destination: "r".into(),
            to_queue: true,
            key: "r".into(),
            arguments: Table::new(),
        };
        observed.bind(default);
        observed
    }

    #[test]
    fn a_queue_that_cannot_be_used_stays_and_nobody_is_told_to_prune_it_all_the_same() {
        let before = steps(TEXT);
        for (queue, why) in [("q", "its node is down"), ("r", "most of its nodes are down")] {
            for prune_non_empty in [false, true] {
                let mut observed = down(&before);
                empty(&mut observed);
                let scope = Scope { prune_non_empty, ..owning(&before, true) };
                let plan = diff(&[], &observed, V4, &scope);
                let because = named(&plan, queue).and_then(|change| change.blocked.clone()).expect("it stays").because;
                assert_eq!(because, format!("{why}: nobody knows what is in it, and it comes back with what it had"));
            }
        }
    }

    #[test]
    fn what_nobody_can_count_nobody_is_told_to_archive() {
        let before = steps(TEXT);
        let plan = diff(&[], &made(&before), V4, &owning(&before, true));
        let because = named(&plan, "q").and_then(|change| change.blocked.clone()).expect("it stays").because;
        assert!(because.ends_with("which nobody can archive: its node may be down"), "{because}");
    }

    #[test]
    fn what_leads_to_a_queue_whose_node_is_down_is_not_taken_for_deleted() {
        let (steps, hidden) = (steps(TEXT), "x -> q (a)");
        let observed = down(&steps);
        let plan = diff(&steps, &observed, V4, &owning(&steps, true));
        assert!(plan.is_empty() && !plan.differs(), "{plan:?}");
        let kept = named(&plan, hidden).expect("it is told");
        assert_eq!((kept.action, &kept.drift), (Action::Keep, &None));
        assert_eq!(kept.because, "the node of q is down, and the broker does not tell what leads there");
        // Of one that nobody has made nobody knows whether it is there, and it cannot be made.
        let plan = diff(&steps, &observed, V4, &Scope::default());
        assert!(named(&plan, hidden).is_some_and(Change::is_refused), "{plan:?}");
        // Where the others are told it is not there.
        let mut told = down(&steps);
        let default = |queue: &str| BindingSpec {
            source: String::new(),
            destination: queue.into(),
            to_queue: true,
            key: queue.into(),
            arguments: Table::new(),
        };
        told.bind(default("q"));
        assert!(named(&diff(&steps, &told, V4, &Scope::default()), hidden).is_some_and(Change::is_doable));
    }

    #[test]
    fn what_is_not_told_is_not_forgotten() {
        let before = steps(TEXT);
        let observed = down(&before);
        assert_eq!(diff(&[], &observed, V4, &owning(&before, true)).forgotten, 0);
        let hidden: Vec<Id> = before.iter().map(|step| step.object.id()).filter(|id| observed.hides(id)).collect();
        assert_eq!(hidden, ["binding \"x\" \"q\" true \"a\" []"]);
    }
}
