//! What a confirmation means: publishing mandatory and confirmed, many in flight, and saying of each message what became of it.
//!
//! The broker says «routed nowhere» (`basic.return`) without naming the publish it means, always before it confirms that
//! publish. lapin hands each return to *some* confirmation: it keeps returns in a queue and every confirmation that arrives
//! takes the oldest, whichever message it belongs to. So a confirmation on its own proves nothing, and two rules make it safe:
//!
//! 1. **Whose return it is** is decided by content (exchange, key, properties, body), never by the confirmation it came
//!    with. Equal messages are interchangeable.
//! 2. **When no return can come any more**: returns arrive in the order of publishing, each before its own confirmation, and
//!    each confirmation takes one. Hence the return of message k has been taken by the time everything up to k is confirmed,
//!    by a confirmation that arrived by then. It belongs to a message published before that moment; so when everything
//!    published before that moment is confirmed too, we hold it. [`Publisher`] therefore settles in two steps: a mark is set
//!    where everything is confirmed, and what lies before the mark is settled when all that had been published when it was
//!    set is confirmed. Nothing waits for the window to run empty.
//!
//! A third thing a confirmation does not prove is told in `Publisher::stopped_routing`: the queue may be going away.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use lapin::{Confirmation, message::BasicReturnMessage, options::BasicPublishOptions};

use super::{Connection, Error, wire};
use crate::message::{Message, Properties};

/// What became of a published message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// At least one queue has it, safely: the only fate after which its original may go.
    Routed,
    /// No queue got it.
    Unroutable {
        /// The broker's code (312: no route).
        code: u16,
        /// The broker's words.
        reason: String,
    },
    /// At least one queue refused it; others may have stored it.
    Refused,
    /// Nobody can say: the connection or channel ended before the broker answered.
    Unknown {
        /// What ended.
        because: String,
    },
}

/// A message with the address it goes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// The exchange; empty is the default exchange.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// Its properties.
    pub properties: Properties,
    /// Its body.
    pub body: Vec<u8>,
}

/// How much may be on the way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Messages.
    pub messages: usize,
    /// Bytes of bodies. One message is let through however large it is.
    pub bytes: usize,
}

impl Default for Window {
    /// 1,024 messages, 16 MiB.
    fn default() -> Window {
        Window { messages: 1024, bytes: 16 << 20 }
    }
}

type Sending = Pin<Box<dyn Future<Output = (u64, lapin::Result<Confirmation>)> + Send>>;

struct Sent {
    ticket: u64,
    letter: Arc<Letter>,
    confirmed: Option<Result<bool, String>>,
    returned: Option<(u16, String)>,
    doubtful: bool,
}

/// A channel that publishes with confirms. One task uses it: lapin mixes up confirmations between tasks.
pub struct Publisher {
    channel: lapin::Channel,
    window: Window,
    sending: FuturesUnordered<Sending>,
    /// What is not settled, in the order of publishing.
    sent: VecDeque<Sent>,
    /// The number of the first of `sent`; numbers count publishes from 0.
    first: u64,
    /// How many of `sent`, from the front, are confirmed.
    confirmed: usize,
    /// Everything before the first number is settled when everything before the second is confirmed.
    mark: Option<(u64, u64)>,
    settled: VecDeque<(u64, Fate)>,
    /// Addresses that returned a message, and the number of the last one.
    dead_ends: HashMap<(String, String), u64>,
    /// Not yet confirmed: what the window counts.
    pending: usize,
    pending_bytes: usize,
}

impl Publisher {
    pub(super) async fn open(connection: &Connection, window: Window) -> Result<Publisher, Error> {
        let channel = connection.channel().await?;
        channel
            .confirm_select(lapin::options::ConfirmSelectOptions::default())
            .await
            .map_err(|e| Error::from_lapin(&e))?;
        Ok(Publisher {
            channel,
            window,
            sending: FuturesUnordered::new(),
            sent: VecDeque::new(),
            first: 0,
            confirmed: 0,
            mark: None,
            settled: VecDeque::new(),
            dead_ends: HashMap::new(),
            pending: 0,
            pending_bytes: 0,
        })
    }

    /// Whether one more message of that many bytes fits into the window.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        self.pending == 0
            || (self.pending < self.window.messages && self.pending_bytes.saturating_add(bytes) <= self.window.bytes)
    }

    /// How many messages were published whose fate [`Publisher::next`] has not told.
    #[must_use]
    pub fn unsettled(&self) -> usize {
        self.sent.len() + self.settled.len()
    }

    /// Sends a letter, mandatory and to be confirmed; [`Publisher::next`] tells its fate under this ticket. It does not wait
    /// for room. Never call it while the connection is blocked: lapin would send it whenever the block ends.
    ///
    /// # Errors
    /// [`Error::TooLong`] where a name or property does not fit the protocol; nothing was sent then.
    pub async fn publish(&mut self, ticket: u64, letter: Letter) -> Result<(), Error> {
        let exchange = wire::short("an exchange name", &letter.exchange)?;
        let routing_key = wire::short("a routing key", &letter.routing_key)?;
        let properties = wire::properties(&letter.properties)?;
        let letter = Arc::new(letter);
        let number = self.first + self.sent.len() as u64;
        let channel = self.channel.clone();
        let body = Arc::clone(&letter);
        let mut sending: Sending = Box::pin(async move {
            let options = BasicPublishOptions { mandatory: true, immediate: false };
            let confirm = match channel.basic_publish(exchange, routing_key, options, &body.body, properties).await {
                Ok(confirm) => confirm,
                Err(error) => return (number, Err(error)),
            };
            (number, confirm.await)
        });
        self.pending += 1;
        self.pending_bytes += letter.body.len();
        self.sent.push_back(Sent { ticket, letter, confirmed: None, returned: None, doubtful: false });
        // The first poll queues the frames: doing it here, and not whenever the set gets round to it, keeps the order.
        let answer = std::future::poll_fn(|context: &mut Context<'_>| match sending.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => Poll::Ready(None),
        })
        .await;
        match answer {
            Some((number, answer)) => self.confirm(number, answer),
            None => self.sending.push(sending),
        }
        Ok(())
    }

    /// The fate of the next message, in the order of publishing; `None` when every fate is told. May be dropped while it
    /// waits without losing anything.
    pub async fn next(&mut self) -> Option<(u64, Fate)> {
        loop {
            if let Some(settled) = self.settled.pop_front() {
                return Some(settled);
            }
            if self.sent.is_empty() {
                return None;
            }
            self.await_confirmation().await;
        }
    }

    /// Waits until one more confirmation has come; at once when none is outstanding. May be dropped while it waits.
    pub async fn await_confirmation(&mut self) {
        if let Some((number, answer)) = self.sending.next().await {
            self.confirm(number, answer);
        }
    }

    /// A fate that is known already, without waiting.
    pub fn take_settled(&mut self) -> Option<(u64, Fate)> {
        self.settled.pop_front()
    }

    /// Gives up waiting: everything not settled becomes [`Fate::Unknown`].
    pub fn give_up(&mut self, because: &str) {
        self.sending.clear();
        for sent in self.sent.drain(..) {
            let fate = match sent.returned {
                Some((code, reason)) => Fate::Unroutable { code, reason },
                None => Fate::Unknown { because: because.to_owned() },
            };
            self.settled.push_back((sent.ticket, fate));
        }
        (self.first, self.confirmed, self.mark, self.pending, self.pending_bytes) = (u64::MAX, 0, None, 0, 0);
    }

    /// Closes the channel; what is not settled stays unknown.
    pub async fn close(self) {
        let _ = tokio::time::timeout(super::CLOSING, self.channel.close(200, "done".into())).await;
    }

    fn confirm(&mut self, number: u64, answer: lapin::Result<Confirmation>) {
        let Some(sent) = number.checked_sub(self.first).and_then(|at| self.sent.get_mut(usize::try_from(at).ok()?))
        else {
            return;
        };
        self.pending -= 1;
        self.pending_bytes -= sent.letter.body.len();
        let returned = match answer {
            Ok(Confirmation::Ack(returned)) => {
                sent.confirmed = Some(Ok(true));
                returned
            }
            Ok(Confirmation::Nack(returned)) => {
                sent.confirmed = Some(Ok(false));
                returned
            }
            Ok(Confirmation::NotRequested) => {
                sent.confirmed = Some(Err("the channel does not confirm".to_owned()));
                None
            }
            Err(error) => {
                sent.confirmed = Some(Err(Error::from_lapin(&error).needing("write").to_string()));
                None
            }
        };
        if let Some(returned) = returned {
            self.returned(returned);
        }
        while self.sent.get(self.confirmed).is_some_and(|sent| sent.confirmed.is_some()) {
            self.confirmed += 1;
        }
        self.settle();
    }

    /// Finds the message that a return belongs to. One that fits none (the broker changed it) makes all in flight doubtful.
    fn returned(&mut self, returned: BasicReturnMessage) {
        let (code, reason) = (returned.reply_code, returned.reply_text.as_str().to_owned());
        let Message { exchange, routing_key, properties, body, .. } = wire::message(returned.delivery);
        let letter = Letter { exchange, routing_key, properties, body };
        match self.sent.iter_mut().zip(self.first..).find(|(sent, _)| sent.returned.is_none() && *sent.letter == letter)
        {
            Some((sent, number)) => {
                sent.returned = Some((code, reason));
                self.dead_ends.insert((letter.exchange, letter.routing_key), number);
            }
            None => self.sent.iter_mut().for_each(|sent| sent.doubtful = true),
        }
    }

    /// Whether a later message for the same address came back while this one was on its way.
    ///
    /// Broker fact (all series): what is routed to a queue that is being deleted is confirmed, though no queue has it. So a
    /// confirmation proves nothing while the messages behind it are returned.
    fn stopped_routing(&self, sent: &Sent, number: u64) -> bool {
        !self.dead_ends.is_empty()
            && self
                .dead_ends
                .get(&(sent.letter.exchange.clone(), sent.letter.routing_key.clone()))
                .is_some_and(|last| *last > number)
    }

    fn settle(&mut self) {
        let confirmed = self.first + self.confirmed as u64;
        let published = self.first + self.sent.len() as u64;
        if let Some((until, needed)) = self.mark
            && confirmed >= needed
        {
            let until = if confirmed == published { published } else { until };
            while self.first < until {
                let Some(sent) = self.sent.pop_front() else { break };
                let stopped_routing = self.stopped_routing(&sent, self.first);
                self.first += 1;
                self.confirmed -= 1;
                self.settled.push_back((sent.ticket, fate(sent, stopped_routing)));
            }
            self.dead_ends.retain(|_, last| *last >= self.first);
            self.mark = None;
        }
        if self.mark.is_none() && self.confirmed > 0 {
            let published = self.first + self.sent.len() as u64;
            self.mark = Some((confirmed, published));
            if confirmed == published {
                self.settle();
            }
        }
    }
}

fn fate(sent: Sent, stopped_routing: bool) -> Fate {
    match (sent.returned, sent.confirmed) {
        (Some((code, reason)), _) => Fate::Unroutable { code, reason },
        (None, _) if sent.doubtful => {
            Fate::Unknown { because: "the broker returned a message that is none of those sent".to_owned() }
        }
        (None, Some(Ok(true))) if stopped_routing => {
            Fate::Unknown { because: "its target went away at about that time".to_owned() }
        }
        (None, Some(Ok(true))) => Fate::Routed,
        (None, Some(Ok(false))) => Fate::Refused,
        (None, Some(Err(because))) => Fate::Unknown { because },
        (None, None) => Fate::Unknown { because: "the broker did not answer".to_owned() },
    }
}
