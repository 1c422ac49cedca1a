//! Are the originals gone? An acknowledgement that is written is not one that the broker has read: what was cut off in between is in the
//! queue again. So a message counts as replayed when the broker has worked its acknowledgement off, and not before.

use std::collections::VecDeque;

use futures_util::FutureExt;

use super::{Moving, written::Entered};
use crate::{
    broker::{Error, WorkedOff},
    ops::dlq::{
        run::{Event, Line, Outcome},
        target::Address,
    },
};

/// A message whose copy is at its target, and whose original is acknowledged.
pub(super) struct Moved {
    pub(super) seq: u64,
    pub(super) message_id: Option<String>,
    pub(super) target: Address,
    pub(super) entered: Option<Entered>,
    /// What has become of it when its original is gone.
    pub(super) outcome: Outcome,
}

/// What was acknowledged together, and the broker's word on it.
pub(super) struct Going {
    moved: Vec<Moved>,
    worked_off: WorkedOff,
    answer: Option<Result<(), Error>>,
}

impl Going {
    pub(super) fn new(moved: Vec<Moved>, worked_off: WorkedOff) -> Going {
        Going { moved, worked_off, answer: None }
    }

    /// Waits for the broker's word. May be dropped while it waits, and asked again.
    async fn answered(&mut self) {
        if self.answer.is_none() {
            self.answer = Some(self.worked_off.as_mut().await);
        }
    }
}

/// Waits for the broker's word on the oldest of them; for ever where nothing is on its way out.
pub(super) async fn answered(going: &mut VecDeque<Going>) {
    match going.front_mut() {
        Some(oldest) => oldest.answered().await,
        None => std::future::pending().await,
    }
}

impl<L: FnMut(Event<'_>)> Moving<'_, '_, L> {
    /// Tells of the originals that are known to be gone.
    pub(super) fn tell_gone(&mut self) -> Result<(), Error> {
        let mut outcome = Ok(());
        while self.going.front_mut().is_some_and(|oldest| oldest.answered().now_or_never().is_some()) {
            let Some(Going { moved, answer: Some(answer), .. }) = self.going.pop_front() else { break };
            if answer.is_ok() {
                self.written.gone(moved.iter().map(|moved| moved.entered));
            }
            self.open -= moved.len();
            for Moved { seq, message_id, target, outcome, .. } in moved {
                let outcome = match &answer {
                    Ok(()) => outcome,
                    Err(error) => perhaps_here(error),
                };
                self.tell(Line { seq, message_id, target: Some(target), outcome });
            }
            outcome = outcome.and(answer);
        }
        outcome
    }

    /// Waits until of every acknowledged original is known whether it is gone.
    pub(super) async fn tell_all_gone(&mut self) -> Result<(), Error> {
        let mut outcome = Ok(());
        while !self.going.is_empty() {
            answered(&mut self.going).await;
            outcome = outcome.and(self.tell_gone());
        }
        outcome
    }
}

/// What became of a message whose acknowledgement may not have been read.
pub(super) fn perhaps_here(error: &Error) -> Outcome {
    Outcome::Unknown(format!("it is at its target, and perhaps still here: {error}"))
}
