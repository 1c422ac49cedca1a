//! The removing part of a purge: in batches, each archived, proven and written down before it is acknowledged.

use super::{Purge, io};
use crate::{
    broker::{Delivery, Error as BrokerError},
    interrupt::Interrupt,
    message::Identity,
    ops::dlq::{
        Error,
        archive::Archive,
        journal::{self, Journal, Known, Past, Verdict},
        marks::Marks,
        reading::Reading,
        run::{Event, Line, Outcome, Report},
        saver::Saver,
    },
};

/// Bodies of a batch.
const BATCH_BYTES: usize = 16 << 20;

/// A message that is to be removed.
struct Chosen {
    seq: u64,
    delivery: Delivery,
    identity: Identity,
}

/// What is known of the run that is gone on with.
struct Before {
    known: Known,
    /// How many messages may be looked at that it had not removed.
    budget: u64,
    /// How many may be in the archive twice: they are equal to others in everything.
    twice: u64,
}

/// The removing part of a run.
pub(super) struct Removing<'a> {
    purge: &'a Purge<'a>,
    archive: Option<Archive>,
    journal: Option<Journal>,
    before: Option<Before>,
    reading: Reading<'a>,
    saver: Saver<'a>,
    /// Exactly these of the selected ones; `None` is all.
    marked: Option<Marks>,
    batch: Vec<Chosen>,
    bytes: usize,
    /// How many were selected that no earlier run had begun with.
    fresh: u64,
    read: u64,
}

impl<'a> Removing<'a> {
    /// Begins to read.
    ///
    /// # Errors
    /// When the queue may not be consumed, or is gone.
    pub(super) async fn begin(
        purge: &'a Purge<'a>,
        archive: Option<Archive>,
        journal: Option<Journal>,
        past: Option<&Past>,
    ) -> Result<Removing<'a>, Error> {
        let reading = purge.session.begin(purge.set, purge.hold).await?;
        let before = past.map(|past| Before { known: Known::of(past), budget: past.rest(), twice: 0 });
        let (saver, marked) = (Saver::new(&purge.session), purge.request.marked.clone());
        let batch = Vec::new();
        Ok(Removing { purge, archive, journal, before, reading, saver, marked, batch, bytes: 0, fresh: 0, read: 0 })
    }

    pub(super) async fn pump(
        &mut self,
        interrupt: &Interrupt,
        report: &mut Report,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Error> {
        while self.is_going_on() {
            let (kept, most) = self.reading.kept();
            if self.batch.len() >= most.div_ceil(2) || self.batch.len() + kept >= most || self.bytes >= BATCH_BYTES {
                self.remove(report, listen).await?;
            }
            self.reading.make_room().await?;
            let next = tokio::select! {
                biased;
                () = interrupt.raised() => { report.interrupted = true; break }
                next = self.reading.next() => next?,
            };
            let Some(delivery) = next else { break };
            self.read += 1;
            listen(Event::Read(self.read));
            let identity = Identity::of(&delivery.message);
            if !self.is_chosen(&delivery, identity, report) {
                self.saver.stay(self.reading.deliveries(), delivery).await?;
                continue;
            }
            report.selected += 1;
            let seq = self.read;
            if self.purge.request.dry_run {
                let message_id = delivery.message.properties.message_id.clone();
                tell(Line { seq, message_id, target: None, outcome: Outcome::WouldRemove }, report, listen);
                self.saver.stay(self.reading.deliveries(), delivery).await?;
                continue;
            }
            self.bytes += delivery.message.body.len();
            self.batch.push(Chosen { seq, delivery, identity });
        }
        if !report.interrupted {
            report.missing = self.marked.as_ref().map_or(0, Marks::count);
        }
        self.remove(report, listen).await
    }

    /// Whether it may remove more. What an earlier run had archived is removed beside what it may.
    fn is_going_on(&self) -> bool {
        let has_room = self.purge.request.most().is_none_or(|most| self.fresh < most);
        has_room || self.before.as_ref().is_some_and(|before| before.known.has_safe())
    }

    /// Whether a message is to be removed.
    fn is_chosen(&mut self, delivery: &Delivery, identity: Identity, report: &mut Report) -> bool {
        let message = &delivery.message;
        if let Some(before) = &mut self.before {
            match before.known.peek(message, identity) {
                Verdict::New | Verdict::Doubtful(_, true) if before.budget == 0 => return false,
                Verdict::New | Verdict::Doubtful(_, true) => before.budget -= 1,
                Verdict::Back => {
                    self.reading.is_beside();
                    return true;
                }
                Verdict::Safe(_) | Verdict::Doubtful(_, false) => return true,
            }
        }
        let request = &self.purge.request;
        if request.most().is_some_and(|most| self.fresh >= most) {
            return false;
        }
        let selected = request.subject.selector.matches(&self.purge.session.queue, message);
        report.undecided += u64::from(selected.is_none());
        let is_chosen = selected == Some(true) && self.marked.as_mut().is_none_or(|marked| marked.take(message));
        self.fresh += u64::from(is_chosen);
        is_chosen
    }

    /// Ends the archive of a run, however it went; one without messages goes.
    pub(super) fn finish(&mut self, report: &mut Report) -> Result<(), Error> {
        match self.archive.take() {
            Some(archive) if archive.count() == 0 => {
                report.archive = None;
                archive.discard().map_err(|source| self.purge.bad(source))
            }
            Some(archive) => {
                report.archive_sha256 = Some(archive.finish(true).map_err(|source| self.purge.bad(source))?);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Archives the batch, proves it, writes that down, acknowledges it.
    async fn remove(&mut self, report: &mut Report, listen: &mut impl FnMut(Event<'_>)) -> Result<(), Error> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (fresh, numbers) = self.judged();
        self.archive_those(&fresh).map_err(|source| self.purge.bad(source))?;
        let numbers = self.write_down(&fresh, numbers).await?;
        self.bytes = 0;
        let (removed, receipts): (Vec<_>, Vec<_>) = self
            .batch
            .drain(..)
            .map(|Chosen { seq, delivery: Delivery { message, receipt }, .. }| {
                ((seq, message.properties.message_id), receipt)
            })
            .unzip();
        // An acknowledgement that is written is not one that the broker has read.
        let gone = match self.reading.deliveries().acknowledge(receipts).await {
            Ok(()) => self.reading.deliveries().worked_off().await,
            Err(error) => Err(error),
        };
        if let (Ok(()), Some(journal)) = (&gone, &mut self.journal) {
            journal.gone(numbers);
        }
        for (seq, message_id) in removed {
            tell(Line { seq, message_id, target: None, outcome: outcome(&gone) }, report, listen);
        }
        gone.map_err(Error::from)
    }

    /// Which of the batch are to be archived, by their places in it, and the numbers of those that an earlier run had archived.
    fn judged(&mut self) -> (Vec<usize>, Vec<u64>) {
        let Some(before) = &mut self.before else { return ((0..self.batch.len()).collect(), Vec::new()) };
        before.known.look_ahead(self.batch.iter().map(|chosen| &chosen.delivery.message));
        let (mut fresh, mut numbers) = (Vec::new(), Vec::new());
        for (place, chosen) in self.batch.iter().enumerate() {
            match before.known.judge(&chosen.delivery.message, chosen.identity) {
                Verdict::New => fresh.push(place),
                Verdict::Safe(number) => numbers.push(number),
                Verdict::Back => (),
                // To archive one of two equal messages twice loses nothing; to take the one for the other may. One that was begun with
                // and is not known to be archived is not: the archive was cut back.
                Verdict::Doubtful(number, was_begun_with) => {
                    before.twice += u64::from(!was_begun_with);
                    fresh.push(place);
                    numbers.push(number);
                }
            }
        }
        (fresh, numbers)
    }

    fn archive_those(&mut self, fresh: &[usize]) -> io::Result<()> {
        let Some(archive) = &mut self.archive else { return Ok(()) };
        for place in fresh {
            archive.add(&self.batch[*place].delivery.message)?;
        }
        archive.prove()
    }

    /// Writes down that these are archived, or that they are to go without it, and waits for the disk. Says the numbers of all that goes.
    async fn write_down(&mut self, fresh: &[usize], mut numbers: Vec<u64>) -> Result<Vec<u64>, journal::Error> {
        let Some(journal) = &mut self.journal else { return Ok(numbers) };
        let place = self.purge.archive.as_ref().map_or_else(|| "nowhere".into(), |path| path.to_string_lossy());
        let begun: Vec<u64> = fresh.iter().map(|at| journal.intend(self.batch[*at].identity, &place)).collect();
        numbers.extend(begun);
        numbers.sort_unstable();
        journal.safe(numbers.iter().copied());
        if let Some(archive) = &self.archive {
            journal.archived(archive.proven());
        }
        match tokio::time::timeout(self.purge.session.broker.timeout(), journal.settle()).await {
            Ok(settled) => settled?,
            Err(_silent) => return Err(journal.stalled()),
        }
        Ok(numbers)
    }

    /// Writes the last line of the journal.
    pub(super) async fn close_journal(&mut self, report: &mut Report, listen: &mut impl FnMut(Event<'_>)) {
        if let Some(twice) = self.before.as_ref().map(|before| before.twice).filter(|twice| *twice > 0) {
            listen(Event::Warning(format!(
                "{twice} of them may be in the archive twice: they are equal to others in everything"
            )));
        }
        let Some(mut journal) = self.journal.take() else { return };
        if let Some(before) = self.before.as_ref().filter(|_| report.stopped.is_none() && !report.interrupted) {
            // Everything was looked at: what was not found is gone.
            journal.gone(before.known.gone());
        }
        report.close(journal, self.purge.session.broker.timeout(), listen).await;
    }

    /// Gives back what stays: what was not selected, what a failed batch holds, and what was never looked at.
    pub(super) async fn give_back(mut self, report: &mut Report) -> Result<(), Error> {
        let unseen = self.reading.deliveries().cancel().await?;
        let all = self.batch.drain(..).map(|chosen| chosen.delivery).chain(unseen);
        let saved = self.saver.stay_all(self.reading.deliveries(), all).await;
        report.saved = self.saver.copied();
        self.saver.close().await;
        // What could not be saved keeps nothing else from going back in order.
        saved.and(self.purge.session.give_back(self.reading).await)
    }
}

/// What became of a message that was acknowledged.
fn outcome(gone: &Result<(), BrokerError>) -> Outcome {
    match gone {
        Ok(()) => Outcome::Removed,
        Err(error) => Outcome::Unknown(format!("it may be removed, and may still be here: {error}")),
    }
}

/// Counts and tells what became of a message.
fn tell(line: Line, report: &mut Report, listen: &mut impl FnMut(Event<'_>)) {
    report.count(&line.outcome);
    listen(Event::Settled(&line));
}
