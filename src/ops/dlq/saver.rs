//! Saving a message that its own return would destroy: a confirmed copy at the queue's end takes its place, and counts anew.

use super::{Error, session::Session};
use crate::{
    broker::{Connection, Deliveries, Delivery, Fate, Letter, Publisher, Window},
    message::travel,
};

/// Gives messages back, one way or the other. Its publishing connection is opened when the first copy is needed.
pub struct Saver<'a> {
    session: &'a Session<'a>,
    publishing: Option<(Connection, Publisher)>,
    copied: u64,
}

impl<'a> Saver<'a> {
    /// One that has saved nothing yet.
    #[must_use]
    pub fn new(session: &'a Session<'a>) -> Saver<'a> {
        Saver { session, publishing: None, copied: 0 }
    }

    /// How many messages were replaced by copies.
    #[must_use]
    pub fn copied(&self) -> u64 {
        self.copied
    }

    /// Sees to it that a message stays in the queue: kept to be given back at the end, or copied at once where giving it back
    /// would destroy it.
    ///
    /// # Errors
    /// [`Error::NotSaved`] when the copy could not be made; the message is held then, as long as the connection lasts.
    pub async fn stay(&mut self, deliveries: &mut Deliveries, delivery: Delivery) -> Result<(), Error> {
        let Delivery { message, receipt } = delivery;
        if !self.session.would_lose(&message) {
            deliveries.keep(receipt);
            return Ok(());
        }
        let (connection, publisher) = match &mut self.publishing {
            Some(open) => open,
            none => {
                let connection = self.session.broker.connect("evbus (saving)").await?;
                let publisher = connection.publisher(Window::default()).await?;
                none.insert((connection, publisher))
            }
        };
        let travelling = travel::put_back(message, connection.user());
        let queue = &self.session.queue;
        let letter = Letter {
            exchange: String::new(),
            routing_key: queue.clone(),
            properties: travelling.properties,
            body: travelling.body,
        };
        publisher.publish(0, letter)?;
        let timeout = self.session.broker.timeout();
        let fate = tokio::time::timeout(timeout, publisher.next()).await.unwrap_or_else(|_| {
            let reason = connection.blocked().borrow().clone();
            let because = reason.unwrap_or_else(|| "the broker did not confirm in time".to_owned());
            Some((0, Fate::Unknown { because }))
        });
        match fate {
            Some((_, Fate::Routed)) => {
                self.copied += 1;
                Ok(deliveries.acknowledge([receipt]).await?)
            }
            fate => {
                deliveries.keep(receipt);
                let because = match fate {
                    Some((_, Fate::Unroutable { reason, .. })) => reason,
                    Some((_, Fate::Unknown { because })) => because,
                    _ => "the queue refused the copy".to_owned(),
                };
                Err(Error::NotSaved { queue: queue.clone(), because })
            }
        }
    }

    /// Ends its connection.
    pub async fn close(self) {
        if let Some((connection, publisher)) = self.publishing {
            publisher.close().await;
            connection.close().await;
        }
    }
}
