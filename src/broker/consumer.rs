//! Taking messages from a queue and giving them back: what was delivered, who settles it, and how it returns.
//!
//! Broker facts this file rests on (measured on 3.10, 4.0 and 4.3):
//! - A prefetch that is never exceeded bounds what is held; deliveries that nobody has read yet are held as well.
//! - Returning with `basic.nack`, `multiple`, after `basic.cancel`, keeps the order where the broker can, and costs no delivery
//!   attempt from 4.3 on. Closing the channel or connection instead costs one. One frame for the messages of several consumers
//!   returns them by consumer, sorted by tag as text (quorum queues, measured), so each consumer's go back in a frame of their own.
//! - An acknowledgement makes room, and what a quorum queue delivers into it can come after the consumer is cancelled, when lapin
//!   no longer knows that consumer and drops it: held, and seen by nobody. (Found as losses of spent messages on 3.10 and 4.0, which
//!   end when nothing is settled while a consumer is there.) Where a return costs something, acknowledgements therefore wait until
//!   the consumer is cancelled ([`Deliveries::pause`]).
//! - Delivery tag 0 with `multiple` means everything that is unsettled on the channel, also what was never read.

use std::{
    collections::{BTreeSet, VecDeque},
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::{StreamExt, future::try_join_all};
use lapin::{
    options::{
        BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
        BasicRejectOptions, ConfirmSelectOptions,
    },
    types::{FieldTable, ShortString},
};

use super::{Connection, Error, patience::Patience, wire};
use crate::message::Message;

/// The right to settle one delivery, once.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
#[must_use = "a delivery that is never settled stays with us until the channel ends"]
pub struct Receipt(u64);

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

/// Takes messages from one queue, on a channel of its own.
///
/// What is neither acknowledged nor given back is held. A consumer's prefetch counts what it holds, so messages that are kept
/// until the end would starve it; [`Deliveries::renew`] puts a fresh consumer in its place while the old one's messages stay held.
pub struct Deliveries {
    channel: lapin::Channel,
    /// How long the broker may be silent when it is asked for something.
    patience: Patience,
    consumer: lapin::Consumer,
    queue: String,
    prefetch: u16,
    /// The last delivery tag of each consumer that this channel has had before.
    earlier: Vec<u64>,
    /// Delivered to earlier consumers and not yet handed out.
    waiting: VecDeque<lapin::message::Delivery>,
    /// The last delivery tag that was seen.
    last: u64,
    held: BTreeSet<u64>,
    /// How many of this consumer's are kept, and how many in all.
    kept: usize,
    kept_in_all: usize,
    /// This consumer is asked for no more.
    paused: bool,
    /// The broker has ended this consumer: asked once more, lapin would wait for ever.
    over: bool,
    cancelled: bool,
}

impl Deliveries {
    pub(super) async fn open(connection: &Connection, queue: &str, prefetch: u16) -> Result<Deliveries, Error> {
        let channel = connection.channel().await?;
        // Prefetch 0 means no bound (2,000 on quorum queues): nothing here may hold that much unseen.
        let prefetch = prefetch.max(1);
        let patience = connection.patience();
        let consumer = consume(&channel, &patience, queue, 0, prefetch).await?;
        Ok(Deliveries {
            channel,
            patience,
            consumer,
            queue: queue.to_owned(),
            prefetch,
            earlier: Vec::new(),
            waiting: VecDeque::new(),
            last: 0,
            held: BTreeSet::new(),
            kept: 0,
            kept_in_all: 0,
            paused: false,
            over: false,
            cancelled: false,
        })
    }

    /// The next message. May be dropped while it waits without losing anything.
    ///
    /// # Errors
    /// [`Error::QueueGone`] when the broker cancelled the consumer; otherwise what ended the channel.
    pub async fn next(&mut self) -> Result<Delivery, Error> {
        let delivery = match self.waiting.pop_front() {
            Some(delivery) => delivery,
            None => self.received().await?,
        };
        Ok(self.hand_out(delivery))
    }

    async fn received(&mut self) -> Result<lapin::message::Delivery, Error> {
        let next = if self.over { None } else { self.consumer.next().await };
        match next {
            Some(Ok(delivery)) => Ok(delivery),
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
        // Changes nothing: it counts for consumers to come, and they set their own.
        answered(&self.patience, self.channel.basic_qos(self.prefetch, BasicQosOptions { global: false })).await
    }

    /// How many messages were handed out and are not settled.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Holds a message until [`Deliveries::end`] gives it back.
    pub fn keep(&mut self, receipt: Receipt) {
        let Receipt(tag) = receipt;
        self.kept += usize::from(self.earlier.last().is_none_or(|last| tag > *last));
        self.kept_in_all += 1;
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
        self.last = delivery.delivery_tag;
        self.waiting.push_back(delivery);
        Ok(())
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

    /// Puts a fresh consumer in place of this one; what is held stays held, in the order of delivery. `prefetch` says how many it
    /// may have in hand when so many wait already.
    ///
    /// # Errors
    /// When the channel or connection has ended, or the queue is gone.
    pub async fn renew(&mut self, prefetch: impl FnOnce(usize) -> u16) -> Result<(), Error> {
        self.pause().await?;
        self.earlier.push(self.last);
        self.prefetch = prefetch(self.waiting.len()).max(1);
        let generation = self.earlier.len();
        self.consumer = consume(&self.channel, &self.patience, &self.queue, generation, self.prefetch).await?;
        (self.kept, self.paused, self.over) = (0, false, false);
        Ok(())
    }

    /// Removes these messages from the queue for good. Returns when the acknowledgements are written; that the broker has worked
    /// them off is known when [`Deliveries::worked_off`] says so, or [`Deliveries::end`] has returned.
    ///
    /// # Errors
    /// When the channel or connection has ended: what was not worked off is still in the queue.
    pub async fn acknowledge(&mut self, receipts: impl IntoIterator<Item = Receipt>) -> Result<(), Error> {
        let mut tags: BTreeSet<u64> = receipts.into_iter().map(|Receipt(tag)| tag).collect();
        // The oldest ones held, as far as they are all in the set, go with one frame.
        let mut together = None;
        while let (Some(oldest), Some(tag)) = (self.held.first().copied(), tags.first().copied())
            && oldest == tag
        {
            self.held.pop_first();
            tags.pop_first();
            together = Some(tag);
        }
        if let Some(tag) = together {
            let options = BasicAckOptions { multiple: true };
            written(&self.patience, self.channel.basic_ack(tag, options)).await?;
        }
        for tag in &tags {
            self.held.remove(tag);
        }
        let channel = &self.channel;
        let each = try_join_all(tags.into_iter().map(|tag| channel.basic_ack(tag, BasicAckOptions::default())));
        written(&self.patience, each).await?;
        Ok(())
    }

    /// Asks at once, and comes when the broker has worked off every acknowledgement that was written before: a channel works in order.
    /// It may be waited for beside other work, and fails when the channel or connection ends first: what was acknowledged may be gone
    /// then, or still in the queue.
    #[must_use = "nothing is known before it has come"]
    pub fn worked_off(&self) -> WorkedOff {
        let (channel, patience) = (self.channel.clone(), self.patience.clone());
        // Any answered method would do; this one means nothing to a channel that publishes nothing.
        let mut asking: WorkedOff =
            Box::pin(async move { answered(&patience, channel.confirm_select(ConfirmSelectOptions::default())).await });
        // The first poll sends the question.
        match asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => Box::pin(std::future::ready(answer)),
            Poll::Pending => asking,
        }
    }

    /// Refuses a message for good: its queue dead-letters or drops it.
    ///
    /// # Errors
    /// When the channel or connection has ended.
    pub async fn reject(&mut self, receipt: Receipt) -> Result<(), Error> {
        let Receipt(tag) = receipt;
        self.held.remove(&tag);
        let options = BasicRejectOptions { requeue: false };
        written(&self.patience, self.channel.basic_reject(tag, options)).await
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
        Ok(rest.into_iter().map(|delivery| self.hand_out(delivery)).collect())
    }

    /// Gives everything back that is not settled, in the order it was delivered, ends the consumer, and says how many went
    /// back. When it returns, the broker has worked off every acknowledgement and the return; quorum queues up to 3.13 may
    /// count the messages as ready a moment later.
    ///
    /// # Errors
    /// When the channel or connection has ended; the broker returns what was held then.
    pub async fn end(mut self) -> Result<u64, Error> {
        let _unseen_goes_back_with_the_rest = self.cancel().await?;
        let returned = self.held.len() as u64;
        let options = BasicNackOptions { multiple: true, requeue: true };
        for last in std::mem::take(&mut self.earlier) {
            let later = self.held.split_off(&(last + 1));
            // A tag that is settled already would end the channel.
            if let Some(tag) = std::mem::replace(&mut self.held, later).last() {
                written(&self.patience, self.channel.basic_nack(*tag, options)).await?;
            }
        }
        written(&self.patience, self.channel.basic_nack(0, options)).await?;
        // A channel works in order: its answer to the closing handshake comes after all that was sent before.
        answered(&self.patience, self.channel.close(200, ShortString::from("done"))).await?;
        Ok(returned)
    }

    fn hand_out(&mut self, delivery: lapin::message::Delivery) -> Delivery {
        let tag = delivery.delivery_tag;
        self.held.insert(tag);
        self.last = self.last.max(tag);
        Delivery { message: wire::message(delivery), receipt: Receipt(tag) }
    }

    /// Cancels the consumer and collects what it was sent: once the broker has confirmed, nothing more comes.
    async fn stop(&mut self) -> Result<(), Error> {
        if self.over {
            return Ok(());
        }
        let tag = self.consumer.tag();
        answered(&self.patience, self.channel.basic_cancel(tag, BasicCancelOptions::default())).await?;
        while let Some(delivery) = self.consumer.next().await {
            let delivery = delivery.map_err(|e| Error::from_lapin(&e))?;
            self.last = delivery.delivery_tag;
            self.waiting.push_back(delivery);
        }
        Ok(())
    }
}

/// Bounds what the broker has to answer by the time it may be silent.
async fn answered<T>(patience: &Patience, work: impl Future<Output = lapin::Result<T>>) -> Result<T, Error> {
    patience.answer(work).await?.map_err(|error| Error::from_lapin(&error))
}

/// The same for what the system has to write.
async fn written<T>(patience: &Patience, work: impl Future<Output = lapin::Result<T>>) -> Result<T, Error> {
    patience.write(work).await?.map_err(|error| Error::from_lapin(&error))
}

async fn consume(
    channel: &lapin::Channel,
    patience: &Patience,
    queue: &str,
    generation: usize,
    prefetch: u16,
) -> Result<lapin::Consumer, Error> {
    let name = wire::short("a queue name", queue)?;
    let tag = wire::short("a consumer tag", &format!("evbus-{generation}"))?;
    // Counts for the consumers that follow, each for itself.
    answered(patience, channel.basic_qos(prefetch, BasicQosOptions { global: false })).await?;
    let consuming = channel.basic_consume(name, tag, BasicConsumeOptions::default(), FieldTable::default());
    answered(patience, consuming).await.map_err(|error| match error {
        // Broker fact (all series): only classic queues know consumers that are alone; quorum queues serve others beside them.
        Error::NoPermission { what } if what.contains("in exclusive use") => {
            Error::ExclusiveConsumer { queue: queue.to_owned() }
        }
        error => error.needing("read"),
    })
}
