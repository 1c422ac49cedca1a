//! When a replayed message is acknowledged: only when its copy is confirmed and no return can come for it any more.
//!
//! A run fixes its set first, reads a first window of it, resolves every target it meets, and asks (the caller does). Then
//! each message is published mandatory and confirmed on a connection of its own; [`Fate::Routed`](crate::broker::Fate) alone removes the
//! original. Whatever else happens to a message, it is in the dead letter queue when the run is over.

pub mod care;
mod moving;

use std::{collections::VecDeque, path::PathBuf, time::Duration};

use care::Care;
use moving::{Again, Moving};

use super::{
    Error,
    archive::{Archive, Origin},
    intent::{Intent, Scope, Subject},
    journal::{Header, Journal, Wanted},
    marks::Marks,
    probe,
    reading::Hold,
    resuming::{self, Resume},
    run::{Event, Report},
    session::{self, Purpose, Session},
    target::{Address, Targets, To},
};
use crate::{
    broker::{Broker, Connection, Window},
    interrupt::Interrupt,
    message::{
        Message,
        travel::{self, Rules},
    },
};

/// What is to be replayed, and how.
pub struct Request {
    /// The queue, which messages of it, and how they are held.
    pub subject: Subject,
    /// Where its messages go.
    pub to: To,
    /// At most so many of the selected ones.
    pub limit: Option<u64>,
    /// Exactly these of them; `None` is all.
    pub marked: Option<Marks>,
    /// What goes out in place of the only message that is marked, whose original is archived first.
    pub edited: Option<Message>,
    /// How the targets are taken care of.
    pub care: Care,
    /// What travels otherwise than usual.
    pub rules: Rules,
    /// Also what comes while it runs, until the queue is empty. Nothing is read ahead then, and nobody is asked.
    pub follows: bool,
    /// Only say what would become of each.
    pub dry_run: bool,
    /// How long the broker may be silent.
    pub timeout: Duration,
    /// The journal, where one is to be kept. A run that moves nothing keeps none.
    pub journal: Option<Wanted>,
    /// The run that it goes on with.
    pub resume: Option<Resume>,
}

impl Request {
    fn is_everything(&self) -> bool {
        self.subject.selector.is_everything() && self.marked.is_none()
    }

    /// How many messages it may move.
    fn most(&self) -> Option<u64> {
        self.limit.into_iter().chain(self.marked.as_ref().map(Marks::count)).min()
    }

    /// What it is going to do to the queue.
    #[must_use]
    pub fn intent(&self) -> Intent<'_> {
        let scope = if self.follows { Scope::Endless } else { Scope::of(self.is_everything(), self.limit) };
        let looks = self.subject.looks("evbus dlq replay", scope, IN_HAND, CAREFUL);
        let gives_back = self.dry_run || !self.is_everything() || self.care.waits();
        let purpose = Purpose { gives_back, locks: !self.dry_run, ..looks.purpose };
        Intent { purpose, writes: matches!(self.to, To::Source | To::Queue(_)), ..looks }
    }
}

/// One row of the pre-flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The target; `None` for messages that have none.
    pub target: Option<Address>,
    /// How many of the messages looked at so far go there.
    pub count: u64,
    /// Why they will stay, if they will.
    pub obstacle: Option<String>,
}

/// What is shown before anything is moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preflight {
    /// Messages in the queue.
    pub depth: u64,
    /// How many of them the rows speak of.
    pub looked_at: u64,
    /// How many of those are selected.
    pub selected: u64,
    /// How many are at their targets since the run that is gone on with, and will only be removed.
    pub removed: u64,
    /// How many may be at their targets, and will stay.
    pub in_doubt: u64,
    /// By target, in order of their names.
    pub rows: Vec<Row>,
    /// Whether messages that stay change their place.
    pub rotates: bool,
    /// Consumers that read this queue at the same time.
    pub consumers: u64,
}

/// How much may be on its way to the targets at once.
const WINDOW: Window = Window { messages: 1500, bytes: 16 << 20 };
/// How many deliveries may be undecided at once when nothing is known to be at stake: what is on its way, and as many behind it.
const IN_HAND: u16 = 3000;
/// The same where a killed evbus would cost every message it holds an attempt.
const CAREFUL: u16 = 100;
/// How much is read before the operator is asked.
const FIRST_BYTES: usize = 8 << 20;

/// A run that has looked ahead and waits for consent.
pub struct Replay<'a> {
    session: Session<'a>,
    publishing: Connection,
    request: Request,
    set: u64,
    hold: Hold,
    journal: Option<Journal>,
    resume: Option<Resume>,
}

impl<'a> Replay<'a> {
    /// Connects, learns, locks and protects: everything that can be refused is refused here, before anything is held.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn prepare(
        broker: &'a Broker,
        mut request: Request,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<Replay<'a>, Error> {
        let resume = request.resume.take();
        let intent = request.intent();
        let past = resume.as_ref().map(|resume| &resume.past);
        let (mut session, set) = resuming::begin(broker, intent.purpose, intent.scope, past).await?;
        if let Some(park) = &request.care.park
            && session.consuming.look_up(park).await?.is_none()
        {
            let nearest = session::nearest_queue(broker, park).await;
            session.close().await;
            return Err(Error::NoQueue { queue: park.clone(), nearest });
        }
        let publishing = broker.connect("evbus dlq replay (publishing)").await?;
        if set > 0 && intent.writes {
            probe::may_write(broker, &session.run).await?;
        }
        let terms = session.terms(&intent.wish, set).await?;
        for warning in request.rules.warnings().into_iter().chain(terms.warnings) {
            listen(Event::Warning(warning));
        }
        if let Some(policy) = &terms.guarded {
            listen(Event::Guarded(policy));
        }
        let (Hold::Undecided(most) | Hold::AtStake(most)) = terms.hold;
        let window = u64::from(most);
        let begun = request.journal.as_ref().filter(|_| !request.dry_run).map(|wanted| {
            let header = Header { set, window, ..header(&session, &request, wanted) };
            resuming::begin_journal(&wanted.state, past, header)
        });
        let (session, journal) = resuming::begun(session, begun, listen).await?;
        Ok(Replay { session, publishing, request, set, hold: terms.hold, journal, resume })
    }

    /// The id of the run.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.session.run
    }

    /// Messages in the set: an upper bound where a selector chooses among them.
    #[must_use]
    pub fn set(&self) -> u64 {
        self.set
    }

    /// Whether messages that it holds lose one of their deliveries when evbus is killed or cut off, and those that have none left go.
    #[must_use]
    pub fn is_at_stake(&self) -> bool {
        matches!(self.hold, Hold::AtStake(_))
    }

    /// Ends it without having held anything.
    ///
    /// # Errors
    /// When its temporary policy is still there.
    pub async fn leave(mut self) -> Result<(), Error> {
        if let Some(journal) = self.journal.take() {
            journal.discard();
        }
        let unprotected = self.session.unprotect(&mut |_| ()).await;
        self.session.close().await;
        self.publishing.close().await;
        unprotected.map_err(Error::from)
    }

    /// Reads ahead, shows what would go where and asks; with consent, moves the set. Whatever happens, nothing is held and
    /// no temporary policy is left when it returns.
    ///
    /// # Errors
    /// When nothing could be done; a run that stops later reports why in [`Report::stopped`].
    pub async fn run(
        mut self,
        interrupt: &Interrupt,
        consent: impl FnOnce(&Preflight) -> bool,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<Option<Report>, Error> {
        let resumes = self.resume.as_ref().map(|resume| resume.past.header.run.clone());
        let outcome = self.read_and_move(interrupt, consent, listen).await;
        if let Err(error) = self.session.unprotect(&mut |text| listen(Event::Warning(text))).await {
            listen(Event::Warning(super::still_there(&error)));
        }
        let left = if matches!(outcome, Ok(Some(_))) { self.session.left().await } else { None };
        let run = self.session.run.clone();
        self.session.close().await;
        self.publishing.close().await;
        let mut report = outcome?;
        if let Some(report) = &mut report {
            report.run = run;
            report.resumes = resumes;
            report.left = left;
        }
        Ok(report)
    }

    async fn read_and_move(
        &mut self,
        interrupt: &Interrupt,
        consent: impl FnOnce(&Preflight) -> bool,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<Option<Report>, Error> {
        let (journal, mut resume) = (self.journal.take(), self.resume.take());
        let publisher = match self.publishing.publisher(WINDOW).await {
            Ok(publisher) => publisher,
            Err(error) => {
                journal.into_iter().for_each(Journal::discard);
                return Err(error.into());
            }
        };
        // Asked over the connection that never publishes: in an alarm the other one is not heard.
        let targets = Targets::new(&self.session.consuming);
        let again = resume.as_ref().map(|Resume { past, in_doubt }| Again::new(past, *in_doubt));
        let mut run = Moving::new(self, publisher, targets, interrupt, journal, again, listen);
        let mut reading = match run.begin().await {
            Ok(reading) => reading,
            Err(error) => {
                run.close_journal(false).await;
                return Err(error);
            }
        };
        // From here on something is held: whatever goes wrong, it is given back before anything else is taken away.
        let mut ahead = VecDeque::new();
        let preflight = run.look_ahead(&mut reading, &mut ahead).await;
        let mut go = preflight.as_ref().is_ok_and(|preflight| {
            !interrupt.is_raised() && (self.request.dry_run || consent(preflight)) && !interrupt.is_raised()
        });
        // From now on this run is the one that goes on with the other.
        let handed_over = match &mut resume {
            Some(Resume { past, .. }) if go && !self.request.dry_run => past.hand_over(&self.session.run),
            _ => Ok(()),
        };
        if let Err(error) = handed_over {
            go = false;
            run.stop(error.into());
        }
        if go {
            run.rounds(reading, ahead).await;
            run.miss();
        } else {
            run.stay_all(&mut reading, ahead).await;
            run.give_back(reading).await;
        }
        run.close_journal(go).await;
        preflight?;
        match (go, run.report.stopped.take()) {
            (true, stopped) => Ok(Some(Report { stopped, ..run.report })),
            (false, Some(error)) => Err(error),
            (false, None) => Ok(None),
        }
    }

    /// Keeps a message that goes out as something else, and says where.
    fn keep_original(&self, message: &Message) -> Result<PathBuf, Error> {
        let Session { run, queue, broker, .. } = &self.session;
        let path = PathBuf::from(format!("evbus-edit-{run}.ndjson"));
        let kept = || {
            let mut archive = Archive::create(&path, Origin { run, vhost: broker.vhost(), queue })?;
            archive.add(message)?;
            archive.prove()?;
            archive.finish(true)
        };
        match kept() {
            Ok(_digest) => Ok(path),
            Err(source) => Err(Error::Archive { path: path.display().to_string(), source }),
        }
    }

    /// Whether a message is selected; `None` where the expression failed on it.
    fn is_meant(&self, message: &Message) -> Option<bool> {
        // What this very run has put back and the service has failed on again is not in the set.
        if travel::run_of(message) == Some(self.session.run.as_str()) {
            return Some(false);
        }
        self.request.subject.selector.matches(&self.session.queue, message)
    }
}

/// What the journal says of a run when it begins.
fn header(session: &Session<'_>, request: &Request, wanted: &Wanted) -> Header {
    let (identity, host) = (session.broker.identity(), session.consuming.host());
    Header {
        queue: request.subject.queue.clone(),
        owner: request.subject.owner.clone(),
        limit: request.limit,
        ..wanted.header("dlq replay", &session.run, identity, host)
    }
}
