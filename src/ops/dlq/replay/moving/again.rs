//! Which messages of the run that is gone on with are these, and what becomes of them?

use super::{Moving, Pending, written::Entered};
use crate::{
    broker::Delivery,
    message::{Identity, Message, travel},
    ops::dlq::{
        Error,
        journal::{Known, Past, Verdict},
        reading::Reading,
        resuming::{self, InDoubt},
        run::{Event, Outcome},
        target::{self, Address},
    },
};

/// What a message is to a run that goes on with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// It is to be replayed, under the number that it has, if it has one.
    Replay(Option<Entered>),
    /// It is at its target, and only to be removed; it has a number, where it was not gone already.
    Safe(Option<Entered>),
    /// It may be at its target, and stays.
    InDoubt(Entered),
    /// It is not in the set.
    Other,
}

/// What is known of the run that is gone on with.
pub(in crate::ops::dlq::replay) struct Again {
    known: Known,
    in_doubt: InDoubt,
    /// The runs whose work this is.
    runs: Vec<String>,
    /// How many messages may be looked at, those not counted that are safe already.
    budget: u64,
}

impl Again {
    pub(in crate::ops::dlq::replay) fn new(past: &Past, in_doubt: InDoubt) -> Again {
        Again { known: Known::of(past), in_doubt, runs: resuming::runs(&past.header), budget: past.rest() }
    }

    /// Looks at what will be asked about later.
    pub(super) fn look_ahead<'m>(&mut self, messages: impl IntoIterator<Item = &'m Message>) {
        self.known.look_ahead(messages);
    }

    /// What becomes of in-doubt messages.
    pub(super) fn in_doubt(&self) -> InDoubt {
        self.in_doubt
    }

    /// Whether messages may be found that are safe.
    pub(super) fn has_safe(&self) -> bool {
        self.known.has_safe()
    }

    /// Messages that are safe and were not found.
    pub(super) fn gone(&self) -> Vec<u64> {
        self.known.gone()
    }

    /// How many messages in doubt were not found.
    pub(super) fn missing(&self) -> u64 {
        self.known.missing()
    }

    /// What a message is. `has_room` says whether the run may begin with more.
    pub(super) fn preview(&self, message: &Message, has_room: bool) -> Part {
        let part = self.part(message, self.known.peek(message, Identity::of(message)));
        if part == Part::Replay(None) && (self.budget == 0 || !has_room) { Part::Other } else { part }
    }

    /// A message was found in the queue, and is taken for what it is.
    pub(super) fn found(&mut self, message: &Message) {
        let verdict = self.known.judge(message, Identity::of(message));
        if matches!(verdict, Verdict::New | Verdict::Doubtful(_, true)) {
            self.budget = self.budget.saturating_sub(1);
        }
    }

    fn part(&self, message: &Message, verdict: Verdict) -> Part {
        match verdict {
            // What one of these runs put back and the service has failed on again is not in the set.
            Verdict::New if travel::run_of(message).is_some_and(|run| self.runs.iter().any(|ours| ours == run)) => {
                Part::Other
            }
            Verdict::New => Part::Replay(None),
            Verdict::Safe(number) => Part::Safe(Some(Entered { number, in_doubt: false })),
            Verdict::Back => Part::Safe(None),
            Verdict::Doubtful(number, _) => {
                let entered = Entered { number, in_doubt: true };
                if self.in_doubt == InDoubt::Replay { Part::Replay(Some(entered)) } else { Part::InDoubt(entered) }
            }
        }
    }
}

impl<L: FnMut(Event<'_>)> Moving<'_, '_, L> {
    /// What a message is that was read.
    pub(super) fn part_of(&self, message: &Message) -> Part {
        let has_room = !self.is_at_its_limit();
        self.again.as_ref().map_or(Part::Replay(None), |again| again.preview(message, has_room))
    }

    /// A message was found, and is taken for what it is.
    pub(super) fn found(&mut self, message: &Message) {
        if let Some(again) = &mut self.again {
            again.found(message);
        }
    }

    /// A message that is at its target: its original goes without being published again.
    pub(super) async fn only_remove(
        &mut self,
        reading: &mut Reading<'_>,
        delivery: Delivery,
        entered: Option<Entered>,
    ) -> Result<(), Error> {
        // It had a target when it was published.
        let address = target::address(&self.replay.request.to, &self.replay.session.queue, &delivery.message);
        let target = address.unwrap_or_else(|_| Address::queue(&self.replay.session.queue));
        if entered.is_none() {
            reading.is_beside();
        }
        self.found(&delivery.message);
        self.read += 1;
        (self.listen)(Event::Read(self.read));
        let seq = self.read;
        if self.replay.request.dry_run {
            self.told(seq, &delivery.message, Some(target), Outcome::WouldRemove);
            return self.stay(reading, delivery).await;
        }
        let Delivery { message, receipt } = delivery;
        let endangered = self.replay.session.would_lose(&message).then(|| Box::new(message.clone()));
        let message_id = message.properties.message_id;
        let outcome = Outcome::Removed;
        let identity = None;
        let pending = Pending { seq, message_id, target, receipt, endangered, identity, entered, outcome };
        self.open += 1;
        self.written.proven_before(pending);
        Ok(())
    }

    /// A message that may be at its target, and stays.
    pub(super) async fn leave_in_doubt(
        &mut self,
        reading: &mut Reading<'_>,
        delivery: Delivery,
        entered: Entered,
    ) -> Result<(), Error> {
        let address = target::address(&self.replay.request.to, &self.replay.session.queue, &delivery.message);
        let because = "it may be at its target already".to_owned();
        let outcome = match &self.again {
            Some(again) if again.in_doubt() == InDoubt::Skip => {
                self.written.stays(Some(Entered { in_doubt: false, ..entered }));
                Outcome::Skipped(because)
            }
            _ => Outcome::InDoubt(because),
        };
        self.found(&delivery.message);
        self.read += 1;
        (self.listen)(Event::Read(self.read));
        self.report.selected += 1;
        if self.gate.is_minded() {
            self.met.tell(Identity::of(&delivery.message));
        }
        self.told(self.read, &delivery.message, address.ok(), outcome);
        self.stay(reading, delivery).await
    }

    /// Says what was to be in the queue and was not.
    pub(super) fn tell_missing(&mut self) {
        let missing = self.again.as_ref().map_or(0, Again::missing);
        if missing > 0 && !self.report.interrupted && self.report.stopped.is_none() {
            let they = if missing == 1 {
                "1 message that is in doubt was".to_owned()
            } else {
                format!("{missing} messages that are in doubt were")
            };
            (self.listen)(Event::Warning(format!(
                "{they} not found in the queue: somebody has taken them, or they come back later"
            )));
        }
    }
}
