//! Putting an archive's records back, and when one of them counts as back: when the broker has confirmed it, no return can come for it
//! any more, and its target is known to be there still.
//!
//! The whole file is read and proven before anything else: what would go where is known then, and nothing is published of a file that
//! is damaged unless that is wanted. The archive is left as it is.

mod putting;
mod survey;

use std::path::{Path, PathBuf};

use putting::Putting;
use survey::Survey;

use super::{
    Address, Error,
    archive::{Header, Reader},
    probe::may_write,
    replay::Row,
    run::{Event, Report},
    session::{known, nearest_queue},
    target::{Standing, Targets, To},
};
use crate::{
    broker::{Broker, Connection, Window},
    interrupt::Interrupt,
    message::{selector::Selector, travel::Rules},
    ops::lock::{self, Lock},
};

/// What is to be restored, and how.
pub struct Request {
    /// The archive.
    pub path: PathBuf,
    /// Where its messages go; `None` is the queue that they were in.
    pub to: Option<To>,
    /// At most so many of the selected ones.
    pub limit: Option<u64>,
    /// Which ones.
    pub selector: Selector,
    /// What travels where it goes on as a replay sends it.
    pub rules: Rules,
    /// Of a damaged archive what can be read.
    pub up_to_damage: bool,
    /// Only say what would become of each.
    pub dry_run: bool,
    /// Who runs it, `user@host`.
    pub owner: String,
    /// How long the broker may be silent.
    pub timeout: std::time::Duration,
}

/// What is shown before anything is put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preflight {
    /// Where the archive is from.
    pub header: Header,
    /// Records that can be read.
    pub records: u64,
    /// How many of them are meant.
    pub selected: u64,
    /// By target, in order of their names.
    pub rows: Vec<Row>,
    /// Consumers that read the target at the same time, where it is one queue.
    pub consumers: u64,
}

/// How much may be on its way to the targets at once.
const WINDOW: Window = Window { messages: 1500, bytes: 16 << 20 };

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
    to: To,
    header: Header,
    survey: Survey,
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
        request: Request,
        interrupt: &Interrupt,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<Restore, Error> {
        let reader = open(&request.path)?;
        let header = reader.header().clone();
        let to = request.to.clone().unwrap_or_else(|| To::Queue(header.queue.clone()));
        let survey = Survey::of(reader, &request, &to, interrupt, listen);
        if let Some(damage) = survey.damage.as_ref().filter(|damage| !request.up_to_damage || damage.records == 0) {
            return Err(Error::Damaged { path: request.path, damage: damage.clone() });
        }
        if let Some(damage) = &survey.damage {
            listen(Event::Warning(format!("{} is damaged {damage}; what follows stays out", request.path.display())));
        }
        if !survey.complete {
            listen(Event::Warning(
                "the archive does not hold all that was to be exported: it was interrupted, or failed".to_owned(),
            ));
        }
        let asking = broker.connect("evbus dlq restore").await?;
        let run = lock::run_id();
        if let To::Queue(queue) = &to {
            look_at(broker, &asking, queue, listen).await?;
        }
        let queue = match &to {
            To::Queue(queue) => queue,
            _ => &header.queue,
        };
        let mut locked = None;
        if !request.dry_run {
            match lock::acquire(broker, &asking, queue, &run, &request.owner).await? {
                Lock::Held => locked = Some(queue.clone()),
                Lock::Taken(holder) => return Err(Error::Busy { queue: queue.clone(), holder }),
                Lock::NotAllowed => {
                    listen(Event::Warning(
                        "no permission to create the lock queue: nobody else is kept out".to_owned(),
                    ));
                }
            }
        }
        let publishing = broker.connect("evbus dlq restore (publishing)").await?;
        if survey.selected > 0 && !request.dry_run && matches!(to, To::Source | To::Queue(_)) {
            may_write(broker, &run).await?;
        }
        Ok(Restore { request, to, header, survey, asking, publishing, run, locked })
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
        self,
        interrupt: &Interrupt,
        consent: impl FnOnce(&Preflight) -> bool,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<Option<Report>, Error> {
        let outcome = self.ask_and_put(interrupt, consent, listen).await;
        if let Some(queue) = &self.locked {
            lock::release(&self.asking, queue).await;
        }
        self.asking.close().await;
        self.publishing.close().await;
        outcome
    }

    async fn ask_and_put(
        &self,
        interrupt: &Interrupt,
        consent: impl FnOnce(&Preflight) -> bool,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<Option<Report>, Error> {
        let mut targets = Targets::new(&self.asking);
        let preflight = self.preflight(&mut targets).await?;
        if interrupt.is_raised() || !(self.request.dry_run || consent(&preflight)) || interrupt.is_raised() {
            return Ok(None);
        }
        let publisher = self.publishing.publisher(WINDOW).await?;
        let reader = open(&self.request.path)?;
        Ok(Some(Putting::new(self, publisher, targets, interrupt, listen).pump(reader).await))
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
        let consumers = match &self.to {
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
            rows,
            consumers,
        })
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
