//! What waits until the disk has what was written down of it.
//!
//! A message passes two gates: it is published when the disk has that it is about to be, and counts as arrived when the disk has that its
//! copy is safe. Without a journal they stand open.

use std::{collections::VecDeque, time::Duration};

use super::{
    Error,
    journal::{self, Journal, Mark},
};
use crate::broker::{self, Connection, Letter};

/// What waits at the gates: letters, and what is known of each besides.
pub(super) struct Written<P> {
    pub(super) journal: Option<Journal>,
    /// To be published.
    staged: VecDeque<(Mark, Letter, P)>,
    /// Arrived.
    proven: VecDeque<(Mark, Vec<P>)>,
}

impl<P> Written<P> {
    pub(super) fn new(journal: Option<Journal>) -> Written<P> {
        Written { journal, staged: VecDeque::new(), proven: VecDeque::new() }
    }

    /// A message to be published when the disk has what was written down so far.
    pub(super) fn stage(&mut self, letter: Letter, pending: P) {
        self.staged.push_back((self.mark(), letter, pending));
    }

    /// Messages that count as arrived when the disk has what was written down so far.
    pub(super) fn prove(&mut self, safe: Vec<P>) {
        self.proven.push_back((self.mark(), safe));
    }

    /// A message that the disk knew to be safe before.
    pub(super) fn proven_before(&mut self, safe: P) {
        self.proven.push_back((Mark::default(), vec![safe]));
    }

    /// Sends what was written down on its way to the disk.
    pub(super) fn push(&mut self) -> Result<(), journal::Error> {
        self.journal.as_mut().map_or(Ok(()), Journal::push)
    }

    /// How long the body of the next message is that may be published now.
    pub(super) fn next_size(&self) -> Option<usize> {
        self.staged.front().filter(|(mark, ..)| self.has(*mark)).map(|(_, letter, _)| letter.body.len())
    }

    /// The next message that may be published now.
    pub(super) fn next_staged(&mut self) -> Option<(Letter, P)> {
        self.next_size()?;
        self.staged.pop_front().map(|(_, letter, pending)| (letter, pending))
    }

    /// Whether messages wait to be published.
    pub(super) fn has_staged(&self) -> bool {
        !self.staged.is_empty()
    }

    /// The messages that will not be published.
    pub(super) fn unstage(&mut self) -> Vec<P> {
        self.staged.drain(..).map(|(_, _, pending)| pending).collect()
    }

    /// The messages that count as arrived by now.
    pub(super) fn next_proven(&mut self) -> Vec<P> {
        let mut safe = Vec::new();
        while self.proven.front().is_some_and(|(mark, _)| self.has(*mark)) {
            safe.extend(self.proven.pop_front().into_iter().flat_map(|(_, some)| some));
        }
        safe
    }

    /// The messages that have arrived, and of which the disk may not have that.
    pub(super) fn unproven(&mut self) -> Vec<P> {
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
    pub(super) async fn last_words(&mut self, safe: impl IntoIterator<Item = u64>, patience: Duration) -> bool {
        let Some(journal) = &mut self.journal else { return true };
        matches!(tokio::time::timeout(patience, journal.last_words(safe)).await, Ok(Ok(())))
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

    /// Nothing came for as long as the broker or the disk may be silent. `what` is waited for where neither the disk nor an alarm is.
    pub(super) fn silent(&self, publishing: &Connection, what: &str) -> Error {
        let stalled = self.journal.as_ref().filter(|journal| !journal.is_durable(journal.mark())).map(Journal::stalled);
        if let Some(stalled) = stalled {
            return stalled.into();
        }
        let error = match publishing.blocked().borrow().clone() {
            Some(reason) => broker::Error::Blocked { reason },
            None => broker::Error::Timeout { what: what.to_owned() },
        };
        error.into()
    }

    fn mark(&self) -> Mark {
        self.journal.as_ref().map(Journal::mark).unwrap_or_default()
    }

    fn has(&self, mark: Mark) -> bool {
        self.journal.as_ref().is_none_or(|journal| journal.is_durable(mark))
    }
}
