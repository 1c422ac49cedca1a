//! Makes a broker match a topology: plans, makes what is missing in order, and plans again.
//!
//! Nothing that exists is changed. What fails takes with it only what would lose messages without it; the rest goes on.

use futures_util::{StreamExt, stream};

use super::{
    observe,
    plan::{Error, steps},
};
use crate::{
    broker::{self, Broker, Connection, Identity, management::Policy},
    interrupt::Interrupt,
    topology::{
        diff,
        file::Topology,
        order::{Object, Step},
        plan::{Action, Change, Plan},
        spec::PolicySpec,
    },
    version::Version,
};

/// How many objects of one stage are made side by side.
const SIDE_BY_SIDE: usize = 8;

/// What happens to a change.
#[derive(Debug)]
pub enum Event<'a> {
    /// It was made.
    Applied(&'a Change),
    /// The broker refused it.
    Failed(&'a Change, &'a str),
    /// It was not tried.
    Skipped(&'a Change, &'a str),
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Changes that were made.
    pub applied: usize,
    /// Changes that the broker refused.
    pub failed: usize,
    /// Changes that were wanted and not tried.
    pub skipped: usize,
    /// Objects that were as they are wanted before.
    pub unchanged: usize,
    /// What was made and is not there as wanted all the same.
    pub unsettled: Vec<String>,
    /// The operator stopped it.
    pub interrupted: bool,
}

/// A plan, and the connection over which it is carried out.
pub struct Apply<'a> {
    broker: &'a Broker,
    connection: Connection,
    version: Version,
    steps: Vec<Step>,
    /// What would be changed.
    pub plan: Plan,
}

/// How far a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Made,
    Missing,
}

impl<'a> Apply<'a> {
    /// Connects and plans. Without the management API the plan is to declare everything.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn prepare(broker: &'a Broker, topology: &Topology) -> Result<Apply<'a>, Error> {
        let connection = broker.connect("evbus apply").await?;
        let version = connection.version();
        let steps = steps(topology, version)?;
        let plan = match observe::run(broker.management(), broker.vhost()).await {
            Ok(observed) => diff::diff(&steps, &observed, version),
            Err(error) => diff::blind(&steps, &error.to_string()),
        };
        Ok(Apply { broker, connection, version, steps, plan })
    }

    /// Who is talking to what: the broker that answered.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity {
            host: self.connection.host().to_owned(),
            vhost: self.broker.vhost().to_owned(),
            user: self.connection.user().to_owned(),
        }
    }

    /// Carries the plan out, telling of each change, and plans again.
    ///
    /// # Errors
    /// When the second plan cannot be made; what happened to each change has been told by then.
    pub async fn run(mut self, interrupt: &Interrupt, listen: &mut impl FnMut(Event<'_>)) -> Result<Report, Error> {
        let plan = std::mem::take(&mut self.plan);
        let mut report = Report { unchanged: plan.unchanged, ..Report::default() };
        let mut states: Vec<State> = vec![State::Waiting; plan.changes.len()];
        let mut from = 0;
        while from < plan.changes.len() {
            let stage = plan.changes[from].stage;
            let to = from + plan.changes[from..].iter().take_while(|change| change.stage == stage).count();
            self.stage(&plan.changes, from..to, &mut states, interrupt, &mut report, listen).await;
            from = to;
        }
        report.interrupted = interrupt.is_raised() && states.contains(&State::Waiting);
        if !plan.blind && !report.interrupted && report.applied > 0 {
            report.unsettled = self.unsettled(&plan, &states).await?;
        }
        self.connection.close().await;
        Ok(report)
    }

    /// The changes of one stage, side by side.
    async fn stage(
        &mut self,
        changes: &[Change],
        range: std::ops::Range<usize>,
        states: &mut [State],
        interrupt: &Interrupt,
        report: &mut Report,
        listen: &mut impl FnMut(Event<'_>),
    ) {
        let mut ready = Vec::new();
        for index in range {
            let change = &changes[index];
            match obstacle(change, changes, states) {
                None if change.action == Action::Keep => states[index] = State::Made,
                None => ready.push(index),
                Some((because, missed)) => {
                    states[index] = if missed { State::Missing } else { State::Made };
                    report.skipped += usize::from(missed);
                    listen(Event::Skipped(change, &because));
                }
            }
        }
        let mut lost = Vec::new();
        {
            let (connection, broker) = (&self.connection, self.broker);
            let mut making = stream::iter(ready)
                .map(|index| async move {
                    if interrupt.is_raised() {
                        return (index, None);
                    }
                    (index, Some(make(broker, connection, &changes[index].object).await))
                })
                .buffered(SIDE_BY_SIDE);
            while let Some((index, outcome)) = making.next().await {
                match outcome {
                    None => (),
                    // Some refusals end the connection, and with it what was being made beside them.
                    Some(Err(error)) if error.is_loss() => lost.push(index),
                    Some(outcome) => states[index] = settle(&changes[index], outcome, report, listen),
                }
            }
        }
        for index in lost {
            if interrupt.is_raised() {
                return;
            }
            let outcome = self.alone(&changes[index].object).await;
            states[index] = settle(&changes[index], outcome, report, listen);
        }
    }

    /// One object once more, on a connection that it has to itself.
    async fn alone(&mut self, object: &Object) -> Result<(), broker::Error> {
        let fresh = self.broker.connect("evbus apply").await?;
        std::mem::replace(&mut self.connection, fresh).close().await;
        let outcome = make(self.broker, &self.connection, object).await;
        if outcome.as_ref().is_err_and(broker::Error::is_loss) {
            // What comes after it must not find a connection that has ended.
            let fresh = self.broker.connect("evbus apply").await?;
            std::mem::replace(&mut self.connection, fresh).close().await;
        }
        outcome
    }

    /// What was made, and is not there as it is wanted.
    async fn unsettled(&self, plan: &Plan, states: &[State]) -> Result<Vec<String>, Error> {
        let observed = observe::run(self.broker.management(), self.broker.vhost()).await.map_err(Error::Unseen)?;
        let again = diff::diff(&self.steps, &observed, self.version);
        let made = |object: &Object| {
            plan.changes
                .iter()
                .zip(states)
                .any(|(change, state)| *state == State::Made && change.is_doable() && change.object == *object)
        };
        let amiss = again.changes.iter().filter(|change| change.action != Action::Keep && made(&change.object));
        Ok(amiss.map(|change| format!("{} {}", change.object.kind(), change.object.name())).collect())
    }
}

/// Why a change is not tried, and whether it is missed.
fn obstacle(change: &Change, changes: &[Change], states: &[State]) -> Option<(String, bool)> {
    if let Some(blocked) = &change.blocked {
        return Some((format!("{} ({})", blocked.because, change.because), !blocked.bearable));
    }
    let missing = change.needs.iter().find(|need| states[**need] == State::Missing)?;
    let object = &changes[*missing].object;
    Some((format!("it needs the {} {}, which is not there as wanted", object.kind(), object.name()), true))
}

fn settle(
    change: &Change,
    outcome: Result<(), broker::Error>,
    report: &mut Report,
    listen: &mut impl FnMut(Event<'_>),
) -> State {
    match outcome {
        Ok(()) => {
            report.applied += 1;
            listen(Event::Applied(change));
            State::Made
        }
        Err(error) => {
            report.failed += 1;
            listen(Event::Failed(change, &error.to_string()));
            State::Missing
        }
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

fn policy(wanted: &PolicySpec) -> Policy {
    Policy {
        name: wanted.name.clone(),
        pattern: wanted.pattern.clone(),
        apply_to: wanted.apply_to.clone(),
        priority: wanted.priority,
        definition: wanted.definition.clone(),
    }
}
