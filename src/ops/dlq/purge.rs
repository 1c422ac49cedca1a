//! Removing messages for good: into a file first, the file read back and compared, then exactly those from the queue. This goes
//! batch by batch, so that what is held is bounded, and a run that is cut off has lost nothing.

use std::path::PathBuf;

use super::{
    Error,
    archive::{Archive, Origin},
    intent::{Intent, Scope},
    marks::Marks,
    reading::{Hold, Reading},
    run::{Event, Line, Outcome, Report},
    saver::Saver,
    session::{Assumption, Purpose, Save, Session},
    terms::Wish,
};
use crate::{
    broker::{Broker, Delivery},
    interrupt::Interrupt,
    message::selector::Selector,
};

/// What is to be removed.
pub struct Request {
    /// The queue.
    pub queue: String,
    /// At most so many of the selected ones.
    pub limit: Option<u64>,
    /// Which ones.
    pub selector: Selector,
    /// Exactly these of them; `None` is all.
    pub marked: Option<Marks>,
    /// How messages that stay are kept from being dropped.
    pub save: Save,
    /// What to believe where the management API is silent.
    pub assume: Option<Assumption>,
    /// How many messages may be held at once; `None` is chosen by what could be lost.
    pub window: Option<u16>,
    /// Whether a copy is kept.
    pub archives: bool,
    /// Where; `None` is a new file in the working directory, named after the run.
    pub archive: Option<PathBuf>,
    /// Only count.
    pub dry_run: bool,
    /// Who runs it, `user@host`.
    pub owner: String,
}

impl Request {
    fn is_everything(&self) -> bool {
        self.selector.is_everything() && self.marked.is_none()
    }

    /// How many messages it may remove.
    fn most(&self) -> Option<u64> {
        self.limit.into_iter().chain(self.marked.as_ref().map(Marks::count)).min()
    }

    /// What it is going to do to the queue.
    #[must_use]
    pub fn intent(&self) -> Intent<'_> {
        let purpose = Purpose {
            queue: &self.queue,
            command: "evbus dlq purge",
            owner: &self.owner,
            assume: self.assume,
            gives_back: !self.is_everything() || self.dry_run || self.archives,
            locks: !self.dry_run,
        };
        let wish = Wish { save: self.save, window: self.window, in_hand: IN_HAND, careful: CAREFUL, only_looks: false };
        Intent { purpose, wish, scope: Scope::of(self.is_everything(), self.limit), writes: false }
    }
}

/// What is shown before anything is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Messages in the queue.
    pub depth: u64,
    /// When the first of them was published; `None` is unknown.
    pub oldest_at: Option<jiff::Timestamp>,
    /// Consumers that read it at the same time.
    pub consumers: u64,
    /// The run's id.
    pub run: String,
    /// Messages that will be looked at.
    pub set: u64,
    /// Whether all of them will be removed.
    pub all: bool,
    /// Where they are kept.
    pub archive: Option<PathBuf>,
    /// Nothing will be removed.
    pub dry_run: bool,
}

/// How many messages may be undecided at once when nothing is known to be at stake; a batch is half of what may be held.
const IN_HAND: u16 = 1000;
/// The same where a killed evbus would cost every message it holds an attempt.
const CAREFUL: u16 = 100;
/// Bodies of a batch.
const BATCH_BYTES: usize = 16 << 20;

/// A purge that has connected and waits for consent.
pub struct Purge<'a> {
    session: Session<'a>,
    request: Request,
    set: u64,
    hold: Hold,
    archive: Option<PathBuf>,
}

impl<'a> Purge<'a> {
    /// Connects, learns and locks; nothing is held yet.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn prepare(
        broker: &'a Broker,
        request: Request,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<Purge<'a>, Error> {
        let intent = request.intent();
        let mut session = Session::open(broker, intent.purpose).await?;
        let set = intent.scope.set(session.facts.ready);
        let terms = session.terms(&intent.wish, set).await?;
        for warning in terms.warnings {
            listen(Event::Warning(warning));
        }
        if let Some(policy) = &terms.guarded {
            listen(Event::Guarded(policy));
        }
        let new = || PathBuf::from(format!("evbus-purge-{}.ndjson.zst", session.run));
        let archive = (request.archives && !request.dry_run).then(|| request.archive.clone().unwrap_or_else(new));
        Ok(Purge { session, request, set, hold: terms.hold, archive })
    }

    /// Messages in the set: an upper bound where a selector chooses among them.
    #[must_use]
    pub fn set(&self) -> u64 {
        self.set
    }

    /// The id of the run.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.session.run
    }

    /// What to show before asking.
    fn preview(&self) -> Preview {
        Preview {
            depth: self.session.facts.ready,
            oldest_at: self.session.facts.oldest_at,
            consumers: self.session.facts.consumers,
            run: self.session.run.clone(),
            set: self.set,
            all: self.request.is_everything(),
            archive: self.archive.clone(),
            dry_run: self.request.dry_run,
        }
    }

    /// Asks; with consent archives, proves the archive, and removes. Whatever happens, nothing is held and no temporary policy is left
    /// when it returns. `None` is a no to the question.
    ///
    /// # Errors
    /// When nothing was removed; a run that stops later reports why in [`Report::stopped`].
    pub async fn run(
        mut self,
        interrupt: &Interrupt,
        consent: impl FnOnce(&Preview) -> bool,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<Option<Report>, Error> {
        let mut report = Report { run: self.session.run.clone(), dry_run: self.request.dry_run, ..Report::default() };
        let goes = consent(&self.preview()) && !interrupt.is_raised();
        let outcome = if goes { self.archive_and_remove(interrupt, &mut report, listen).await } else { Ok(()) };
        if let Err(error) = self.session.unprotect(&mut |text| listen(Event::Warning(text))).await {
            listen(Event::Warning(super::still_there(&error)));
        }
        report.left = if goes { self.session.left().await } else { None };
        self.session.close().await;
        match outcome {
            Ok(()) => Ok(goes.then_some(report)),
            Err(error) if report.removed > 0 || report.unknown > 0 => {
                report.stopped = Some(error);
                Ok(Some(report))
            }
            Err(error) => Err(error),
        }
    }

    async fn archive_and_remove(
        &self,
        interrupt: &Interrupt,
        report: &mut Report,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Error> {
        let queue = &self.session.queue;
        let archive = match self.archive.as_deref() {
            Some(path) => Some(
                Archive::create(path, Origin { run: &self.session.run, vhost: self.session.broker.vhost(), queue })
                    .map_err(|source| self.bad(source))?,
            ),
            None => None,
        };
        report.archive.clone_from(&self.archive);
        let reading = self.session.begin(self.set, self.hold).await?;
        let saver = Saver::new(&self.session);
        let mut removing = Removing { purge: self, archive, reading, saver, batch: Vec::new(), bytes: 0 };
        let outcome = removing.pump(interrupt, report, listen).await;
        let finished = removing.finish(report);
        let returned = removing.give_back(report).await;
        outcome.and(finished).and(returned)
    }

    fn bad(&self, source: std::io::Error) -> Error {
        let path = self.archive.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        Error::Archive { path, source }
    }
}

/// The removing part of a purge: in batches, each archived and proven before it is acknowledged.
struct Removing<'a> {
    purge: &'a Purge<'a>,
    archive: Option<Archive>,
    reading: Reading<'a>,
    saver: Saver<'a>,
    batch: Vec<(u64, Delivery)>,
    bytes: usize,
}

impl Removing<'_> {
    async fn pump(
        &mut self,
        interrupt: &Interrupt,
        report: &mut Report,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Error> {
        let request = &self.purge.request;
        let (mut read, mut marked) = (0, request.marked.clone());
        while request.most().is_none_or(|most| report.selected < most) {
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
            read += 1;
            listen(Event::Read(read));
            let selected = request.selector.matches(&self.purge.session.queue, &delivery.message);
            report.undecided += u64::from(selected.is_none());
            if selected != Some(true) || marked.as_mut().is_some_and(|marked| !marked.take(&delivery.message)) {
                self.saver.stay(self.reading.deliveries(), delivery).await?;
                continue;
            }
            report.selected += 1;
            if request.dry_run {
                let message_id = delivery.message.properties.message_id.clone();
                tell(Line { seq: read, message_id, target: None, outcome: Outcome::WouldRemove }, report, listen);
                self.saver.stay(self.reading.deliveries(), delivery).await?;
                continue;
            }
            self.bytes += delivery.message.body.len();
            self.batch.push((read, delivery));
        }
        if !report.interrupted {
            report.missing = marked.as_ref().map_or(0, Marks::count);
        }
        self.remove(report, listen).await
    }

    /// Ends the archive of a run, however it went; one without messages goes.
    fn finish(&mut self, report: &mut Report) -> Result<(), Error> {
        match self.archive.take() {
            Some(archive) if archive.count() == 0 => {
                report.archive = None;
                archive.discard().map_err(|source| self.purge.bad(source))
            }
            Some(archive) => archive.finish(true).map_err(|source| self.purge.bad(source)),
            None => Ok(()),
        }
    }

    /// Archives the batch, proves it, acknowledges it.
    async fn remove(&mut self, report: &mut Report, listen: &mut impl FnMut(Event<'_>)) -> Result<(), Error> {
        if self.batch.is_empty() {
            return Ok(());
        }
        if let Some(archive) = &mut self.archive {
            let written = self.batch.iter().try_for_each(|(_, delivery)| archive.add(&delivery.message));
            written.and_then(|()| archive.prove()).map_err(|source| self.purge.bad(source))?;
        }
        self.bytes = 0;
        let (removed, receipts): (Vec<_>, Vec<_>) = self
            .batch
            .drain(..)
            .map(|(seq, Delivery { message, receipt })| ((seq, message.properties.message_id), receipt))
            .unzip();
        // An acknowledgement that is written is not one that the broker has read.
        let gone = match self.reading.deliveries().acknowledge(receipts).await {
            Ok(()) => self.reading.deliveries().worked_off().await,
            Err(error) => Err(error),
        };
        for (seq, message_id) in removed {
            let outcome = match &gone {
                Ok(()) => Outcome::Removed,
                Err(error) => Outcome::Unknown(format!("it may be removed, and may still be here: {error}")),
            };
            tell(Line { seq, message_id, target: None, outcome }, report, listen);
        }
        gone.map_err(Error::from)
    }

    /// Gives back what stays: what was not selected, what a failed batch holds, and what was never looked at.
    async fn give_back(mut self, report: &mut Report) -> Result<(), Error> {
        let unseen = self.reading.deliveries().cancel().await?;
        let all = self.batch.drain(..).map(|(_, delivery)| delivery).chain(unseen);
        let saved = self.saver.stay_all(self.reading.deliveries(), all).await;
        report.saved = self.saver.copied();
        self.saver.close().await;
        // What could not be saved keeps nothing else from going back in order.
        saved.and(self.purge.session.give_back(self.reading).await)
    }
}

/// Counts and tells what became of a message.
fn tell(line: Line, report: &mut Report, listen: &mut impl FnMut(Event<'_>)) {
    report.count(&line.outcome);
    listen(Event::Settled(&line));
}
