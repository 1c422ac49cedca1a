//! What becomes of an original once the fate of what was published is known: removed, or kept.

use super::{
    Moving, Pending,
    gone::{self, Going, Moved},
    proof::{Answer, Proof},
    written::numbers,
};
use crate::{
    broker::{self, Deliveries, Fate},
    ops::dlq::{
        Error,
        fates::next_fate,
        reading::Reading,
        run::{Event, Line, Outcome},
        target::Standing,
    },
};

impl<L: FnMut(Event<'_>)> Moving<'_, '_, L> {
    /// The fate of the oldest message on its way.
    pub(super) fn settled(&mut self, fate: Fate, deliveries: &mut Deliveries) {
        // Fates come in the order of publishing, one for each that was published.
        let Some(pending) = self.pending.pop_front() else { return };
        let outcome = match fate {
            Fate::Routed => return self.confirmed.push(pending),
            Fate::Unroutable { reason, .. } => Outcome::Returned(reason),
            Fate::Refused => Outcome::Refused,
            Fate::Unknown { because } => Outcome::Unknown(because),
        };
        // What the one queue refused that it was for is nowhere else; of several, others may have taken it.
        let is_nowhere = match &outcome {
            Outcome::Returned(_) => true,
            Outcome::Refused => pending.target.is_one_queue(),
            _ => false,
        };
        if is_nowhere {
            self.written.stays(pending.entered);
        }
        self.kept(deliveries, pending, outcome);
    }

    /// Removes the originals of what has been proven to be at its target, and has it proven of what was confirmed meanwhile, if that is
    /// at least so many.
    pub(super) async fn acknowledge(&mut self, reading: &mut Reading<'_>, least: usize) -> Result<(), Error> {
        self.tell_gone()?;
        if self.proof.as_mut().is_some_and(Proof::is_answered) {
            self.conclude(reading.deliveries()).await?;
        }
        if self.proof.is_none() && self.confirmed.len() >= least.max(1) {
            let confirmed = std::mem::take(&mut self.confirmed);
            self.proof = Some(Proof::of(&self.replay.session.consuming, confirmed));
        }
        self.remove_safe(reading.deliveries()).await
    }

    /// Waits for the proof that is under way, and writes down what is safe.
    async fn conclude(&mut self, deliveries: &mut Deliveries) -> Result<(), Error> {
        let Some(proof) = self.proof.take() else { return Ok(()) };
        let (confirmed, Answer { targets, failed }) = proof.told().await;
        let mut safe = Vec::with_capacity(confirmed.len());
        let mut doubtful = Vec::new();
        for pending in confirmed {
            match targets.known(&pending.target) {
                Some(Standing::Exists) => safe.push(pending),
                Some(Standing::Missing(_)) => {
                    doubtful.push((pending, "its target went away at about that time".to_owned()));
                }
                None => doubtful.push((pending, unproven(failed.as_ref()))),
            }
        }
        self.targets.learn(targets);
        if failed.is_some() {
            // Whoever asks next would wait as long for no answer.
            let confirmed = std::mem::take(&mut self.confirmed);
            doubtful.extend(confirmed.into_iter().map(|pending| (pending, unproven(failed.as_ref()))));
        }
        for (pending, because) in doubtful {
            self.kept(deliveries, pending, Outcome::Unknown(because));
        }
        self.written.arrived(safe);
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Removes the originals of what the disk knows to be safe.
    async fn remove_safe(&mut self, deliveries: &mut Deliveries) -> Result<(), Error> {
        // What is on the disk already may go, also when nothing more gets there.
        let pushed = self.written.push();
        let safe = self.written.next_proven();
        self.remove(deliveries, safe).await?;
        Ok(pushed?)
    }

    /// Removes the originals of these.
    async fn remove(&mut self, deliveries: &mut Deliveries, safe: Vec<Pending>) -> Result<(), broker::Error> {
        if safe.is_empty() {
            return Ok(());
        }
        let (receipts, moved): (Vec<_>, Vec<_>) = safe
            .into_iter()
            .map(|Pending { seq, message_id, target, receipt, entered, outcome, .. }| {
                (receipt, Moved { seq, message_id, target, entered, outcome })
            })
            .unzip();
        let written = deliveries.acknowledge(receipts).await;
        match &written {
            Ok(()) => self.going.push_back(Going::new(moved, deliveries.worked_off())),
            Err(error) => {
                self.open -= moved.len();
                for Moved { seq, message_id, target, .. } in moved {
                    self.tell(Line { seq, message_id, target: Some(target), outcome: gone::perhaps_here(error) });
                }
            }
        }
        written
    }

    /// Waits for the fate of everything that is on its way, and for its originals to be gone. Each message gets its line, whatever fails.
    pub(super) async fn settle_all(&mut self, reading: &mut Reading<'_>) -> Result<(), Error> {
        let mut alarm = self.replay.publishing.blocked();
        let (patience, interrupt) = (self.replay.request.timeout, self.interrupt);
        while self.publisher.unsettled() > 0 {
            self.tell_alarm();
            if let Some(fate) = next_fate(&mut self.publisher, &mut alarm, interrupt, patience).await {
                self.settled(fate, reading.deliveries());
            }
        }
        let mut outcome = Ok(());
        while self.proof.is_some() || !self.confirmed.is_empty() {
            outcome = outcome.and(self.acknowledge(reading, 1).await);
            outcome = outcome.and(self.conclude(reading.deliveries()).await);
        }
        let safe = self.written.unproven();
        let recorded = self.written.settle(self.replay.request.timeout).await;
        if recorded.is_ok() || self.written.last_words(numbers(&safe), self.replay.request.timeout).await {
            outcome = outcome.and(self.remove(reading.deliveries(), safe).await.map_err(Error::from));
        } else {
            for pending in safe {
                let because = "it is at its target, and still here: that could not be written down".to_owned();
                self.kept(reading.deliveries(), pending, Outcome::Unknown(because));
            }
        }
        outcome = outcome.and(recorded.map_err(Error::from));
        outcome.and(self.tell_all_gone().await.map_err(Error::from))
    }

    /// Gives back what was read and not settled, and what was never looked at.
    pub(in crate::ops::dlq::replay) async fn give_back(&mut self, mut reading: Reading<'_>) {
        let unseen = match reading.deliveries().cancel().await {
            Ok(unseen) => unseen,
            Err(error) => return self.stop(error.into()),
        };
        self.stay_all(&mut reading, unseen).await;
        let endangered = std::mem::take(&mut self.endangered);
        self.stay_all(&mut reading, endangered).await;
        self.report.saved = self.saver.copied();
        if let Err(error) = self.replay.session.give_back(reading).await {
            self.stop(error);
        }
    }
}

impl<L: FnMut(Event<'_>)> Moving<'_, '_, L> {
    /// Writes the last line of the journal; a run that began with nothing leaves none.
    pub(in crate::ops::dlq::replay) async fn close_journal(&mut self, went: bool) {
        let Some(mut journal) = self.written.journal.take() else { return };
        if !went {
            return journal.discard();
        }
        self.tell_missing();
        if let Some(again) = self.again.as_ref().filter(|_| self.report.stopped.is_none() && !self.report.interrupted) {
            journal.gone(again.gone());
        }
        self.report.close(journal, self.replay.request.timeout, &mut self.listen).await;
    }
}

/// Why nothing is known of a target.
fn unproven(failed: Option<&broker::Error>) -> String {
    let why = failed.map_or_else(String::new, |error| format!(": {error}"));
    format!("nobody could say whether its target is still there{why}")
}
