//! May one more message go now? How fast they go, how deep its target is, who reads there, and how many a canary lets go.
//!
//! It is asked before each message, and answers at once. Who may not go yet waits outside, so that confirmations are worked off meanwhile.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use crate::{
    broker::{Connection, Error},
    ops::dlq::{
        replay::care::{Care, HOLDING},
        run::Event,
        target::Address,
    },
};

/// How often a target is asked.
const ASKING: Duration = Duration::from_secs(1);

/// How late a message may be and those behind it still keep the pace: the clocks of systems are coarse. A longer stall is not made good.
const SLACK: Duration = Duration::from_millis(100);

/// How long anything may be held in one go. Brokers close the channel of a consumer that holds a message for 30 minutes.
const ROUND: Duration = Duration::from_secs(15 * 60);

/// Lets messages go.
pub(super) struct Gate<'r> {
    care: &'r Care,
    connection: &'r Connection,
    /// When the next message may go, as far as the pace is concerned.
    next: Instant,
    /// What is known of the targets.
    rooms: HashMap<String, Room>,
    /// Since when nothing goes because of a target, and which.
    closed: Option<(Instant, String)>,
    /// The canary's step, and how many went in it.
    step: usize,
    gone: u64,
    /// When the round began in which messages are held.
    began: Instant,
}

/// What is known of a target.
struct Room {
    asked: Instant,
    /// How many messages may go there before it is asked again.
    left: u64,
    /// Why none may.
    because: Option<String>,
}

impl<'r> Gate<'r> {
    /// One through which nothing has gone yet. The connection is one that no alarm holds back.
    pub(super) fn new(care: &'r Care, connection: &'r Connection) -> Gate<'r> {
        let now = Instant::now();
        Gate { care, connection, next: now, rooms: HashMap::new(), closed: None, step: 0, gone: 0, began: now }
    }

    /// Whether it ever keeps anybody waiting.
    pub(super) fn is_minded(&self) -> bool {
        self.care.waits()
    }

    /// Whether one more message may go to that target; it goes then. So many are on their way already.
    ///
    /// # Errors
    /// When the target cannot be asked.
    pub(super) async fn admits(
        &mut self,
        target: &Address,
        on_their_way: usize,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<bool, Error> {
        if self.is_full() || (self.care.every.is_some() && Instant::now() < self.next) {
            return Ok(false);
        }
        if self.care.asks() && !self.has_room(&target.routing_key, on_their_way, listen).await? {
            return Ok(false);
        }
        if let Some(room) = self.rooms.get_mut(&target.routing_key) {
            room.left = room.left.saturating_sub(1);
        }
        if let Some(every) = self.care.every {
            let now = Instant::now();
            self.next = self.next.max(now.checked_sub(SLACK).unwrap_or(now)) + every;
        }
        self.gone += 1;
        Ok(true)
    }

    /// Whether a target takes one more, told when that changes.
    async fn has_room(
        &mut self,
        queue: &str,
        on_their_way: usize,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Result<bool, Error> {
        if self.rooms.get(queue).is_none_or(|room| room.asked.elapsed() >= ASKING) {
            let room = self.ask(queue, on_their_way as u64).await?;
            self.rooms.insert(queue.to_owned(), room);
        }
        let Some(room) = self.rooms.get(queue) else { return Ok(true) };
        match (&room.because, &self.closed) {
            (Some(because), None) => {
                listen(Event::Paused(Some(because)));
                self.closed = Some((Instant::now(), queue.to_owned()));
            }
            (None, Some(_)) => {
                listen(Event::Paused(None));
                self.closed = None;
            }
            _ => (),
        }
        Ok(room.left > 0)
    }

    /// Asks a target how deep it is and who reads there.
    async fn ask(&self, queue: &str, on_their_way: u64) -> Result<Room, Error> {
        let asked = Instant::now();
        let found = self.connection.look_up(queue).await?;
        // What goes to a queue that is not there comes back, and is told as that.
        let Some(found) = found else { return Ok(Room { asked, left: u64::MAX, because: None }) };
        if let Some(wanted) = self.care.consumers.filter(|wanted| found.consumers < *wanted) {
            let because = match found.consumers {
                0 => format!("queue {queue} has no consumers"),
                some => format!("queue {queue} has {some} of {wanted} consumers"),
            };
            return Ok(Room { asked, left: 0, because: Some(because) });
        }
        let Some(most) = self.care.max_depth else { return Ok(Room { asked, left: u64::MAX, because: None }) };
        let ready = u64::from(found.ready);
        let because =
            (ready >= most).then(|| format!("queue {queue} holds {ready} messages, and {most} are to be enough"));
        // What is on its way may not be counted yet.
        Ok(Room { asked, left: most.saturating_sub(ready + on_their_way), because })
    }

    /// Whether what is held is to go back: it would be held for too long.
    pub(super) fn wants_nothing_held(&self) -> bool {
        let waited = self.closed.as_ref().is_some_and(|(since, _)| since.elapsed() >= HOLDING);
        let paced = self.next.saturating_duration_since(Instant::now()) > HOLDING;
        self.is_full() || waited || paced || self.began.elapsed() >= ROUND
    }

    /// When it is to be asked again whether messages may go while nothing is held; `None` is now.
    ///
    /// # Errors
    /// When the target cannot be asked.
    pub(super) async fn closed(&mut self, listen: &mut impl FnMut(Event<'_>)) -> Result<Option<Instant>, Error> {
        if let Some((_, queue)) = self.closed.clone()
            && !self.has_room(&queue, 0, listen).await?
        {
            return Ok(Some(Instant::now() + ASKING));
        }
        let now = Instant::now();
        Ok((now < self.next).then_some(self.next))
    }

    /// Messages are held from now on.
    pub(super) fn begins(&mut self) {
        self.began = Instant::now();
    }

    /// How many messages the canary's step lets go still; `None` where it bounds nothing any more.
    pub(super) fn rest_of_step(&self) -> Option<u64> {
        let size = self.care.canary.as_ref()?.steps.get(self.step)?;
        Some(size.saturating_sub(self.gone))
    }

    /// Whether the canary's step is over, and what came of it is to be seen.
    pub(super) fn is_full(&self) -> bool {
        self.rest_of_step() == Some(0)
    }

    /// Begins with the canary's next step, or with all the rest.
    pub(super) fn next_step(&mut self) {
        (self.step, self.gone) = (self.step + 1, 0);
    }
}
