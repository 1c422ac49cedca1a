//! Where a dead letter goes back to, and whether that place exists.

use std::collections::HashMap;

use crate::{
    broker::{Connection, Error},
    message::{Message, death},
};

/// Where the operator wants dead letters to go (`--to`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// To the queue it died in, past every exchange: nobody else gets it again.
    Source,
    /// To the exchange it was first published to, with its original keys: every subscriber gets it again.
    Exchange,
    /// To this queue.
    Queue(String),
    /// Through this exchange, which does not look at keys, with the key it has and just as it is.
    Through(String),
    /// To this exchange, with this key or else the message's original one.
    Address {
        /// The exchange.
        exchange: String,
        /// The key.
        key: Option<String>,
    },
}

/// An exchange and the keys to publish with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// The exchange; empty is the default exchange, whose keys are names of queues.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// Further keys of a sender-selected distribution (`CC`), where the original exchange is meant.
    pub also: Vec<String>,
}

impl Address {
    /// A queue, addressed directly.
    pub fn queue(name: impl Into<String>) -> Address {
        Address { exchange: String::new(), routing_key: name.into(), also: Vec::new() }
    }

    /// The queue, if it is addressed directly.
    #[must_use]
    pub fn as_queue(&self) -> Option<&str> {
        self.exchange.is_empty().then_some(self.routing_key.as_str())
    }

    /// Whether one queue alone is meant.
    #[must_use]
    pub fn is_one_queue(&self) -> bool {
        self.exchange.is_empty() && self.also.is_empty()
    }

    /// What has to be there for it: an exchange, or of the default exchange a queue.
    #[must_use]
    pub fn place(&self) -> (&str, &str) {
        (&self.exchange, if self.exchange.is_empty() { &self.routing_key } else { "" })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.exchange.is_empty() {
            write!(f, "queue {}", self.routing_key)
        } else {
            write!(f, "exchange {} key {}", self.exchange, self.routing_key)
        }
    }
}

/// The address of one message.
///
/// # Errors
/// Why it has none: it tells nothing of where it comes from.
pub fn address(to: &To, queue: &str, message: &Message) -> Result<Address, &'static str> {
    match to {
        To::Queue(name) => Ok(Address::queue(name)),
        To::Through(exchange) => {
            Ok(Address { exchange: exchange.clone(), routing_key: message.routing_key.clone(), also: Vec::new() })
        }
        To::Source => match death::source_queue(message) {
            Some(source) if source == queue => Err("it died in this very queue; name a target with --to queue:NAME"),
            Some(source) => Ok(Address::queue(source)),
            None => Err("no history says which queue it died in; name a target with --to queue:NAME"),
        },
        To::Exchange => {
            let original = death::original_address(message)
                .ok_or("no history says where it was published; name a target with --to")?;
            let mut keys = original.routing_keys.into_iter();
            let routing_key = keys.next().unwrap_or_default();
            Ok(Address { exchange: original.exchange, routing_key, also: keys.collect() })
        }
        To::Address { exchange, key: Some(key) } => {
            Ok(Address { exchange: exchange.clone(), routing_key: key.clone(), also: Vec::new() })
        }
        To::Address { exchange, key: None } => {
            let original = death::original_address(message)
                .ok_or("no history says what key it was published with; give one: --to exchange:NAME/KEY")?;
            let routing_key = original.routing_keys.into_iter().next().unwrap_or_default();
            Ok(Address { exchange: exchange.clone(), routing_key, also: Vec::new() })
        }
    }
}

/// What the broker says of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The queue or exchange is there.
    Exists,
    /// It is not, or may not be used.
    Missing(String),
}

/// The targets met so far, each resolved once.
pub struct Targets<'a> {
    connection: &'a Connection,
    /// By exchange, or by queue where the exchange is the default one: keys may be as many as messages.
    known: HashMap<(String, String), Standing>,
}

impl<'a> Targets<'a> {
    /// None met yet.
    pub fn new(connection: &'a Connection) -> Targets<'a> {
        Targets { connection, known: HashMap::new() }
    }

    /// Asks about all of these side by side.
    ///
    /// # Errors
    /// When the broker cannot be asked.
    pub async fn ask(&mut self, addresses: &[Address]) -> Result<(), Error> {
        let to_queues = addresses.iter().filter(|address| address.exchange.is_empty());
        let queues: Vec<&str> = to_queues.map(|address| address.routing_key.as_str()).collect();
        let found = self.connection.look_up_all(&queues).await?;
        self.known.extend(found.into_keys().map(|queue| ((String::new(), queue), Standing::Exists)));
        // What was not found is asked about once more: why?
        for address in addresses {
            self.standing(address).await?;
        }
        Ok(())
    }

    /// The queues that are addressed directly, as far as anything is known of them.
    pub fn queues(&self) -> impl Iterator<Item = &str> {
        self.known.keys().filter(|(exchange, _)| exchange.is_empty()).map(|(_, queue)| queue.as_str())
    }

    /// What was found out about this address, if anything.
    #[must_use]
    pub fn known(&self, address: &Address) -> Option<&Standing> {
        let (exchange, queue) = address.place();
        self.known.get(&(exchange.to_owned(), queue.to_owned()))
    }

    /// Believes what others have found out meanwhile.
    pub fn learn(&mut self, newer: Targets<'a>) {
        self.known.extend(newer.known);
    }

    /// Whether messages for this address may be published; asks the broker the first time it is met.
    ///
    /// # Errors
    /// When the broker cannot be asked.
    pub async fn standing(&mut self, address: &Address) -> Result<Standing, Error> {
        if let Some(standing) = self.known(address) {
            return Ok(standing.clone());
        }
        let standing = if address.exchange.is_empty() {
            match self.connection.look_up(&address.routing_key).await {
                // A queue that may not be looked at may still be published to: the mandatory flag will tell.
                Ok(Some(_)) | Err(Error::NoPermission { .. }) => Standing::Exists,
                Ok(None) => Standing::Missing(format!("there is no queue {}", address.routing_key)),
                Err(Error::TooLong { .. }) => {
                    Standing::Missing("its name is longer than a queue's name can be".to_owned())
                }
                Err(error) => return Err(error),
            }
        } else {
            match self.connection.has_exchange(&address.exchange).await {
                Ok(true) | Err(Error::NoPermission { .. }) => Standing::Exists,
                Ok(false) => Standing::Missing(format!("there is no exchange {}", address.exchange)),
                Err(Error::TooLong { .. }) => {
                    Standing::Missing("its name is longer than an exchange's name can be".to_owned())
                }
                Err(error) => return Err(error),
            }
        };
        let (exchange, queue) = address.place();
        self.known.insert((exchange.to_owned(), queue.to_owned()), standing.clone());
        Ok(standing)
    }
}
