//! Publishing events: mandatory, confirmed, many on their way at once, and no more of them than the rate allows.

pub mod compose;

use std::{collections::VecDeque, time::Duration};

use tokio::time::{Instant, MissedTickBehavior};

use crate::{
    broker::{self, Broker, Fate, Letter, Publisher, Window},
    interrupt::Interrupt,
};

/// What is to be published.
pub struct Request<I> {
    /// The letters, one after the other.
    pub letters: I,
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
    /// Refused by a queue.
    pub refused: u64,
    /// Perhaps there, perhaps not.
    pub unknown: u64,
    /// What ended it early.
    pub stopped: Option<broker::Error>,
    /// The operator ended it.
    pub interrupted: bool,
}

/// Publishes every letter and tells the fate of each.
///
/// # Errors
/// When nothing could be published at all.
pub async fn run(
    broker: &Broker,
    request: Request<impl Iterator<Item = Letter>>,
    interrupt: &Interrupt,
    listen: &mut impl FnMut(Event<'_>),
) -> Result<Report, broker::Error> {
    let connection = broker.connect("evbus publish").await?;
    let publisher = connection.publisher(Window::default()).await?;
    let mut run = Run { publisher, listen, report: Report::default(), sent: VecDeque::new() };
    let outcome = run.send_all(&connection, request.letters, request.pace, request.timeout, interrupt).await;
    let settled = run.settle_all(request.timeout).await;
    run.report.interrupted = interrupt.is_raised();
    run.report.stopped = outcome.and(settled).err();
    let report = run.report;
    run.publisher.close().await;
    connection.close().await;
    Ok(report)
}

/// The name of a letter on its way: id, exchange and key.
type Name = (Option<String>, String, String);

struct Run<'a, L> {
    publisher: Publisher,
    listen: &'a mut L,
    report: Report,
    sent: VecDeque<Name>,
}

impl<L: FnMut(Event<'_>)> Run<'_, L> {
    async fn send_all(
        &mut self,
        connection: &broker::Connection,
        letters: impl Iterator<Item = Letter>,
        pace: Option<Duration>,
        timeout: Duration,
        interrupt: &Interrupt,
    ) -> Result<(), broker::Error> {
        let mut ticks = pace.map(|pace| {
            let mut ticks = tokio::time::interval(pace.max(Duration::from_micros(1)));
            // What was missed while the broker was busy is not caught up in one burst: the rate is a promise to consumers.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        let mut blocked = connection.blocked();
        for letter in letters {
            if let Some(ticks) = &mut ticks {
                loop {
                    tokio::select! {
                        _ = ticks.tick() => break,
                        () = self.publisher.await_confirmation(), if self.publisher.unsettled() > 0 => self.tell(),
                        () = interrupt.raised() => return Ok(()),
                    }
                }
            }
            let deadline = Instant::now() + timeout;
            loop {
                if interrupt.is_raised() {
                    return Ok(());
                }
                let reason = blocked.borrow_and_update().clone();
                if let Some(reason) = reason {
                    (self.listen)(Event::Blocked(&reason));
                    tokio::select! {
                        () = tokio::time::sleep_until(deadline) => return Err(broker::Error::Blocked { reason }),
                        () = interrupt.raised() => return Ok(()),
                        _ = blocked.changed() => continue,
                    }
                }
                if self.publisher.has_room(letter.body.len()) {
                    break;
                }
                let waited = tokio::time::timeout_at(deadline, self.publisher.await_confirmation()).await;
                waited.map_err(|_| broker::Error::Timeout { what: "a confirmation".to_owned() })?;
                self.tell();
            }
            self.sent.push_back((
                letter.properties.message_id.clone(),
                letter.exchange.clone(),
                letter.routing_key.clone(),
            ));
            if let Err(error) = self.publisher.publish(0, letter) {
                self.sent.pop_back();
                return Err(error);
            }
            self.tell();
        }
        Ok(())
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

    async fn settle_all(&mut self, timeout: Duration) -> Result<(), broker::Error> {
        let mut outcome = Ok(());
        while self.publisher.unsettled() > 0 {
            match tokio::time::timeout(timeout, self.publisher.next()).await {
                Ok(Some((_, fate))) => self.settled(&fate),
                Ok(None) => break,
                Err(_silent) => {
                    self.publisher.give_up("the broker did not confirm in time");
                    outcome = Err(broker::Error::Timeout { what: "a confirmation".to_owned() });
                }
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
