//! Makes a broker match a topology: plans, makes what is missing in order, removes what is no longer wanted, and plans again.
//!
//! Nothing that somebody else has made is changed. What fails takes with it only what would lose messages without it; the rest
//! goes on.

mod making;
mod recording;
mod removing;
mod replacing;
mod swapping;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::PathBuf,
    time::Duration,
};

use futures_util::{StreamExt, stream};

use self::making::{obstacle, settle};
pub use self::removing::Archived;
use super::{
    lock::{self, Lock},
    observe,
    ownership::Records,
    plan::{self, Error, compare, steps},
};
use crate::{
    broker::{self, Broker, Connection, Identity},
    interrupt::Interrupt,
    topology::{
        argument::QueueType,
        diff::{self, Inside, Observed},
        expand::kind,
        order::Object,
        owned::Id,
        plan::{Action, Change, Plan},
        spec::QueueSpec,
    },
    version::Version,
};

/// How long a message is given that the broker is leading somewhere while its bindings change. Broker fact (4.3.6): where a message goes is
/// worked out step by step and without a lock; what was worked out before a binding was made is carried out after it, on a busy machine
/// tens of milliseconds later.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// What a quorum queue tells of messages that somebody holds is up to so old (facts of 3.10, 4.0 and 4.3: five seconds to the next
/// sample, and as many to the next list), so that much is waited for before one is deleted.
const SAMPLED: Duration = Duration::from_secs(10);

/// How many objects of one stage are made side by side.
const SIDE_BY_SIDE: usize = 24;

/// What is to be applied.
pub struct Request {
    /// The topology, and how far it may go.
    pub plan: plan::Request,
    /// Who applies it, `user@host`.
    pub owner: String,
    /// Where messages of queues that are deleted are kept.
    pub archives: PathBuf,
    /// How long consumers of a queue that is made anew may take to finish with it; `None` does not begin while they hold anything.
    pub wait: Option<Duration>,
    /// It is only to be shown what would be done: nobody is kept out.
    pub only_looks: bool,
}

/// What happens to a change.
#[derive(Debug)]
pub enum Event<'a> {
    /// It was made. The messages of a queue that was deleted lie in that archive.
    Applied(&'a Change, Option<&'a Archived>),
    /// It failed: the broker refused it, or it would have lost something.
    Failed(&'a Change, &'a str),
    /// It was not tried.
    Skipped(&'a Change, &'a str),
    /// Something to know.
    Warning(&'a str),
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
    /// Holds the lock as long as it lasts.
    lock: Option<Connection>,
    version: Version,
    request: Request,
    run: String,
    records: Records,
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
    /// Connects, keeps others out, and plans. Without the management API the plan is to declare everything.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn prepare(broker: &'a Broker, request: Request) -> Result<Apply<'a>, Error> {
        let connection = broker.connect("evbus apply").await?;
        let version = connection.version();
        let run = lock::run_id();
        let (lock, unlocked) =
            if request.only_looks { (None, None) } else { keep_others_out(broker, &run, &request.owner).await? };
        let (mut plan, records) = match observe::run(broker.management(), broker.vhost()).await {
            Ok(observed) => {
                let records = Records::load(broker, request.plan.name(), request.plan.state.as_deref()).await?;
                (compare(broker, &request.plan, version, observed, &records).await?.0, records)
            }
            Err(error) if request.plan.basis.is_some() => return Err(Error::Unseen(error)),
            Err(error) if request.plan.prune => return Err(Error::CannotPrune(error.to_string())),
            Err(error) => {
                let steps = steps(&request.plan.topology, version)?;
                let mut plan = diff::blind(&steps, &error.to_string());
                plan.warnings.extend(request.plan.name().map(unwritten));
                (plan, Records::unknown("what the broker has cannot be seen"))
            }
        };
        plan.warnings.extend(unlocked);
        Ok(Apply { broker, connection, lock, version, request, run, records, plan })
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
    /// When what is about to be made cannot be written down first: nothing is changed then. When the second plan cannot be made;
    /// what happened to each change has been told by then.
    pub async fn run(mut self, interrupt: &Interrupt, listen: &mut impl FnMut(Event<'_>)) -> Result<Report, Error> {
        let plan = std::mem::take(&mut self.plan);
        let outcome = self.carry_through(&plan, interrupt, listen).await;
        self.end().await;
        outcome
    }

    async fn carry_through(
        &mut self,
        plan: &Plan,
        interrupt: &Interrupt,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<Report, Error> {
        let mut report = Report { unchanged: plan.unchanged, ..Report::default() };
        let mut states: Vec<State> = vec![State::Waiting; plan.changes.len()];
        self.intend(plan).await?;
        let mut from = 0;
        while from < plan.changes.len() {
            let stage = plan.changes[from].stage;
            let to = from + plan.changes[from..].iter().take_while(|change| change.stage == stage).count();
            self.stage(&plan.changes, from..to, &mut states, interrupt, &mut report, listen).await;
            from = to;
        }
        report.interrupted = interrupt.is_raised() && states.iter().any(|state| *state != State::Made);
        if !plan.blind {
            self.conclude(plan, &states, &mut report, listen).await?;
        }
        Ok(report)
    }

    /// Lets others in again and hangs up.
    pub async fn end(self) {
        if let Some(connection) = self.lock {
            lock::release(&connection, lock::TOPOLOGY).await;
            connection.close().await;
        }
        self.connection.close().await;
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
        let unmade = changes
            .iter()
            .zip(states.iter())
            .any(|(change, state)| change.action != Action::Delete && change.is_doable() && *state == State::Missing);
        for index in range {
            let change = &changes[index];
            if change.action == Action::Keep && change.blocked.is_none() {
                states[index] = State::Made;
                continue;
            }
            match obstacle(change, changes, states, unmade) {
                None => ready.push(index),
                Some((because, missed)) => {
                    states[index] = if missed { State::Missing } else { State::Made };
                    report.skipped += usize::from(missed);
                    listen(Event::Skipped(change, &because));
                }
            }
        }
        let inside = self.inside(changes, &ready, interrupt).await;
        // One after the other: each reads the whole broker, and moves messages as fast as it can.
        let (alone, side_by_side): (Vec<usize>, Vec<usize>) =
            ready.into_iter().partition(|index| changes[*index].replacement.is_some());
        let mut lost = Vec::new();
        {
            let this = &*self;
            let inside = &inside;
            let mut making = stream::iter(side_by_side)
                .map(|index| async move {
                    if interrupt.is_raised() {
                        return (index, None);
                    }
                    (index, Some(this.carry_out(&changes[index], index, inside, interrupt).await))
                })
                .buffered(SIDE_BY_SIDE);
            while let Some((index, outcome)) = making.next().await {
                match outcome {
                    None => (),
                    // Some refusals end the connection, and with it what was being made beside them.
                    Some(Err(Undone::Broker(error))) if error.is_loss() => lost.push(index),
                    Some(outcome) => states[index] = settle(&changes[index], outcome, report, listen),
                }
            }
        }
        lost.extend(alone);
        for index in lost {
            if interrupt.is_raised() {
                return;
            }
            let outcome = self.alone(&changes[index], index, &inside, interrupt).await;
            states[index] = settle(&changes[index], outcome, report, listen);
        }
    }

    /// What is in the queues that are to be deleted, as it is now; nothing where there are none, or nobody can tell.
    async fn inside(&self, changes: &[Change], ready: &[usize], interrupt: &Interrupt) -> BTreeMap<String, Inside> {
        let queues = ready.iter().map(|index| &changes[*index]).filter_map(|change| match &change.object {
            Object::Queue(queue) if change.action == Action::Delete => Some(queue),
            _ => None,
        });
        let queues: Vec<&QueueSpec> = queues.collect();
        if queues.iter().any(|queue| kind(queue) != QueueType::Classic) {
            tokio::select! {
                () = tokio::time::sleep(SAMPLED) => (),
                () = interrupt.raised() => return BTreeMap::new(),
            }
        }
        let feeders = ready.iter().flat_map(|index| &changes[*index].feeders).map(String::as_str);
        let names: BTreeSet<&str> = queues.iter().map(|queue| queue.name.as_str()).chain(feeders).collect();
        if names.is_empty() { BTreeMap::new() } else { plan::inside(self.broker, &names).await.unwrap_or_default() }
    }

    /// One change once more, on a connection that it has to itself.
    async fn alone(
        &mut self,
        change: &Change,
        index: usize,
        inside: &BTreeMap<String, Inside>,
        interrupt: &Interrupt,
    ) -> Result<Option<Archived>, Undone> {
        let fresh = self.broker.connect("evbus apply").await?;
        std::mem::replace(&mut self.connection, fresh).close().await;
        let outcome = self.carry_out(change, index, inside, interrupt).await;
        if matches!(&outcome, Err(Undone::Broker(error)) if error.is_loss()) {
            // What comes after it must not find a connection that has ended.
            let fresh = self.broker.connect("evbus apply").await?;
            std::mem::replace(&mut self.connection, fresh).close().await;
        }
        outcome
    }

    /// Looks at what there is now: whether what was made is there, and what is the file's own from now on.
    async fn conclude(
        &mut self,
        plan: &Plan,
        states: &[State],
        report: &mut Report,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Error> {
        if report.applied + report.failed == 0 && !self.has_old_news(plan) {
            return Ok(());
        }
        let observed = observe::run(self.broker.management(), self.broker.vhost()).await.map_err(Error::Unseen)?;
        if let Err(error) = self.record(plan, states, &observed).await {
            listen(Event::Warning(&format!("{error}: what was made now counts as about to be made")));
        }
        if report.applied > 0 && !report.interrupted {
            report.unsettled = self.unsettled(plan, states, observed).await?;
        }
        Ok(())
    }

    /// What was made, and is not there as it is wanted; what was deleted, and is there.
    async fn unsettled(&self, plan: &Plan, states: &[State], observed: Observed) -> Result<Vec<String>, Error> {
        let request = plan::Request { basis: None, ..self.request.plan.clone() };
        let (again, _) = compare(self.broker, &request, self.version, observed, &self.records).await?;
        let done =
            plan.changes.iter().zip(states).filter(|(change, state)| **state == State::Made && change.is_doable());
        let made: HashSet<Id> = done.map(|(change, _)| change.object.id()).collect();
        let amiss = again.changes.iter().filter(|change| change.is_doable() && made.contains(&change.object.id()));
        Ok(amiss.map(|change| format!("{} {}", change.object.kind(), change.object.name())).collect())
    }
}

fn unwritten(name: &str) -> String {
    format!("what is made now is not written down as {name}'s: it counts as somebody else's afterwards")
}

/// Why a change was not made.
enum Undone {
    /// The broker refused it.
    Broker(broker::Error),
    /// It would have lost something.
    Kept(String),
}

impl Undone {
    fn because(&self) -> String {
        match self {
            Undone::Broker(error) => error.to_string(),
            Undone::Kept(because) => because.clone(),
        }
    }
}

impl From<broker::Error> for Undone {
    fn from(error: broker::Error) -> Undone {
        Undone::Broker(error)
    }
}

/// Keeps every other apply out of the virtual host while this one lasts; a user who may not is told.
async fn keep_others_out(
    broker: &Broker,
    run: &str,
    owner: &str,
) -> Result<(Option<Connection>, Option<String>), Error> {
    let connection = broker.connect("evbus apply (lock)").await?;
    match lock::acquire(broker, &connection, lock::TOPOLOGY, run, owner).await? {
        Lock::Held => Ok((Some(connection), None)),
        Lock::Taken(holder) => Err(Error::Busy(holder)),
        Lock::NotAllowed => {
            connection.close().await;
            Ok((None, Some("no permission to create the lock queue: nobody else is kept out".to_owned())))
        }
    }
}
