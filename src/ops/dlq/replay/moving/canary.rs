//! What comes back of the first messages of a run? They are known by its id, in the dead letter queue and in the retry ladders before it.

use std::{collections::BTreeSet, ops::ControlFlow};

use super::Moving;
use crate::{
    broker, duration,
    message::travel,
    ops::dlq::{
        Error, Subject,
        intent::Scope,
        look::{self, Step},
        reading::{Hold, Reading},
        replay::care::Canary,
        routes,
        run::Event,
    },
};

/// How many messages of a retry queue are held at once.
const FEW: u16 = 100;

impl<L: FnMut(Event<'_>)> Moving<'_, '_, L> {
    /// Waits for what comes back of what was sent so far, and begins with the next step where that is not too much.
    pub(super) async fn watch(&mut self, canary: &Canary) -> Result<(), Error> {
        let moved = self.report.replayed;
        let wait = duration::words(canary.wait);
        let because = format!("{moved} replayed so far; whatever comes back of them is waited for ({wait})");
        (self.listen)(Event::Paused(Some(&because)));
        tokio::select! {
            () = tokio::time::sleep(canary.wait) => (),
            () = self.interrupt.raised() => return Ok(()),
        }
        let (retried, all_seen) = self.being_retried().await;
        let (back, is_known) = self.came_back(canary, retried).await?;
        let (bounced, is_certain) = ((back + retried).min(moved), is_known && all_seen);
        if self.interrupt.is_raised() {
            return Ok(());
        }
        self.report.bounced = Some(bounced);
        (self.listen)(Event::Bounced { moved, bounced, is_certain });
        if canary.is_exceeded(moved, bounced) {
            return Err(Error::Bounced { queue: self.replay.session.queue.clone(), moved, bounced, is_certain });
        }
        self.gate.next_step();
        (self.listen)(Event::Paused(None));
        Ok(())
    }

    /// How many of the run's messages have failed and wait to be tried again, and whether everything could be looked at.
    async fn being_retried(&mut self) -> (u64, bool) {
        let ladders = match self.ladders().await {
            Ok(ladders) => ladders,
            Err(error) => {
                let unseen = format!("which queues messages wait in to be tried again cannot be told: {error}");
                (self.listen)(Event::Warning(unseen));
                return (0, false);
            }
        };
        let (mut retried, mut all_seen) = (0, true);
        for queue in ladders {
            let session = &self.replay.session;
            let subject = Subject::whole(&queue, &self.replay.request.subject.owner);
            let intent = subject.looks("evbus dlq replay", Scope::First(None), FEW, FEW);
            let mut count = |step: Step<'_>| {
                if let Step::Message(message) = step {
                    retried += u64::from(travel::run_of(message) == Some(session.run.as_str()));
                }
                ControlFlow::Continue(())
            };
            let looked = look::run(session.broker, intent, self.interrupt, &mut count);
            match Box::pin(looked).await {
                Ok(looked) => all_seen &= !looked.cut && !looked.interrupted,
                Err(error) => {
                    all_seen = false;
                    (self.listen)(Event::Warning(format!(
                        "what waits in {queue} to be tried again is not counted: {error}"
                    )));
                }
            }
        }
        (retried, all_seen)
    }

    /// The queues in which messages wait that are to be tried again where they went, or where this queue's letters come from.
    async fn ladders(&self) -> Result<Vec<String>, broker::Error> {
        let session = &self.replay.session;
        let (broker, vhost) = (session.broker, session.broker.vhost());
        let queues = broker.management().queue_statistics(vhost).await?;
        let ways = routes::ways(broker, vhost, &queues).await?;
        let owners = routes::owners_of(&ways, &queues).remove(&session.queue).unwrap_or_default();
        let tried: BTreeSet<String> = self.targets.queues().map(str::to_owned).chain(owners).collect();
        Ok(routes::ladders(&ways, &tried))
    }

    /// How many of the run's messages are in the queue again, and whether that is certain or the most that it can be. Who the messages
    /// are is only looked at where their number alone would stop the run, beside those that are being retried.
    async fn came_back(&mut self, canary: &Canary, retried: u64) -> Result<(u64, bool), Error> {
        let replay = self.replay;
        let (session, moved) = (&replay.session, self.report.replayed);
        let ready = session.ready().await.unwrap_or(0);
        let gone = moved + self.report.parked;
        let most = ready.saturating_sub(session.facts.ready.saturating_sub(gone)).min(moved);
        if session.facts.consumers == 0 && !canary.is_exceeded(moved, most + retried) {
            return Ok((most, most == 0));
        }
        match replay.hold {
            Hold::AtStake(window) if ready > window.into() => return Ok((most, false)),
            Hold::AtStake(_) | Hold::Undecided(_) => (),
        }
        let mut reading = session.begin(ready, replay.hold).await?;
        let mut bounced = 0;
        let outcome = self.count(&mut reading, &mut bounced).await;
        reading.stop();
        self.give_back(reading).await;
        outcome.map(|()| (bounced, true))
    }

    /// Counts the run's own messages among those that are read. All stay.
    async fn count(&mut self, reading: &mut Reading<'_>, bounced: &mut u64) -> Result<(), Error> {
        let patience = self.replay.request.timeout;
        let silent = || broker::Error::Timeout { what: "the next message of the queue".to_owned() };
        while !self.interrupt.is_raised() {
            reading.make_room().await?;
            let next = tokio::time::timeout(patience, reading.next()).await.map_err(|_| silent())??;
            let Some(delivery) = next else { break };
            *bounced += u64::from(travel::run_of(&delivery.message) == Some(self.replay.session.run.as_str()));
            self.stay(reading, delivery).await?;
        }
        Ok(())
    }
}
