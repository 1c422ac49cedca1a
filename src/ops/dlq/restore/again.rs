//! What is a record to a restore that goes on with another, and what becomes of it now?

use crate::ops::dlq::{
    journal::Places,
    resuming::{InDoubt, Resume},
};

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// It was never begun with: it is put back where it is meant.
    New,
    /// It may be at its target, and is put back all the same.
    Again,
    /// It may be at its target, and stays in doubt.
    InDoubt,
    /// It may be at its target, and nobody asks any more.
    Passed,
    /// An earlier run is done with it.
    Settled,
}

/// What earlier runs have done.
#[derive(Debug, Default)]
pub(super) struct Again {
    places: Places,
    in_doubt: InDoubt,
}

impl Again {
    pub(super) fn new(resume: Option<&Resume>) -> Again {
        resume
            .map(|Resume { past, in_doubt }| Again { places: past.places.clone(), in_doubt: *in_doubt })
            .unwrap_or_default()
    }

    /// What becomes of the record at that place.
    pub(super) fn part(&self, place: u64) -> Part {
        if self.places.settled().has(place) {
            return Part::Settled;
        }
        match self.in_doubt {
            _ if !self.places.doubtful().has(place) => Part::New,
            InDoubt::Hold => Part::InDoubt,
            InDoubt::Skip => Part::Passed,
            InDoubt::Replay => Part::Again,
        }
    }

    /// How many records that were not begun with may be, of so many in all: those in doubt may have been among them.
    pub(super) fn budget(&self, limit: Option<u64>) -> Option<u64> {
        limit.map(|limit| limit.saturating_sub(self.places.doubtful().count()))
    }

    /// Whether records that are in doubt come behind that place.
    pub(super) fn has_doubtful_behind(&self, place: u64) -> bool {
        self.places.doubtful().last().is_some_and(|last| last > place)
    }
}
