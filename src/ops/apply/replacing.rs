//! Making a queue anew with what is in it.
//!
//! What comes goes to a holding queue first, and then no more to the queue; what is in it moves there as well; the queue goes, empty
//! and held by nobody, and is made as it is wanted; everything moves back, and what comes goes to it again. At every moment each
//! message is in one of both queues, or in both; every step can be taken again, and what is to be done next is seen from what is
//! there. So it may be killed anywhere, and run again.

mod leading;
mod pouring;
mod returning;
mod room;

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::{Apply, SAMPLED, UNDER_WAY, Undone};
use crate::{
    interrupt::Interrupt,
    ops::plan,
    topology::{
        argument::QueueType,
        diff::Inside,
        expand::kind,
        order::Object,
        plan::Change,
        replacement::{QueueReplacement, Replacement, way_back, way_in},
        spec::{ExchangeSpec, QueueSpec},
    },
};

/// How long consumers may take where nobody has said: they held nothing when it began.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked whether a queue has come to rest.
const LOOK: Duration = Duration::from_millis(500);

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
            self.begin().await?;
            if let Err(undone) = self.take_away(found, interrupt).await {
                return Err(self.put_back(undone).await);
            }
        } else if let Some(because) = self.too_small().await? {
            return Err(Undone::Kept(because));
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

    /// Sees to it that there is a way there and back before anything goes it. What a run before has led away is given back where this
    /// one does not begin.
    async fn begin(&self) -> Result<(), Undone> {
        let has_begun = self.apply.connection.look_up(&self.replacement.holding.name).await?.is_some();
        let begun = match self.may_begin().await {
            Ok(()) => self.make_ways().await,
            Err(undone) => Err(undone),
        };
        match begun {
            Err(undone) if has_begun => Err(self.put_back(undone).await),
            Err(undone) => {
                self.remove_ways().await;
                Err(undone)
            }
            Ok(()) => Ok(()),
        }
    }

    /// What can be seen before anything is done.
    async fn may_begin(&self) -> Result<(), Undone> {
        let inside = self.inside().await?;
        let kept = |because: String| Err(Undone::Kept(because));
        if let (None, Some(busy)) = (self.apply.request.wait, busy(&inside, inside[0].1.ready.unwrap_or(0))) {
            return kept(format!("{busy}: --wait gives them time"));
        }
        self.too_small().await?.map_or(Ok(()), kept)
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
        let (connection, name) = (&self.apply.connection, self.wanted.name.as_str());
        self.lead_away(interrupt).await?;
        let deadline = Instant::now() + self.apply.request.wait.unwrap_or(PATIENCE);
        let rest =
            if kind(found) == QueueType::Classic && self.replacement.feeders.is_empty() { UNDER_WAY } else { SAMPLED };
        let mut resting: Option<Instant> = None;
        loop {
            if interrupt.is_raised() {
                return Err(Undone::Kept("it was interrupted".to_owned()));
            }
            // A policy may come while it is waited.
            self.holds().await?;
            // What is held is looked at after what waits: a message that is taken in between is seen.
            let Some(passive) = connection.look_up(name).await? else { return Ok(()) };
            let inside = self.inside().await?;
            // One answer misses what is held while it is given, the other what has been given back since.
            let told = inside[0].1.ready;
            match busy(&inside, u64::from(passive.ready).max(told.unwrap_or(0))) {
                Some(busy) if Instant::now() > deadline => return Err(Undone::Kept(busy)),
                Some(_) => resting = None,
                None if passive.ready > 0 => {
                    self.pour(name, &self.way_in, interrupt).await?;
                    resting = None;
                    continue;
                }
                None if resting.get_or_insert_with(Instant::now).elapsed() < rest => (),
                None if told == Some(0) => {
                    if let Some(because) = self.too_small().await? {
                        return Err(Undone::Kept(because));
                    }
                    // A binding that somebody has made meanwhile would go with the queue: nothing is between this look and its end.
                    if !self.lead_away(interrupt).await? {
                        break;
                    }
                    resting = None;
                }
                None if Instant::now() > deadline => {
                    let because = "somebody takes messages of it and gives them back, again and again";
                    return Err(Undone::Kept(because.to_owned()));
                }
                None => {
                    self.pour(name, &self.way_in, interrupt).await?;
                    resting = None;
                }
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
