//! Saving a message that its own return would destroy: a confirmed copy at the queue's end takes its place, and counts anew.

use super::{Error, session::Session};
use crate::{
    broker::{self, Connection, Deliveries, Delivery, Fate, Letter, Publisher, Window},
    message::{Message, travel},
};

/// Gives messages back, one way or the other. Its publishing connection is opened when the first copy is needed.
pub struct Saver<'a> {
    session: &'a Session<'a>,
    publishing: Option<(Connection, Publisher)>,
    copied: u64,
    /// Why no copy can be made any more: nobody answers, and waiting for each would only take time.
    hopeless: Option<String>,
}

impl<'a> Saver<'a> {
    /// One that has saved nothing yet.
    #[must_use]
    pub fn new(session: &'a Session<'a>) -> Saver<'a> {
        Saver { session, publishing: None, copied: 0, hopeless: None }
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
        match self.copy(message).await {
            Ok(()) => {
                self.copied += 1;
                Ok(deliveries.acknowledge([receipt]).await?)
            }
            Err(because) => {
                deliveries.keep(receipt);
                Err(Error::NotSaved { queue: self.session.queue.clone(), because })
            }
        }
    }

    /// The same for many, each for itself: one that cannot be saved keeps no other from being tried.
    ///
    /// # Errors
    /// The first that there was.
    pub async fn stay_all(
        &mut self,
        deliveries: &mut Deliveries,
        all: impl IntoIterator<Item = Delivery>,
    ) -> Result<(), Error> {
        let mut outcome = Ok(());
        for delivery in all {
            outcome = outcome.and(self.stay(deliveries, delivery).await);
        }
        outcome
    }

    /// Puts a confirmed copy at the queue's end.
    ///
    /// # Errors
    /// Why there is none.
    async fn copy(&mut self, message: Message) -> Result<(), String> {
        if let Some(because) = &self.hopeless {
            return Err(because.clone());
        }
        if let Err(error) = self.connect().await {
            return Err(self.hopeless.insert(error.to_string()).clone());
        }
        let Some((connection, publisher)) = &mut self.publishing else { return Err("not connected".to_owned()) };
        let travelling = travel::put_back(message, connection.user());
        let letter = Letter {
            exchange: String::new(),
            routing_key: self.session.queue.clone(),
            properties: travelling.properties,
            body: travelling.body,
        };
        let blocked = connection.blocked();
        publisher.publish(0, letter).map_err(|error| error.to_string())?;
        let confirmed = tokio::time::timeout(self.session.broker.timeout(), publisher.next()).await;
        match confirmed {
            Ok(Some((_, Fate::Routed))) => Ok(()),
            Ok(Some((_, Fate::Unroutable { reason, .. }))) => Err(reason),
            Ok(Some((_, Fate::Refused)) | None) => Err("the queue refused the copy".to_owned()),
            Ok(Some((_, Fate::Unknown { because }))) => Err(self.hopeless.insert(because).clone()),
            Err(_silent) => {
                let reason = blocked.borrow().clone();
                let because = reason.unwrap_or_else(|| "the broker did not confirm in time".to_owned());
                Err(self.hopeless.insert(because).clone())
            }
        }
    }

    async fn connect(&mut self) -> Result<(), broker::Error> {
        if self.publishing.is_none() {
            let connection = self.session.broker.connect("evbus (saving)").await?;
            let publisher = connection.publisher(Window::default()).await?;
            self.publishing = Some((connection, publisher));
        }
        Ok(())
    }

    /// Ends its connection.
    pub async fn close(self) {
        if let Some((connection, publisher)) = self.publishing {
            publisher.close().await;
            connection.close().await;
        }
    }
}
