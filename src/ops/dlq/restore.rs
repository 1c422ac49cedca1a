//! Putting an archive's records back, and when one of them counts as back: when the broker has confirmed it, no return can come for it
//! any more, and its target is known to be there still.
//!
//! The whole file is read and proven before anything else: what would go where is known then, and nothing is published of a file that
//! is damaged unless that is wanted. The archive is left as it is.
//!
//! A record is published when the disk has that it will be, and a run that goes on with one that was killed knows it by its place in the
//! file: for the same file, which its digest proves.

mod again;
mod ahead;
mod putting;
mod survey;

use std::path::{Path, PathBuf};

use again::Again;
use putting::Putting;
use survey::Survey;

use super::{
    Address, Error,
    archive::{Header, Reader},
    journal::{self, Journal, Wanted},
    probe::may_write,
    replay::Row,
    resuming::{self, Resume},
    run::{Event, Report},
    session::{known, nearest_queue},
    target::{Standing, Targets, To},
};
use crate::{
    broker::{Broker, Connection, Publisher, Window},
    interrupt::Interrupt,
    message::{selector::Selector, travel::Rules},
    ops::lock::{self, Lock},
};

/// What is to be restored, and how.
pub struct Request {
    /// The archive.
    pub path: PathBuf,
    /// Where its messages go.
    pub to: To,
    /// At most so many of the selected ones.
    pub limit: Option<u64>,
    /// Which ones.
    pub selector: Selector,
    /// What travels where it goes on as a replay sends it.
    pub rules: Rules,
    /// Of a damaged archive what can be read.
    pub up_to_damage: bool,
    /// How many may be on their way at once; `None` chooses.
    pub window: Option<u16>,
    /// Only say what would become of each.
    pub dry_run: bool,
    /// Who runs it, `user@host`.
    pub owner: String,
    /// How long the broker may be silent.
    pub timeout: std::time::Duration,
    /// The journal, where one is to be kept. A run that publishes nothing keeps none.
    pub journal: Option<Wanted>,
    /// The run that it goes on with.
    pub resume: Option<Resume>,
}

/// What is shown before anything is put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preflight {
    /// Where the archive is from.
    pub header: Header,
    /// Records that can be read.
    pub records: u64,
    /// How many of them will be published.
    pub selected: u64,
    /// How many an earlier run is done with.
    pub settled: u64,
    /// How many may be at their targets since an earlier run, and will not be published.
    pub in_doubt: u64,
    /// By target, in order of their names.
    pub rows: Vec<Row>,
    /// Consumers that read the target at the same time, where it is one queue.
    pub consumers: u64,
}

/// How much may be on its way to the targets at once.
const WINDOW: Window = Window { messages: 1500, bytes: 16 << 20 };
/// How many records may be open at once: what is on its way, and as many that wait for the disk or for a proof.
const OPEN: u16 = 3000;

/// The first line of an archive, to know which virtual host it is from.
///
/// # Errors
/// [`Error::Unreadable`].
pub fn header(path: &Path) -> Result<Header, Error> {
    Ok(open(path)?.header().clone())
}

fn open(path: &Path) -> Result<Reader, Error> {
    Reader::open(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}

/// A run that has read the archive and waits for consent.
pub struct Restore {
    request: Request,
    header: Header,
    survey: Survey,
    again: Again,
    journal: Option<Journal>,
    resume: Option<Resume>,
    /// Asks, and holds the lock; another one publishes.
    asking: Connection,
    publishing: Connection,
    run: String,
    /// The queue whose lock is held.
    locked: Option<String>,
}

impl Restore {
    /// Reads the whole archive, connects and locks: what can be refused is refused here, before anything is published.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn prepare(
        broker: &Broker,
        mut request: Request,
        interrupt: &Interrupt,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<Restore, Error> {
        let resume = request.resume.take();
        let again = Again::new(resume.as_ref());
        let (header, survey) = read(&request, resume.as_ref(), &again, interrupt, listen)?;
        let asking = broker.connect("evbus dlq restore").await?;
        let run = lock::run_id();
        if let To::Queue(queue) = &request.to {
            look_at(broker, &asking, queue, listen).await?;
        }
        let queue = match &request.to {
            To::Queue(queue) => queue.clone(),
            _ => header.queue.clone(),
        };
        let mut locked = None;
        if !request.dry_run {
            let held = async || hold(broker, &asking, &queue, &run, &request.owner).await;
            let is_held = match &resume {
                Some(Resume { past, .. }) => resuming::when_free(past, held).await?,
                None => held().await?,
            };
            if is_held {
                locked = Some(queue.clone());
            } else {
                listen(Event::Warning("no permission to create the lock queue: nobody else is kept out".to_owned()));
            }
        }
        let publishing = broker.connect("evbus dlq restore (publishing)").await?;
        if survey.selected > 0 && !request.dry_run && matches!(request.to, To::Source | To::Queue(_)) {
            may_write(broker, &run).await?;
        }
        let mut restore =
            Restore { request, header, survey, again, journal: None, resume, asking, publishing, run, locked };
        match restore.begin(broker, queue).filter(|_| !interrupt.is_raised()).transpose() {
            Ok(journal) => restore.journal = journal,
            Err(error) => {
                restore.close().await;
                return Err(error.into());
            }
        }
        Ok(restore)
    }

    /// Begins the journal, where one is to be kept.
    fn begin(&self, broker: &Broker, queue: String) -> Option<Result<Journal, journal::Error>> {
        let Request { path, owner, limit, .. } = &self.request;
        let wanted = self.request.journal.as_ref().filter(|_| !self.request.dry_run)?;
        let header = journal::Header {
            queue,
            owner: owner.clone(),
            limit: *limit,
            set: self.survey.selected + self.survey.in_doubt,
            window: self.window().into(),
            archive: Some(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
            digest: Some(self.survey.digest.clone()),
            ..wanted.header("dlq restore", &self.run, broker.identity(), self.asking.host())
        };
        let past = self.resume.as_ref().map(|resume| &resume.past);
        Some(resuming::begin_journal(&wanted.state, past, header))
    }

    /// How many records may be open at once.
    fn window(&self) -> u16 {
        self.request.window.unwrap_or(OPEN)
    }

    /// The id of the run.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run
    }

    /// Records that can be read.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.survey.records
    }

    /// Resolves every target, shows what would go where and asks; with consent, publishes. Whatever happens, everything that was published
    /// is settled when it returns.
    ///
    /// # Errors
    /// When nothing could be done; a run that stops later reports why in [`Report::stopped`].
    pub async fn run(
        mut self,
        interrupt: &Interrupt,
        consent: impl FnOnce(&Preflight) -> bool,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<Option<Report>, Error> {
        let outcome = self.ask_and_put(interrupt, consent, listen).await;
        self.close().await;
        outcome
    }

    async fn close(self) {
        if let Some(queue) = &self.locked {
            lock::release(&self.asking, queue).await;
        }
        self.asking.close().await;
        self.publishing.close().await;
    }

    async fn ask_and_put(
        &mut self,
        interrupt: &Interrupt,
        consent: impl FnOnce(&Preflight) -> bool,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<Option<Report>, Error> {
        let (journal, mut resume) = (self.journal.take(), self.resume.take());
        let mut targets = Targets::new(&self.asking);
        let mut ready = self.ask(&mut targets, interrupt, consent).await;
        if let (Ok(Some(_)), Some(Resume { past, .. }), false) = (&ready, &mut resume, self.request.dry_run)
            // From now on this run is the one that goes on with the other.
            && let Err(error) = past.hand_over(&self.run)
        {
            ready = Err(error.into());
        }
        match ready {
            Ok(Some((publisher, reader))) => {
                let putting = Putting::new(self, publisher, targets, interrupt, journal, listen);
                let resumes = resume.map(|resume| resume.past.header.run);
                Ok(Some(Report { resumes, ..putting.pump(reader).await }))
            }
            other => {
                journal.into_iter().for_each(Journal::discard);
                other.map(|_| None)
            }
        }
    }

    /// Shows what would go where and asks; with consent, all that is needed to publish.
    async fn ask(
        &self,
        targets: &mut Targets<'_>,
        interrupt: &Interrupt,
        consent: impl FnOnce(&Preflight) -> bool,
    ) -> Result<Option<(Publisher, Reader)>, Error> {
        let preflight = self.preflight(targets).await?;
        if interrupt.is_raised() || !(self.request.dry_run || consent(&preflight)) || interrupt.is_raised() {
            return Ok(None);
        }
        Ok(Some((self.publishing.publisher(WINDOW).await?, open(&self.request.path)?)))
    }

    /// What would become of the records.
    async fn preflight(&self, targets: &mut Targets<'_>) -> Result<Preflight, Error> {
        let mut rows = Vec::with_capacity(self.survey.targets.len());
        for (target, count) in &self.survey.targets {
            let (target, obstacle) = match target {
                Ok(address) => match targets.standing(address).await? {
                    Standing::Exists => (Some(address.clone()), None),
                    Standing::Missing(why) => (Some(address.clone()), Some(why)),
                },
                Err(why) => (None, Some((*why).to_owned())),
            };
            rows.push(Row { target, count: *count, obstacle });
        }
        let consumers = match &self.request.to {
            // Who may not look may publish all the same.
            To::Queue(queue) => {
                self.asking.look_up(queue).await.ok().flatten().map_or(0, |found| found.consumers.into())
            }
            _ => 0,
        };
        Ok(Preflight {
            header: self.header.clone(),
            records: self.survey.records,
            selected: self.survey.selected,
            settled: self.survey.settled,
            in_doubt: self.survey.in_doubt,
            rows,
            consumers,
        })
    }
}

/// Reads the whole archive, and says whether it is good for that.
fn read(
    request: &Request,
    resume: Option<&Resume>,
    again: &Again,
    interrupt: &Interrupt,
    listen: &mut impl FnMut(Event<'_>),
) -> Result<(Header, Survey), Error> {
    let path = &request.path;
    let other = |Resume { past, .. }: &Resume, because: String| Error::OtherArchive {
        run: past.header.run.clone(),
        path: path.clone(),
        because,
    };
    let reader = match (Reader::open(path), resume) {
        (Ok(reader), _) => reader,
        (Err(unreadable), Some(resume)) => return Err(other(resume, unreadable.to_string())),
        (Err(source), None) => return Err(Error::Unreadable { path: path.clone(), source }),
    };
    let header = reader.header().clone();
    let survey = Survey::of(reader, request, again, interrupt, listen);
    match (&survey.damage, resume) {
        // What the operator has ended is not compared with anything.
        _ if interrupt.is_raised() => (),
        (damage, Some(resume)) if resume.past.header.digest.as_ref() != Some(&survey.digest) => {
            let changed = || "it has been changed, or is another one".to_owned();
            let because = damage.as_ref().map_or_else(changed, |damage| format!("it is damaged {damage}"));
            return Err(other(resume, because));
        }
        (Some(damage), None) if !request.up_to_damage || damage.records == 0 => {
            return Err(Error::Damaged { path: path.clone(), damage: damage.clone() });
        }
        _ => (),
    }
    if let Some(damage) = &survey.damage {
        listen(Event::Warning(format!("{} is damaged {damage}; what follows stays out", path.display())));
    }
    if !survey.complete {
        listen(Event::Warning(
            "the archive does not hold all that was to be exported: it was interrupted, or failed".to_owned(),
        ));
    }
    Ok((header, survey))
}

/// Takes the lock of the queue; says whether it may.
async fn hold(broker: &Broker, asking: &Connection, queue: &str, run: &str, owner: &str) -> Result<bool, Error> {
    match lock::acquire(broker, asking, queue, run, owner).await? {
        Lock::Held => Ok(true),
        Lock::NotAllowed => Ok(false),
        Lock::Taken(holder) => Err(Error::Busy { queue: queue.to_owned(), holder }),
    }
}

/// Whether the one queue that everything goes to is there, and what to know of it.
async fn look_at(
    broker: &Broker,
    asking: &Connection,
    queue: &str,
    listen: &mut impl FnMut(Event<'_>),
) -> Result<(), Error> {
    if let Standing::Missing(_) = Targets::new(asking).standing(&Address::queue(queue)).await? {
        let nearest = nearest_queue(broker, queue).await;
        return Err(Error::NoTarget { queue: queue.to_owned(), nearest });
    }
    // Without the management API nobody can say; what is put back is not lost for us in any case, the archive stays.
    let Ok((custody, _)) = known(broker, queue, asking.version()).await else { return Ok(()) };
    if custody.drops_head {
        listen(Event::Warning(format!(
            "{queue} drops its oldest messages when it is full: what is put back can push out what is there"
        )));
    }
    if let Some(ttl) = custody.ttl {
        listen(Event::Warning(format!("messages expire in {queue} after {ttl} ms, counted anew for what is put back")));
    }
    Ok(())
}
