//! What a run over messages tells while it goes, and what it comes to: the same for replay, purge and restore.

use std::{path::PathBuf, time::Duration};

use super::{
    Address, Error,
    journal::{self, End, Header, Journal},
};

/// What happens during a run.
#[derive(Debug)]
pub enum Event<'a> {
    /// Something to know before or while it runs.
    Warning(String),
    /// A temporary policy of that name lifts the delivery limit while the run lasts.
    Guarded(&'a str),
    /// So many messages of the set were read.
    Read(u64),
    /// One message is settled.
    Settled(&'a Line),
    /// The broker takes no messages for now, or takes them again.
    Blocked(Option<&'a str>),
    /// Nothing goes for now, for the sake of the targets; or it goes on.
    Paused(Option<&'a str>),
    /// What has come back of the run's first messages.
    Bounced {
        /// Messages that were moved.
        moved: u64,
        /// Messages of them that are in the queue again.
        bounced: u64,
        /// They were looked at; otherwise it is the most that it can be.
        is_certain: bool,
    },
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its place among those that were read, counted from 1.
    pub seq: u64,
    /// Its `message_id`.
    pub message_id: Option<String>,
    /// Where it went or would have gone; nowhere, when it is removed.
    pub target: Option<Address>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What can become of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its copy is safe at the target and it is removed where it was.
    Replayed,
    /// It has a target that exists; this run moves nothing.
    WouldReplay,
    /// Its copy is safe in the queue where it was put aside, and it is removed where it was.
    Parked,
    /// It would be put aside; this run moves nothing.
    WouldPark,
    /// It is removed for good.
    Removed,
    /// It is selected; this run removes nothing.
    WouldRemove,
    /// It stays: it has nowhere to go.
    Skipped(String),
    /// It stays: its target routed it nowhere.
    Returned(String),
    /// It stays: its target refused it, and may have got a copy elsewhere.
    Refused,
    /// It stays: whether its copy arrived is not known.
    Unknown(String),
    /// It stays: whether a copy of it arrived in an earlier run is not known.
    InDoubt(String),
}

/// What the journal of a run says: who did what, when, from where to where.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The journal.
    pub path: PathBuf,
    /// Its first line.
    pub header: Header,
    /// RFC 3339, UTC.
    pub ended_at: String,
    /// The digest of the file when the run ended, in hexadecimal digits; `None` where it could not be read.
    pub sha256: Option<String>,
}

/// How a run ended.
#[derive(Debug, Default)]
pub struct Report {
    /// The run's id; empty where it could not begin.
    pub run: String,
    /// Messages that were meant.
    pub selected: u64,
    /// Moved.
    pub replayed: u64,
    /// Put aside.
    pub parked: u64,
    /// Moved, and in the queue again when that was last looked for.
    pub bounced: Option<u64>,
    /// Removed for good.
    pub removed: u64,
    /// Kept because they have nowhere to go.
    pub skipped: u64,
    /// Kept because their target routed them nowhere.
    pub returned: u64,
    /// Kept because their target refused them.
    pub refused: u64,
    /// Kept, and perhaps at their target as well.
    pub unknown: u64,
    /// Messages that were marked and were not there any more.
    pub missing: u64,
    /// Kept, and perhaps at their target since an earlier run.
    pub in_doubt: u64,
    /// Messages ready in the queue afterwards; `None` is unknown.
    pub left: Option<u64>,
    /// Messages that stayed as a copy at the queue's end, because giving them back would have destroyed them.
    pub saved: u64,
    /// The archive, where one was written: it holds every message that was removed, and perhaps some that were not.
    pub archive: Option<PathBuf>,
    /// The digest of what it holds, in hexadecimal digits; `None` where it has none.
    pub archive_sha256: Option<String>,
    /// What the journal says, where one was kept.
    pub recorded: Option<Recorded>,
    /// The run that it went on with.
    pub resumes: Option<String>,
    /// What ended the run early.
    pub stopped: Option<Error>,
    /// Nothing was changed: it was only to be said what would become of each.
    pub dry_run: bool,
    /// The operator ended it.
    pub interrupted: bool,
    /// Selecting expressions that failed on a message, which counts as not selected.
    pub undecided: u64,
}

impl Report {
    /// Counts what became of a message, in a run that changes something.
    pub fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Replayed => self.replayed += 1,
            Outcome::Parked => self.parked += 1,
            Outcome::Removed => self.removed += 1,
            Outcome::WouldReplay | Outcome::WouldPark | Outcome::WouldRemove => (),
            Outcome::Skipped(_) => self.skipped += 1,
            Outcome::Returned(_) => self.returned += 1,
            Outcome::Refused => self.refused += 1,
            Outcome::Unknown(_) => self.unknown += 1,
            Outcome::InDoubt(_) => self.in_doubt += 1,
        }
    }

    /// Writes the last line of the run's journal, if the disk takes it in that time.
    pub(super) async fn close(&mut self, mut journal: Journal, patience: Duration, listen: &mut impl FnMut(Event<'_>)) {
        let end = End {
            ended_at: journal::now(),
            selected: self.selected,
            replayed: self.replayed,
            removed: self.removed,
            skipped: self.skipped,
            returned: self.returned,
            refused: self.refused,
            unknown: self.unknown,
            in_doubt: self.in_doubt,
            complete: self.stopped.is_none() && !self.interrupted && self.unknown + self.in_doubt == 0,
        };
        let ended_at = end.ended_at.clone();
        let ended = match tokio::time::timeout(patience, journal.end(end)).await {
            Ok(ended) => ended,
            Err(_silent) => Err(journal.stalled()),
        };
        self.recorded = Some(journal.recorded(ended_at));
        // A journal that could not be gone on with has ended the run, and that is told already.
        if let Err(error) = ended
            && self.stopped.is_none()
        {
            listen(Event::Warning(format!("{error}; what was done is done")));
        }
    }

    /// Selected messages that are where they were, and perhaps elsewhere too.
    #[must_use]
    pub fn stayed(&self) -> u64 {
        self.skipped + self.returned + self.refused + self.unknown + self.in_doubt
    }

    /// Messages that the run has done its work on; in a dry run those that it would have.
    #[must_use]
    pub fn done(&self) -> u64 {
        if self.dry_run {
            self.selected.saturating_sub(self.stayed())
        } else {
            self.replayed + self.parked + self.removed
        }
    }
}
