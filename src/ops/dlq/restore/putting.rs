//! The publishing part of a restore: each record is published mandatory and confirmed, and its fate is told.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use tokio::{sync::mpsc, time::Instant};

use super::Restore;
use crate::{
    broker::{self, Fate, Letter, Publisher},
    interrupt::Interrupt,
    message::{Message, travel},
    ops::dlq::{
        Error,
        archive::{Damage, Reader},
        run::{Event, Line, Outcome, Report},
        target::{self, Address, Standing, Targets, To},
    },
};

/// How many confirmations are gathered before their targets are asked whether they are still there.
const PROVE: usize = 1000;

/// How long confirmations gather where the window is full: woken for each, we would spend more time on waking than on messages.
const PAUSE: Duration = Duration::from_millis(4);

/// How long confirmations are waited for at the end of a run while the broker takes no messages.
const BLOCKED: Duration = Duration::from_secs(2);

/// How far reading runs ahead of publishing: so many batches of so many records, or of so many bytes of bodies.
const AHEAD: usize = 2;
const BATCH: usize = 250;
const BATCH_BYTES: usize = 2 << 20;

/// A record on its way.
struct Pending {
    seq: u64,
    message_id: Option<String>,
    target: Address,
}

/// The publishing part of a run.
pub(super) struct Putting<'r, L> {
    restore: &'r Restore,
    publisher: Publisher,
    targets: Targets<'r>,
    interrupt: &'r Interrupt,
    listen: L,
    report: Report,
    /// In the order of publishing.
    pending: VecDeque<Pending>,
    /// Confirmed, and not yet asked about.
    confirmed: Vec<Pending>,
    read: u64,
    tickets: u64,
}

impl<'r, L: FnMut(Event<'_>)> Putting<'r, L> {
    pub(super) fn new(
        restore: &'r Restore,
        publisher: Publisher,
        targets: Targets<'r>,
        interrupt: &'r Interrupt,
        listen: L,
    ) -> Putting<'r, L> {
        let report = Report { run: restore.run.clone(), dry_run: restore.request.dry_run, ..Report::default() };
        let (pending, confirmed) = (VecDeque::new(), Vec::new());
        Putting { restore, publisher, targets, interrupt, listen, report, pending, confirmed, read: 0, tickets: 0 }
    }

    /// Publishes what is meant until the archive ends, the operator stops, or something ends it. Then everything published is settled.
    pub(super) async fn pump(mut self, reader: Reader) -> Report {
        if let Err(error) = self.feed(ahead(reader)).await {
            self.stop(error);
        }
        self.report.interrupted = self.interrupt.is_raised();
        if let Err(error) = self.settle_all().await {
            self.stop(error);
        }
        if let Some(error) = self.publisher.take_end() {
            self.stop(error.into());
        }
        self.report
    }

    fn stop(&mut self, error: Error) {
        self.report.stopped.get_or_insert(error);
    }

    async fn feed(&mut self, mut records: mpsc::Receiver<Result<Vec<Message>, Damage>>) -> Result<(), Error> {
        loop {
            let batch = tokio::select! {
                biased;
                () = self.interrupt.raised() => return Ok(()),
                batch = records.recv() => batch,
            };
            let batch = match batch {
                None => return Ok(()),
                Some(Ok(batch)) => batch,
                // What was known before is what the operator has agreed to.
                Some(Err(damage)) if self.restore.survey.damage.as_ref() == Some(&damage) => return Ok(()),
                Some(Err(damage)) => {
                    return Err(Error::Damaged { path: self.restore.request.path.clone(), damage });
                }
            };
            for message in batch {
                if self.is_enough() || self.publisher.has_ended() {
                    return Ok(());
                }
                self.take(message).await?;
            }
            self.publisher.take_up();
            self.settle(PROVE).await?;
        }
    }

    /// Whether the operator has stopped it, or it has put back what it may.
    fn is_enough(&self) -> bool {
        let limit = self.restore.request.limit;
        self.interrupt.is_raised() || limit.is_some_and(|limit| self.report.selected >= limit)
    }

    /// One record: sent on its way, or left where it is.
    async fn take(&mut self, message: Message) -> Result<(), Error> {
        let (restore, queue) = (self.restore, self.restore.header.queue.as_str());
        self.read += 1;
        let seq = self.read;
        (self.listen)(Event::Read(seq));
        match restore.request.selector.matches(queue, &message) {
            Some(true) => (),
            Some(false) => return Ok(()),
            None => {
                self.report.undecided += 1;
                return Ok(());
            }
        }
        let message_id = message.properties.message_id.clone();
        let target = match target::address(&restore.to, queue, &message) {
            Ok(target) => target,
            Err(why) => {
                self.report.selected += 1;
                self.tell(Line { seq, message_id, target: None, outcome: Outcome::Skipped(why.to_owned()) });
                return Ok(());
            }
        };
        let standing = self.targets.standing(&target).await?;
        let foreseen = match standing {
            Standing::Missing(why) => Some(Outcome::Skipped(why)),
            Standing::Exists if restore.request.dry_run => Some(Outcome::WouldReplay),
            Standing::Exists => None,
        };
        if let Some(outcome) = foreseen {
            self.report.selected += 1;
            self.tell(Line { seq, message_id, target: Some(target), outcome });
            return Ok(());
        }
        let user = restore.publishing.user();
        let travelling = match restore.to {
            To::Queue(_) => travel::restored(message, user),
            // It goes on from there as what a replay sends.
            _ => travel::outgoing(
                message,
                &travel::Facts { run: &restore.run, user, also: &target.also, rules: &restore.request.rules },
            ),
        };
        let letter = Letter {
            exchange: target.exchange.clone(),
            routing_key: target.routing_key.clone(),
            properties: travelling.properties,
            body: travelling.body,
        };
        if self.send(letter, Pending { seq, message_id, target }).await? {
            self.report.selected += 1;
        }
        Ok(())
    }

    /// Publishes when there is room and the broker takes messages; says whether it came to that before the operator stopped it.
    async fn send(&mut self, letter: Letter, pending: Pending) -> Result<bool, Error> {
        let deadline = Instant::now() + self.restore.request.timeout;
        let mut blocked = self.restore.publishing.blocked();
        let mut told = false;
        loop {
            let reason = blocked.borrow_and_update().clone();
            if let Some(reason) = &reason {
                if !std::mem::replace(&mut told, true) {
                    (self.listen)(Event::Blocked(Some(reason)));
                }
                tokio::select! {
                    waited = tokio::time::timeout_at(deadline, blocked.changed()) => if !matches!(waited, Ok(Ok(()))) {
                        return Err(broker::Error::Blocked { reason: reason.clone() }.into());
                    },
                    () = self.interrupt.raised() => return Ok(false),
                }
                continue;
            }
            if std::mem::take(&mut told) {
                (self.listen)(Event::Blocked(None));
            }
            if self.publisher.has_room(letter.body.len()) {
                break;
            }
            tokio::select! {
                waited = tokio::time::timeout_at(deadline, self.publisher.await_confirmation()) => if waited.is_err() {
                    return Err(broker::Error::Timeout { what: "a confirmation".to_owned() }.into());
                },
                _ = blocked.changed() => continue,
            }
            tokio::time::sleep(PAUSE).await;
            self.publisher.take_up();
            self.settle(PROVE).await?;
        }
        self.tickets += 1;
        match self.publisher.publish(self.tickets, letter) {
            Ok(()) => self.pending.push_back(pending),
            // It does not fit the protocol any more: nothing was sent.
            Err(error) => {
                let Pending { seq, message_id, target } = pending;
                self.tell(Line { seq, message_id, target: Some(target), outcome: Outcome::Skipped(error.to_string()) });
            }
        }
        Ok(true)
    }

    /// Works off the fates that are known, and proves what is confirmed if that is at least so many.
    async fn settle(&mut self, least: usize) -> Result<(), Error> {
        while let Some((_, fate)) = self.publisher.take_settled() {
            self.settled(fate);
        }
        if self.confirmed.len() >= least.max(1) { self.prove().await } else { Ok(()) }
    }

    /// The fate of the oldest record on its way.
    fn settled(&mut self, fate: Fate) {
        // Fates come in the order of publishing, one for each that was published.
        let Some(pending) = self.pending.pop_front() else { return };
        let outcome = match fate {
            Fate::Routed => return self.confirmed.push(pending),
            Fate::Unroutable { reason, .. } => Outcome::Returned(reason),
            Fate::Refused => Outcome::Refused,
            Fate::Unknown { because } => Outcome::Unknown(because),
        };
        let Pending { seq, message_id, target } = pending;
        self.tell(Line { seq, message_id, target: Some(target), outcome });
    }

    /// Asks whether the targets of what was confirmed are still there: a queue that is being deleted confirms what it does not keep.
    async fn prove(&mut self) -> Result<(), Error> {
        let confirmed = std::mem::take(&mut self.confirmed);
        let places: BTreeMap<(&str, &str), &Address> =
            confirmed.iter().map(|pending| (pending.target.place(), &pending.target)).collect();
        let places: Vec<Address> = places.into_values().cloned().collect();
        let mut now = Targets::new(&self.restore.asking);
        let failed = now.ask(&places).await.err();
        for Pending { seq, message_id, target } in confirmed {
            let outcome = match (now.known(&target), &failed) {
                (Some(Standing::Exists), _) => Outcome::Replayed,
                (Some(Standing::Missing(_)), _) => {
                    Outcome::Unknown("its target went away at about that time".to_owned())
                }
                (None, Some(error)) => {
                    Outcome::Unknown(format!("nobody could say whether its target is still there: {error}"))
                }
                (None, None) => Outcome::Unknown("nobody could say whether its target is still there".to_owned()),
            };
            self.tell(Line { seq, message_id, target: Some(target), outcome });
        }
        self.targets.learn(now);
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Waits for the fate of everything that is on its way.
    async fn settle_all(&mut self) -> Result<(), Error> {
        while self.publisher.unsettled() > 0 {
            let blocked = self.restore.publishing.blocked().borrow().is_some();
            let (patience, interrupt) = (self.restore.request.timeout, self.interrupt);
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
                    Some((_, fate)) => self.settled(fate),
                    None => break,
                },
                () = unwanted => self.publisher.give_up("the broker took no messages"),
                () = tokio::time::sleep(patience) => self.publisher.give_up("the broker did not confirm in time"),
            }
        }
        self.settle(1).await
    }

    fn tell(&mut self, line: Line) {
        self.report.count(&line.outcome);
        (self.listen)(Event::Settled(&line));
    }
}

/// Reads an archive on a thread of its own, a bounded way ahead.
fn ahead(mut reader: Reader) -> mpsc::Receiver<Result<Vec<Message>, Damage>> {
    let (give, take) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let mut end = None;
        while end.is_none() {
            let (mut batch, mut bytes) = (Vec::with_capacity(BATCH), 0);
            while end.is_none() && batch.len() < BATCH && bytes < BATCH_BYTES {
                match reader.next_message() {
                    Ok(Some(message)) => {
                        bytes += message.body.len();
                        batch.push(message);
                    }
                    Ok(None) => end = Some(Ok(())),
                    Err(damage) => end = Some(Err(damage)),
                }
            }
            if give.blocking_send(Ok(batch)).is_err() {
                return;
            }
        }
        if let Some(Err(damage)) = end {
            // Nobody is there to hear it where the run has ended.
            let _ = give.blocking_send(Err(damage));
        }
    });
    take
}
