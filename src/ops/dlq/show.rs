//! Looking at messages without spending them: read, given back, and only then shown.

use super::{
    guard::Guard,
    intent::{Intent, Scope},
    reading::{Hold, Reading},
    saver::Saver,
    session::{Assumption, Error, Purpose, Save, Session},
    terms::{Terms, Wish},
};
use crate::{
    broker::{Broker, Delivery},
    interrupt::Interrupt,
    message::{Message, selector::Selector},
};

/// What is to be looked at.
pub struct Request {
    /// The queue.
    pub queue: String,
    /// How many messages at most.
    pub limit: u64,
    /// How many to pass over first, of those selected.
    pub skip: u64,
    /// Which ones.
    pub selector: Selector,
    /// How a message is saved that giving back would destroy.
    pub save: Save,
    /// What to believe where the management API is silent.
    pub assume: Option<Assumption>,
    /// How many messages may be held at once; `None` is chosen by what could be lost.
    pub window: Option<u16>,
    /// Who looks, `user@host`.
    pub owner: String,
}

impl Request {
    /// What it is going to do to the queue.
    #[must_use]
    pub fn intent(&self) -> Intent<'_> {
        let purpose = Purpose {
            queue: &self.queue,
            command: "evbus dlq show",
            owner: &self.owner,
            assume: self.assume,
            gives_back: true,
            locks: false,
        };
        let wish = Wish { save: self.save, window: self.window, in_hand: IN_HAND, careful: CAREFUL, only_looks: true };
        let wanted = self.limit.saturating_add(self.skip);
        Intent { purpose, wish, scope: Scope::of(self.selector.is_everything(), Some(wanted)), writes: false }
    }
}

/// What happens during a look.
#[derive(Debug)]
pub enum Event<'a> {
    /// Something to know before anything is held.
    Warning(String),
    /// A temporary policy of that name lifts the delivery limit while the look lasts.
    Guarded(&'a str),
    /// A message, after it was given back.
    Message(&'a Message),
    /// So many messages were saved from being dropped on their return, and how.
    Saved {
        /// How many.
        count: u64,
        /// By a policy, or else by copies at the queue's end.
        by_policy: bool,
    },
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
/// How many may be held where a killed evbus would cost each of them an attempt.
const CAREFUL: u16 = 50;
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
    let intent = request.intent();
    let mut session = Session::open(broker, intent.purpose).await?;
    let custody = session.facts.custody.clone();
    let mut report = Report { depth: session.facts.ready, ..Report::default() };
    let mut set = intent.scope.set(report.depth);
    let terms = session.terms(&intent.wish, set).await?;
    for warning in &terms.warnings {
        listen(Event::Warning(warning.clone()));
    }
    if let Some(policy) = &terms.guarded {
        listen(Event::Guarded(policy));
    }
    if set == 0 {
        session.close().await;
        return Ok(report);
    }
    if let Hold::AtStake(window) = terms.hold {
        report.cut = set > window.into();
        set = set.min(window.into());
    }
    let outcome = look(&session, request, (set, terms), interrupt, &mut report, &mut listen).await;
    if let Err(error) = session.unprotect().await {
        listen(Event::Warning(super::still_there(&error)));
    }
    outcome?;
    let behind = if custody.is_some_and(|custody| custody.rotates()) { report.read } else { report.copied };
    report.rotated = behind > 0 && behind < report.depth;
    session.close().await;
    Ok(report)
}

async fn look(
    session: &Session<'_>,
    request: &Request,
    (set, terms): (u64, Terms),
    interrupt: &Interrupt,
    report: &mut Report,
    listen: &mut impl FnMut(Event<'_>),
) -> Result<(), Error> {
    let mut reading = Reading::begin(&session.consuming, &request.queue, set, terms.hold).await?;
    let lifts = terms.lifts_when_found;
    let mut look = Look { session, request, lifts, fatal: Vec::new(), copied: 0, buffer: Vec::new(), buffered: 0 };
    let outcome = look.read(&mut reading, interrupt, report, listen).await;
    let returned = look.give_back(reading, listen).await;
    report.copied = look.copied;
    for message in look.buffer.drain(..) {
        listen(Event::Message(&message));
    }
    outcome?;
    returned
}

struct Look<'a> {
    session: &'a Session<'a>,
    request: &'a Request,
    /// A spent message is saved by a temporary policy before a copy is thought of.
    lifts: bool,
    /// Held messages that their return would destroy.
    fatal: Vec<Delivery>,
    /// How many of them were replaced by copies.
    copied: u64,
    buffer: Vec<Message>,
    buffered: usize,
}

impl Look<'_> {
    async fn read(
        &mut self,
        reading: &mut Reading<'_>,
        interrupt: &Interrupt,
        report: &mut Report,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Error> {
        let mut skipped = 0;
        while report.shown < self.request.limit {
            reading.make_room().await?;
            let next = tokio::select! {
                biased;
                () = interrupt.raised() => { report.interrupted = true; break }
                next = reading.next() => next?,
            };
            let Some(delivery) = next else { break };
            report.read += 1;
            let selected = self.request.selector.matches(&self.request.queue, &delivery.message);
            report.undecided += u64::from(selected.is_none());
            if selected == Some(true) && skipped < self.request.skip {
                skipped += 1;
            } else if selected == Some(true) {
                report.shown += 1;
                self.buffered += delivery.message.body.len();
                self.buffer.push(delivery.message.clone());
            }
            self.hold(reading, delivery);
            if self.buffered > BUFFER {
                self.buffered = 0;
                for message in self.buffer.drain(..) {
                    listen(Event::Message(&message));
                }
            }
        }
        Ok(())
    }

    fn hold(&mut self, reading: &mut Reading<'_>, delivery: Delivery) {
        if self.session.would_lose(&delivery.message) {
            self.fatal.push(delivery);
        } else {
            reading.deliveries().keep(delivery.receipt);
        }
    }

    /// Gives everything back, saving first what would not survive it.
    async fn give_back(&mut self, mut reading: Reading<'_>, listen: &mut impl FnMut(Event<'_>)) -> Result<(), Error> {
        for delivery in reading.deliveries().cancel().await? {
            self.hold(&mut reading, delivery);
        }
        let count = self.fatal.len() as u64;
        if count == 0 {
            return self.session.give_back(reading.into_deliveries()).await;
        }
        let raise = self.session.facts.custody.as_ref().filter(|_| self.lifts);
        let guard = match raise {
            Some(custody) => {
                Guard::put(self.session.broker, &self.request.queue, custody, &self.session.run).await.ok()
            }
            None => None,
        };
        let mut saved = Ok(());
        if guard.is_some() {
            listen(Event::Saved { count, by_policy: true });
        } else {
            let mut saver = Saver::new(self.session);
            saved = saver.stay_all(reading.deliveries(), self.fatal.drain(..)).await;
            self.copied = saver.copied();
            listen(Event::Saved { count: self.copied, by_policy: false });
            saver.close().await;
        }
        // What could not be saved keeps nothing else from going back in order.
        let ended = self.session.give_back(reading.into_deliveries()).await;
        if let Some(guard) = guard
            && let Err(error) = guard.remove(self.session.broker).await
        {
            listen(Event::Warning(super::still_there(&error)));
        }
        saved.and(ended)
    }
}
