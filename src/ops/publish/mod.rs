//! Publishing events: mandatory, confirmed, many on their way at once, and no more of them than the rate allows.

pub mod compose;
pub mod known;
pub mod source;

use std::{collections::VecDeque, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior},
};

use crate::{
    broker::{self, Broker, Fate, Publisher, Window},
    interrupt::Interrupt,
};
use compose::Outgoing;
use source::{Invalid, Item};

/// What is to be published.
pub struct Request {
    /// What is sent, one after the other.
    pub items: mpsc::Receiver<Item>,
    /// How many there are to send, where that is known.
    pub total: Option<u64>,
    /// The time between two of them; `None` is as fast as it goes.
    pub pace: Option<Duration>,
    /// How long the broker may be silent.
    pub timeout: Duration,
}

/// What happens.
#[derive(Debug)]
pub enum Event<'a> {
    /// One letter has met its fate.
    Settled {
        /// Its `message_id`.
        id: Option<&'a str>,
        /// The exchange it went to.
        exchange: &'a str,
        /// Its routing key.
        key: &'a str,
        /// What became of it.
        fate: &'a Fate,
    },
    /// A line cannot be sent; nothing after it is.
    Invalid(&'a Invalid),
    /// The broker takes no messages for now.
    Blocked(&'a str),
}

/// How it ended.
#[derive(Debug, Default)]
pub struct Report {
    /// Routed and safe.
    pub published: u64,
    /// Routed nowhere.
    pub unroutable: u64,
    /// Lines that cannot be sent.
    pub invalid: u64,
    /// Refused by a queue.
    pub refused: u64,
    /// Perhaps there, perhaps not.
    pub unknown: u64,
    /// Never sent, since something ended the run before; `None` where nobody knows how many there would have been.
    pub not_sent: Option<u64>,
    /// Lines that are no messages: summaries of evbus itself.
    pub skipped: u64,
    /// What ended it early.
    pub stopped: Option<broker::Error>,
    /// The line it stopped before.
    pub stopped_at: Option<Invalid>,
    /// The operator ended it.
    pub interrupted: bool,
}

impl Report {
    /// Those whose fate was told.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.published + self.unroutable + self.refused + self.unknown
    }
}

/// Publishes everything and tells the fate of each. It ends at what cannot be sent, and when the broker ends the channel.
///
/// # Errors
/// When nothing could be published at all.
pub async fn run(
    broker: &Broker,
    request: Request,
    interrupt: &Interrupt,
    listen: &mut impl FnMut(Event<'_>),
) -> Result<Report, broker::Error> {
    let connection = broker.connect("evbus publish").await?;
    let publisher = connection.publisher(Window::default()).await?;
    let Request { mut items, total, pace, timeout } = request;
    let mut run = Run {
        publisher,
        interrupt,
        blocked: connection.blocked(),
        timeout,
        listen,
        report: Report::default(),
        sent: VecDeque::new(),
    };
    let sent = run.send_all(&mut items, pace).await;
    let settled = run.settle_all().await;
    // The broker's own reason says more than what was noticed of it here.
    let ended = run.publisher.take_end();
    let (outcome, all) = match sent {
        Ok(all) => (Ok(()), all),
        Err(error) => (Err(error), false),
    };
    let Run { publisher, mut report, .. } = run;
    report.interrupted = interrupt.is_raised();
    report.stopped = ended.or(outcome.and(settled).err());
    report.not_sent = match total {
        _ if all => Some(0),
        Some(total) => Some(total.saturating_sub(report.settled() + report.invalid)),
        None => None,
    };
    publisher.close().await;
    connection.close().await;
    Ok(report)
}

/// The name of a letter on its way: id, exchange and key.
type Name = (Option<String>, String, String);

struct Run<'a, L> {
    publisher: Publisher,
    interrupt: &'a Interrupt,
    blocked: watch::Receiver<Option<String>>,
    timeout: Duration,
    listen: &'a mut L,
    report: Report,
    sent: VecDeque<Name>,
}

impl<L: FnMut(Event<'_>)> Run<'_, L> {
    /// Sends until there is nothing more, or something ends it. Answers whether everything was sent.
    async fn send_all(
        &mut self,
        items: &mut mpsc::Receiver<Item>,
        pace: Option<Duration>,
    ) -> Result<bool, broker::Error> {
        let mut ticks = pace.map(|pace| {
            let mut ticks = tokio::time::interval(pace.max(Duration::from_micros(1)));
            // What was missed while the broker was busy is not caught up in one burst: the rate is a promise to consumers.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        loop {
            let item = match self.meanwhile(items.recv()).await {
                None => return Ok(false),
                Some(None) => return Ok(!self.publisher.has_ended()),
                Some(Some(item)) => item,
            };
            let outgoing = match item {
                Item::Send(outgoing) => outgoing,
                Item::Skipped => {
                    self.report.skipped += 1;
                    continue;
                }
                Item::Invalid(invalid) => {
                    self.report.invalid += 1;
                    (self.listen)(Event::Invalid(&invalid));
                    self.report.stopped_at = Some(invalid);
                    return Ok(false);
                }
            };
            if let Some(ticks) = &mut ticks
                && self.meanwhile(ticks.tick()).await.is_none()
            {
                return Ok(false);
            }
            if !self.send(&outgoing).await? {
                return Ok(false);
            }
        }
    }

    /// Waits for something and takes up confirmations meanwhile; `None` when the operator or the broker ended the run.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            if self.publisher.has_ended() || self.interrupt.is_raised() {
                return None;
            }
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                () = self.interrupt.raised() => return None,
                () = self.publisher.await_confirmation(), if self.publisher.unsettled() > 0 => self.tell(),
            }
        }
    }

    /// Sends one when there is room for it. Answers whether it was sent.
    async fn send(&mut self, outgoing: &Outgoing) -> Result<bool, broker::Error> {
        let letter = outgoing.letter();
        let deadline = Instant::now() + self.timeout;
        loop {
            self.publisher.take_up();
            self.tell();
            if self.publisher.has_ended() || self.interrupt.is_raised() {
                return Ok(false);
            }
            if let Some(reason) = self.block() {
                tokio::select! {
                    () = tokio::time::sleep_until(deadline) => return Err(broker::Error::Blocked { reason }),
                    () = self.interrupt.raised() => return Ok(false),
                    changed = self.blocked.changed() => match changed {
                        Ok(()) => continue,
                        Err(_) => return Err(broker::Error::Lost { because: "it ended while it was blocked".to_owned() }),
                    }
                }
            }
            if self.publisher.has_room(letter.body.len()) {
                break;
            }
            tokio::select! {
                () = self.publisher.await_confirmation() => (),
                Ok(()) = self.blocked.changed() => (),
                () = self.interrupt.raised() => return Ok(false),
                () = tokio::time::sleep_until(deadline) => {
                    return Err(broker::Error::Timeout { what: "a confirmation".to_owned() });
                }
            }
        }
        let name = (letter.properties.message_id.clone(), letter.exchange.clone(), letter.routing_key.clone());
        self.publisher.publish(0, letter)?;
        self.sent.push_back(name);
        Ok(true)
    }

    /// Why the broker takes no messages, if it does not; said whenever it changes.
    fn block(&mut self) -> Option<String> {
        let is_news = self.blocked.has_changed().unwrap_or(false);
        let reason = self.blocked.borrow_and_update().clone();
        if let (true, Some(reason)) = (is_news, &reason) {
            (self.listen)(Event::Blocked(reason));
        }
        reason
    }

    fn tell(&mut self) {
        while let Some((_, fate)) = self.publisher.take_settled() {
            self.settled(&fate);
        }
    }

    fn settled(&mut self, fate: &Fate) {
        // Fates come in the order of publishing, one for each.
        let Some((id, exchange, key)) = self.sent.pop_front() else { return };
        match fate {
            Fate::Routed => self.report.published += 1,
            Fate::Unroutable { .. } => self.report.unroutable += 1,
            Fate::Refused => self.report.refused += 1,
            Fate::Unknown { .. } => self.report.unknown += 1,
        }
        (self.listen)(Event::Settled { id: id.as_deref(), exchange: &exchange, key: &key, fate });
    }

    /// Waits for what is on its way. While the broker takes no messages, an operator who wants to stop does not wait for it.
    async fn settle_all(&mut self) -> Result<(), broker::Error> {
        let mut outcome = Ok(());
        let mut deadline = Instant::now() + self.timeout;
        while self.publisher.unsettled() > 0 {
            let blocked = self.block();
            let silent = tokio::select! {
                next = self.publisher.next() => {
                    let Some((_, fate)) = next else { break };
                    self.settled(&fate);
                    deadline = Instant::now() + self.timeout;
                    false
                }
                Ok(()) = self.blocked.changed() => false,
                () = self.interrupt.raised(), if blocked.is_some() => true,
                () = tokio::time::sleep_until(deadline) => true,
            };
            if silent {
                let error = match blocked {
                    Some(reason) => broker::Error::Blocked { reason },
                    None => broker::Error::Timeout { what: "a confirmation".to_owned() },
                };
                self.publisher.give_up(&error.to_string());
                outcome = Err(error);
            }
        }
        outcome
    }
}

/// The bound key of an exchange that is nearest to one that routes nowhere; `None` where nobody can say.
pub async fn nearest_key(broker: &Broker, exchange: &str, key: &str) -> Option<String> {
    if exchange.is_empty() {
        let names = broker.management().queue_names(broker.vhost()).await.ok()?;
        return crate::nearest::among(key, names.iter().map(String::as_str)).map(str::to_owned);
    }
    let bindings = broker.management().bindings(broker.vhost()).await.ok()?;
    let keys = bindings.iter().filter(|binding| binding.source == exchange).map(|binding| binding.routing_key.as_str());
    crate::nearest::among(key, keys).map(str::to_owned)
}

/// The exchange that is nearest to one that is not there; `None` where nobody can say.
pub async fn nearest_exchange(broker: &Broker, exchange: &str, known: &[&str]) -> Option<String> {
    let exchanges = broker.management().exchanges(broker.vhost()).await.unwrap_or_default();
    let names = exchanges.iter().map(|exchange| exchange.name.as_str()).filter(|name| !name.is_empty());
    crate::nearest::among(exchange, names.chain(known.iter().copied())).map(str::to_owned)
}
