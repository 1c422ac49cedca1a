//! One look at the front of a queue, or at all of it: each message is read, told, held, and given back at the end.
//!
//! Nothing of a message is kept but the right to settle it, unless its return would destroy it: then it is saved first.

use std::ops::ControlFlow;

use super::{
    Error,
    guard::Guard,
    intent::Intent,
    reading::{Hold, Reading},
    saver::Saver,
    session::Session,
    terms::Terms,
};
use crate::{
    broker::{Broker, Delivery},
    interrupt::Interrupt,
    message::Message,
};

/// What whoever looks is told beside the messages.
#[derive(Debug)]
pub enum Notice<'a> {
    /// Something to know before anything is held, or at the end.
    Warning(String),
    /// A temporary policy of that name lifts the delivery limit while the look lasts.
    Guarded(&'a str),
    /// So many messages were saved from being dropped on their return, and how.
    Saved {
        /// How many.
        count: u64,
        /// By a policy, or else by copies at the queue's end.
        by_policy: bool,
    },
}

/// What happens during a look.
pub(super) enum Step<'a> {
    /// The queue has so many messages, and so many of them will be read.
    Begun { depth: u64, set: u64 },
    /// See [`Notice`].
    Notice(Notice<'a>),
    /// A message, while it is held.
    Message(&'a Message),
}

/// How a look ended.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// Messages ready in the queue when it began.
    pub depth: u64,
    /// Messages read.
    pub read: u64,
    /// Messages that were replaced by copies at the queue's end.
    pub copied: u64,
    /// Whether some of what was looked at is now behind the rest of the queue.
    pub rotated: bool,
    /// Fewer were looked at than asked for: no more may be at stake at once.
    pub cut: bool,
    /// The operator ended it.
    pub interrupted: bool,
}

/// How many may be held where a killed evbus would cost each of them an attempt.
pub(super) const CAREFUL: u16 = 50;

/// Looks, until whoever listens has seen enough.
///
/// # Errors
/// Every reason not to look, before anything is held; afterwards what ended the look.
pub(super) async fn run(
    broker: &Broker,
    intent: Intent<'_>,
    interrupt: &Interrupt,
    listen: &mut impl FnMut(Step<'_>) -> ControlFlow<()>,
) -> Result<Looked, Error> {
    let mut session = Session::open(broker, intent.purpose).await?;
    let custody = session.facts.custody.clone();
    let mut looked = Looked { depth: session.facts.ready, ..Looked::default() };
    let mut set = intent.scope.set(looked.depth);
    let terms = session.terms(&intent.wish, set).await?;
    for warning in &terms.warnings {
        tell(listen, Notice::Warning(warning.clone()));
    }
    if let Some(policy) = &terms.guarded {
        tell(listen, Notice::Guarded(policy));
    }
    if let Hold::AtStake(window) = terms.hold {
        looked.cut = set > window.into();
        set = set.min(window.into());
    }
    let _ = listen(Step::Begun { depth: looked.depth, set });
    if set == 0 {
        session.close().await;
        return Ok(looked);
    }
    let (outcome, guard) = look(&session, (set, terms), interrupt, &mut looked, listen).await;
    session.guard = session.guard.take().or(guard);
    if let Err(error) = session.unprotect(&mut |text| tell(listen, Notice::Warning(text))).await {
        tell(listen, Notice::Warning(super::still_there(&error)));
    }
    outcome?;
    let behind = if custody.is_some_and(|custody| custody.rotates()) { looked.read } else { looked.copied };
    looked.rotated = behind > 0 && behind < looked.depth;
    session.close().await;
    Ok(looked)
}

fn tell(listen: &mut impl FnMut(Step<'_>) -> ControlFlow<()>, notice: Notice<'_>) {
    // A notice ends nothing.
    let _ = listen(Step::Notice(notice));
}

async fn look(
    session: &Session<'_>,
    (set, terms): (u64, Terms),
    interrupt: &Interrupt,
    looked: &mut Looked,
    listen: &mut impl FnMut(Step<'_>) -> ControlFlow<()>,
) -> (Result<(), Error>, Option<Guard>) {
    let mut reading = match session.begin(set, terms.hold).await {
        Ok(reading) => reading,
        Err(error) => return (Err(error.into()), None),
    };
    let mut held = Held { session, lifts: terms.lifts_when_found, fatal: Vec::new(), guard: None };
    let outcome = held.read(&mut reading, interrupt, looked, listen).await;
    let returned = held.give_back(reading, looked, listen).await;
    (outcome.and(returned), held.guard)
}

struct Held<'a> {
    session: &'a Session<'a>,
    /// A spent message is saved by a temporary policy before a copy is thought of.
    lifts: bool,
    /// Held messages that their return would destroy.
    fatal: Vec<Delivery>,
    /// The temporary policy that lets them go back.
    guard: Option<Guard>,
}

impl Held<'_> {
    async fn read(
        &mut self,
        reading: &mut Reading<'_>,
        interrupt: &Interrupt,
        looked: &mut Looked,
        listen: &mut impl FnMut(Step<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        loop {
            reading.make_room().await?;
            // What has arrived needs no waiting, nor a timer for it.
            let arrived = if interrupt.is_raised() { None } else { reading.arrived()? };
            let next = match arrived {
                Some(delivery) => Some(delivery),
                None => tokio::select! {
                    biased;
                    () = interrupt.raised() => { looked.interrupted = true; None }
                    next = reading.next() => next?,
                },
            };
            let Some(delivery) = next else { return Ok(()) };
            looked.read += 1;
            let flow = listen(Step::Message(&delivery.message));
            self.hold(reading, delivery);
            if flow.is_break() {
                return Ok(());
            }
        }
    }

    fn hold(&mut self, reading: &mut Reading<'_>, delivery: Delivery) {
        if self.session.would_lose(&delivery.message) {
            self.fatal.push(delivery);
        } else {
            reading.deliveries().keep(delivery.receipt);
        }
    }

    /// Gives everything back, saving first what would not survive it.
    async fn give_back(
        &mut self,
        mut reading: Reading<'_>,
        looked: &mut Looked,
        listen: &mut impl FnMut(Step<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        for delivery in reading.deliveries().cancel().await? {
            self.hold(&mut reading, delivery);
        }
        let count = self.fatal.len() as u64;
        if count == 0 {
            return self.session.give_back(reading).await;
        }
        let raise = self.session.facts.custody.as_ref().filter(|_| self.lifts);
        self.guard = match raise {
            Some(custody) => {
                Guard::put(self.session.broker, &self.session.queue, custody, &self.session.run).await.ok()
            }
            None => None,
        };
        let mut saved = Ok(());
        if self.guard.is_some() {
            tell(listen, Notice::Saved { count, by_policy: true });
        } else {
            let mut saver = Saver::new(self.session);
            saved = saver.stay_all(reading.deliveries(), self.fatal.drain(..)).await;
            looked.copied = saver.copied();
            tell(listen, Notice::Saved { count: looked.copied, by_policy: false });
            saver.close().await;
        }
        // What could not be saved keeps nothing else from going back in order.
        let ended = self.session.give_back(reading).await;
        saved.and(ended)
    }
}
