//! One change: whether it is tried, how it is carried out, what came of it.

use std::collections::BTreeMap;

use super::{Apply, Archived, Event, Report, State, Undone};
use crate::{
    broker::{self, Broker, Connection, management::Policy},
    interrupt::Interrupt,
    topology::{
        diff::Inside,
        order::{Object, Stage},
        plan::{Action, Change},
        spec::PolicySpec,
    },
};

impl Apply<'_> {
    /// Carries out one change, the one of that number in the plan.
    pub(super) async fn carry_out(
        &self,
        change: &Change,
        number: usize,
        inside: &BTreeMap<String, Inside>,
        interrupt: &Interrupt,
    ) -> Result<Option<Archived>, Undone> {
        match change.action {
            Action::Delete => self.remove(&change.object, number, inside, &change.feeders, interrupt).await,
            Action::Replace => self.replace(change, interrupt).await.map(|()| None),
            // To set a policy is to put it in place of whatever has its name.
            Action::Create if self.has_come(&change.object).await? => {
                Err(Undone::Kept("somebody has made one of that name meanwhile".to_owned()))
            }
            _ => Ok(make(self.broker, &self.connection, &change.object).await.map(|()| None)?),
        }
    }

    /// Whether a policy that was not there when it was planned is there now.
    async fn has_come(&self, object: &Object) -> Result<bool, broker::Error> {
        let Object::Policy(wanted) = object else { return Ok(false) };
        let there = self.broker.management().policies(self.broker.vhost()).await?;
        Ok(there.iter().any(|policy| policy.name == wanted.name))
    }
}

async fn make(broker: &Broker, connection: &Connection, object: &Object) -> Result<(), broker::Error> {
    match object {
        Object::Exchange(exchange) => connection.declare_exchange(exchange).await,
        Object::Queue(queue) => connection.declare_queue(queue).await,
        Object::Binding(binding) => connection.bind(binding).await,
        Object::Policy(wanted) => broker.management().put_policy(broker.vhost(), &policy(wanted)).await,
    }
}

pub(super) fn policy(wanted: &PolicySpec) -> Policy {
    Policy {
        name: wanted.name.clone(),
        pattern: wanted.pattern.clone(),
        apply_to: wanted.apply_to.clone(),
        priority: wanted.priority,
        definition: wanted.definition.clone(),
    }
}

/// Why a change is not tried, and whether it is missed.
pub(super) fn obstacle(change: &Change, changes: &[Change], states: &[State], unmade: bool) -> Option<(String, bool)> {
    if let Some(blocked) = &change.blocked {
        let because = match change.action {
            // What is in its way is what is there: that is said in what it differs.
            Action::Replace | Action::Update => format!("{}; {}", change.because, blocked.because),
            Action::Create | Action::Delete | Action::Keep => blocked.because.clone(),
        };
        return Some((because, !blocked.bearable));
    }
    let missing = change.needs.iter().find(|need| states[**need] == State::Missing).map(|index| &changes[*index]);
    let is_removal = matches!(change.stage, Stage::Removals(_));
    match missing.map(|missing| (missing.action, format!("{} {}", missing.object.kind(), missing.object.name()))) {
        Some((Action::Delete, needing)) => Some((format!("the {needing} is still there, and needs it"), true)),
        Some((_, needed)) => Some((format!("it needs the {needed}, which is not there as wanted"), true)),
        None if is_removal && unmade => {
            Some(("nothing is removed as long as something that is wanted could not be made".to_owned(), true))
        }
        None => None,
    }
}

pub(super) fn settle(
    change: &Change,
    outcome: Result<Option<Archived>, Undone>,
    report: &mut Report,
    listen: &mut impl FnMut(Event<'_>),
) -> State {
    match outcome {
        Ok(archived) => {
            report.applied += 1;
            listen(Event::Applied(change, archived.as_ref()));
            State::Made
        }
        Err(undone) => {
            report.failed += 1;
            listen(Event::Failed(change, &undone.because()));
            State::Missing
        }
    }
}
