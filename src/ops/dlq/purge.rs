//! Removing messages for good: into a file first, the file read back and compared, then exactly those from the queue. This goes
//! batch by batch, so that what is held is bounded, and a run that is cut off has lost nothing and can be gone on with: its journal says
//! how far the archive is proven, and what of it may still be in the queue.

mod removing;

use std::{io, path::PathBuf};

use removing::Removing;

use super::{
    Error,
    archive::{Archive, Origin},
    intent::{Intent, Scope, Subject},
    journal::{Header, Journal, Past, Wanted},
    marks::Marks,
    reading::Hold,
    resuming,
    run::{Event, Report},
    session::{Purpose, Session},
};
use crate::{broker::Broker, interrupt::Interrupt};

/// What is to be removed.
pub struct Request {
    /// The queue, which messages of it, and how they are held.
    pub subject: Subject,
    /// At most so many of the selected ones.
    pub limit: Option<u64>,
    /// Exactly these of them; `None` is all.
    pub marked: Option<Marks>,
    /// Whether a copy is kept.
    pub archives: bool,
    /// Where; `None` is a new file in the working directory, named after the run.
    pub archive: Option<PathBuf>,
    /// Only count.
    pub dry_run: bool,
    /// The journal, where one is to be kept. A run that removes nothing keeps none.
    pub journal: Option<Wanted>,
    /// The run that it goes on with, in the archive of that run.
    pub resume: Option<Past>,
}

impl Request {
    fn is_everything(&self) -> bool {
        self.subject.selector.is_everything() && self.marked.is_none()
    }

    /// How many messages it may remove.
    fn most(&self) -> Option<u64> {
        self.limit.into_iter().chain(self.marked.as_ref().map(Marks::count)).min()
    }

    /// What it is going to do to the queue.
    #[must_use]
    pub fn intent(&self) -> Intent<'_> {
        let scope = Scope::of(self.is_everything(), self.limit);
        let looks = self.subject.looks("evbus dlq purge", scope, IN_HAND, CAREFUL);
        let gives_back = !self.is_everything() || self.dry_run || self.archives;
        Intent { purpose: Purpose { gives_back, locks: !self.dry_run, ..looks.purpose }, ..looks }
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
/// A purge that has connected and waits for consent.
pub struct Purge<'a> {
    session: Session<'a>,
    request: Request,
    set: u64,
    hold: Hold,
    archive: Option<PathBuf>,
    journal: Option<Journal>,
    resume: Option<Past>,
}

impl<'a> Purge<'a> {
    /// Connects, learns and locks; nothing is held yet.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn prepare(
        broker: &'a Broker,
        mut request: Request,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<Purge<'a>, Error> {
        let resume = request.resume.take();
        let intent = request.intent();
        let (mut session, set) = resuming::begin(broker, intent.purpose, intent.scope, resume.as_ref()).await?;
        let terms = session.terms(&intent.wish, set).await?;
        for warning in terms.warnings {
            listen(Event::Warning(warning));
        }
        if let Some(policy) = &terms.guarded {
            listen(Event::Guarded(policy));
        }
        let archive = match &resume {
            Some(past) => past.header.archive.clone(),
            None => request.archives.then(|| {
                let new = || PathBuf::from(format!("evbus-purge-{}.ndjson.zst", session.run));
                request.archive.clone().unwrap_or_else(new)
            }),
        };
        let archive = archive.filter(|_| !request.dry_run);
        let (Hold::Undecided(most) | Hold::AtStake(most)) = terms.hold;
        let begun = request.journal.as_ref().filter(|_| !request.dry_run).map(|wanted| {
            let (identity, host) = (session.broker.identity(), session.consuming.host());
            let header = Header {
                queue: request.subject.queue.clone(),
                owner: request.subject.owner.clone(),
                limit: request.limit,
                window: most.into(),
                set,
                // Whoever goes on with it may be somewhere else.
                archive: archive.as_ref().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone())),
                ..wanted.header("dlq purge", &session.run, identity, host)
            };
            resuming::begin_journal(&wanted.state, resume.as_ref(), header)
        });
        let (session, journal) = resuming::begun(session, begun, listen).await?;
        Ok(Purge { session, request, set, hold: terms.hold, archive, journal, resume })
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
        let resumes = self.resume.as_ref().map(|past| past.header.run.clone());
        let mut report =
            Report { run: self.session.run.clone(), dry_run: self.request.dry_run, resumes, ..Report::default() };
        let goes = consent(&self.preview()) && !interrupt.is_raised();
        let outcome = if goes {
            self.archive_and_remove(interrupt, &mut report, listen).await
        } else {
            self.journal.take().into_iter().for_each(Journal::discard);
            Ok(())
        };
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
        &mut self,
        interrupt: &Interrupt,
        report: &mut Report,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Error> {
        let (journal, mut resume) = (self.journal.take(), self.resume.take());
        let begun = match self.open_archive(resume.as_ref()) {
            // From now on this run is the one that goes on with the other.
            Ok(archive) => match resume.as_mut().filter(|_| !self.request.dry_run) {
                Some(past) => past.hand_over(&self.session.run).map(|()| archive).map_err(Error::from),
                None => Ok(archive),
            },
            Err(source) => Err(self.bad(source)),
        };
        let archive = match begun {
            Ok(archive) => archive,
            Err(error) => {
                journal.into_iter().for_each(Journal::discard);
                return Err(error);
            }
        };
        report.archive.clone_from(&self.archive);
        let mut removing = Removing::begin(self, archive, journal, resume.as_ref()).await?;
        let outcome = removing.pump(interrupt, report, listen).await;
        let finished = removing.finish(report);
        report.stopped = outcome.and(finished).err();
        removing.close_journal(report, listen).await;
        let returned = removing.give_back(report).await;
        report.stopped.take().map_or(returned, Err)
    }

    /// The archive, where one is kept: a new one, or that of the run that is gone on with, as far as it is proven.
    fn open_archive(&self, past: Option<&Past>) -> io::Result<Option<Archive>> {
        let Some(path) = &self.archive else { return Ok(None) };
        let Session { run, queue, broker, .. } = &self.session;
        if let Some(proven) = past.and_then(|past| past.archived.as_ref()) {
            return Archive::again(path, queue, proven).map(Some);
        }
        if let Some(past) = past {
            // It was cut off before anything of its archive was proven, which was begun then or was not.
            Archive::remove_unproven(path, &resuming::runs(&past.header))?;
        }
        let mut archive = Archive::create(path, Origin { run, vhost: broker.vhost(), queue })?;
        archive.prove()?;
        Ok(Some(archive))
    }

    fn bad(&self, source: io::Error) -> Error {
        let path = self.archive.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        Error::Archive { path, source }
    }
}
