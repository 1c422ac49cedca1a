//! Taking messages from a queue and giving them back: what was delivered, who settles it, and how it returns.
//!
//! Broker facts this file rests on (measured on 3.10, 4.0 and 4.3):
//! - A prefetch that is never exceeded bounds what is held; deliveries that nobody has read yet are held as well.
//! - Returning with one `basic.nack`, `multiple`, after `basic.cancel`, keeps the order where the broker can, and costs no
//!   delivery attempt from 4.3 on. Closing the channel or connection instead costs one.
//! - Delivery tag 0 with `multiple` means everything that is unsettled on the channel, also what was never read.

use std::collections::{BTreeSet, VecDeque};

use futures_util::{StreamExt, future::try_join_all};
use lapin::{
    options::{
        BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions, BasicRejectOptions,
    },
    types::{FieldTable, ShortString},
};

use super::{Connection, Error, wire};
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

/// Takes messages from one queue, on a channel of its own.
///
/// What is neither acknowledged nor given back is held. A consumer's prefetch counts what it holds, so messages that are kept
/// until the end would starve it; [`Deliveries::renew`] puts a fresh consumer in its place while the old one's messages stay held.
pub struct Deliveries {
    channel: lapin::Channel,
    consumer: lapin::Consumer,
    queue: String,
    prefetch: u16,
    /// How many consumers this channel has had: part of their tags.
    generation: u32,
    /// Delivered to earlier consumers and not yet handed out.
    waiting: VecDeque<lapin::message::Delivery>,
    held: BTreeSet<u64>,
    kept: usize,
    cancelled: bool,
}

impl Deliveries {
    pub(super) async fn open(connection: &Connection, queue: &str, prefetch: u16) -> Result<Deliveries, Error> {
        let channel = connection.channel().await?;
        // Prefetch 0 means no bound (2,000 on quorum queues): nothing here may hold that much unseen.
        let prefetch = prefetch.max(1);
        channel.basic_qos(prefetch, BasicQosOptions { global: false }).await.map_err(|e| Error::from_lapin(&e))?;
        let consumer = consume(&channel, queue, 0).await?;
        Ok(Deliveries {
            channel,
            consumer,
            queue: queue.to_owned(),
            prefetch,
            generation: 0,
            waiting: VecDeque::new(),
            held: BTreeSet::new(),
            kept: 0,
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
            None => match self.consumer.next().await {
                Some(Ok(delivery)) => delivery,
                Some(Err(error)) => return Err(Error::from_lapin(&error)),
                None => return Err(Error::QueueGone { queue: self.queue.clone() }),
            },
        };
        Ok(self.hand_out(delivery))
    }

    /// How many messages were handed out and are not settled.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Holds a message until [`Deliveries::end`] gives it back.
    pub fn keep(&mut self, receipt: Receipt) {
        let Receipt(_stays_in_held) = receipt;
        self.kept += 1;
    }

    /// Whether what is kept takes so much of the prefetch that [`Deliveries::renew`] is due.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        !self.cancelled && self.kept * 2 >= usize::from(self.prefetch)
    }

    /// Puts a fresh consumer in place of this one; what is held stays held, in the order of delivery.
    ///
    /// # Errors
    /// When the channel or connection has ended, or the queue is gone.
    pub async fn renew(&mut self) -> Result<(), Error> {
        self.stop().await?;
        self.generation += 1;
        self.consumer = consume(&self.channel, &self.queue, self.generation).await?;
        self.kept = 0;
        Ok(())
    }

    /// Removes these messages from the queue for good. Returns when the acknowledgements are written; [`Deliveries::end`]
    /// makes sure that the broker has worked them off.
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
            self.channel.basic_ack(tag, options).await.map_err(|e| Error::from_lapin(&e))?;
        }
        for tag in &tags {
            self.held.remove(tag);
        }
        let channel = &self.channel;
        try_join_all(tags.into_iter().map(|tag| channel.basic_ack(tag, BasicAckOptions::default())))
            .await
            .map_err(|e| Error::from_lapin(&e))?;
        Ok(())
    }

    /// Refuses a message for good: its queue dead-letters or drops it.
    ///
    /// # Errors
    /// When the channel or connection has ended.
    pub async fn reject(&mut self, receipt: Receipt) -> Result<(), Error> {
        let Receipt(tag) = receipt;
        self.held.remove(&tag);
        let options = BasicRejectOptions { requeue: false };
        self.channel.basic_reject(tag, options).await.map_err(|e| Error::from_lapin(&e))
    }

    /// Asks for no more messages and hands out what the broker had already sent. Everything stays held until settled.
    ///
    /// # Errors
    /// When the channel or connection has ended.
    pub async fn cancel(&mut self) -> Result<Vec<Delivery>, Error> {
        if !self.cancelled {
            self.cancelled = true;
            self.stop().await?;
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
        self.channel.basic_nack(0, options).await.map_err(|e| Error::from_lapin(&e))?;
        // A channel works in order: its answer to the closing handshake comes after all that was sent before.
        self.channel.close(200, ShortString::from("done")).await.map_err(|e| Error::from_lapin(&e))?;
        Ok(returned)
    }

    fn hand_out(&mut self, delivery: lapin::message::Delivery) -> Delivery {
        let tag = delivery.delivery_tag;
        self.held.insert(tag);
        Delivery { message: wire::message(delivery), receipt: Receipt(tag) }
    }

    /// Cancels the consumer and collects what it was sent: once the broker has confirmed, nothing more comes.
    async fn stop(&mut self) -> Result<(), Error> {
        let tag = self.consumer.tag();
        self.channel.basic_cancel(tag, BasicCancelOptions::default()).await.map_err(|e| Error::from_lapin(&e))?;
        while let Some(delivery) = self.consumer.next().await {
            self.waiting.push_back(delivery.map_err(|e| Error::from_lapin(&e))?);
        }
        Ok(())
    }
}

async fn consume(channel: &lapin::Channel, queue: &str, generation: u32) -> Result<lapin::Consumer, Error> {
    let name = wire::short("a queue name", queue)?;
    let tag = wire::short("a consumer tag", &format!("evbus-{generation}"))?;
    channel
        .basic_consume(name, tag, BasicConsumeOptions::default(), FieldTable::default())
        .await
        .map_err(|e| Error::from_lapin(&e).needing("read"))
}
