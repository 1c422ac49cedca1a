//! The objects of a broker as somebody wants them.

use crate::message::Table;

/// An exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeSpec {
    /// Its name.
    pub name: String,
    /// `topic`, `direct`, `fanout`, `headers` or a plugin's.
    pub kind: String,
    /// Survives a restart.
    pub durable: bool,
    /// Goes with its last binding.
    pub auto_delete: bool,
    /// Takes messages from other exchanges only.
    pub internal: bool,
    /// Its arguments.
    pub arguments: Table,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSpec {
    /// Its name.
    pub name: String,
    /// Survives a restart.
    pub durable: bool,
    /// Belongs to one connection and goes with it.
    pub exclusive: bool,
    /// Goes with its last consumer.
    pub auto_delete: bool,
    /// Its arguments.
    pub arguments: Table,
}

/// A binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingSpec {
    /// The exchange it leads from.
    pub source: String,
    /// What it leads to.
    pub destination: String,
    /// Whether that is a queue.
    pub to_queue: bool,
    /// Its routing key.
    pub key: String,
    /// Its arguments.
    pub arguments: Table,
}

impl BindingSpec {
    /// Whether it leads to a queue and not to an exchange.
    #[must_use]
    pub fn is_to_queue(&self) -> bool {
        self.to_queue
    }
}

/// A policy.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicySpec {
    /// Its name.
    pub name: String,
    /// The regular expression that names must match.
    pub pattern: String,
    /// `queues`, `exchanges`, `all`, or from 3.12 on `classic_queues`, `quorum_queues`, `streams`.
    pub apply_to: String,
    /// Of several that match, the highest is in force.
    pub priority: i64,
    /// Its keys.
    pub definition: serde_json::Map<String, serde_json::Value>,
}
