//! What a confirmation means: publishing mandatory and confirmed, many in flight, and saying of each message what became of it.
//!
//! Which message a return belongs to, and when no return can come any more, is worked out in [`ledger`](super::ledger).

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use lapin::{Confirmation, message::BasicReturnMessage, options::BasicPublishOptions};

use super::{
    Connection, Error,
    ledger::{Answer, Ledger, Returned},
    wire,
};
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

/// Why a fate is unknown, as long as only the end of the channel is known and not its reason.
const LOST: &str = "the channel has ended";

type Sending = Pin<Box<dyn Future<Output = (u64, lapin::Result<Confirmation>)> + Send>>;

/// A channel that publishes with confirms. One task uses it: lapin mixes up confirmations between tasks.
pub struct Publisher {
    channel: lapin::Channel,
    window: Window,
    properties_max: usize,
    sending: FuturesUnordered<Sending>,
    ledger: Ledger,
    ended: Option<Error>,
}

impl Publisher {
    pub(super) async fn open(connection: &Connection, window: Window) -> Result<Publisher, Error> {
        let channel = connection.channel().await?;
        channel
            .confirm_select(lapin::options::ConfirmSelectOptions::default())
            .await
            .map_err(|e| Error::from_lapin(&e))?;
        let properties_max = connection.properties_max();
        let (sending, ledger) = (FuturesUnordered::new(), Ledger::default());
        Ok(Publisher { channel, window, properties_max, sending, ledger, ended: None })
    }

    /// Whether one more message of that many bytes fits into the window.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        let (messages, pending) = self.ledger.pending();
        messages == 0 || (messages < self.window.messages && pending.saturating_add(bytes) <= self.window.bytes)
    }

    /// How many messages were published whose fate [`Publisher::next`] has not told.
    #[must_use]
    pub fn unsettled(&self) -> usize {
        self.ledger.unsettled()
    }

    /// Sends a letter, mandatory and to be confirmed; [`Publisher::next`] tells its fate under this ticket. It does not wait
    /// for room. Never call it while the connection is blocked: lapin would send it whenever the block ends.
    ///
    /// # Errors
    /// [`Error::TooLong`] where a name or property does not fit the protocol, or all properties together do not fit one frame: the
    /// broker would end the connection. Nothing was sent then.
    pub fn publish(&mut self, ticket: u64, letter: Letter) -> Result<(), Error> {
        let exchange = wire::short("an exchange name", &letter.exchange)?;
        let routing_key = wire::short("a routing key", &letter.routing_key)?;
        let bytes = letter.properties.wire_size();
        if bytes > self.properties_max {
            return Err(Error::TooLong { what: "the message's properties", bytes, limit: self.properties_max });
        }
        let properties = wire::properties(&letter.properties)?;
        let letter = Arc::new(letter);
        let number = self.ledger.publish(ticket, Arc::clone(&letter));
        let channel = self.channel.clone();
        let mut sending: Sending = Box::pin(async move {
            let options = BasicPublishOptions { mandatory: true, immediate: false };
            let confirm = match channel.basic_publish(exchange, routing_key, options, &letter.body, properties).await {
                Ok(confirm) => confirm,
                Err(error) => return (number, Err(error)),
            };
            (number, confirm.await)
        });
        // The first poll queues the frames: doing it here, and not whenever the set gets round to it, keeps the order. Nobody is to
        // be woken by it: the set polls whatever is new to it.
        match sending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready((number, answer)) => self.enter(number, answer),
            Poll::Pending => self.sending.push(sending),
        }
        Ok(())
    }

    /// Takes up the confirmations that have come already.
    pub fn take_up(&mut self) {
        while let Some(Some((number, answer))) = self.sending.next().now_or_never() {
            self.enter(number, answer);
        }
    }

    /// The fate of the next message, in the order of publishing; `None` when every fate is told. May be dropped while it
    /// waits without losing anything.
    pub async fn next(&mut self) -> Option<(u64, Fate)> {
        loop {
            if let Some(settled) = self.take_settled() {
                return Some(settled);
            }
            if !self.ledger.is_waiting() {
                return None;
            }
            self.await_confirmation().await;
        }
    }

    /// Waits until one more confirmation has come; at once when none is outstanding. May be dropped while it waits.
    pub async fn await_confirmation(&mut self) {
        if let Some((number, answer)) = self.sending.next().await {
            self.enter(number, answer);
        }
    }

    /// A fate that is known already, without waiting.
    pub fn take_settled(&mut self) -> Option<(u64, Fate)> {
        let (ticket, fate) = self.ledger.take()?;
        // What learned first that the channel had ended may have learned no more than that.
        let fate = match (fate, &self.ended) {
            (Fate::Unknown { because }, Some(reason)) if because == LOST => {
                Fate::Unknown { because: reason.to_string() }
            }
            (fate, _) => fate,
        };
        Some((ticket, fate))
    }

    /// Whether the channel has ended, so that nothing that is published from now on can arrive.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// What ended the channel, if something has: the broker's own reason where it gave one.
    pub fn take_end(&mut self) -> Option<Error> {
        self.ended.take()
    }

    /// Enters an answer, and keeps what it says of an end. What is published on a channel that has ended only learns that it has:
    /// the broker's reason comes with what was on its way.
    fn enter(&mut self, number: u64, answer: lapin::Result<Confirmation>) {
        let answer = answer.map_err(|error| {
            let error = Error::from_lapin(&error).needing("write");
            let is_lost = matches!(error, Error::Lost { .. });
            let because = if is_lost { LOST.to_owned() } else { error.to_string() };
            if self.ended.as_ref().is_none_or(|known| matches!(known, Error::Lost { .. })) {
                self.ended = Some(error);
            }
            because
        });
        self.ledger.answer(number, meaning(answer));
    }

    /// Gives up waiting: everything not settled becomes [`Fate::Unknown`].
    pub fn give_up(&mut self, because: &str) {
        self.sending.clear();
        self.ledger.give_up(because);
    }

    /// Closes the channel; what is not settled stays unknown.
    pub async fn close(self) {
        let _ = tokio::time::timeout(super::CLOSING, self.channel.close(200, "done".into())).await;
    }
}

/// What lapin's answer to a publish says.
fn meaning(answer: Result<Confirmation, String>) -> Answer {
    match answer? {
        Confirmation::Ack(returned) => Ok((true, returned.map(given_back))),
        Confirmation::Nack(returned) => Ok((false, returned.map(given_back))),
        Confirmation::NotRequested => Err("the channel does not confirm".to_owned()),
    }
}

fn given_back(returned: BasicReturnMessage) -> Returned {
    let (code, reason) = (returned.reply_code, returned.reply_text.as_str().to_owned());
    let Message { exchange, routing_key, properties, body, .. } = wire::message(returned.delivery);
    Returned { code, reason, letter: Letter { exchange, routing_key, properties, body } }
}
