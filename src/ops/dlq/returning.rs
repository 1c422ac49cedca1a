//! How does what a run held go back, and when is it back? Only then may the delivery limit be put back that would destroy it.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::Instant;

use super::{
    Custody, Error,
    custody::Kind,
    reading::{Hold, Reading},
    session::Session,
};
use crate::broker::{self, Deliveries, Order};

/// How long returned messages are waited for to be counted again, beside the time that a busy queue takes for them.
const SETTLING: Duration = Duration::from_secs(5);

/// So many messages a second a queue takes in again at least (about 40,000 were measured in a classic queue of 4.3, of a million).
const RETURNED_A_SECOND: u64 = 10_000;

/// How long after it is asked again.
const PAUSE: Duration = Duration::from_millis(50);

impl Session<'_> {
    /// Begins to read at most `set` messages.
    ///
    /// # Errors
    /// When the queue may not be consumed, or is gone.
    pub async fn begin(&self, set: u64, hold: Hold) -> Result<Reading<'_>, broker::Error> {
        self.returned.store(false, Ordering::Relaxed);
        let spreads = self.may_spread(set).await;
        let mut reading = Reading::begin(&self.consuming, &self.queue, (set, hold), spreads).await?;
        if self.facts.custody.as_ref().is_some_and(|custody| custody.kind == Kind::Classic) {
            reading.deliveries().return_in(Order::LastFirst);
        }
        Ok(reading)
    }

    /// Whether what is held of a set may be spread over several channels, if it is much.
    ///
    /// Broker fact: a channel too many for the user ends the whole connection, and channels of others count. Where nobody can say that
    /// there is such a limit, there hardly is.
    async fn may_spread(&self, set: u64) -> bool {
        set > Deliveries::PER_CHANNEL as u64
            && !self.broker.management().is_short_of_channels(self.consuming.user()).await.unwrap_or(false)
    }

    /// Gives back what is held, and waits until the queue counts it again.
    ///
    /// Broker fact: quorum queues up to 3.13 take returned messages in again one by one, after the channel that returned them
    /// has ended. So a lower count than expected is asked for again, for a while: others may have taken some meanwhile. What came after
    /// the consumer was cancelled goes back too, and nobody has counted it: there the count has to stand still as well.
    ///
    /// # Errors
    /// When the channel or connection has ended; the broker returns what was held then. [`Error::Unread`] where messages of the set
    /// are there after all.
    pub async fn give_back(&self, reading: Reading<'_>) -> Result<(), Error> {
        let (deliveries, missing) = reading.into_parts();
        let before = self.ready().await.unwrap_or(0);
        let returned = deliveries.end().await?;
        if missing.min(before) > 0 {
            return Err(Error::Unread { queue: self.queue.clone(), unread: missing.min(before) });
        }
        if self.delays_returned() {
            // What the queue delays it does not count as ready: nothing tells when it has taken it.
            return Ok(());
        }
        let (expected, comes_slowly) = (before + returned, self.facts.custody.as_ref().is_some_and(Custody::rotates));
        let mut grown = Instant::now();
        let longest = grown + SETTLING + Duration::from_secs(returned / RETURNED_A_SECOND);
        let mut last = None;
        loop {
            let ready = self.ready().await;
            // Where others take what is back it stands still, and is not waited for any longer.
            if ready > last {
                grown = Instant::now();
            }
            let is_back = ready.is_none_or(|ready| ready >= expected && (!comes_slowly || last == Some(ready)));
            if is_back || grown.elapsed() >= SETTLING || Instant::now() >= longest {
                self.returned.store(ready.is_some_and(|ready| ready >= expected), Ordering::Relaxed);
                return Ok(());
            }
            last = ready;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether what is given back cannot be seen for a time.
    fn delays_returned(&self) -> bool {
        self.facts.custody.as_ref().is_some_and(|custody| custody.delay.is_some())
    }

    /// How many messages a run leaves; `None` is unknown, as where what it gave back cannot be seen yet.
    pub async fn left(&self) -> Option<u64> {
        if self.delays_returned() { None } else { self.ready().await }
    }

    /// Puts the delivery limit back, if it was lifted. Where what was held was not seen to go back, the broker has to take it
    /// in first: those that the limit would destroy would go with it. `tell` is told that this is waited for.
    ///
    /// # Errors
    /// When the temporary policy is still there.
    pub async fn unprotect(&mut self, tell: &mut dyn FnMut(String)) -> Result<(), broker::Error> {
        let Some(guard) = self.guard.take() else { return Ok(()) };
        if !self.returned.load(Ordering::Relaxed) {
            guard.await_return(self.broker, &self.queue, tell).await?;
        }
        guard.remove(self.broker).await
    }
}
