//! Why does a run over messages not start, or not go on? What to do about each is said in `failure`.

use std::path::PathBuf;

use super::{
    Facts,
    archive::{Damage, Unreadable},
    journal,
    terms::Closed,
};
use crate::{broker, ops::lock::Holder};

/// Why a run over a queue could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such queue.
    #[error("there is no queue {queue}")]
    NoQueue {
        /// The name that was asked for.
        queue: String,
        /// A queue whose name is near.
        nearest: Option<String>,
    },
    /// Without the management API nobody can say what holding a message costs.
    #[error("cannot tell what looking at {queue} would do to its messages")]
    Blind {
        /// The queue.
        queue: String,
        /// Why the management API did not say.
        source: broker::Error,
    },
    /// Somebody else works on the queue.
    #[error("another run is working on {queue}")]
    Busy {
        /// The queue.
        queue: String,
        /// Who.
        holder: Holder,
    },
    /// A message might not survive being given back, and saving it was ruled out or is not possible.
    #[error("looking at {queue} could destroy messages: it drops them after {limit} failed deliveries")]
    WouldSpend {
        /// The queue.
        queue: String,
        /// Its delivery limit.
        limit: i64,
        /// Why no way of saving is open; empty where none was wanted.
        because: Vec<String>,
    },
    /// Nothing is ever taken from a stream.
    #[error("{queue} is a stream: nothing can be taken from it")]
    Stream {
        /// The stream.
        queue: String,
    },
    /// The queue serves one consumer at a time, and has one.
    #[error("{queue} serves a single active consumer, and {consumers} are connected: evbus would wait behind them")]
    SingleActive {
        /// The queue.
        queue: String,
        /// How many are connected.
        consumers: u64,
    },
    /// As many messages as may be at stake stay in the queue, and are held until the end: nothing more can be read.
    #[error(
        "{window} messages of {queue} that stay are held, and no more may be at stake at once: {left} were not read"
    )]
    Full {
        /// The queue.
        queue: String,
        /// How many may be held.
        window: u16,
        /// How many messages of the set were not read.
        left: u64,
    },
    /// The queue called itself empty though it was not: a node of a cluster went away in the middle.
    #[error("{queue} called itself empty for a while, and is not: up to {unread} of its messages were not read")]
    Unread {
        /// The queue.
        queue: String,
        /// How many of the set may be there.
        unread: u64,
    },
    /// A message that its return destroys could not be copied first: it is held no longer and may be gone.
    #[error("a message of {queue} could not be saved before it went back: {because}")]
    NotSaved {
        /// The queue.
        queue: String,
        /// What became of its copy.
        because: String,
    },
    /// More of what was replayed has come back than may.
    #[error(
        "{bounced} of the {moved} messages replayed came back, or wait to be tried again: the rest stays in {queue}"
    )]
    Bounced {
        /// The queue.
        queue: String,
        /// How many were replayed.
        moved: u64,
        /// How many of them are in the queue again, or wait to be tried again.
        bounced: u64,
        /// They were looked at; otherwise it is the most that it can be.
        is_certain: bool,
    },
    /// The broker.
    #[error(transparent)]
    Broker(#[from] broker::Error),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The archive could not be written or did not verify.
    #[error("the archive {path} is not good: what it does not prove stays in the queue")]
    Archive {
        /// The file.
        path: String,
        /// What is wrong.
        source: std::io::Error,
    },
    /// A file is no archive that could be read.
    #[error("{} cannot be restored", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Unreadable,
    },
    /// An archive cannot be read to its end, or is not what was written.
    #[error("{} is damaged {damage}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and why.
        damage: Damage,
    },
    /// A restore cannot be gone on with without the archive that it read.
    #[error("run {run} cannot go on: {} is not the archive that it read", path.display())]
    OtherArchive {
        /// The run.
        run: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        because: String,
    },
    /// The one queue that messages are to go to is not there.
    #[error("there is no queue {queue} to put the messages into")]
    NoTarget {
        /// The queue.
        queue: String,
        /// One whose name is near.
        nearest: Option<String>,
    },
}

impl Error {
    /// That messages of that queue could be lost, for these ways are closed.
    pub(super) fn would_spend(queue: &str, facts: &Facts, closed: Vec<Closed>) -> Error {
        let limit = facts.custody.as_ref().and_then(|custody| custody.limit).unwrap_or_default();
        let because = closed.into_iter().map(|closed| closed.because).collect();
        Error::WouldSpend { queue: queue.to_owned(), limit, because }
    }
}
