//! Taking messages from a queue and giving them back: what was delivered, who settles it, and how it returns.
//!
//! Broker facts this file rests on (measured on 3.10, 4.0 and 4.3):
//! - A prefetch that is never exceeded bounds what is held; deliveries that nobody has read yet are held as well.
//! - Returning with `basic.nack`, `multiple`, after `basic.cancel`, keeps the order where the broker can, and costs no delivery
//!   attempt from 4.3 on. Closing the channel or connection instead costs one. One frame for the messages of several consumers
//!   returns them by consumer, sorted by tag as text (quorum queues, measured), so each consumer's go back in a frame of their own.
//! - A classic queue puts what is returned where it was, and for that walks what is back already from the oldest on, once for each consumer
//!   (`requeue_merge`). What was delivered last goes back first there: a million in order kept the queue busy for minutes.
//! - An acknowledgement makes room, and what a quorum queue delivers into it can come after the consumer is cancelled, when lapin
//!   no longer knows that consumer and drops it: held, and seen by nobody. (Found as losses of spent messages on 3.10 and 4.0, which
//!   end when nothing is settled while a consumer is there.) Where a return costs something, acknowledgements therefore wait until
//!   the consumer is cancelled ([`Deliveries::pause`]).
//! - What one acknowledgement costs the broker grows with what is unsettled on its channel (see `lane`), so a channel is left behind when
//!   much is kept on it, and a fresh consumer begins on another. A channel works in order; several have to be waited for.

mod lane;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::{StreamExt, future::try_join_all};

use self::lane::Lane;
use super::{Connection, Error, patience::Patience, wire};
use crate::message::Message;

/// In which order messages go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As they were delivered: for queues that take them in as they come.
    #[default]
    FirstFirst,
    /// What was delivered last goes back first: for queues that know where each was.
    LastFirst,
}

/// How many channels there are at most. A broker refuses one too many by ending the whole connection.
const CHANNELS: usize = 128;

/// The right to settle one delivery, once. Earlier deliveries come first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
#[must_use = "a delivery that is never settled stays with us until the channel ends"]
pub struct Receipt {
    /// Which of our channels it came on.
    lane: usize,
    tag: u64,
}

/// A message that is ours until its receipt is settled.
#[derive(Debug)]
#[must_use = "a delivery that is never settled stays with us until the channel ends"]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// The right to settle it.
    pub receipt: Receipt,
}

/// Comes when the broker has worked off all that was sent before; see [`Deliveries::worked_off`].
pub type WorkedOff = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Takes messages from one queue, on channels of its own.
///
/// What is neither acknowledged nor given back is held. A consumer's prefetch counts what it holds, so messages that are kept
/// until the end would starve it; [`Deliveries::renew`] puts a fresh consumer in its place while the old one's messages stay held.
pub struct Deliveries {
    /// The channels that are left behind, in the order of their deliveries.
    earlier: Vec<Lane>,
    /// The channel of the consumer.
    present: Lane,
    /// How long the broker may be silent when it is asked for something.
    patience: Patience,
    consumer: lapin::Consumer,
    queue: String,
    prefetch: u16,
    /// Delivered to earlier consumers and not yet handed out, and on which channel.
    waiting: VecDeque<(usize, lapin::message::Delivery)>,
    /// How many of this consumer's are kept, and how many in all.
    kept: usize,
    kept_in_all: usize,
    /// This consumer is asked for no more.
    paused: bool,
    /// The broker has ended this consumer: asked once more, lapin would wait for ever.
    over: bool,
    cancelled: bool,
    order: Order,
    /// How many messages may be kept in all.
    set: u64,
}

impl Deliveries {
    /// How many messages are kept on one channel before a fresh consumer begins on another; more where the channels would not do.
    pub const PER_CHANNEL: usize = 4000;

    pub(super) async fn open(connection: &Connection, queue: &str, prefetch: u16) -> Result<Deliveries, Error> {
        let present = Lane::open(connection).await?;
        // Prefetch 0 means no bound (2,000 on quorum queues): nothing here may hold that much unseen.
        let prefetch = prefetch.max(1);
        let consumer = present.consume(queue, prefetch).await?;
        Ok(Deliveries {
            earlier: Vec::new(),
            present,
            patience: connection.patience(),
            consumer,
            queue: queue.to_owned(),
            prefetch,
            waiting: VecDeque::new(),
            kept: 0,
            kept_in_all: 0,
            paused: false,
            over: false,
            cancelled: false,
            order: Order::default(),
            set: 0,
        })
    }

    /// So many messages may be kept in all: what fills the channels is spread over them evenly.
    pub fn expect(&mut self, set: u64) {
        self.set = set;
    }

    /// In which order [`Deliveries::end`] gives back what is held.
    pub fn return_in(&mut self, order: Order) {
        self.order = order;
    }

    /// The next message. May be dropped while it waits without losing anything.
    ///
    /// # Errors
    /// [`Error::QueueGone`] when the broker cancelled the consumer; [`Error::TakenBack`]; otherwise what ended the channel.
    pub async fn next(&mut self) -> Result<Delivery, Error> {
        let (lane, delivery) = match self.waiting.pop_front() {
            Some(waiting) => waiting,
            None => (self.earlier.len(), self.received().await?),
        };
        Ok(self.hand_out(lane, delivery))
    }

    async fn received(&mut self) -> Result<lapin::message::Delivery, Error> {
        let next = if self.over { None } else { self.consumer.next().await };
        match next {
            Some(Ok(delivery)) => {
                // What was taken back comes once more.
                if delivery.redelivered {
                    self.all_held()?;
                }
                Ok(delivery)
            }
            Some(Err(error)) => Err(Error::from_lapin(&error)),
            None => {
                self.over = true;
                Err(Error::QueueGone { queue: self.queue.clone() })
            }
        }
    }

    /// Waits until everything has come that the broker had sent before: a channel answers in order.
    ///
    /// # Errors
    /// When the channel or connection has ended.
    pub async fn catch_up(&self) -> Result<(), Error> {
        // Nothing comes on an earlier channel any more: its consumers were cancelled, and that was answered.
        self.present.catch_up(self.prefetch).await
    }

    /// How many messages were handed out and are not settled.
    #[must_use]
    pub fn held(&self) -> usize {
        self.lanes().map(Lane::held).sum()
    }

    /// Holds a message until [`Deliveries::end`] gives it back.
    pub fn keep(&mut self, receipt: Receipt) {
        let Receipt { lane, tag } = receipt;
        let is_present = lane == self.earlier.len();
        self.kept += usize::from(is_present && self.present.is_of_this_consumer(tag));
        self.kept_in_all += 1;
        self.lane(lane).keep();
    }

    /// How many messages are held until the end.
    #[must_use]
    pub fn kept_in_all(&self) -> usize {
        self.kept_in_all
    }

    /// How long the broker may be silent when it is asked for something.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.patience.limit()
    }

    /// Waits for one more message and keeps it ready for [`Deliveries::next`]. May be dropped while it waits.
    ///
    /// # Errors
    /// As [`Deliveries::next`].
    pub async fn fetch(&mut self) -> Result<(), Error> {
        let delivery = self.received().await?;
        self.await_next(delivery);
        Ok(())
    }

    fn await_next(&mut self, delivery: lapin::message::Delivery) {
        self.present.saw(delivery.delivery_tag);
        self.waiting.push_back((self.earlier.len(), delivery));
    }

    /// Asks this consumer for no more; [`Deliveries::renew`] puts another in its place.
    ///
    /// # Errors
    /// When the channel or connection has ended.
    pub async fn pause(&mut self) -> Result<(), Error> {
        if !std::mem::replace(&mut self.paused, true) {
            self.stop().await?;
        }
        Ok(())
    }

    /// How many messages this consumer holds until the end, of as many as it may have in hand.
    #[must_use]
    pub fn kept(&self) -> (usize, usize) {
        (self.kept, usize::from(self.prefetch))
    }

    /// How many messages have been delivered and not been handed out, as far as is known.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Puts a fresh consumer in place of this one; what is held stays held, in the order of delivery. Where much is kept on the channel
    /// and there is a connection to open `more` on, it is on another channel. `prefetch` says how many it may have in hand when so many
    /// wait already.
    ///
    /// # Errors
    /// When a channel or the connection has ended ([`Error::TakenBack`]), or the queue is gone.
    pub async fn renew(&mut self, more: Option<&Connection>, prefetch: impl FnOnce(usize) -> u16) -> Result<(), Error> {
        self.all_held()?;
        self.pause().await?;
        match more.filter(|connection| self.is_full(connection)) {
            Some(connection) => {
                let fresh = Lane::open(connection).await?;
                self.earlier.push(std::mem::replace(&mut self.present, fresh));
            }
            None => self.present.end_consumer(),
        }
        self.prefetch = prefetch(self.waiting.len()).max(1);
        self.consumer = self.present.consume(&self.queue, self.prefetch).await?;
        (self.kept, self.paused, self.over) = (0, false, false);
        Ok(())
    }

    /// Whether so much is kept on the present channel that there should be another, and can be.
    fn is_full(&self, connection: &Connection) -> bool {
        // Half of what both sides agreed on: the connection has other work for channels as well.
        let most = CHANNELS.min(connection.channels_max() / 2);
        let share = usize::try_from(self.set).unwrap_or(usize::MAX) / most.max(1);
        self.present.kept() >= share.max(Deliveries::PER_CHANNEL) && self.earlier.len() + 1 < most
    }

    /// Removes these messages from the queue for good. Returns when the acknowledgements are written; that the broker has worked
    /// them off is known when [`Deliveries::worked_off`] says so, or [`Deliveries::end`] has returned.
    ///
    /// # Errors
    /// When the channel or connection has ended: what was not worked off is still in the queue.
    pub async fn acknowledge(&mut self, receipts: impl IntoIterator<Item = Receipt>) -> Result<(), Error> {
        let mut tags: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
        for Receipt { lane, tag } in receipts {
            tags.entry(lane).or_default().insert(tag);
        }
        for (lane, tags) in tags {
            let written = self.lane(lane).acknowledge(tags).await;
            written.or_else(|error| self.all_held().and(Err(error)))?;
        }
        Ok(())
    }

    /// Asks at once, and comes when the broker has worked off every acknowledgement that was written before: a channel works in order.
    /// It may be waited for beside other work, and fails when a channel or the connection ends first: what was acknowledged may be gone
    /// then, or still in the queue.
    #[must_use = "nothing is known before it has come"]
    pub fn worked_off(&self) -> WorkedOff {
        let (asked, patience) = (self.lanes().filter_map(Lane::ask), self.patience.clone());
        let asked = try_join_all(asked);
        let mut asking: WorkedOff = Box::pin(async move { lane::answered(&patience, asked).await.map(drop) });
        // The first poll sends the questions.
        match asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            // Asked on a channel that the broker has just closed, lapin names the state of the channel instead of the reason.
            Poll::Ready(answer) => Box::pin(std::future::ready(self.all_held().and(answer))),
            Poll::Pending => asking,
        }
    }

    /// Refuses a message for good: its queue dead-letters or drops it.
    ///
    /// # Errors
    /// When the channel or connection has ended.
    pub async fn reject(&mut self, receipt: Receipt) -> Result<(), Error> {
        let Receipt { lane, tag } = receipt;
        self.lane(lane).reject(tag).await
    }

    /// Asks for no more messages and hands out what the broker had already sent. Everything stays held until settled.
    ///
    /// # Errors
    /// When the channel or connection has ended.
    pub async fn cancel(&mut self) -> Result<Vec<Delivery>, Error> {
        if !self.cancelled {
            self.cancelled = true;
            self.pause().await?;
        }
        let rest: Vec<_> = self.waiting.drain(..).collect();
        Ok(rest.into_iter().map(|(lane, delivery)| self.hand_out(lane, delivery)).collect())
    }

    /// Gives everything back that is not settled, in the [`Order`] that was wanted, ends the consumer, and says how many went back.
    /// When it returns, the broker has worked off every acknowledgement and the return; quorum queues up to 3.13 may count the messages
    /// as ready a moment later.
    ///
    /// # Errors
    /// When the channel or connection has ended; the broker returns what was held then.
    pub async fn end(mut self) -> Result<u64, Error> {
        let _unseen_goes_back_with_the_rest = self.cancel().await?;
        let (returned, all_held) = (self.held() as u64, self.all_held());
        // One after the other: nothing orders what the broker does for two channels, but that it has answered on the first.
        let mut lanes: Vec<Lane> = self.earlier.into_iter().chain([self.present]).collect();
        if self.order == Order::LastFirst {
            lanes.reverse();
        }
        for lane in lanes {
            if all_held.is_ok() || lane.is_open() {
                lane.give_back(self.order).await?;
            }
        }
        all_held.map(|()| returned)
    }

    /// Whether the broker has taken nothing back of what earlier consumers were given. It tells nobody but the channel, on which nobody
    /// waits for anything.
    fn all_held(&self) -> Result<(), Error> {
        // With the connection all of them have ended, and who asks for something next is told why.
        let is_taken = self.present.is_open() && !self.earlier.iter().all(Lane::is_open);
        if is_taken { Err(Error::TakenBack { queue: self.queue.clone() }) } else { Ok(()) }
    }

    fn hand_out(&mut self, lane: usize, delivery: lapin::message::Delivery) -> Delivery {
        let tag = delivery.delivery_tag;
        self.lane(lane).hold(tag);
        Delivery { message: wire::message(delivery), receipt: Receipt { lane, tag } }
    }

    /// Cancels the consumer and collects what it was sent: once the broker has confirmed, nothing more comes.
    async fn stop(&mut self) -> Result<(), Error> {
        if self.over {
            return Ok(());
        }
        self.present.cancel(&self.consumer).await?;
        while let Some(delivery) = self.consumer.next().await {
            let delivery = delivery.map_err(|e| Error::from_lapin(&e))?;
            self.await_next(delivery);
        }
        Ok(())
    }

    fn lanes(&self) -> impl Iterator<Item = &Lane> {
        self.earlier.iter().chain([&self.present])
    }

    fn lane(&mut self, number: usize) -> &mut Lane {
        match self.earlier.get_mut(number) {
            Some(lane) => lane,
            None => &mut self.present,
        }
    }
}
