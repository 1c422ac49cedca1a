//! A service that keeps the retry contract, to be seen failing and recovering.

use std::time::Duration;

use crate::{
    broker::{Broker, Deliveries, Delivery, Error, Fate, Letter, Publisher, Window},
    message::{Field, Message, death, travel},
};

/// What a service did with what it got.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Events it handled.
    pub handled: u64,
    /// Failures it sent through the retry ladder.
    pub retried: u64,
    /// Events it gave up on.
    pub dead: u64,
}

/// A service and its queue.
pub struct Service {
    /// Its queue.
    pub queue: &'static str,
    /// The exchange of the retry ladder.
    pub ladder: &'static str,
    /// How many retries the ladder has.
    pub attempts: i64,
    /// Whether it works.
    pub healthy: bool,
}

/// The header that counts the retries of a message, from 1.
const ATTEMPT: &str = "x-evbus-attempt";

impl Service {
    /// Works until nothing came for this time.
    ///
    /// # Errors
    /// When the broker cannot be used.
    pub async fn work(&self, broker: &Broker, patience: Duration) -> Result<Work, Error> {
        let (consuming, publishing) = (broker.connect(self.queue).await?, broker.connect(self.queue).await?);
        let mut deliveries = consuming.consume(self.queue, 10).await?;
        let mut publisher = publishing.publisher(Window::default()).await?;
        let mut work = Work::default();
        while let Ok(delivery) = tokio::time::timeout(patience, deliveries.next()).await {
            self.handle(delivery?, &mut deliveries, &mut publisher, &mut work).await?;
        }
        deliveries.end().await?;
        publishing.close().await;
        consuming.close().await;
        Ok(work)
    }

    async fn handle(
        &self,
        delivery: Delivery,
        deliveries: &mut Deliveries,
        publisher: &mut Publisher,
        work: &mut Work,
    ) -> Result<(), Error> {
        let Delivery { message, receipt } = delivery;
        if self.healthy {
            work.handled += 1;
            return deliveries.acknowledge([receipt]).await;
        }
        let attempt = message.properties.header(ATTEMPT).and_then(Field::as_int).unwrap_or(0) + 1;
        if attempt > self.attempts {
            work.dead += 1;
            return deliveries.reject(receipt).await;
        }
        publisher.publish(0, self.copy(message, attempt))?;
        // The contract: the original goes only when its copy is confirmed and did not come back.
        match publisher.next().await {
            Some((_, Fate::Routed)) => {
                work.retried += 1;
                deliveries.acknowledge([receipt]).await
            }
            _ => {
                deliveries.keep(receipt);
                Ok(())
            }
        }
    }

    /// The copy that waits in the ladder: the original address is set on the first failure and kept.
    fn copy(&self, message: Message, attempt: i64) -> Letter {
        let (exchange, key) = (message.exchange.clone(), message.routing_key.clone());
        let mut travelling = travel::put_back(message, "");
        let headers = travelling.properties.headers.get_or_insert_default();
        headers.retain(|name, _| {
            name != "x-death" && !name.starts_with("x-first-death-") && !name.starts_with("x-last-death-")
        });
        headers.entry(death::EXCHANGE.to_owned()).or_insert_with(|| Field::text(exchange));
        headers.entry(death::ROUTING_KEY.to_owned()).or_insert_with(|| Field::text(key));
        headers.insert(ATTEMPT.to_owned(), Field::I64(attempt));
        travelling.properties.delivery_mode = Some(2);
        travelling.properties.expiration = None;
        Letter {
            exchange: self.ladder.to_owned(),
            routing_key: format!("{}.{attempt}", self.queue),
            properties: travelling.properties,
            body: travelling.body,
        }
    }
}
