//! One of the channels on which messages are held: what is held there, how it is settled, and how it goes back.
//!
//! Broker facts (source of 3.10 to 4.3, and measured there):
//! - For each acknowledgement a channel (`rabbit_channel:collect_acks`), and for a classic queue the queue as well
//!   (`rabbit_queue_consumers:subtract_acks`), searches what is unsettled on the channel from the oldest message on. What is kept until
//!   the end stands before everything that comes later, and is searched each time.
//! - A frame that returns the messages of several consumers is worked off consumer by consumer, in the order of their tags as text.
//! - Delivery tag 0 with `multiple` means everything that is unsettled on the channel, also what was never read.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::future::try_join_all;
use lapin::{
    options::{
        BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
        BasicRejectOptions, ConfirmSelectOptions,
    },
    types::{FieldTable, ShortString},
};

use super::Order;
use crate::broker::{Connection, Error, patience::Patience, wire};

/// The number in the tag of a channel's first consumer; those of later ones are lower.
const FIRST_NUMBER: usize = 999_999;

/// One channel, and what is held on it.
pub(super) struct Lane {
    channel: lapin::Channel,
    /// How long the broker may be silent when it is asked for something.
    patience: Patience,
    /// The last delivery tag of each consumer that this channel has had before.
    earlier: Vec<u64>,
    /// The last delivery tag that was seen.
    last: u64,
    held: BTreeSet<u64>,
    /// How many of them are held until the end.
    kept: usize,
    /// How often something was settled here, and how much of that the broker is known to have worked off.
    settled: u64,
    worked_off: Arc<AtomicU64>,
}

impl Lane {
    pub(super) async fn open(connection: &Connection) -> Result<Lane, Error> {
        Ok(Lane {
            channel: connection.channel().await?,
            patience: connection.patience(),
            earlier: Vec::new(),
            last: 0,
            held: BTreeSet::new(),
            kept: 0,
            settled: 0,
            worked_off: Arc::default(),
        })
    }

    /// Begins to take messages from a queue.
    pub(super) async fn consume(&self, queue: &str, prefetch: u16) -> Result<lapin::Consumer, Error> {
        let name = wire::short("a queue name", queue)?;
        // The tag of a later consumer comes first as text; see `give_back`.
        let tag =
            wire::short("a consumer tag", &format!("evbus-{:06}", FIRST_NUMBER.saturating_sub(self.earlier.len())))?;
        // Counts for the consumers that follow, each for itself.
        self.catch_up(prefetch).await?;
        let consuming = self.channel.basic_consume(name, tag, BasicConsumeOptions::default(), FieldTable::default());
        answered(&self.patience, consuming).await.map_err(|error| match error {
            // Broker fact (all series): only classic queues know consumers that are alone; quorum queues serve others beside them.
            Error::NoPermission { what } if what.contains("in exclusive use") => {
                Error::ExclusiveConsumer { queue: queue.to_owned() }
            }
            error => error.needing("read"),
        })
    }

    pub(super) fn is_open(&self) -> bool {
        self.channel.status().connected()
    }

    /// Ends a consumer of this channel; what it was sent before is still to be taken from it.
    pub(super) async fn cancel(&self, consumer: &lapin::Consumer) -> Result<(), Error> {
        answered(&self.patience, self.channel.basic_cancel(consumer.tag(), BasicCancelOptions::default())).await
    }

    /// The next consumer is on this channel as well.
    pub(super) fn end_consumer(&mut self) {
        self.earlier.push(self.last);
    }

    /// Whether a message was delivered to the last consumer of this channel.
    pub(super) fn is_of_this_consumer(&self, tag: u64) -> bool {
        self.earlier.last().is_none_or(|last| tag > *last)
    }

    /// Waits until everything has come that the broker had sent on this channel, whose consumers to come have that prefetch.
    pub(super) async fn catch_up(&self, prefetch: u16) -> Result<(), Error> {
        answered(&self.patience, self.channel.basic_qos(prefetch, BasicQosOptions { global: false })).await
    }

    /// A message was delivered.
    pub(super) fn saw(&mut self, tag: u64) {
        self.last = self.last.max(tag);
    }

    /// A message is handed out.
    pub(super) fn hold(&mut self, tag: u64) {
        self.saw(tag);
        self.held.insert(tag);
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// One of those that are held is held until the end.
    pub(super) fn keep(&mut self) {
        self.kept += 1;
    }

    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// Removes these messages from the queue for good. Returns when that is written.
    pub(super) async fn acknowledge(&mut self, mut tags: BTreeSet<u64>) -> Result<(), Error> {
        self.settled += 1;
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

    /// Refuses a message for good.
    pub(super) async fn reject(&mut self, tag: u64) -> Result<(), Error> {
        self.settled += 1;
        self.held.remove(&tag);
        let options = BasicRejectOptions { requeue: false };
        written(&self.patience, self.channel.basic_reject(tag, options)).await
    }

    /// A question whose answer comes when the broker has worked off what was settled before; `None` where that is known already.
    pub(super) fn ask(&self) -> Option<impl Future<Output = lapin::Result<()>> + Send + use<>> {
        let (channel, settled, worked_off) = (self.channel.clone(), self.settled, Arc::clone(&self.worked_off));
        (worked_off.load(Ordering::Relaxed) < settled).then_some(async move {
            // Any answered method would do; this one means nothing to a channel that publishes nothing.
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            worked_off.fetch_max(settled, Ordering::Relaxed);
            Ok(())
        })
    }

    /// Gives back what is not settled and ends the channel: in the order in which it was delivered, or what came last first. When it
    /// returns, the broker has done all that.
    pub(super) async fn give_back(mut self, order: Order) -> Result<(), Error> {
        let options = BasicNackOptions { multiple: true, requeue: true };
        // One frame for all returns what the last consumer was given first: by their tags.
        let earlier = if order == Order::LastFirst { Vec::new() } else { std::mem::take(&mut self.earlier) };
        for last in earlier {
            let later = self.held.split_off(&(last + 1));
            // A tag that is settled already would end the channel.
            if let Some(tag) = std::mem::replace(&mut self.held, later).last() {
                written(&self.patience, self.channel.basic_nack(*tag, options)).await?;
            }
        }
        written(&self.patience, self.channel.basic_nack(0, options)).await?;
        // A channel works in order: its answer to the closing handshake comes after all that was sent before.
        answered(&self.patience, self.channel.close(200, ShortString::from("done"))).await
    }
}

/// Bounds what the broker has to answer by the time it may be silent.
pub(super) async fn answered<T>(patience: &Patience, work: impl Future<Output = lapin::Result<T>>) -> Result<T, Error> {
    patience.answer(work).await?.map_err(|error| Error::from_lapin(&error))
}

/// The same for what the system has to write.
async fn written<T>(patience: &Patience, work: impl Future<Output = lapin::Result<T>>) -> Result<T, Error> {
    patience.write(work).await?.map_err(|error| Error::from_lapin(&error))
}
