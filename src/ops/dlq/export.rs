//! A queue's messages as an archive, in a file or line by line. Every one of them stays in the queue: what is held meanwhile is held by
//! the broker, and nothing is kept here.

use std::path::{Path, PathBuf};

use super::{
    Custody, Error,
    archive::{Archive, Lines, Origin},
    intent::{Intent, Subject},
    reading::{Hold, Reading},
    saver::Saver,
    session::Session,
};
use crate::{broker::Broker, interrupt::Interrupt, message::Message};

/// What is to be exported.
pub struct Request {
    /// The queue, which messages of it, and how they are held.
    pub subject: Subject,
    /// At most so many of the selected ones.
    pub limit: Option<u64>,
    /// The new file to write; `None` hands the lines out.
    pub out: Option<PathBuf>,
}

impl Request {
    /// What it is going to do to the queue.
    #[must_use]
    pub fn intent(&self) -> Intent<'_> {
        self.subject.looks("evbus dlq export", self.subject.scope(self.limit), IN_HAND, CAREFUL)
    }
}

/// What happens during an export.
#[derive(Debug)]
pub enum Event<'a> {
    /// Something to know before anything is held.
    Warning(String),
    /// A temporary policy of that name lifts the delivery limit while the export lasts.
    Guarded(&'a str),
    /// So many messages will be read at most.
    Begun(u64),
    /// So many messages were read.
    Read(u64),
}

/// How an export ended.
#[derive(Debug, Default)]
pub struct Report {
    /// The run's id.
    pub run: String,
    /// Messages in the archive.
    pub exported: u64,
    /// Messages read, selected or not.
    pub read: u64,
    /// Messages ready in the queue when it began.
    pub depth: u64,
    /// The file, where one was written.
    pub archive: Option<PathBuf>,
    /// Whether the archive holds all that was meant.
    pub complete: bool,
    /// Messages that were replaced by copies at the queue's end.
    pub saved: u64,
    /// Whether some of what was read is now behind the rest of the queue.
    pub rotated: bool,
    /// Fewer were read than asked for: no more may be at stake at once.
    pub cut: bool,
    /// Nobody wanted the rest.
    pub closed: bool,
    /// The operator ended it.
    pub interrupted: bool,
    /// Selecting expressions that failed on a message, which counts as not selected.
    pub undecided: u64,
    /// What ended it early.
    pub stopped: Option<Error>,
}

/// How many messages may be in hand undecided when nothing is known to be at stake.
const IN_HAND: u16 = 1000;
/// How many may be held where a killed evbus would cost each of them an attempt.
const CAREFUL: u16 = 100;
/// Bodies after which the file is brought to the disk and read back.
const BATCH_BYTES: usize = 16 << 20;

/// Exports a queue's messages. Where no file is named `give` gets the lines, and answers whether more are wanted.
///
/// # Errors
/// When nothing was exported: every reason not to hold a message, or a file that cannot be written.
pub async fn run(
    broker: &Broker,
    request: &Request,
    interrupt: &Interrupt,
    listen: &mut impl FnMut(Event<'_>),
    give: &mut impl FnMut(&[u8]) -> bool,
) -> Result<Report, Error> {
    let intent = request.intent();
    let mut session = Session::open(broker, intent.purpose).await?;
    let ready = session.facts.ready;
    let mut report = Report { run: session.run.clone(), depth: ready, ..Report::default() };
    let mut set = intent.scope.set(ready);
    let terms = session.terms(&intent.wish, set).await?;
    for warning in terms.warnings {
        listen(Event::Warning(warning));
    }
    if let Some(policy) = &terms.guarded {
        listen(Event::Guarded(policy));
    }
    if let Hold::AtStake(window) = terms.hold {
        report.cut = set > window.into();
        set = set.min(window.into());
    }
    listen(Event::Begun(set));
    let export = Export { session: &session, request, interrupt };
    let outcome = export.write((set, terms.hold), &mut report, listen, give).await;
    let rotates = session.facts.custody.as_ref().is_some_and(Custody::rotates);
    let behind = if rotates { report.read } else { report.saved };
    report.rotated = behind > 0 && behind < report.depth;
    if let Err(error) = session.unprotect(&mut |text| listen(Event::Warning(text))).await {
        listen(Event::Warning(super::still_there(&error)));
    }
    session.close().await;
    match outcome {
        Ok(()) => Ok(report),
        Err(error) if report.exported > 0 => Ok(Report { stopped: Some(error), ..report }),
        Err(error) => Err(error),
    }
}

struct Export<'a> {
    session: &'a Session<'a>,
    request: &'a Request,
    interrupt: &'a Interrupt,
}

impl Export<'_> {
    /// Reads the set into an archive and gives everything back, whatever happens.
    async fn write(
        &self,
        (set, hold): (u64, Hold),
        report: &mut Report,
        listen: &mut impl FnMut(Event<'_>),
        give: &mut impl FnMut(&[u8]) -> bool,
    ) -> Result<(), Error> {
        let queue = self.session.queue.as_str();
        let origin = Origin { run: &self.session.run, vhost: self.session.broker.vhost(), queue };
        let mut out = Out::begin(self.request.out.as_deref(), origin, give)?;
        report.archive.clone_from(&self.request.out);
        let outcome = if set == 0 {
            Ok(())
        } else {
            match self.session.begin(set, hold).await {
                Ok(reading) => self.read(reading, &mut out, report, listen).await,
                Err(error) => Err(error.into()),
            }
        };
        report.closed = out.is_closed();
        report.complete = outcome.is_ok() && !report.interrupted && !report.cut && !report.closed;
        let ended = out.end(report.complete, outcome.is_err() && report.exported == 0);
        report.complete &= ended.is_ok();
        outcome.and(ended)
    }

    async fn read(
        &self,
        mut reading: Reading<'_>,
        out: &mut Out<'_, impl FnMut(&[u8]) -> bool>,
        report: &mut Report,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Error> {
        let mut saver = Saver::new(self.session);
        let outcome = self.pump(&mut reading, &mut saver, out, report, listen).await;
        let saved = match reading.deliveries().cancel().await {
            Ok(unseen) => saver.stay_all(reading.deliveries(), unseen).await,
            Err(error) => Err(error.into()),
        };
        report.saved = saver.copied();
        saver.close().await;
        // What could not be saved keeps nothing else from going back in order.
        let returned = self.session.give_back(reading).await;
        outcome.and(saved).and(returned)
    }

    async fn pump(
        &self,
        reading: &mut Reading<'_>,
        saver: &mut Saver<'_>,
        out: &mut Out<'_, impl FnMut(&[u8]) -> bool>,
        report: &mut Report,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Error> {
        while self.request.limit.is_none_or(|limit| report.exported < limit) && !out.is_closed() {
            reading.make_room().await?;
            let next = tokio::select! {
                biased;
                () = self.interrupt.raised() => { report.interrupted = true; break }
                next = reading.next() => next?,
            };
            let Some(delivery) = next else { break };
            report.read += 1;
            listen(Event::Read(report.read));
            let selected = self.request.subject.selector.matches(&self.session.queue, &delivery.message);
            report.undecided += u64::from(selected.is_none());
            let put = if selected == Some(true) { out.put(&delivery.message).map(u64::from) } else { Ok(0) };
            saver.stay(reading.deliveries(), delivery).await?;
            report.exported += put?;
        }
        Ok(())
    }
}

/// Where the archive goes.
enum Out<'a, G> {
    File {
        path: &'a Path,
        archive: Box<Archive>,
        /// Bodies since the last proof.
        bytes: usize,
    },
    Lines {
        lines: Box<Lines>,
        give: &'a mut G,
        closed: bool,
    },
}

impl<'a, G: FnMut(&[u8]) -> bool> Out<'a, G> {
    fn begin(path: Option<&'a Path>, origin: Origin<'_>, give: &'a mut G) -> Result<Self, Error> {
        Ok(match path {
            Some(path) => {
                let archive = Archive::create(path, origin).map_err(|source| bad(path, source))?;
                Out::File { path, archive: Box::new(archive), bytes: 0 }
            }
            None => {
                let lines = Box::new(Lines::of(origin));
                let closed = !give(lines.line());
                Out::Lines { lines, give, closed }
            }
        })
    }

    /// Adds a message; says whether it was taken.
    fn put(&mut self, message: &Message) -> Result<bool, Error> {
        match self {
            Out::File { path, archive, bytes } => {
                *bytes += message.body.len();
                let mut added = archive.add(message);
                if *bytes >= BATCH_BYTES {
                    *bytes = 0;
                    added = added.and_then(|()| archive.prove());
                }
                added.map(|()| true).map_err(|source| bad(path, source))
            }
            Out::Lines { lines, give, closed } => {
                let line = lines.record(message).map_err(|source| bad(Path::new("-"), source))?;
                *closed = !give(line);
                Ok(!*closed)
            }
        }
    }

    fn is_closed(&self) -> bool {
        matches!(self, Out::Lines { closed: true, .. })
    }

    /// Ends the archive; a file of an export that came to nothing goes.
    fn end(self, complete: bool, is_void: bool) -> Result<(), Error> {
        match self {
            Out::File { path, archive, .. } if is_void => archive.discard().map_err(|source| bad(path, source)),
            Out::File { path, mut archive, .. } => {
                archive.prove().and_then(|()| archive.finish(complete)).map(drop).map_err(|source| bad(path, source))
            }
            Out::Lines { closed: true, .. } => Ok(()),
            Out::Lines { lines, give, .. } => {
                give(&lines.end(complete));
                Ok(())
            }
        }
    }
}

fn bad(path: &Path, source: std::io::Error) -> Error {
    Error::Archive { path: path.display().to_string(), source }
}
