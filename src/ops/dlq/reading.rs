//! Reading a set of messages that was fixed when it began, and holding no more of it than may be.

use std::time::Duration;

use futures_util::FutureExt;

use super::Error;
use crate::broker::{self, Connection, Deliveries, Delivery};

/// How many messages may be held while a set is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// So many that are not decided; what stays is held beside them.
    Undecided(u16),
    /// So many in all, what stays included: losing the connection would cost them something.
    AtStake(u16),
}

/// Reads a set of messages that was fixed when it began.
pub struct Reading<'a> {
    connection: &'a Connection,
    queue: &'a str,
    deliveries: Deliveries,
    left: u64,
    hold: Hold,
    /// The first consumer has been made use of.
    begun: bool,
}

/// How long the queue may be silent before it is asked whether anything is left.
const SILENCE: Duration = Duration::from_millis(300);

impl<'a> Reading<'a> {
    /// Begins to read at most `set` messages.
    ///
    /// # Errors
    /// When the queue may not be consumed, or is gone.
    pub async fn begin(
        connection: &'a Connection,
        queue: &'a str,
        set: u64,
        hold: Hold,
    ) -> Result<Reading<'a>, broker::Error> {
        let (Hold::Undecided(most) | Hold::AtStake(most)) = hold;
        let deliveries = connection.consume(queue, at_most(most, set)).await?;
        Ok(Reading { connection, queue, deliveries, left: set, hold, begun: false })
    }

    /// Sees to it that the rest of the set can come although much is held already. To be called before each [`Reading::next`].
    ///
    /// # Errors
    /// [`Error::Full`] where all that may be held stays, and more of the set is to come; otherwise what ended the channel.
    pub async fn make_room(&mut self) -> Result<(), Error> {
        match self.hold {
            Hold::Undecided(most) => {
                let (kept, prefetch) = self.deliveries.kept();
                let to_come = self.left.saturating_sub(self.deliveries.waiting() as u64);
                if kept * 2 >= prefetch && to_come > prefetch.saturating_sub(kept) as u64 {
                    let left = self.left;
                    let rest = |waiting: usize| at_most(most, left.saturating_sub(waiting as u64));
                    self.deliveries.renew(rest).await?;
                }
                Ok(())
            }
            Hold::AtStake(window) => {
                if self.left == 0 || self.deliveries.waiting() > 0 {
                    return Ok(());
                }
                if self.deliveries.kept_in_all() >= usize::from(window) {
                    return Err(Error::Full { queue: self.queue.to_owned(), window, left: self.left });
                }
                Ok(self.fill(window).await?)
            }
        }
    }

    /// Whether [`Reading::make_room`] has something to do before anything can come.
    #[must_use]
    pub fn is_due(&self) -> bool {
        let Hold::AtStake(window) = self.hold else { return false };
        let (held, kept) = (self.deliveries.held(), self.deliveries.kept_in_all());
        let window = usize::from(window);
        self.left > 0 && self.deliveries.waiting() == 0 && (held < window || kept >= window)
    }

    /// How many messages stay, of as many as may be held before more room has to be made.
    #[must_use]
    pub fn kept(&self) -> (usize, usize) {
        match self.hold {
            Hold::Undecided(_) => self.deliveries.kept(),
            Hold::AtStake(window) => (self.deliveries.kept_in_all(), usize::from(window)),
        }
    }

    /// Takes as many as may be held beside what is, and then asks for no more: whatever is settled afterwards makes no room for
    /// deliveries that nobody would see.
    async fn fill(&mut self, window: u16) -> Result<(), broker::Error> {
        let room = usize::from(window).saturating_sub(self.deliveries.held());
        let Some(size) = u16::try_from(room).ok().filter(|room| *room > 0).map(|room| at_most(room, self.left)) else {
            return Ok(());
        };
        if std::mem::replace(&mut self.begun, true) {
            self.deliveries.renew(|_| size).await?;
        }
        let patience = self.deliveries.patience();
        let (mut caught_up, mut last) = (false, tokio::time::Instant::now());
        while self.deliveries.waiting() < usize::from(size) {
            if let Ok(fetched) = tokio::time::timeout(SILENCE, self.deliveries.fetch()).await {
                fetched?;
                (caught_up, last) = (false, tokio::time::Instant::now());
                continue;
            }
            match self.connection.look_up(self.queue).await? {
                Some(passive) if passive.ready > 0 && last.elapsed() > patience => {
                    return Err(broker::Error::Timeout { what: "the next message of the queue".to_owned() });
                }
                Some(passive) if passive.ready > 0 => caught_up = false,
                Some(_) if !caught_up => {
                    self.deliveries.catch_up().await?;
                    caught_up = true;
                }
                _ => {
                    self.left = self.deliveries.waiting() as u64;
                    break;
                }
            }
        }
        self.deliveries.pause().await
    }

    /// The next message of the set; `None` when it is exhausted. May be dropped while it waits without losing anything.
    ///
    /// # Errors
    /// When the queue, channel or connection is gone.
    pub async fn next(&mut self) -> Result<Option<Delivery>, broker::Error> {
        if self.left == 0 {
            return Ok(None);
        }
        if matches!(self.hold, Hold::AtStake(_)) && self.deliveries.waiting() == 0 {
            // Something has to be settled first, and room to be made.
            return std::future::pending().await;
        }
        let mut caught_up = false;
        loop {
            if let Ok(delivery) = tokio::time::timeout(SILENCE, self.deliveries.next()).await {
                self.left -= 1;
                return delivery.map(Some);
            }
            match self.connection.look_up(self.queue).await? {
                Some(passive) if passive.ready > 0 => caught_up = false,
                Some(_) if !caught_up => {
                    // What the queue has given out may be large, and still on its way to us.
                    self.deliveries.catch_up().await?;
                    caught_up = true;
                }
                _ => {
                    self.left = 0;
                    return Ok(None);
                }
            }
        }
    }

    /// The next message of the set, if it has arrived already.
    ///
    /// # Errors
    /// When the queue, channel or connection is gone.
    pub fn arrived(&mut self) -> Result<Option<Delivery>, broker::Error> {
        if self.left == 0 || matches!(self.hold, Hold::AtStake(_)) && self.deliveries.waiting() == 0 {
            return Ok(None);
        }
        let delivery = self.deliveries.next().now_or_never().transpose()?;
        self.left -= u64::from(delivery.is_some());
        Ok(delivery)
    }

    /// How many messages of the set were not handed out.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left
    }

    /// What was handed out last is not in the set: one more is read in its place.
    pub fn is_beside(&mut self) {
        self.left = self.left.saturating_add(1);
    }

    /// Stops before the set is exhausted.
    pub fn stop(&mut self) {
        self.left = 0;
    }

    /// The deliveries, to settle them.
    pub fn deliveries(&mut self) -> &mut Deliveries {
        &mut self.deliveries
    }

    /// The deliveries, to end them.
    #[must_use]
    pub fn into_deliveries(self) -> Deliveries {
        self.deliveries
    }
}

fn at_most(most: u16, messages: u64) -> u16 {
    u16::try_from(messages).map_or(most, |messages| most.min(messages)).max(1)
}
