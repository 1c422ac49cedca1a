//! What a journal says of the messages that a replay moves, and when they are published: when the disk has that they are about to be.

use tokio::time::Instant;

use super::{ACKNOWLEDGE, Moving, Pending};
use crate::{
    broker::Deliveries,
    message::Identity,
    ops::dlq::{
        Error,
        reading::{Hold, Reading},
        run::Event,
        target::Address,
        written::Written,
    },
};

/// A message in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entered {
    pub(super) number: u64,
    /// Whatever becomes of it now, it may be at its target since an earlier run.
    pub(super) in_doubt: bool,
}

impl Written<Pending> {
    /// Whether anything is written down.
    pub(super) fn keeps(&self) -> bool {
        self.journal.is_some()
    }

    /// Writes down that a message is about to be published.
    pub(super) fn intend(&mut self, identity: Option<Identity>, target: &Address) -> Option<Entered> {
        let (journal, identity) = self.journal.as_mut().zip(identity)?;
        Some(Entered { number: journal.intend(identity, &target.to_string()), in_doubt: false })
    }

    /// Writes down that a message did not arrive, and is in its queue.
    pub(super) fn stays(&mut self, entered: Option<Entered>) {
        if let Some((journal, entered)) = self.journal.as_mut().zip(entered.filter(|entered| !entered.in_doubt)) {
            journal.stays([entered.number]);
        }
    }

    /// Writes down that these have arrived; their originals are to be acknowledged when the disk has that.
    pub(super) fn arrived(&mut self, safe: Vec<Pending>) {
        if let Some(journal) = &mut self.journal {
            journal.safe(numbers(&safe));
        }
        self.prove(safe);
    }

    /// Writes down that the originals of these are gone.
    pub(super) fn gone(&mut self, entered: impl IntoIterator<Item = Option<Entered>>) {
        if let Some(journal) = &mut self.journal {
            journal.gone(entered.into_iter().flatten().map(|entered| entered.number));
        }
    }
}

/// The numbers that these have in the journal.
pub(super) fn numbers(messages: &[Pending]) -> impl Iterator<Item = u64> {
    messages.iter().filter_map(|pending| pending.entered).map(|entered| entered.number)
}

impl<L: FnMut(Event<'_>)> Moving<'_, '_, L> {
    /// Whether as many messages are open as may be. However much is held beside them, what a kill could leave in doubt is bounded by that.
    pub(super) fn is_full(&self) -> bool {
        let (Hold::Undecided(most) | Hold::AtStake(most)) = self.replay.hold;
        self.open >= usize::from(most)
    }

    /// Nothing came for as long as the broker or the disk may be silent.
    pub(super) fn silent(&self) -> Error {
        let confirmations = self.publisher.unsettled() > 0;
        let what = if confirmations { "a confirmation" } else { "the next message of the queue" };
        self.written.silent(&self.replay.publishing, what)
    }

    /// Publishes what may be published by now.
    pub(super) async fn publish(&mut self, reading: &mut Reading<'_>) -> Result<(), Error> {
        self.written.push()?;
        while let Some((letter, pending)) = self.written.next_staged() {
            if !self.send(reading, letter, pending).await? {
                break;
            }
        }
        Ok(())
    }

    /// Publishes all that is to be published, when there is nothing more to be taken.
    pub(super) async fn publish_all(&mut self, reading: &mut Reading<'_>) -> Result<(), Error> {
        let deadline = Instant::now() + self.replay.request.timeout;
        while self.written.has_staged() && !self.interrupt.is_raised() && !self.publisher.has_ended() {
            self.publish(reading).await?;
            if !self.written.has_staged() {
                break;
            }
            tokio::select! {
                synced = self.written.synced() => synced?,
                () = self.interrupt.raised() => (),
                () = tokio::time::sleep_until(deadline) => return Err(self.silent()),
            }
            self.settle(reading, ACKNOWLEDGE).await?;
        }
        Ok(())
    }

    /// What was about to be published stays here, and was not begun with.
    pub(super) fn unsent(&mut self, deliveries: &mut Deliveries, pending: Pending) {
        self.report.selected -= 1;
        self.open -= 1;
        self.written.stays(pending.entered);
        self.remain(deliveries, pending.receipt, pending.endangered);
    }
}
