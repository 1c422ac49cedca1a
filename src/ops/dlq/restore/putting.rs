//! The publishing part of a restore: each record is published mandatory and confirmed, and its fate is told.

mod settling;

use std::{collections::VecDeque, mem, time::Duration};

use tokio::{sync::mpsc, time::Instant};

use super::{Restore, WINDOW, again::Part, ahead::ahead};
use crate::{
    broker::{Letter, Publisher},
    interrupt::Interrupt,
    message::{Message, travel},
    ops::dlq::{
        Error,
        archive::{Damage, Reader},
        journal::Journal,
        run::{Event, Line, Outcome, Report},
        target::{self, Address, Standing, Targets, To},
        written::Written,
    },
};

/// How many confirmations are gathered before their targets are asked whether they are still there.
const PROVE: usize = 1000;

/// How long confirmations gather where the window is full: woken for each, we would spend more time on waking than on messages.
const PAUSE: Duration = Duration::from_millis(4);

/// A record on its way.
struct Pending {
    /// Its place in the archive.
    seq: u64,
    message_id: Option<String>,
    target: Address,
    /// Whatever becomes of it now, it may be at its target since an earlier run.
    in_doubt: bool,
}

/// The records that are still to be read.
type Records = mpsc::Receiver<Result<Vec<Message>, Damage>>;

/// The publishing part of a run.
pub(super) struct Putting<'r, L> {
    restore: &'r Restore,
    publisher: Publisher,
    targets: Targets<'r>,
    interrupt: &'r Interrupt,
    listen: L,
    report: Report,
    /// What is about to be published, and not written down yet.
    fresh: Vec<(Letter, Pending)>,
    /// What is left in doubt for good, and not written down yet.
    passed: Vec<u64>,
    /// What waits for the disk.
    written: Written<Pending>,
    /// In the order of publishing.
    pending: VecDeque<Pending>,
    /// Confirmed, and not yet asked about.
    confirmed: Vec<Pending>,
    /// Records that were begun with and are not settled, and the bytes of those of them that are not published.
    open: usize,
    waiting: usize,
    /// How many more may be begun with.
    budget: Option<u64>,
    /// It has been told that the broker takes no messages.
    in_alarm: bool,
    read: u64,
    tickets: u64,
}

impl<'r, L: FnMut(Event<'_>)> Putting<'r, L> {
    pub(super) fn new(
        restore: &'r Restore,
        publisher: Publisher,
        targets: Targets<'r>,
        interrupt: &'r Interrupt,
        journal: Option<Journal>,
        listen: L,
    ) -> Putting<'r, L> {
        Putting {
            restore,
            publisher,
            targets,
            interrupt,
            listen,
            report: Report { run: restore.run.clone(), dry_run: restore.request.dry_run, ..Report::default() },
            fresh: Vec::new(),
            passed: Vec::new(),
            written: Written::new(journal),
            pending: VecDeque::new(),
            confirmed: Vec::new(),
            open: 0,
            waiting: 0,
            budget: restore.again.budget(restore.request.limit),
            in_alarm: false,
            read: 0,
            tickets: 0,
        }
    }

    /// Publishes what is meant until the archive ends, the operator stops, or something ends it. Then everything published is settled.
    pub(super) async fn pump(mut self, reader: Reader) -> Report {
        if let Err(error) = self.feed(ahead(reader)).await {
            self.stop(error);
        }
        self.report.interrupted = self.interrupt.is_raised();
        self.unsend();
        if let Err(error) = self.settle_all().await {
            self.stop(error);
        }
        if let Some(error) = self.publisher.take_end() {
            self.stop(error.into());
        }
        if let Some(journal) = self.written.journal.take() {
            self.report.close(journal, self.restore.request.timeout, &mut self.listen).await;
        }
        self.report
    }

    fn stop(&mut self, error: Error) {
        self.report.stopped.get_or_insert(error);
    }

    /// Takes what is read, publishes what is written down, and settles what is confirmed, until nothing is left to be published.
    async fn feed(&mut self, mut records: Records) -> Result<(), Error> {
        let mut alarm = self.restore.publishing.blocked();
        let (mut batch, mut ended) = (VecDeque::new(), false);
        loop {
            while !ended && !self.is_full() {
                let Some(message) = batch.pop_front() else { break };
                ended = self.is_enough();
                if !ended {
                    self.take(message).await?;
                }
            }
            self.enter();
            self.publisher.take_up();
            self.publish()?;
            // Where nothing more is on its way, nothing more will gather.
            let is_idle = (ended || self.is_full()) && self.publisher.unsettled() == 0;
            self.settle(if is_idle { 1 } else { self.gathered() }).await?;
            if self.interrupt.is_raised() || self.publisher.has_ended() || (ended && !self.written.has_staged()) {
                return Ok(());
            }
            let waits = ended || self.is_full();
            if !waits && !batch.is_empty() {
                continue;
            }
            self.tell_alarm();
            let deadline = Instant::now() + self.restore.request.timeout;
            tokio::select! {
                biased;
                () = self.interrupt.raised() => return Ok(()),
                next = records.recv(), if !waits => match next {
                    None => ended = true,
                    Some(Ok(next)) => batch.extend(next),
                    // What was known before is what the operator has agreed to.
                    Some(Err(damage)) if self.restore.survey.damage.as_ref() == Some(&damage) => ended = true,
                    Some(Err(damage)) => {
                        return Err(Error::Damaged { path: self.restore.request.path.clone(), damage });
                    }
                },
                // What may be published already waits for something else.
                synced = self.written.synced(), if self.written.next_size().is_none() => synced?,
                Ok(()) = alarm.changed() => (),
                () = self.publisher.await_confirmation(), if waits && self.publisher.unsettled() > 0 => {
                    tokio::time::sleep(PAUSE).await;
                }
                () = tokio::time::sleep_until(deadline), if waits => {
                    return Err(self.written.silent(&self.restore.publishing, "a confirmation"));
                }
            }
        }
    }

    /// Whether the operator has stopped it, or it has put back what it may.
    fn is_enough(&self) -> bool {
        let may_be_in_doubt = self.restore.again.has_doubtful_behind(self.read);
        self.interrupt.is_raised() || (self.budget == Some(0) && !may_be_in_doubt)
    }

    /// Whether as many records are open as may be: what a kill could leave in doubt is bounded by that.
    fn is_full(&self) -> bool {
        self.open >= usize::from(self.restore.window()) || self.waiting >= WINDOW.bytes
    }

    /// How many confirmations gather before they are proven.
    fn gathered(&self) -> usize {
        PROVE.min(usize::from(self.restore.window()) / 3).max(1)
    }

    /// One record: sent on its way, or left where it is.
    async fn take(&mut self, message: Message) -> Result<(), Error> {
        let (restore, queue) = (self.restore, self.restore.header.queue.as_str());
        self.read += 1;
        let seq = self.read;
        (self.listen)(Event::Read(seq));
        let part = restore.again.part(seq);
        if !self.is_meant(part, &message) {
            return Ok(());
        }
        self.report.selected += 1;
        let message_id = message.properties.message_id.clone();
        let address = target::address(&restore.request.to, queue, &message);
        let standing = match &address {
            Ok(target) => self.targets.standing(target).await?,
            Err(why) => Standing::Missing((*why).to_owned()),
        };
        let may_be_there = || "it may be at its target already".to_owned();
        let foreseen = match (part, standing) {
            (Part::InDoubt, _) => Some(Outcome::InDoubt(may_be_there())),
            (Part::Passed, _) => Some(Outcome::Skipped(may_be_there())),
            (_, Standing::Missing(why)) => Some(Outcome::Skipped(why)),
            (_, Standing::Exists) if restore.request.dry_run => Some(Outcome::WouldReplay),
            (_, Standing::Exists) => None,
        };
        let target = match (foreseen, address) {
            (None, Ok(target)) => target,
            (Some(outcome), address) => {
                self.passed.extend((part == Part::Passed).then_some(seq));
                self.tell(Line { seq, message_id, target: address.ok(), outcome });
                return Ok(());
            }
            // What has no address has nowhere to go, and that was foreseen.
            (None, Err(_)) => return Ok(()),
        };
        let user = restore.publishing.user();
        let travelling = match restore.request.to {
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
        self.open += 1;
        self.waiting += letter.body.len();
        self.fresh.push((letter, Pending { seq, message_id, target, in_doubt: part == Part::Again }));
        Ok(())
    }

    /// Whether a record is one of those that this run is about.
    fn is_meant(&mut self, part: Part, message: &Message) -> bool {
        match part {
            Part::Settled => return false,
            Part::InDoubt | Part::Passed | Part::Again => return true,
            Part::New if self.budget == Some(0) => return false,
            Part::New => (),
        }
        let meant = self.restore.request.selector.matches(&self.restore.header.queue, message);
        self.report.undecided += u64::from(meant.is_none());
        let is_meant = meant == Some(true);
        self.budget = self.budget.map(|budget| budget - u64::from(is_meant));
        is_meant
    }

    /// Writes down what was taken: that it is about to be published.
    fn enter(&mut self) {
        if let Some(journal) = &mut self.written.journal {
            journal.passed(mem::take(&mut self.passed));
            journal.put(self.fresh.iter().filter(|(_, pending)| !pending.in_doubt).map(|(_, pending)| pending.seq));
        }
        for (letter, pending) in self.fresh.drain(..) {
            self.written.stage(letter, pending);
        }
    }

    /// Publishes what may be published by now, as far as there is room and the broker takes messages.
    fn publish(&mut self) -> Result<(), Error> {
        self.written.push()?;
        while !self.publisher.has_ended()
            && self.restore.publishing.blocked().borrow().is_none()
            && self.written.next_size().is_some_and(|bytes| self.publisher.has_room(bytes))
            && let Some((letter, pending)) = self.written.next_staged()
        {
            self.waiting -= letter.body.len();
            self.tickets += 1;
            match self.publisher.publish(self.tickets, letter) {
                Ok(()) => self.pending.push_back(pending),
                // It does not fit the protocol any more: nothing was sent.
                Err(error) => self.kept(pending, Outcome::Skipped(error.to_string()), true),
            }
        }
        Ok(())
    }

    /// What was about to be published was not begun with.
    fn unsend(&mut self) {
        self.enter();
        let unsent = self.written.unstage();
        self.report.selected -= unsent.len() as u64;
        self.open -= unsent.len();
        if let Some(journal) = &mut self.written.journal {
            journal.stays(unsent.iter().filter(|pending| !pending.in_doubt).map(|pending| pending.seq));
        }
    }

    /// What did not arrive, or may not have. Where it is certain, the record is as if it had never been put.
    fn kept(&mut self, pending: Pending, outcome: Outcome, is_nowhere: bool) {
        let Pending { seq, message_id, target, in_doubt } = pending;
        self.open -= 1;
        if let Some(journal) = self.written.journal.as_mut().filter(|_| is_nowhere && !in_doubt) {
            journal.stays([seq]);
        }
        self.tell(Line { seq, message_id, target: Some(target), outcome });
    }

    /// Says that the broker takes no messages, or takes them again, if that is news.
    fn tell_alarm(&mut self) {
        let reason = self.restore.publishing.blocked().borrow().clone();
        if self.in_alarm != reason.is_some() {
            self.in_alarm = reason.is_some();
            (self.listen)(Event::Blocked(reason.as_deref()));
        }
    }

    fn tell(&mut self, line: Line) {
        self.report.count(&line.outcome);
        (self.listen)(Event::Settled(&line));
    }
}
