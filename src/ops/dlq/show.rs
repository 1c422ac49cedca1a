//! Looking at messages without spending them: read, given back, and only then shown.

use std::ops::ControlFlow;

use super::{
    Error,
    intent::{Intent, Subject},
    look::{self, CAREFUL, Looked, Notice, Step},
    terms::Wish,
};
use crate::{broker::Broker, interrupt::Interrupt, message::Message};

/// What is to be looked at.
pub struct Request {
    /// The queue, which messages of it, and how they are held.
    pub subject: Subject,
    /// How many messages at most.
    pub limit: u64,
    /// How many to pass over first, of those selected.
    pub skip: u64,
}

impl Request {
    /// What it is going to do to the queue.
    #[must_use]
    pub fn intent(&self) -> Intent<'_> {
        let wanted = self.limit.saturating_add(self.skip);
        let looks = self.subject.looks("evbus dlq show", self.subject.scope(Some(wanted)), IN_HAND, CAREFUL);
        Intent { wish: Wish { only_looks: true, ..looks.wish }, ..looks }
    }
}

/// What happens during a look.
#[derive(Debug)]
pub enum Event<'a> {
    /// Something to know, and what was done to save messages.
    Notice(Notice<'a>),
    /// A message, after it was given back.
    Message(&'a Message),
}

/// How a look ended.
#[derive(Debug, Default)]
pub struct Report {
    /// Messages shown.
    pub shown: u64,
    /// Messages read, selected or not.
    pub read: u64,
    /// Messages ready in the queue when it began.
    pub depth: u64,
    /// Messages that were replaced by copies at the queue's end.
    pub copied: u64,
    /// Whether some of what was looked at is now behind the rest of the queue.
    pub rotated: bool,
    /// Fewer were looked at than asked for: no more may be at stake at once.
    pub cut: bool,
    /// The operator ended it.
    pub interrupted: bool,
    /// Selecting expressions that failed on a message, which counts as not selected.
    pub undecided: u64,
}

/// How many messages may be in hand at once when nothing is known to be at stake.
const IN_HAND: u16 = 1000;
/// Bodies kept back until everything is given back; a longer look shows while it holds.
const BUFFER: usize = 32 << 20;

/// Looks at a queue's messages.
///
/// # Errors
/// Every reason not to look, before anything is held; afterwards what ended the look.
pub async fn run(
    broker: &Broker,
    request: &Request,
    interrupt: &Interrupt,
    mut listen: impl FnMut(Event<'_>),
) -> Result<Report, Error> {
    let mut report = Report::default();
    let (mut passed, mut buffer, mut buffered) = (0, Vec::new(), 0);
    let outcome = look::run(broker, request.intent(), interrupt, &mut |step| {
        match step {
            Step::Begun { .. } => (),
            Step::Notice(notice) => listen(Event::Notice(notice)),
            Step::Message(message) => {
                let selected = request.subject.selector.matches(&request.subject.queue, message);
                report.undecided += u64::from(selected.is_none());
                if selected == Some(true) && passed < request.skip {
                    passed += 1;
                } else if selected == Some(true) {
                    report.shown += 1;
                    buffered += message.body.len();
                    buffer.push(message.clone());
                }
                if buffered > BUFFER {
                    buffered = 0;
                    buffer.drain(..).for_each(|message| listen(Event::Message(&message)));
                }
            }
        }
        if report.shown < request.limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
    .await;
    buffer.drain(..).for_each(|message| listen(Event::Message(&message)));
    let Looked { depth, read, copied, rotated, cut, interrupted } = outcome?;
    Ok(Report { read, depth, copied, rotated, cut, interrupted, ..report })
}
