//! When does a record count as back? When the broker has confirmed it, its target answers after that, and the disk has both.

use std::{collections::BTreeMap, mem};

use super::{Pending, Putting};
use crate::{
    broker::Fate,
    ops::dlq::{
        Error,
        fates::next_fate,
        run::{Event, Line, Outcome},
        target::{Address, Standing, Targets},
    },
};

impl<L: FnMut(Event<'_>)> Putting<'_, L> {
    /// Works off the fates that are known, proves what is confirmed if that is at least so many, and tells what the disk has.
    pub(super) async fn settle(&mut self, least: usize) -> Result<(), Error> {
        while let Some((_, fate)) = self.publisher.take_settled() {
            self.settled(fate);
        }
        let proven = if self.confirmed.len() >= least.max(1) { self.prove().await } else { Ok(()) };
        let safe = self.written.next_proven();
        self.tell_back(safe);
        proven
    }

    /// The fate of the oldest record on its way.
    fn settled(&mut self, fate: Fate) {
        // Fates come in the order of publishing, one for each that was published.
        let Some(pending) = self.pending.pop_front() else { return };
        // What the one queue refused that it was for is nowhere; of several, others may have taken it.
        let is_one_queue = pending.target.is_one_queue();
        match fate {
            Fate::Routed => self.confirmed.push(pending),
            Fate::Unroutable { reason, .. } => self.kept(pending, Outcome::Returned(reason), true),
            Fate::Refused => self.kept(pending, Outcome::Refused, is_one_queue),
            Fate::Unknown { because } => self.kept(pending, Outcome::Unknown(because), false),
        }
    }

    /// Asks whether the targets of what was confirmed are still there: a queue that is being deleted confirms what it does not keep.
    async fn prove(&mut self) -> Result<(), Error> {
        let confirmed = mem::take(&mut self.confirmed);
        let places: BTreeMap<(&str, &str), &Address> =
            confirmed.iter().map(|pending| (pending.target.place(), &pending.target)).collect();
        let places: Vec<Address> = places.into_values().cloned().collect();
        let mut now = Targets::new(&self.restore.asking);
        let failed = now.ask(&places).await.err();
        let mut safe = Vec::with_capacity(confirmed.len());
        for pending in confirmed {
            let because = match (now.known(&pending.target), &failed) {
                (Some(Standing::Exists), _) => {
                    safe.push(pending);
                    continue;
                }
                (Some(Standing::Missing(_)), _) => "its target went away at about that time".to_owned(),
                (None, Some(error)) => format!("nobody could say whether its target is still there: {error}"),
                (None, None) => "nobody could say whether its target is still there".to_owned(),
            };
            self.kept(pending, Outcome::Unknown(because), false);
        }
        if let Some(journal) = &mut self.written.journal {
            journal.safe(safe.iter().map(|pending| pending.seq));
        }
        self.written.prove(safe);
        self.targets.learn(now);
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Tells of records that are back.
    fn tell_back(&mut self, safe: Vec<Pending>) {
        for Pending { seq, message_id, target, .. } in safe {
            self.open -= 1;
            self.tell(Line { seq, message_id, target: Some(target), outcome: Outcome::Replayed });
        }
    }

    /// Waits for the fate of everything that is on its way, and until the disk has it.
    pub(super) async fn settle_all(&mut self) -> Result<(), Error> {
        let (mut alarm, interrupt) = (self.restore.publishing.blocked(), self.interrupt);
        let patience = self.restore.request.timeout;
        while self.publisher.unsettled() > 0 {
            self.tell_alarm();
            if let Some(fate) = next_fate(&mut self.publisher, &mut alarm, interrupt, patience).await {
                self.settled(fate);
            }
        }
        let proven = self.settle(1).await;
        let recorded = self.written.settle(patience).await;
        let safe = self.written.unproven();
        if recorded.is_err() {
            // They are back all the same; without these words a run that goes on with this one could not tell.
            self.written.last_words(safe.iter().map(|pending| pending.seq), patience).await;
        }
        self.tell_back(safe);
        proven.and(recorded.map_err(Error::from))
    }
}
