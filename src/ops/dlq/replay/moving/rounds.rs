//! How is nothing held while a run waits? It works in rounds: what is held goes back between two of them, and the next one reads on.
//!
//! What stayed in one round is met again in the next. It is known by its identity where something was told of it, and otherwise it is not
//! selected this time either; so many as were given back are neither counted nor told twice.

use std::collections::{HashMap, VecDeque};

use super::Moving;
use crate::{
    broker::Delivery,
    message::{Identity, Message},
    ops::dlq::{
        Error,
        reading::{Hold, Reading},
        run::Event,
    },
};

/// What was met already and is in the queue.
#[derive(Default)]
pub(super) struct Met {
    /// How many there are that this round has not met again.
    again: u64,
    /// Those of which something was told.
    told: HashMap<Identity, u64>,
}

impl Met {
    /// Something was told of a message that stays.
    pub(super) fn tell(&mut self, identity: Identity) {
        *self.told.entry(identity).or_default() += 1;
    }

    /// Whether something was told of this message in an earlier round: it is met again.
    pub(super) fn knows(&self, message: &Message) -> bool {
        self.again > 0 && !self.told.is_empty() && self.told.contains_key(&Identity::of(message))
    }

    /// A message that stays without a word, whether it was met before or not. Says whether it was.
    pub(super) fn meets(&mut self) -> bool {
        let met = self.again > 0;
        self.again = self.again.saturating_sub(1);
        met
    }
}

/// What a round leaves in the queue.
pub(super) struct Left {
    /// Messages of its set that it did not come to.
    pub(super) unread: u64,
    /// Messages that stayed.
    pub(super) kept: u64,
}

impl<'r, L: FnMut(Event<'_>)> Moving<'r, '_, L> {
    /// How many messages the next round is to read, where so many are left and so many stayed before them.
    fn size(&self, left: u64) -> u64 {
        let kept = self.met.again;
        match self.gate.rest_of_step() {
            // No more than go, so that none is given back that was not looked at. Where many stay, more are read at a time.
            Some(rest) if self.replay.request.is_everything() => left.min(rest.max(kept)).saturating_add(kept),
            _ => left.saturating_add(kept),
        }
    }

    /// Begins to read the first round of the set.
    pub(in crate::ops::dlq::replay) async fn begin(&mut self) -> Result<Reading<'r>, Error> {
        self.read_on(self.replay.set).await
    }

    async fn read_on(&mut self, left: u64) -> Result<Reading<'r>, Error> {
        let replay = self.replay;
        self.gate.begins();
        let is_exact = self.gate.rest_of_step().is_some() && replay.request.is_everything();
        let hold = match replay.hold {
            // Broker fact: what a quorum queue is given back goes behind what it was given back before, and a look at all of it was
            // that. So nothing comes into the room of what goes.
            Hold::Undecided(most) if is_exact => Hold::AtStake(most),
            hold => replay.request.care.bounds(hold),
        };
        self.round = self.size(left);
        Ok(replay.session.begin(self.round, hold).await?)
    }

    /// Moves the set in as many rounds as it takes, and gives back what stays. Nothing is held when it returns.
    pub(in crate::ops::dlq::replay) async fn rounds(
        &mut self,
        mut reading: Reading<'r>,
        mut ahead: VecDeque<Delivery>,
    ) {
        let mut left = self.replay.set;
        loop {
            let before = self.met.again;
            let Left { unread, kept } = self.pump(&mut reading, ahead).await;
            self.give_back(reading).await;
            let met = before - self.met.again;
            left = left.saturating_sub(self.round.saturating_sub(unread).saturating_sub(met));
            self.met.again += kept;
            if !self.gate.is_minded() || left == 0 || self.report.stopped.is_some() || self.is_enough() {
                return;
            }
            let waited = self.wait().await;
            self.report.interrupted = self.interrupt.is_raised();
            match waited {
                Ok(()) if self.report.interrupted => return,
                Ok(()) => (),
                Err(error) => return self.stop(error),
            }
            reading = match self.read_on(left).await {
                Ok(reading) => reading,
                Err(error) => return self.stop(error),
            };
            ahead = VecDeque::new();
        }
    }

    /// Waits until more may go, or the operator has stopped it.
    async fn wait(&mut self) -> Result<(), Error> {
        if self.gate.is_full()
            && let Some(canary) = &self.replay.request.care.canary
        {
            self.watch(canary).await?;
        }
        while !self.interrupt.is_raised() {
            let Some(until) = self.gate.closed(&mut self.listen).await? else { break };
            tokio::select! {
                () = tokio::time::sleep_until(until) => (),
                () = self.interrupt.raised() => (),
            }
        }
        Ok(())
    }
}
