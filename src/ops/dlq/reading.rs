//! Reading a set of messages that was fixed when it began, and holding no more of it than may be.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

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
    /// What stays may be spread over several channels.
    spreads: bool,
    /// The first consumer has been made use of.
    begun: bool,
    /// Since when the queue has been saying that it is empty, though not all of the set has come.
    empty_since: Option<Instant>,
    /// How many messages of the set did not come.
    missing: u64,
}

/// How long the queue may be silent before it is asked whether anything is left.
const SILENCE: Duration = Duration::from_millis(300);

/// How long a queue has to call itself empty to be believed, when not all of the set has come.
///
/// Broker fact (3.10): for up to a second after the node of its leader has crashed, a quorum queue says that it is empty.
const EMPTY: Duration = Duration::from_secs(3);

impl<'a> Reading<'a> {
    /// Begins to read at most `set` messages. `spreads` says whether what stays may be spread over several channels.
    ///
    /// # Errors
    /// When the queue may not be consumed, or is gone.
    pub async fn begin(
        connection: &'a Connection,
        queue: &'a str,
        (set, hold): (u64, Hold),
        spreads: bool,
    ) -> Result<Reading<'a>, broker::Error> {
        let (Hold::Undecided(most) | Hold::AtStake(most)) = hold;
        let mut deliveries = connection.consume(queue, at_most(most, set)).await?;
        deliveries.expect(set);
        let (begun, empty_since, missing) = (false, None, 0);
        Ok(Reading { connection, queue, deliveries, left: set, hold, spreads, begun, empty_since, missing })
    }

    /// The connection, where what stays may be spread over several channels.
    fn more(&self) -> Option<&'a Connection> {
        self.spreads.then_some(self.connection)
    }

    /// Sees to it that the rest of the set can come although much is held already. To be called before each [`Reading::next`].
    ///
    /// # Errors
    /// [`Error::Full`] where all that may be held stays, and more of the set is to come; otherwise what ended the channel.
    pub async fn make_room(&mut self) -> Result<(), Error> {
        match self.hold {
            Hold::Undecided(most) => {
                if self.is_filling() {
                    let left = self.left;
                    let rest = |waiting: usize| at_most(most, left.saturating_sub(waiting as u64));
                    self.deliveries.renew(self.more(), rest).await?;
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

    /// Whether what stays leaves this consumer too little room for what is to come.
    fn is_filling(&self) -> bool {
        let (kept, prefetch) = self.deliveries.kept();
        let to_come = self.left.saturating_sub(self.deliveries.waiting() as u64);
        kept * 2 >= prefetch && to_come > prefetch.saturating_sub(kept) as u64
    }

    /// Whether [`Reading::make_room`] has something to do before anything can come.
    #[must_use]
    pub fn is_due(&self) -> bool {
        let Hold::AtStake(window) = self.hold else { return self.is_filling() };
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
            self.deliveries.renew(self.more(), |_| size).await?;
        }
        let patience = self.deliveries.patience();
        let (mut caught_up, mut last) = (false, Instant::now());
        while self.deliveries.waiting() < usize::from(size) {
            if let Ok(fetched) = tokio::time::timeout(SILENCE, self.deliveries.fetch()).await {
                fetched?;
                self.empty_since = None;
                (caught_up, last) = (false, Instant::now());
                continue;
            }
            match self.connection.look_up(self.queue).await? {
                Some(passive) if passive.ready > 0 && last.elapsed() > patience => {
                    return Err(broker::Error::Timeout { what: "the next message of the queue".to_owned() });
                }
                Some(passive) if passive.ready > 0 => (caught_up, self.empty_since) = (false, None),
                Some(_) if !caught_up => {
                    self.deliveries.catch_up().await?;
                    caught_up = true;
                }
                Some(_) if self.may_be_mistaken(self.deliveries.waiting()) => (),
                Some(_) => {
                    self.end(self.deliveries.waiting());
                    break;
                }
                None => return Err(broker::Error::QueueGone { queue: self.queue.to_owned() }),
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
                self.empty_since = None;
                return delivery.map(Some);
            }
            match self.connection.look_up(self.queue).await? {
                Some(passive) if passive.ready > 0 => (caught_up, self.empty_since) = (false, None),
                Some(_) if !caught_up => {
                    // What the queue has given out may be large, and still on its way to us.
                    self.deliveries.catch_up().await?;
                    caught_up = true;
                }
                Some(_) if self.may_be_mistaken(0) => (),
                Some(_) => {
                    self.end(0);
                    return Ok(None);
                }
                None => return Err(broker::Error::QueueGone { queue: self.queue.to_owned() }),
            }
        }
    }

    /// Whether a queue that calls itself empty may not be: messages of the set are missing, and it has not said so for long. Beyond
    /// those that wait already, so many are to come.
    fn may_be_mistaken(&mut self, waiting: usize) -> bool {
        // A set without an end is read until the queue is empty.
        let is_short = self.left > waiting as u64 && self.left < u64::MAX / 2;
        let patience = EMPTY.min(self.deliveries.patience() / 2);
        is_short && self.empty_since.get_or_insert_with(Instant::now).elapsed() < patience
    }

    /// Nothing more of the set comes than what waits already.
    fn end(&mut self, waiting: usize) {
        self.missing = self.left.saturating_sub(waiting as u64);
        self.left = waiting as u64;
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

    /// The deliveries, to end them, and how many messages of the set did not come before the queue called itself empty.
    #[must_use]
    pub fn into_parts(self) -> (Deliveries, u64) {
        (self.deliveries, self.missing)
    }
}

fn at_most(most: u16, messages: u64) -> u16 {
    u16::try_from(messages).map_or(most, |messages| most.min(messages)).max(1)
}
