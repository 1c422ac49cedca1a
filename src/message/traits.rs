//! What selectors and groups ask of a message: each answer is worked out when it is first asked for, and once.

use std::{borrow::Cow, cell::OnceCell};

use jaq_json::Val;

use super::{
    Message,
    death::{self, Death, Original},
    event,
    failure::{self, Failure},
    record,
    validity::{Judge, Validity},
};

/// A message read from a queue, and what has been found out about it.
pub struct Traits<'a> {
    queue: Option<&'a str>,
    message: &'a Message,
    history: OnceCell<Vec<Death>>,
    failure: OnceCell<Option<Failure<'a>>>,
    original: OnceCell<Option<Original>>,
    event: OnceCell<Option<Cow<'a, str>>>,
    validity: OnceCell<Validity>,
    record: OnceCell<Option<Val>>,
}

impl<'a> Traits<'a> {
    /// Of a message, wherever it comes from.
    #[must_use]
    pub fn of(message: &'a Message) -> Traits<'a> {
        Traits {
            queue: None,
            message,
            history: OnceCell::new(),
            failure: OnceCell::new(),
            original: OnceCell::new(),
            event: OnceCell::new(),
            validity: OnceCell::new(),
            record: OnceCell::new(),
        }
    }

    /// Of a message that was read from that queue.
    #[must_use]
    pub fn read_from(queue: &'a str, message: &'a Message) -> Traits<'a> {
        Traits { queue: Some(queue), ..Traits::of(message) }
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &'a Message {
        self.message
    }

    /// The death that brought it where it is.
    #[must_use]
    pub fn death(&self) -> Option<&Death> {
        let history = self.history();
        history.get(death::decisive(history)?)
    }

    /// What a framework tells of its failure.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure<'a>> {
        self.failure.get_or_init(|| failure::of(self.message)).as_ref()
    }

    /// The queue it died in.
    #[must_use]
    pub fn source_queue(&self) -> Option<&str> {
        death::source(self.message, self.death(), self.failure())
    }

    /// Where it was first published.
    #[must_use]
    pub fn original(&self) -> Option<&Original> {
        self.original.get_or_init(|| death::original(self.message, self.history(), self.failure())).as_ref()
    }

    /// When it first died, or failed, or was published where it never did.
    #[must_use]
    pub fn moment(&self) -> Option<jiff::Timestamp> {
        let published = || {
            let seconds = i64::try_from(self.message.properties.timestamp?).ok()?;
            jiff::Timestamp::from_second(seconds).ok()
        };
        let failed = || self.failure().and_then(|failure| failure.failed_at);
        self.death().and_then(|death| death.first_at).or_else(failed).or_else(published)
    }

    /// The type of the event in it.
    #[must_use]
    pub fn event(&self) -> Option<&str> {
        self.event.get_or_init(|| event::kind(self.message)).as_deref()
    }

    /// Whether its payload is what the catalog says.
    #[must_use]
    pub fn validity(&self, judge: &Judge) -> Validity {
        *self.validity.get_or_init(|| judge(self.message))
    }

    /// Its record, as expressions see it.
    pub(super) fn record(&self) -> Option<&Val> {
        let read = || {
            let mut line = Vec::with_capacity(self.message.body.len() + 512);
            record::write(&mut line, self.queue, self.message).ok()?;
            jaq_json::read::parse_single(&line).ok()
        };
        self.record.get_or_init(read).as_ref()
    }

    fn history(&self) -> &[Death] {
        self.history.get_or_init(|| death::history(self.message))
    }
}
