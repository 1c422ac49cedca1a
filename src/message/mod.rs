//! WHAT A MESSAGE IS. Pure: no broker, no clock, no streams.
//!
//! A [`Message`] is what the broker delivered or will be given; [`Field`] mirrors every value type of an AMQP 0-9-1 header
//! table, so that nothing changes its type on the way through evbus.

pub mod death;
pub mod event;
pub mod failure;
pub mod group;
mod identity;
pub mod record;
pub mod selector;
mod size;
#[cfg(test)]
mod testing;
pub mod traits;
pub mod travel;
pub mod validity;
mod value;

pub use identity::Identity;
pub use value::{Field, Table};

/// The fourteen properties of AMQP 0-9-1 (`basic` class), each absent or as it was.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Properties {
    /// MIME type of the body.
    pub content_type: Option<String>,
    /// MIME encoding of the body.
    pub content_encoding: Option<String>,
    /// The header table.
    pub headers: Option<Table>,
    /// 1 transient, 2 persistent; absent is transient and stays absent.
    pub delivery_mode: Option<u8>,
    /// 0 to 255.
    pub priority: Option<u8>,
    /// Ties a message to what caused it.
    pub correlation_id: Option<String>,
    /// Where an answer goes.
    pub reply_to: Option<String>,
    /// TTL in milliseconds, as text.
    pub expiration: Option<String>,
    /// Identity of the message.
    pub message_id: Option<String>,
    /// Seconds since 1970.
    pub timestamp: Option<u64>,
    /// Name of the message's type (`type` on the wire).
    pub kind: Option<String>,
    /// The user the broker checked the message against.
    pub user_id: Option<String>,
    /// The application that sent it.
    pub app_id: Option<String>,
    /// Reserved by the protocol.
    pub cluster_id: Option<String>,
}

impl Properties {
    /// The header of that name, if there is one.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&Field> {
        self.headers.as_ref()?.get(name)
    }
}

/// A message as the broker delivered it: address, properties and body.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// The exchange it was last published to; empty is the default exchange.
    pub exchange: String,
    /// The routing key it was last published with.
    pub routing_key: String,
    /// Whether the broker says that it was handed out before.
    pub redelivered: bool,
    /// Its properties, headers included.
    pub properties: Properties,
    /// Its body, byte for byte.
    pub body: Vec<u8>,
}

impl Message {
    /// About what it takes on the wire.
    #[must_use]
    pub fn size(&self) -> usize {
        self.exchange.len() + self.routing_key.len() + self.properties.wire_size() + self.body.len()
    }
}
