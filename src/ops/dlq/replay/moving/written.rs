//! What waits until the disk has what was written down of it.
//!
//! A message passes two gates: it is published when the disk has its intent, and its original is acknowledged when the disk has that the
//! copy is safe. Without a journal they stand open.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::{ACKNOWLEDGE, Moving, Pending};
use crate::{
    broker::{self, Deliveries, Letter},
    message::Identity,
    ops::dlq::{
        Error,
        journal::{self, Journal, Mark},
        reading::{Hold, Reading},
        run::Event,
        target::Address,
    },
};

/// A message in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entered {
    pub(super) number: u64,
    /// Whatever becomes of it now, it may be at its target since an earlier run.
    pub(super) in_doubt: bool,
}

/// What waits at the gates.
#[derive(Default)]
pub(super) struct Written {
    pub(super) journal: Option<Journal>,
    /// To be published.
    staged: VecDeque<(Mark, Letter, Pending)>,
    /// To be acknowledged.
    proven: VecDeque<(Mark, Vec<Pending>)>,
}

impl Written {
    pub(super) fn new(journal: Option<Journal>) -> Written {
        Written { journal, ..Written::default() }
    }

    /// Whether anything is written down.
    pub(super) fn keeps(&self) -> bool {
        self.journal.is_some()
    }

    /// Writes down that a message is about to be published.
    pub(super) fn intend(&mut self, identity: Option<Identity>, target: &Address) -> Option<Entered> {
        let (journal, identity) = self.journal.as_mut().zip(identity)?;
        Some(Entered { number: journal.intend(identity, &target.to_string()), in_doubt: false })
    }

    /// A message to be published when the disk has what was written down so far.
    pub(super) fn stage(&mut self, letter: Letter, pending: Pending) {
        self.staged.push_back((self.mark(), letter, pending));
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
            journal.safe(numbers(safe.iter().map(|pending| pending.entered)));
        }
        self.proven.push_back((self.mark(), safe));
    }

    /// A message that the disk knew to be safe before: its original is to be acknowledged.
    pub(super) fn arrived_before(&mut self, safe: Pending) {
        self.proven.push_back((Mark::default(), vec![safe]));
    }

    /// Writes down that the originals of these are gone.
    pub(super) fn gone(&mut self, entered: impl IntoIterator<Item = Option<Entered>>) {
        if let Some(journal) = &mut self.journal {
            journal.gone(numbers(entered));
        }
    }

    /// Sends what was written down on its way to the disk.
    pub(super) fn push(&mut self) -> Result<(), journal::Error> {
        self.journal.as_mut().map_or(Ok(()), Journal::push)
    }

    /// The next message that may be published now.
    pub(super) fn next_staged(&mut self) -> Option<(Letter, Pending)> {
        if !self.staged.front().is_some_and(|(mark, ..)| self.has(*mark)) {
            return None;
        }
        self.staged.pop_front().map(|(_, letter, pending)| (letter, pending))
    }

    /// Whether messages wait to be published.
    pub(super) fn has_staged(&self) -> bool {
        !self.staged.is_empty()
    }

    /// The messages that will not be published.
    pub(super) fn unstage(&mut self) -> Vec<Pending> {
        self.staged.drain(..).map(|(_, _, pending)| pending).collect()
    }

    /// The messages whose originals may be acknowledged now.
    pub(super) fn next_proven(&mut self) -> Vec<Pending> {
        let mut safe = Vec::new();
        while self.proven.front().is_some_and(|(mark, _)| self.has(*mark)) {
            safe.extend(self.proven.pop_front().into_iter().flat_map(|(_, some)| some));
        }
        safe
    }

    /// The messages that are safe, and whose originals will not be acknowledged.
    pub(super) fn unacknowledged(&mut self) -> Vec<Pending> {
        self.proven.drain(..).flat_map(|(_, some)| some).collect()
    }

    /// Waits until the disk has everything, as far as it was written down.
    pub(super) async fn settle(&mut self, patience: Duration) -> Result<(), journal::Error> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        match tokio::time::timeout(patience, journal.settle()).await {
            Ok(settled) => settled,
            Err(_) => Err(journal.stalled()),
        }
    }

    /// Whether the disk has that these are safe after all, although something could not be written.
    pub(super) async fn last_words(&mut self, safe: &[Pending], patience: Duration) -> bool {
        let Some(journal) = &mut self.journal else { return true };
        let words = journal.last_words(numbers(safe.iter().map(|pending| pending.entered)));
        matches!(tokio::time::timeout(patience, words).await, Ok(Ok(())))
    }

    /// Waits until the disk has something that was waited for; for ever where nothing is on its way there. May be dropped while it waits.
    pub(super) async fn synced(&mut self) -> Result<(), journal::Error> {
        // The disk may have said so while something else was asked for, and does not say it again.
        let mut marks =
            self.staged.front().map(|(mark, ..)| mark).into_iter().chain(self.proven.front().map(|(mark, _)| mark));
        if marks.any(|mark| self.has(*mark)) {
            return Ok(());
        }
        match &mut self.journal {
            Some(journal) => journal.synced().await,
            None => std::future::pending().await,
        }
    }

    /// What is to be said where the disk has not answered for too long; nothing where it is not waited for.
    pub(super) fn stalled(&self) -> Option<journal::Error> {
        self.journal.as_ref().filter(|journal| !journal.is_durable(journal.mark())).map(Journal::stalled)
    }

    fn mark(&self) -> Mark {
        self.journal.as_ref().map(Journal::mark).unwrap_or_default()
    }

    fn has(&self, mark: Mark) -> bool {
        self.journal.as_ref().is_none_or(|journal| journal.is_durable(mark))
    }
}

impl<L: FnMut(Event<'_>)> Moving<'_, '_, L> {
    /// Whether as many messages are open as may be. However much is held beside them, what a kill could leave in doubt is bounded by that.
    pub(super) fn is_full(&self) -> bool {
        let (Hold::Undecided(most) | Hold::AtStake(most)) = self.replay.hold;
        self.open >= usize::from(most)
    }

    /// Nothing came for as long as the broker or the disk may be silent.
    pub(super) fn silent(&self) -> Error {
        if let Some(stalled) = self.written.stalled() {
            return stalled.into();
        }
        let error = match self.replay.publishing.blocked().borrow().clone() {
            Some(reason) => broker::Error::Blocked { reason },
            None if self.publisher.unsettled() > 0 => broker::Error::Timeout { what: "a confirmation".to_owned() },
            None => broker::Error::Timeout { what: "the next message of the queue".to_owned() },
        };
        error.into()
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

fn numbers(entered: impl IntoIterator<Item = Option<Entered>>) -> impl Iterator<Item = u64> {
    entered.into_iter().flatten().map(|entered| entered.number)
}
