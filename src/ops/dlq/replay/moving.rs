//! The moving part of a replay: each message of the set is published, and its fate decides whether its original goes.

mod again;
mod ahead;
mod canary;
mod gate;
mod gone;
mod proof;
mod rounds;
mod settling;
mod taking;
mod written;

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

pub(super) use self::again::Again;
use self::{
    again::Part,
    gate::Gate,
    gone::Going,
    proof::Proof,
    rounds::{Left, Met},
    written::Entered,
};
use super::Replay;
use crate::{
    broker::{self, Deliveries, Delivery, Letter, Publisher, Receipt},
    interrupt::Interrupt,
    message::{Identity, Message},
    ops::dlq::{
        Error,
        journal::Journal,
        marks::Marks,
        reading::Reading,
        run::{Event, Line, Outcome, Report},
        saver::Saver,
        target::{Address, Targets},
        written::Written,
    },
};

/// How many confirmations are gathered before their targets are asked whether they are still there.
const ACKNOWLEDGE: usize = 250;

/// How many messages are taken before what is confirmed is looked after.
const BURST: usize = 500;

/// How long deliveries and confirmations gather between two bursts. At the fastest that brokers were measured (30,000 a second) some
/// hundred come in that time, far fewer than the broker may send ahead.
const PAUSE: Duration = Duration::from_millis(4);

/// How often it is asked whether a message may go that had to wait. It catches up with its pace then.
const TICK: Duration = Duration::from_millis(20);

struct Pending {
    seq: u64,
    message_id: Option<String>,
    target: Address,
    receipt: Receipt,
    /// The message as it was, where giving it back would destroy it: should it not arrive, a copy has to take its place.
    endangered: Option<Box<Message>>,
    /// What it is, where it may be met again.
    identity: Option<Identity>,
    /// What the journal has of it.
    entered: Option<Entered>,
    /// What has become of it when its original is gone.
    outcome: Outcome,
}

/// The moving part of a run.
pub(super) struct Moving<'r, 'a, L> {
    replay: &'r Replay<'a>,
    publisher: Publisher,
    saver: Saver<'r>,
    targets: Targets<'r>,
    interrupt: &'r Interrupt,
    listen: L,
    pub(super) report: Report,
    pending: VecDeque<Pending>,
    /// Confirmed, and not yet asked about.
    confirmed: Vec<Pending>,
    /// Whether the targets of others have what they confirmed.
    proof: Option<Proof<'r>>,
    /// Acknowledged; the broker may not have read it yet.
    going: VecDeque<Going>,
    /// Not arrived, and not to be given back: copies have to take their places.
    endangered: Vec<Delivery>,
    gate: Gate<'r>,
    met: Met,
    /// How many messages this round is to read.
    round: u64,
    /// It has been told that the broker takes no messages.
    in_alarm: bool,
    /// What waits for the disk.
    written: Written<Pending>,
    /// What is known of the run that is gone on with.
    again: Option<Again>,
    /// Messages that were begun with and are not settled.
    open: usize,
    read: u64,
    tickets: u64,
    /// Of those that are marked, the ones that have not come yet.
    marked: Option<Marks>,
}

impl<'r, 'a, L: FnMut(Event<'_>)> Moving<'r, 'a, L> {
    pub(super) fn new(
        replay: &'r Replay<'a>,
        publisher: Publisher,
        targets: Targets<'r>,
        interrupt: &'r Interrupt,
        journal: Option<Journal>,
        again: Option<Again>,
        listen: L,
    ) -> Moving<'r, 'a, L> {
        let report = Report { dry_run: replay.request.dry_run, ..Report::default() };
        let (pending, confirmed) = (VecDeque::new(), Vec::new());
        let saver = Saver::new(&replay.session);
        let endangered = Vec::new();
        Moving {
            replay,
            publisher,
            saver,
            targets,
            interrupt,
            listen,
            report,
            pending,
            confirmed,
            proof: None,
            going: VecDeque::new(),
            endangered,
            gate: Gate::new(&replay.request.care, &replay.session.consuming),
            met: Met::default(),
            round: 0,
            in_alarm: false,
            written: Written::new(journal),
            again,
            open: 0,
            read: 0,
            tickets: 0,
            marked: replay.request.marked.clone(),
        }
    }

    pub(super) fn stop(&mut self, error: Error) {
        self.report.stopped.get_or_insert(error);
    }

    /// Counts what was marked and never came, of a run that has read all there was.
    pub(super) fn miss(&mut self) {
        if self.report.stopped.is_none() && !self.report.interrupted {
            self.report.missing = self.marked.as_ref().map_or(0, Marks::count);
        }
    }

    /// Moves what is read until that is exhausted, the operator stops, or something ends or interrupts it. Then everything published is
    /// settled.
    async fn pump(&mut self, reading: &mut Reading<'_>, mut ahead: VecDeque<Delivery>) -> Left {
        let fed = match self.feed(reading, &mut ahead).await {
            Ok(()) => self.publish_all(reading).await,
            failed => failed,
        };
        if let Err(error) = fed {
            self.stop(error);
        }
        self.report.interrupted = self.interrupt.is_raised();
        let unread = reading.left().saturating_add(ahead.len() as u64);
        reading.stop();
        for pending in self.written.unstage() {
            self.unsent(reading.deliveries(), pending);
        }
        if let Err(error) = self.settle_all(reading).await {
            self.stop(error);
        }
        if let Some(error) = self.publisher.take_end() {
            self.stop(error.into());
        }
        let kept = reading.deliveries().kept_in_all() + self.endangered.len();
        self.stay_all(reading, ahead).await;
        Left { unread, kept: kept as u64 }
    }

    /// Keeps what was read and not begun with.
    pub(super) async fn stay_all(&mut self, reading: &mut Reading<'_>, all: impl IntoIterator<Item = Delivery>) {
        if let Err(error) = self.saver.stay_all(reading.deliveries(), all).await {
            self.stop(error);
        }
    }

    /// Takes what has arrived and settles what is confirmed, in bursts. Between two bursts there is a pause: woken for each delivery
    /// and each confirmation, we and the threads that serve the connections would spend more time on waking each other than on
    /// messages.
    async fn feed(&mut self, reading: &mut Reading<'_>, ahead: &mut VecDeque<Delivery>) -> Result<(), Error> {
        let mut alarm = self.replay.publishing.blocked();
        loop {
            let (mut burst, mut waits) = (0, false);
            while burst < BURST && !waits {
                if self.is_enough() {
                    return Ok(());
                }
                if self.is_full() {
                    break;
                }
                reading.make_room().await?;
                let Some(delivery) = ahead.pop_front().map_or_else(|| reading.arrived(), |first| Ok(Some(first)))?
                else {
                    break;
                };
                let taken = self.take(reading, delivery).await?;
                waits = Self::is_held_up(taken, ahead);
                burst += 1;
            }
            self.publish(reading).await?;
            self.publisher.take_up();
            // Where nothing has come, it may be acknowledgements that the broker waits for.
            self.settle(reading, if burst > 0 && !waits { ACKNOWLEDGE } else { 1 }).await?;
            if self.publisher.has_ended() || (waits && self.gate.wants_nothing_held()) {
                return Ok(());
            }
            if waits {
                tokio::select! {
                    () = tokio::time::sleep(TICK) => continue,
                    () = self.interrupt.raised() => return Ok(()),
                }
            }
            if burst > 0 || reading.is_due() {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            self.save_endangered(reading).await?;
            alarm.mark_unchanged();
            self.tell_alarm();
            let deadline = Instant::now() + self.replay.request.timeout;
            let next = tokio::select! {
                biased;
                next = reading.next(), if !self.is_full() => next?,
                () = self.publisher.await_confirmation(), if self.publisher.unsettled() > 0 => {
                    self.settle(reading, 1).await?;
                    continue;
                }
                () = proof::answered(&mut self.proof) => {
                    self.settle(reading, 1).await?;
                    continue;
                }
                () = gone::answered(&mut self.going) => {
                    self.settle(reading, 1).await?;
                    continue;
                }
                Ok(()) = alarm.changed() => continue,
                synced = self.written.synced() => {
                    synced?;
                    continue;
                }
                () = self.interrupt.raised() => return Ok(()),
                () = tokio::time::sleep_until(deadline) => return Err(self.silent()),
            };
            match next {
                Some(delivery) => {
                    let taken = self.take(reading, delivery).await?;
                    Self::is_held_up(taken, ahead);
                }
                None => return Ok(()),
            }
        }
    }

    /// Whether a message may not go yet. It is the next one then.
    fn is_held_up(taken: Option<Delivery>, ahead: &mut VecDeque<Delivery>) -> bool {
        let Some(delivery) = taken else { return false };
        ahead.push_front(delivery);
        true
    }

    /// Whether the operator has stopped it, or it has moved what it may.
    fn is_enough(&self) -> bool {
        let may_find_safe = self.again.as_ref().is_some_and(Again::has_safe);
        self.interrupt.is_raised() || (self.is_at_its_limit() && !may_find_safe)
    }

    fn is_at_its_limit(&self) -> bool {
        self.replay.request.most().is_some_and(|most| self.report.selected >= most)
    }

    /// Works off the fates that are known, and acknowledges what is safe if that is at least so many.
    async fn settle(&mut self, reading: &mut Reading<'_>, least: usize) -> Result<(), Error> {
        while let Some((_, fate)) = self.publisher.take_settled() {
            self.settled(fate, reading.deliveries());
        }
        self.acknowledge(reading, least).await
    }

    /// Publishes when there is room and the broker takes messages; says whether it came to that before the operator stopped it.
    async fn send(&mut self, reading: &mut Reading<'_>, letter: Letter, pending: Pending) -> Result<bool, Error> {
        let deadline = Instant::now() + self.replay.request.timeout;
        let mut blocked = self.replay.publishing.blocked();
        loop {
            let reason = blocked.borrow_and_update().clone();
            self.tell_alarm();
            if let Some(reason) = &reason {
                tokio::select! {
                    waited = tokio::time::timeout_at(deadline, blocked.changed()) => if !matches!(waited, Ok(Ok(()))) {
                        self.unsent(reading.deliveries(), pending);
                        return Err(broker::Error::Blocked { reason: reason.clone() }.into());
                    },
                    () = self.interrupt.raised() => {
                        self.unsent(reading.deliveries(), pending);
                        return Ok(false);
                    }
                }
                continue;
            }
            if self.publisher.has_room(letter.body.len()) {
                break;
            }
            tokio::select! {
                waited = tokio::time::timeout_at(deadline, self.publisher.await_confirmation()) => if waited.is_err() {
                    self.unsent(reading.deliveries(), pending);
                    return Err(broker::Error::Timeout { what: "a confirmation".to_owned() }.into());
                },
                _ = blocked.changed() => continue,
            }
            tokio::time::sleep(PAUSE).await;
            self.publisher.take_up();
        }
        self.tickets += 1;
        match self.publisher.publish(self.tickets, letter) {
            Ok(()) => self.pending.push_back(pending),
            // It does not fit the protocol any more (a header grew too long): it stays, and nothing was sent.
            Err(error) => {
                self.written.stays(pending.entered);
                self.kept(reading.deliveries(), pending, Outcome::Skipped(error.to_string()));
            }
        }
        Ok(true)
    }

    /// What did not arrive stays here, and that is told.
    fn kept(&mut self, deliveries: &mut Deliveries, pending: Pending, outcome: Outcome) {
        let Pending { seq, message_id, target, receipt, endangered, identity, .. } = pending;
        self.open -= 1;
        self.remain(deliveries, receipt, endangered);
        if let Some(identity) = identity {
            self.met.tell(identity);
        }
        self.tell(Line { seq, message_id, target: Some(target), outcome });
    }

    /// Says that the broker takes no messages, or takes them again, if that is news.
    fn tell_alarm(&mut self) {
        let reason = self.replay.publishing.blocked().borrow().clone();
        if self.in_alarm != reason.is_some() {
            self.in_alarm = reason.is_some();
            (self.listen)(Event::Blocked(reason.as_deref()));
        }
    }

    /// Puts copies in the place of what did not arrive and cannot be given back, when nothing else is under way: held, it would leave no
    /// room for the rest of the set.
    async fn save_endangered(&mut self, reading: &mut Reading<'_>) -> Result<(), Error> {
        let is_idle = self.publisher.unsettled() == 0 && self.confirmed.is_empty() && self.proof.is_none();
        if !is_idle || !self.going.is_empty() || self.endangered.is_empty() {
            return Ok(());
        }
        // With the connection gone the broker has them already, and a copy would be one more.
        reading.deliveries().catch_up().await?;
        let endangered = std::mem::take(&mut self.endangered);
        self.saver.stay_all(reading.deliveries(), endangered).await
    }

    /// What was on its way, or about to be, stays here.
    fn remain(&mut self, deliveries: &mut Deliveries, receipt: Receipt, endangered: Option<Box<Message>>) {
        match endangered {
            Some(message) => self.endangered.push(Delivery { message: *message, receipt }),
            None => deliveries.keep(receipt),
        }
    }

    async fn stay(&mut self, reading: &mut Reading<'_>, delivery: Delivery) -> Result<(), Error> {
        self.saver.stay(reading.deliveries(), delivery).await
    }

    fn told(&mut self, seq: u64, message: &Message, target: Option<Address>, outcome: Outcome) {
        self.tell(Line { seq, message_id: message.properties.message_id.clone(), target, outcome });
    }

    fn tell(&mut self, line: Line) {
        self.report.count(&line.outcome);
        (self.listen)(Event::Settled(&line));
    }
}
