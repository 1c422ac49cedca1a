//! Declaring, binding and deleting over AMQP: the way that needs no management API.
//!
//! A refused declaration closes its channel, some close the connection (541); so each call has a channel of its own meanwhile, and
//! an error never spoils what goes on beside it.

use std::collections::HashMap;

use futures_util::future::try_join_all;
use lapin::{
    ExchangeKind,
    options::{
        ExchangeBindOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, ExchangeUnbindOptions, QueueBindOptions,
        QueueDeclareOptions, QueueDeleteOptions,
    },
    types::FieldTable,
};

use super::{Connection, Error, wire};
use crate::topology::spec::{BindingSpec, ExchangeSpec, QueueSpec};

/// What a passive declaration tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passive {
    /// Messages ready to be delivered; held ones and at-least-once leftovers are not among them.
    pub ready: u32,
    /// Consumers.
    pub consumers: u32,
}

impl Connection {
    /// Creates an exchange, or finds an equal one.
    ///
    /// # Errors
    /// [`Error::Precondition`] when it exists differently; no permission; a lost connection.
    pub async fn declare_exchange(&self, exchange: &ExchangeSpec) -> Result<(), Error> {
        let name = wire::short("an exchange name", &exchange.name)?;
        let (kind, options) = declaration(exchange);
        let arguments = wire::table(&exchange.arguments)?;
        self.once("configure", async |channel| channel.exchange_declare(name, kind, options, arguments).await).await
    }

    /// Deletes an exchange and creates another one of its name with bindings, in one go: the broker is not left alone with the first half
    /// of it, and without an exchange for as short a time as there is.
    ///
    /// # Errors
    /// No permission; a lost connection. Any part of it may have been done then.
    pub async fn swap_exchange(&self, exchange: &ExchangeSpec, bindings: &[BindingSpec]) -> Result<(), Error> {
        let name = wire::short("an exchange name", &exchange.name)?;
        let (kind, options) = declaration(exchange);
        let arguments = wire::table(&exchange.arguments)?;
        let bindings = bindings.iter().map(|binding| {
            let key = wire::short("a routing key", &binding.key)?;
            Ok((wire::short("an exchange name", &binding.destination)?, key, wire::table(&binding.arguments)?))
        });
        let bindings: Vec<_> = bindings.collect::<Result<_, Error>>()?;
        self.once("configure, read and write", async |channel| {
            let nowait = ExchangeDeleteOptions { nowait: true, ..ExchangeDeleteOptions::default() };
            channel.exchange_delete(name.clone(), nowait).await?;
            let nowait = ExchangeDeclareOptions { nowait: true, ..options };
            channel.exchange_declare(name.clone(), kind, nowait, arguments).await?;
            for (destination, key, arguments) in bindings {
                let nowait = ExchangeBindOptions { nowait: true };
                channel.exchange_bind(destination, name.clone(), key, nowait, arguments).await?;
            }
            // What was refused before has closed the channel.
            let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
            channel.exchange_declare(name, ExchangeKind::Direct, passive, FieldTable::default()).await
        })
        .await
    }

    /// Creates a queue, or finds an equal one.
    ///
    /// # Errors
    /// [`Error::Precondition`] when it exists differently; no permission; a lost connection.
    pub async fn declare_queue(&self, queue: &QueueSpec) -> Result<(), Error> {
        let name = wire::short("a queue name", &queue.name)?;
        let options = QueueDeclareOptions {
            durable: queue.durable,
            exclusive: queue.exclusive,
            auto_delete: queue.auto_delete,
            ..QueueDeclareOptions::default()
        };
        let arguments = wire::table(&queue.arguments)?;
        self.once("configure", async |channel| channel.queue_declare(name, options, arguments).await.map(drop)).await
    }

    /// Creates a binding; one that exists is left as it is.
    ///
    /// # Errors
    /// [`Error::NotFound`] when source or destination is missing; no permission; a lost connection.
    pub async fn bind(&self, binding: &BindingSpec) -> Result<(), Error> {
        let source = wire::short("an exchange name", &binding.source)?;
        let destination = wire::short("the name of a binding's destination", &binding.destination)?;
        let key = wire::short("a routing key", &binding.key)?;
        let arguments = wire::table(&binding.arguments)?;
        let to_queue = binding.is_to_queue();
        self.once("write on the destination and read on the source", async |channel| {
            if to_queue {
                channel.queue_bind(destination, source, key, QueueBindOptions::default(), arguments).await
            } else {
                channel.exchange_bind(destination, source, key, ExchangeBindOptions::default(), arguments).await
            }
        })
        .await
    }

    /// Removes a binding. One that is not there counts as removed, and so does one whose ends are gone.
    ///
    /// # Errors
    /// No permission; a lost connection.
    pub async fn unbind(&self, binding: &BindingSpec) -> Result<(), Error> {
        let source = wire::short("an exchange name", &binding.source)?;
        let destination = wire::short("the name of a binding's destination", &binding.destination)?;
        let key = wire::short("a routing key", &binding.key)?;
        let arguments = wire::table(&binding.arguments)?;
        let to_queue = binding.is_to_queue();
        let outcome = self
            .once("write on the destination and read on the source", async |channel| {
                if to_queue {
                    channel.queue_unbind(destination, source, key, arguments).await
                } else {
                    channel.exchange_unbind(destination, source, key, ExchangeUnbindOptions::default(), arguments).await
                }
            })
            .await;
        match outcome {
            Err(Error::NotFound { .. }) => Ok(()),
            outcome => outcome,
        }
    }

    /// Deletes an exchange that nothing is bound to, and that is bound to nothing. One that is not there counts as deleted.
    ///
    /// # Errors
    /// [`Error::Precondition`] when it is in use; no permission; a lost connection.
    pub async fn delete_unused_exchange(&self, exchange: &str) -> Result<(), Error> {
        let name = wire::short("an exchange name", exchange)?;
        let options = ExchangeDeleteOptions { if_unused: true, ..ExchangeDeleteOptions::default() };
        self.once("configure", async |channel| channel.exchange_delete(name, options).await).await
    }

    /// Deletes an exchange with its bindings. One that is not there counts as deleted.
    ///
    /// # Errors
    /// No permission; a lost connection.
    pub async fn delete_exchange(&self, exchange: &str) -> Result<(), Error> {
        let name = wire::short("an exchange name", exchange)?;
        self.once("configure", async |channel| channel.exchange_delete(name, ExchangeDeleteOptions::default()).await)
            .await
    }

    /// Deletes a queue with everything in it and says how many messages that were.
    ///
    /// # Errors
    /// No permission; a lost connection. A queue that is not there counts as deleted.
    pub async fn delete_queue(&self, queue: &str) -> Result<u32, Error> {
        let name = wire::short("a queue name", queue)?;
        self.once("configure", async |channel| channel.queue_delete(name, QueueDeleteOptions::default()).await).await
    }

    /// Deletes a classic queue that holds no message; the broker itself sees to it that none is lost.
    ///
    /// # Errors
    /// [`Error::Precondition`] when it holds one; no permission; a lost connection.
    pub async fn delete_empty_queue(&self, queue: &str) -> Result<(), Error> {
        let name = wire::short("a queue name", queue)?;
        let options = QueueDeleteOptions { if_empty: true, ..QueueDeleteOptions::default() };
        self.once("configure", async |channel| channel.queue_delete(name, options).await.map(drop)).await
    }

    /// What a passive declaration tells of a queue; `None` when there is no such queue.
    ///
    /// # Errors
    /// No permission (brokers 4.2.6 and 4.3.0 ask for `configure`); a queue whose node is down; a lost connection.
    pub async fn look_up(&self, queue: &str) -> Result<Option<Passive>, Error> {
        let name = wire::short("a queue name", queue)?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        match self
            .once("configure", async |channel| channel.queue_declare(name, options, FieldTable::default()).await)
            .await
        {
            Ok(found) => Ok(Some(Passive { ready: found.message_count(), consumers: found.consumer_count() })),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What passive declarations tell of many queues; those that are gone or may not be looked at are missing.
    ///
    /// Several channels ask at the same time: one answer takes a round trip.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn look_up_all(&self, queues: &[&str]) -> Result<HashMap<String, Passive>, Error> {
        const AT_ONCE: usize = 16;
        let share = queues.len().div_ceil(AT_ONCE).max(1);
        let shares = try_join_all(queues.chunks(share).map(|names| self.look_up_in_turn(names))).await?;
        Ok(shares.into_iter().flatten().collect())
    }

    async fn look_up_in_turn(&self, queues: &[&str]) -> Result<Vec<(String, Passive)>, Error> {
        let mut channel = self.idle_channel().await?;
        let mut found = Vec::with_capacity(queues.len());
        for queue in queues {
            let Ok(name) = wire::short("a queue name", queue) else { continue };
            let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            match self.bounded(channel.queue_declare(name, options, FieldTable::default())).await? {
                Ok(queue) => {
                    let passive = Passive { ready: queue.message_count(), consumers: queue.consumer_count() };
                    found.push((queue.name().as_str().to_owned(), passive));
                }
                // A refusal closes its channel.
                Err(_) => channel = self.idle_channel().await?,
            }
        }
        self.keep_idle(channel);
        Ok(found)
    }

    /// Whether there is an exchange of that name.
    ///
    /// # Errors
    /// No permission; a lost connection.
    pub async fn has_exchange(&self, exchange: &str) -> Result<bool, Error> {
        if exchange.is_empty() {
            return Ok(true);
        }
        let name = wire::short("an exchange name", exchange)?;
        let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        let found = self
            .once("configure", async |channel| {
                channel.exchange_declare(name, ExchangeKind::Direct, options, FieldTable::default()).await
            })
            .await;
        match found {
            Ok(()) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// One call on a channel that nothing else uses meanwhile, and the permission it takes. What is refused ends its channel.
    async fn once<T>(
        &self,
        permission: &str,
        call: impl AsyncFnOnce(&lapin::Channel) -> lapin::Result<T>,
    ) -> Result<T, Error> {
        let channel = self.idle_channel().await?;
        let answer = self.bounded(call(&channel)).await?;
        if answer.is_ok() {
            self.keep_idle(channel);
        }
        answer.map_err(|error| Error::from_lapin(&error).needing(permission))
    }
}

fn declaration(exchange: &ExchangeSpec) -> (ExchangeKind, ExchangeDeclareOptions) {
    let kind = match exchange.kind.as_str() {
        "topic" => ExchangeKind::Topic,
        "direct" => ExchangeKind::Direct,
        "fanout" => ExchangeKind::Fanout,
        "headers" => ExchangeKind::Headers,
        other => ExchangeKind::Custom(other.to_owned()),
    };
    let options = ExchangeDeclareOptions {
        durable: exchange.durable,
        auto_delete: exchange.auto_delete,
        internal: exchange.internal,
        ..ExchangeDeclareOptions::default()
    };
    (kind, options)
}
