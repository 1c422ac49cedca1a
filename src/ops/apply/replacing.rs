//! Making a queue anew with what is in it.
//!
//! What comes goes to a holding queue first, and then no more to the queue; what is in it moves there as well; the queue goes, empty
//! and held by nobody, and is made as it is wanted; everything moves back, and what comes goes to it again. At every moment each
//! message is in one of both queues, or in both; every step can be taken again, and what is to be done next is seen from what is
//! there. So it may be killed anywhere, and run again.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::{Apply, SAMPLED, UNDER_WAY, Undone};
use crate::{
    broker::Broker,
    interrupt::Interrupt,
    message::{Field, selector::Selector},
    ops::{
        dlq::{
            Save, To,
            replay::{self, Replay, Report},
        },
        observe, plan,
    },
    topology::{
        argument::QueueType,
        diff::Inside,
        expand::kind,
        order::Object,
        plan::Change,
        replacement::{QueueReplacement, Replacement, way_back, way_in},
        spec::{BindingSpec, ExchangeSpec, QueueSpec},
    },
};

/// How long consumers may take where nobody has said: they held nothing when it began.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked whether a queue has come to rest.
const LOOK: Duration = Duration::from_millis(500);

/// How often it is looked whether what waits has caught up with what comes, and how often in a row it has to have.
const CATCHING_UP: Duration = Duration::from_millis(20);
const CAUGHT_UP: usize = 5;

/// So few messages are waiting where those that come are moved as they come.
const FEW: u32 = 50;

/// Keys of a policy that would take messages from a holding queue.
const TAKING: [&str; 6] =
    ["message-ttl", "expires", "max-length", "max-length-bytes", "max-in-memory-length", "delivery-limit"];

impl Apply<'_> {
    /// Makes a queue or an exchange anew.
    pub(super) async fn replace(&self, change: &Change, interrupt: &Interrupt) -> Result<(), Undone> {
        match (&change.object, &change.replacement) {
            (Object::Exchange(wanted), Some(Replacement::Exchange(replacement))) => {
                self.swap(wanted, replacement).await
            }
            (Object::Queue(wanted), Some(Replacement::Queue(replacement))) => {
                let (way_in, way_back) = (way_in(&wanted.name), way_back(&wanted.name));
                Replacing { apply: self, wanted, replacement, way_in, way_back }.run(interrupt).await
            }
            _ => Err(Undone::Kept("evbus does not make it anew".to_owned())),
        }
    }
}

struct Replacing<'a> {
    apply: &'a Apply<'a>,
    wanted: &'a QueueSpec,
    replacement: &'a QueueReplacement,
    way_in: ExchangeSpec,
    way_back: ExchangeSpec,
}

impl Replacing<'_> {
    async fn run(&self, interrupt: &Interrupt) -> Result<(), Undone> {
        let connection = &self.apply.connection;
        if let Some(found) = &self.replacement.found {
            self.may_begin().await?;
            if let Err(undone) = self.take_away(found, interrupt).await {
                return Err(self.put_back(undone).await);
            }
        }
        if let Err(error) = connection.declare_queue(self.wanted).await {
            if let Some(found) = &self.replacement.found {
                // Should that fail too, what is in the holding queue is there, and the next run goes on from it.
                let _ = connection.declare_queue(found).await;
            }
            return Err(self.put_back(error.into()).await);
        }
        self.bring_back(interrupt).await
    }

    /// Gives everything back to the queue as it is, and says why.
    async fn put_back(&self, undone: Undone) -> Undone {
        let because = undone.because();
        Undone::Kept(match self.bring_back(&Interrupt::never()).await {
            Ok(()) => format!("{because}; it is as it was, with all that came meanwhile"),
            Err(more) => format!(
                "{because}; its messages are in {} ({}): apply --replace again",
                self.replacement.holding.name,
                more.because()
            ),
        })
    }

    /// What can be seen before anything is done.
    async fn may_begin(&self) -> Result<(), Undone> {
        let inside = self.inside().await?;
        let kept = |because: String| Err(Undone::Kept(because));
        if let (None, Some(busy)) = (self.apply.request.wait, busy(&inside, inside[0].1.ready.unwrap_or(0))) {
            return kept(format!("{busy}: --wait gives them time"));
        }
        let bound = |name: &str| self.wanted.arguments.get(name).and_then(Field::as_int);
        let waiting = inside[0].1.ready.unwrap_or(0);
        match bound("x-max-length").and_then(|most| u64::try_from(most).ok()) {
            Some(most) if most < waiting => {
                return kept(format!("it holds {waiting} messages, and would drop all but {most} of them"));
            }
            _ => (),
        }
        let found = self.replacement.found.as_ref().and_then(|found| found.arguments.get("x-max-length-bytes"));
        if let (Some(most), 1..) = (bound("x-max-length-bytes"), waiting)
            && found.and_then(Field::as_int).is_none_or(|before| before > most)
        {
            return kept(format!("it holds {waiting} messages, and might drop some of them to hold {most} bytes"));
        }
        Ok(())
    }

    /// What is in the queue, and behind it in those that feed it.
    async fn inside(&self) -> Result<Vec<(&str, Inside)>, Undone> {
        let feeders = self.replacement.feeders.iter().map(String::as_str);
        let names: Vec<&str> = std::iter::once(self.wanted.name.as_str()).chain(feeders).collect();
        let inside = plan::inside(self.apply.broker, &names.iter().copied().collect::<BTreeSet<_>>()).await?;
        Ok(names.into_iter().map(|name| (name, inside.get(name).copied().unwrap_or_default())).collect())
    }

    /// Leads what comes to the holding queue, moves there what is in the queue, and deletes it.
    async fn take_away(&self, found: &QueueSpec, interrupt: &Interrupt) -> Result<(), Undone> {
        let (connection, holding) = (&self.apply.connection, &self.replacement.holding);
        let name = self.wanted.name.as_str();
        connection.declare_queue(holding).await?;
        self.holds().await?;
        connection.declare_exchange(&self.way_in).await?;
        connection.bind(&leading(&self.way_in, &holding.name)).await?;
        // Somebody may bind it while it is unbound.
        loop {
            let bindings = self.bindings(name).await?;
            if bindings.is_empty() {
                break;
            }
            self.lead(&bindings, name, &holding.name).await?;
        }
        let deadline = Instant::now() + self.apply.request.wait.unwrap_or(PATIENCE);
        let rest =
            if kind(found) == QueueType::Classic && self.replacement.feeders.is_empty() { UNDER_WAY } else { SAMPLED };
        let mut resting: Option<Instant> = None;
        loop {
            if interrupt.is_raised() {
                return Err(Undone::Kept("it was interrupted".to_owned()));
            }
            // What is held is looked at after what waits: a message that is taken in between is seen.
            let Some(passive) = connection.look_up(name).await? else { return Ok(()) };
            let inside = self.inside().await?;
            match busy(&inside, passive.ready.into()) {
                Some(busy) if Instant::now() > deadline => return Err(Undone::Kept(busy)),
                Some(_) => resting = None,
                None if passive.ready > 0 => {
                    self.pour(name, &self.way_in, interrupt).await?;
                    resting = None;
                    continue;
                }
                None if resting.get_or_insert_with(Instant::now).elapsed() >= rest => break,
                None => (),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => (),
                () = interrupt.raised() => (),
            }
        }
        if kind(found) == QueueType::Classic {
            connection.delete_empty_queue(name).await?;
        } else {
            connection.delete_queue(name).await?;
        }
        Ok(())
    }

    /// Refuses a holding queue that would not hold.
    async fn holds(&self) -> Result<(), Undone> {
        let (broker, name) = (self.apply.broker, self.replacement.holding.name.as_str());
        let Some(found) = broker.management().queue(broker.vhost(), name).await? else { return Ok(()) };
        let policy = found.effective_policy_definition.unwrap_or_default();
        match TAKING.iter().find(|key| policy.contains_key(**key)) {
            Some(key) => {
                Err(Undone::Kept(format!("a policy sets {key} on {name} as well, which has to keep everything")))
            }
            None => Ok(()),
        }
    }

    /// The bindings that lead to a queue, but for those of our own ways.
    async fn bindings(&self, queue: &str) -> Result<Vec<BindingSpec>, Undone> {
        let broker = self.apply.broker;
        let all = broker.management().bindings(broker.vhost()).await?.into_iter().map(observe::binding);
        let ours = [self.way_in.name.as_str(), self.way_back.name.as_str(), ""];
        let is_meant = |binding: &BindingSpec| {
            binding.is_to_queue() && binding.destination == queue && !ours.contains(&binding.source.as_str())
        };
        Ok(all.filter(is_meant).collect())
    }

    /// Leads what comes to another queue: first to both, then only there.
    async fn lead(&self, bindings: &[BindingSpec], from: &str, to: &str) -> Result<(), Undone> {
        let to_queue =
            |binding: &BindingSpec, queue: &str| BindingSpec { destination: queue.to_owned(), ..binding.clone() };
        for binding in bindings {
            self.apply.connection.bind(&to_queue(binding, to)).await?;
        }
        for binding in bindings {
            self.apply.connection.unbind(&to_queue(binding, from)).await?;
        }
        Ok(())
    }

    /// Moves everything back from the holding queue, and leads what comes to the queue again.
    async fn bring_back(&self, interrupt: &Interrupt) -> Result<(), Undone> {
        let (connection, name) = (&self.apply.connection, self.wanted.name.as_str());
        let holding = self.replacement.holding.name.as_str();
        if connection.look_up(holding).await?.is_some() {
            connection.declare_exchange(&self.way_back).await?;
            connection.bind(&leading(&self.way_back, name)).await?;
            // While what waits is moved, what comes is led back as soon as nothing is before it.
            tokio::try_join!(self.pour(holding, &self.way_back, interrupt), self.lead_back(interrupt))?;
            self.clear(interrupt).await?;
            connection.unbind(&leading(&self.way_back, name)).await?;
        }
        for way in [&self.way_in, &self.way_back] {
            connection.delete_unused_exchange(&way.name).await?;
        }
        Ok(())
    }

    /// Waits until next to nothing is in the holding queue, and leads what comes to the queue.
    async fn lead_back(&self, interrupt: &Interrupt) -> Result<(), Undone> {
        let (connection, holding) = (&self.apply.connection, self.replacement.holding.name.as_str());
        let mut in_a_row = 0;
        while in_a_row < CAUGHT_UP {
            if interrupt.is_raised() {
                return Err(Undone::Kept("it was interrupted".to_owned()));
            }
            let waiting = connection.look_up(holding).await?.map_or(0, |found| found.ready);
            in_a_row = if waiting <= FEW { in_a_row + 1 } else { 0 };
            tokio::time::sleep(CATCHING_UP).await;
        }
        let bindings = self.bindings(holding).await?;
        self.lead(&bindings, holding, &self.wanted.name).await
    }

    /// Moves the last messages, and deletes the holding queue when nobody holds one of them.
    async fn clear(&self, interrupt: &Interrupt) -> Result<(), Undone> {
        let (connection, holding) = (&self.apply.connection, &self.replacement.holding);
        let name = holding.name.as_str();
        let is_classic = kind(holding) == QueueType::Classic;
        let rest = if is_classic { UNDER_WAY } else { SAMPLED };
        let deadline = Instant::now() + PATIENCE + rest;
        let mut resting: Option<Instant> = None;
        loop {
            let Some(passive) = connection.look_up(name).await? else { return Ok(()) };
            let inside = plan::inside(self.apply.broker, &BTreeSet::from([name])).await?;
            let inside = inside.get(name).copied().unwrap_or_default();
            if passive.ready > 0 {
                self.pour(name, &self.way_back, interrupt).await?;
                resting = None;
            } else if inside.unacked != Some(0) || inside.letters() > 0 {
                resting = None;
            } else if resting.get_or_insert_with(Instant::now).elapsed() >= rest {
                break;
            }
            if Instant::now() > deadline {
                return Err(Undone::Kept(format!("it is made anew, and {name} is not known to be empty yet")));
            }
            tokio::time::sleep(LOOK).await;
        }
        if is_classic {
            connection.delete_empty_queue(name).await?;
        } else {
            connection.delete_queue(name).await?;
        }
        Ok(())
    }

    /// Moves what is in a queue, and what comes into it meanwhile, through an exchange.
    async fn pour(&self, queue: &str, way: &ExchangeSpec, interrupt: &Interrupt) -> Result<(), Undone> {
        let report = pour(self.apply.broker, queue, way, &self.apply.request.owner, interrupt).await;
        let report = report.map_err(|error| {
            let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
            let causes: String = causes.map(|cause| format!(": {cause}")).collect();
            Undone::Kept(format!("messages of {queue} could not be moved: {error}{causes}"))
        })?;
        let stayed = report.skipped + report.returned + report.refused + report.unknown;
        match report.stopped {
            Some(error) => Err(Undone::Kept(format!("messages of {queue} could not be moved: {error}"))),
            None if stayed > 0 => {
                Err(Undone::Kept(format!("{stayed} of the messages of {queue} were not taken by the other queue")))
            }
            None if report.interrupted => Err(Undone::Kept("it was interrupted".to_owned())),
            None => Ok(()),
        }
    }
}

/// Who is not done with the queue yet.
fn busy(inside: &[(&str, Inside)], ready: u64) -> Option<String> {
    let feeding = inside.iter().skip(1).find(|(_, inside)| inside.total != Some(0) || inside.ready != Some(0));
    if let Some((name, _)) = feeding {
        return Some(format!("messages of {name} go to it by its name, and some wait there"));
    }
    match inside[0].1 {
        Inside { unacked: None, .. } => Some("what consumers hold of its messages is not known".to_owned()),
        Inside { unacked: Some(held @ 1..), .. } => Some(format!("consumers hold messages of it ({held})")),
        inside if inside.letters() > 0 => Some("dead letters of it are on their way".to_owned()),
        Inside { consumers: Some(0), .. } => None,
        Inside { consumers, .. } if ready > 0 => {
            let who =
                consumers.map_or_else(|| "who reads it is not known".to_owned(), |_| "somebody reads it".to_owned());
            Some(format!("{who}, and {ready} of its messages wait"))
        }
        _ => None,
    }
}

fn leading(way: &ExchangeSpec, queue: &str) -> BindingSpec {
    BindingSpec {
        source: way.name.clone(),
        destination: queue.to_owned(),
        to_queue: true,
        key: String::new(),
        arguments: crate::message::Table::new(),
    }
}

async fn pour(
    broker: &Broker,
    queue: &str,
    way: &ExchangeSpec,
    owner: &str,
    interrupt: &Interrupt,
) -> Result<Report, crate::ops::dlq::Error> {
    let request = replay::Request {
        queue: queue.to_owned(),
        to: To::Through(way.name.clone()),
        limit: None,
        selector: Selector::default(),
        save: Save::Auto,
        assume: None,
        window: None,
        follows: true,
        dry_run: false,
        owner: owner.to_owned(),
        timeout: broker.timeout(),
    };
    let replay = Replay::prepare(broker, request, &mut |_| ()).await?;
    let report = Box::pin(replay.run(interrupt, |_| true, &mut |_| ())).await?;
    // Interrupted before anything was moved.
    Ok(report.unwrap_or(Report { interrupted: true, ..Report::default() }))
}
