//! The moving part of a replay: each message of the set is published, and its fate decides whether its original goes.

mod ahead;

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::{Event, Line, Outcome, Replay, Report};
use crate::{
    broker::{self, Deliveries, Delivery, Fate, Letter, Publisher, Receipt},
    interrupt::Interrupt,
    message::{Message, travel},
    ops::dlq::{
        saver::Saver,
        session::{Error, Reading},
        target::{self, Address, Standing, Targets},
    },
};

/// How many acknowledgements are gathered before they are sent.
const ACKNOWLEDGE: usize = 250;

/// How many messages are taken before what is confirmed is looked after.
const BURST: usize = 500;

/// How long deliveries and confirmations gather between two bursts. At the fastest that brokers were measured (30,000 a second) some
/// hundred come in that time, far fewer than the broker may send ahead.
const PAUSE: Duration = Duration::from_millis(4);

/// How long confirmations are waited for at the end of a run while the broker takes no messages.
const BLOCKED: Duration = Duration::from_secs(2);

struct Pending {
    seq: u64,
    message_id: Option<String>,
    target: Address,
    receipt: Receipt,
    /// The message as it was, where giving it back would destroy it: should it not arrive, a copy has to take its place.
    endangered: Option<Box<Message>>,
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
    /// Safe at its target, to be removed here.
    acks: Vec<Pending>,
    /// Not arrived, and not to be given back: copies have to take their places.
    endangered: Vec<Delivery>,
    read: u64,
    tickets: u64,
}

impl<'r, 'a, L: FnMut(Event<'_>)> Moving<'r, 'a, L> {
    pub(super) fn new(
        replay: &'r Replay<'a>,
        publisher: Publisher,
        targets: Targets<'r>,
        interrupt: &'r Interrupt,
        listen: L,
    ) -> Moving<'r, 'a, L> {
        let report = Report { dry_run: replay.request.dry_run, ..Report::default() };
        let (pending, acks) = (VecDeque::new(), Vec::new());
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
            acks,
            endangered,
            read: 0,
            tickets: 0,
        }
    }

    pub(super) fn stop(&mut self, error: Error) {
        self.report.stopped.get_or_insert(error);
    }

    /// Moves the set until it is exhausted, the operator stops, or something ends it. Then everything published is settled.
    pub(super) async fn pump(&mut self, reading: &mut Reading<'_>, mut ahead: VecDeque<Delivery>) {
        if let Err(error) = self.feed(reading, &mut ahead).await {
            self.stop(error);
        }
        self.report.interrupted = self.interrupt.is_raised();
        reading.stop();
        if let Err(error) = self.settle_all(reading).await {
            self.stop(error);
        }
        self.stay_all(reading, ahead).await;
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
        loop {
            let mut burst = 0;
            while burst < BURST {
                if self.is_enough() {
                    return Ok(());
                }
                reading.make_room().await?;
                let Some(delivery) = ahead.pop_front().map_or_else(|| reading.arrived(), |first| Ok(Some(first)))?
                else {
                    break;
                };
                self.take(reading, delivery).await?;
                burst += 1;
            }
            self.publisher.take_up();
            // Where nothing has come, it may be acknowledgements that the broker waits for.
            self.settle(reading, if burst > 0 { ACKNOWLEDGE } else { 1 }).await?;
            if let Some(error) = self.publisher.take_failure() {
                return Err(error.into());
            }
            if burst > 0 {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let deadline = Instant::now() + self.replay.request.timeout;
            let next = tokio::select! {
                biased;
                next = reading.next() => next?,
                () = self.publisher.await_confirmation(), if self.publisher.unsettled() > 0 => {
                    self.settle(reading, 1).await?;
                    continue;
                }
                () = self.interrupt.raised() => return Ok(()),
                () = tokio::time::sleep_until(deadline) => return Err(self.silent().into()),
            };
            match next {
                Some(delivery) => self.take(reading, delivery).await?,
                None => return Ok(()),
            }
        }
    }

    /// Whether the operator has stopped it, or it has moved what it may.
    fn is_enough(&self) -> bool {
        self.interrupt.is_raised() || self.replay.request.limit.is_some_and(|limit| self.report.selected >= limit)
    }

    /// Works off the fates that are known, and acknowledges what is safe if that is at least so many.
    async fn settle(&mut self, reading: &mut Reading<'_>, least: usize) -> Result<(), Error> {
        while let Some((_, fate)) = self.publisher.take_settled() {
            self.settled(fate, reading.deliveries());
        }
        self.acknowledge(reading, least).await
    }

    /// Nothing came for as long as the broker may be silent.
    fn silent(&self) -> broker::Error {
        match self.replay.publishing.blocked().borrow().clone() {
            Some(reason) => broker::Error::Blocked { reason },
            None if self.publisher.unsettled() > 0 => broker::Error::Timeout { what: "a confirmation".to_owned() },
            None => broker::Error::Timeout { what: "the next message of the queue".to_owned() },
        }
    }

    /// One message of the set: sent on its way, or kept.
    async fn take(&mut self, reading: &mut Reading<'_>, delivery: Delivery) -> Result<(), Error> {
        self.read += 1;
        (self.listen)(Event::Read { read: self.read });
        match self.replay.is_meant(&delivery.message) {
            Some(true) => (),
            Some(false) => return self.stay(reading, delivery).await,
            None => {
                self.report.undecided += 1;
                return self.stay(reading, delivery).await;
            }
        }
        let seq = self.read;
        let address = match target::address(&self.replay.request.to, &self.replay.session.queue, &delivery.message) {
            Ok(address) => address,
            Err(why) => {
                self.report.selected += 1;
                self.told(seq, &delivery.message, None, Outcome::Skipped(why.to_owned()));
                return self.stay(reading, delivery).await;
            }
        };
        let standing = match self.targets.standing(&address).await {
            Ok(standing) => standing,
            Err(error) => {
                self.stay(reading, delivery).await?;
                return Err(error.into());
            }
        };
        if let Standing::Missing(why) = standing {
            self.report.selected += 1;
            self.told(seq, &delivery.message, Some(address), Outcome::Skipped(why));
            return self.stay(reading, delivery).await;
        }
        if self.replay.request.dry_run {
            self.report.selected += 1;
            self.told(seq, &delivery.message, Some(address), Outcome::WouldReplay);
            return self.stay(reading, delivery).await;
        }
        let Delivery { message, receipt } = delivery;
        let endangered = self.replay.session.would_lose(&message).then(|| Box::new(message.clone()));
        let message_id = message.properties.message_id.clone();
        let facts =
            travel::Facts { run: &self.replay.session.run, user: self.replay.publishing.user(), also: &address.also };
        let travelling = travel::outgoing(message, &facts);
        let letter = Letter {
            exchange: address.exchange.clone(),
            routing_key: address.routing_key.clone(),
            properties: travelling.properties,
            body: travelling.body,
        };
        let pending = Pending { seq, message_id, target: address, receipt, endangered };
        if self.send(reading, letter, pending).await? {
            self.report.selected += 1;
        }
        Ok(())
    }

    /// Publishes when there is room and the broker takes messages; says whether it came to that before the operator stopped it.
    async fn send(&mut self, reading: &mut Reading<'_>, letter: Letter, pending: Pending) -> Result<bool, Error> {
        let deadline = Instant::now() + self.replay.request.timeout;
        let mut blocked = self.replay.publishing.blocked();
        let mut told = false;
        loop {
            let reason = blocked.borrow_and_update().clone();
            if let Some(reason) = &reason {
                if !told {
                    (self.listen)(Event::Blocked(Some(reason)));
                    told = true;
                }
                tokio::select! {
                    waited = tokio::time::timeout_at(deadline, blocked.changed()) => if !matches!(waited, Ok(Ok(()))) {
                        self.remain(reading.deliveries(), pending.receipt, pending.endangered);
                        return Err(broker::Error::Blocked { reason: reason.clone() }.into());
                    },
                    () = self.interrupt.raised() => {
                        self.remain(reading.deliveries(), pending.receipt, pending.endangered);
                        return Ok(false);
                    }
                }
                continue;
            }
            if told {
                (self.listen)(Event::Blocked(None));
                told = false;
            }
            if self.publisher.has_room(letter.body.len()) {
                break;
            }
            tokio::select! {
                waited = tokio::time::timeout_at(deadline, self.publisher.await_confirmation()) => if waited.is_err() {
                    self.remain(reading.deliveries(), pending.receipt, pending.endangered);
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
                let Pending { seq, message_id, target, receipt, endangered } = pending;
                self.remain(reading.deliveries(), receipt, endangered);
                self.tell(Line { seq, message_id, target: Some(target), outcome: Outcome::Skipped(error.to_string()) });
            }
        }
        Ok(true)
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
        match &line.outcome {
            Outcome::Replayed => self.report.replayed += 1,
            Outcome::WouldReplay => (),
            Outcome::Skipped(_) => self.report.skipped += 1,
            Outcome::Returned(_) => self.report.returned += 1,
            Outcome::Refused => self.report.refused += 1,
            Outcome::Unknown(_) => self.report.unknown += 1,
        }
        (self.listen)(Event::Settled(&line));
    }

    /// The fate of the oldest message on its way.
    fn settled(&mut self, fate: Fate, deliveries: &mut Deliveries) {
        // Fates come in the order of publishing, one for each that was published.
        let Some(pending) = self.pending.pop_front() else { return };
        if fate == Fate::Routed {
            self.acks.push(pending);
            return;
        }
        let Pending { seq, message_id, target, receipt, endangered } = pending;
        self.remain(deliveries, receipt, endangered);
        let outcome = match fate {
            Fate::Routed => return,
            Fate::Unroutable { reason, .. } => Outcome::Returned(reason),
            Fate::Refused => Outcome::Refused,
            Fate::Unknown { because } => Outcome::Unknown(because),
        };
        self.tell(Line { seq, message_id, target: Some(target), outcome });
    }

    /// Removes the originals of what is safe at its target.
    async fn acknowledge(&mut self, reading: &mut Reading<'_>, least: usize) -> Result<(), Error> {
        if self.acks.len() < least.max(1) {
            return Ok(());
        }
        let mut safe: Vec<Pending> = std::mem::take(&mut self.acks);
        if self.publisher.unsettled() == 0 {
            safe = self.prove(reading, safe).await?;
        }
        let (receipts, moved): (Vec<_>, Vec<_>) = safe
            .into_iter()
            .map(|Pending { seq, message_id, target, receipt, .. }| (receipt, (seq, message_id, target)))
            .unzip();
        let removed = reading.deliveries().acknowledge(receipts).await;
        for (seq, message_id, target) in moved {
            let outcome = match &removed {
                Ok(()) => Outcome::Replayed,
                Err(error) => Outcome::Unknown(format!("it is at its target, and perhaps still here: {error}")),
            };
            self.tell(Line { seq, message_id, target: Some(target), outcome });
        }
        Ok(removed?)
    }

    /// Where no later message proves that a target still takes messages, the broker is asked: a queue that is being deleted
    /// confirms what it does not keep.
    async fn prove(&mut self, reading: &mut Reading<'_>, safe: Vec<Pending>) -> Result<Vec<Pending>, Error> {
        let mut proven = Vec::with_capacity(safe.len());
        let mut failed = None;
        self.targets.forget();
        for pending in safe {
            let because = match &failed {
                None => match self.targets.standing(&pending.target).await {
                    Ok(Standing::Exists) => {
                        proven.push(pending);
                        continue;
                    }
                    Ok(Standing::Missing(_)) => "its target went away at about that time".to_owned(),
                    Err(error) => {
                        let because = format!("nobody could say whether its target is still there: {error}");
                        failed = Some(error);
                        because
                    }
                },
                Some(error) => format!("nobody could say whether its target is still there: {error}"),
            };
            let Pending { seq, message_id, target, receipt, endangered } = pending;
            self.remain(reading.deliveries(), receipt, endangered);
            self.tell(Line { seq, message_id, target: Some(target), outcome: Outcome::Unknown(because) });
        }
        if let Some(error) = failed {
            self.stop(error.into());
        }
        Ok(proven)
    }

    async fn settle_all(&mut self, reading: &mut Reading<'_>) -> Result<(), Error> {
        while self.publisher.unsettled() > 0 {
            let blocked = self.replay.publishing.blocked().borrow().is_some();
            let (patience, interrupt) = (self.replay.request.timeout, self.interrupt);
            // What a blocked broker had read before, it confirms at once; the rest it does not read, and nobody wants to wait.
            let unwanted = async {
                if !blocked {
                    std::future::pending::<()>().await;
                }
                interrupt.raised().await;
                tokio::time::sleep(BLOCKED).await;
            };
            tokio::select! {
                fate = self.publisher.next() => match fate {
                    Some((_, fate)) => self.settled(fate, reading.deliveries()),
                    None => break,
                },
                () = unwanted => self.publisher.give_up("the broker took no messages"),
                () = tokio::time::sleep(patience) => self.publisher.give_up("the broker did not confirm in time"),
            }
        }
        self.acknowledge(reading, 1).await
    }

    /// Gives back what was read and not settled, and what was never looked at.
    pub(super) async fn give_back(&mut self, mut reading: Reading<'_>) {
        let unseen = match reading.deliveries().cancel().await {
            Ok(unseen) => unseen,
            Err(error) => return self.stop(error.into()),
        };
        self.stay_all(&mut reading, unseen).await;
        let endangered = std::mem::take(&mut self.endangered);
        self.stay_all(&mut reading, endangered).await;
        self.report.saved = self.saver.copied();
        if let Err(error) = self.replay.session.give_back(reading.into_deliveries()).await {
            self.stop(error);
        }
    }
}
