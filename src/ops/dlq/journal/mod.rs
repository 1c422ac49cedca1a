//! What has a run done, whatever became of it? A file that knows before the broker does.
//!
//! `evbus.journal/1`: one file a run, one JSON object a line, only ever appended to. Messages are told by a number that the run gives
//! them, and recognised by their [`Identity`](crate::message::Identity). A restore tells the records of its archive by their places in
//! it, counted from 1, and needs no more: `safe` and `stays` speak of places where `put` or `earlier` stands before them.
//!
//! | line | says | is on the disk |
//! |---|---|---|
//! | `begin` | which run over which queue, what for | before anything is held |
//! | `carried` | an unsettled message of the run that this one goes on with | before anything is held |
//! | `left` | messages that were the last ones to go in that run: one may be back | before anything is held |
//! | `target` | a place that messages go to, and its number | with the first intent |
//! | `intent` | these messages are about to be published | before any of them is |
//! | `earlier` | records that are settled since an earlier restore, and those in doubt | before anything is published |
//! | `put` | these records are about to be published | before any of them is |
//! | `passed` | these records may be at their target, and are not to be asked about again | some time later |
//! | `safe` | they are confirmed, not returned, and their target has them | before the originals are acknowledged |
//! | `gone` | the broker has worked the acknowledgements off | some time later |
//! | `stays` | they are not at their target, and where they were | some time later |
//! | `archived` | so much of the archive is proven | before the originals are acknowledged |
//! | `resumed` | another run goes on with this one | before that one holds anything |
//! | `end` | the run ended in order, and with what | at the end |
//!
//! So whatever moment a run is killed at: what has no intent was never published; what is safe is at its target, and has to be removed
//! where it is still in its queue; what has an intent alone is in its queue, and nobody knows whether it is at its target too. A line that
//! was cut off by the end of its writer counts as not written. Of a restore the same holds: what was not put was never published, what is
//! safe is not put again, and of what was put alone nobody knows.
//!
//! That an acknowledgement was worked off is what the broker's channel says. A quorum queue takes it from the channel later, and may not have
//! it when the connection ends (a guess: messages that were gone came back once, on 4.0 under load). So the last that are gone are
//! remembered as well, twice as many as may be open at once.
//!
//! A purge has its archive for a target: an intent and `safe` are one moment there, after the batch is proven. Nothing of it is ever in doubt:
//! what the archive holds beyond what is `archived` was not removed, and is cut off when another run goes on with it.
//!
//! The file is locked as long as its run lasts: two that would go on with it exclude each other.

mod entry;
mod known;
mod list;
mod past;
mod places;
#[cfg(test)]
mod tests;
mod writing;

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::broker;

pub use entry::{Archived, End, Header};
pub use known::{Known, Verdict};
pub use list::{Listed, State, list};
pub use past::Past;
pub use places::{Places, Ranges};
pub use writing::{Journal, Mark};

/// Why a journal cannot be written, read or gone on with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no place for it.
    #[error("no journal can be kept in {}: nothing is moved without one", folder.display())]
    NoPlace {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It could be begun, and cannot be gone on with.
    #[error("the journal {} cannot be written: nothing more is moved", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// The command whose run it is.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// It cannot be read.
    #[error("the journal {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what was written.
    #[error("line {line} of the journal {} is damaged: {because}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        because: String,
    },
    /// There is none of that run.
    #[error("no run {run} is known on this machine")]
    NoRun {
        /// What was asked for.
        run: String,
        /// Where it would be.
        folder: PathBuf,
        /// A run whose id is near.
        nearest: Option<String>,
    },
    /// The run is still going on, or somebody else goes on with it.
    #[error("run {run} is still going on")]
    InUse {
        /// The run.
        run: String,
    },
    /// It was to go on with another one, and was killed before it did.
    #[error("run {run} had not begun when it was cut off")]
    NeverBegan {
        /// The run.
        run: String,
        /// The one that it was to go on with.
        instead: String,
    },
    /// Another run has gone on with it.
    #[error("run {run} was resumed by run {by}")]
    Resumed {
        /// The run.
        run: String,
        /// The one that went on with it last.
        by: String,
    },
}

/// That a run is to have a journal, and what it says of what was typed.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The state folder.
    pub state: PathBuf,
    /// Where messages go.
    pub to: String,
    /// Which messages are meant.
    pub selectors: serde_json::Value,
    /// What travels otherwise than usual.
    pub travel: serde_json::Value,
    /// How the targets are taken care of.
    pub care: serde_json::Value,
    /// The moment that what was typed refers to, RFC 3339; `None` is now.
    pub as_of: Option<String>,
}

impl Wanted {
    /// The first line of the journal of a run of that command; what only the run knows is still to be filled in.
    pub(super) fn header(&self, command: &str, run: &str, broker: broker::Identity, host: &str) -> Header {
        let now = now();
        Header {
            run: run.to_owned(),
            command: command.to_owned(),
            queue: String::new(),
            vhost: broker.vhost,
            host: host.to_owned(),
            user: broker.user,
            owner: String::new(),
            to: self.to.clone(),
            selectors: self.selectors.clone(),
            travel: self.travel.clone(),
            care: self.care.clone(),
            limit: None,
            set: 0,
            window: 0,
            archive: None,
            digest: None,
            as_of: self.as_of.clone().unwrap_or_else(|| now.clone()),
            started_at: now,
            resumes: Vec::new(),
        }
    }
}

/// Where the journals are, under the state folder.
fn folder(state: &Path) -> PathBuf {
    state.join("runs")
}

/// The file of a run, where that can be the id of one: names of files come from ids alone.
fn file(state: &Path, run: &str) -> Option<PathBuf> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_id = !run.is_empty() && run.len() <= 64 && run.chars().all(plain);
    is_id.then(|| folder(state).join(format!("{run}.{ENDING}")))
}

/// How the names of journals end.
const ENDING: &str = "journal";

/// Makes the folders of the journals, readable by their owner alone: they name queues, people and messages.
fn make_folder(state: &Path) -> Result<PathBuf, Error> {
    let folder = folder(state);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    match made {
        Ok(()) => Ok(folder),
        Err(source) => Err(Error::NoPlace { folder, source }),
    }
}

/// The present time as a journal has it.
pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Whether a file could be locked; it is until it is closed.
fn lock(file: &File, how: rustix::fs::FlockOperation) -> io::Result<bool> {
    match rustix::fs::flock(file, how) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
