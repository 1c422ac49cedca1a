//! Letters from payloads and records: envelope, schema, address. Nothing is sent here.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::known::Known;
use crate::{
    broker::Letter,
    catalog::{
        envelope,
        schema::{Schema, Violation},
    },
    message::{Message, Properties, record, travel},
};

/// An event of the catalog, as it is to be sent.
pub struct Described {
    /// Its type.
    pub event_type: String,
    /// Its version.
    pub version: String,
    /// The service it comes from.
    pub source: String,
    /// Its routing key.
    pub key: String,
    /// What its payload must be.
    pub schema: Option<Schema>,
}

/// How payloads and records become letters.
pub struct Composer {
    /// The event, where the catalog tells one.
    pub event: Option<Arc<Described>>,
    /// What the catalog knows of events that records say they are.
    pub known: Known,
    /// The exchange; for records, instead of their own.
    pub exchange: Option<String>,
    /// The exchange of the catalog, where no other is named.
    pub bus: Option<String>,
    /// The key, instead of the event's or the record's.
    pub key: Option<String>,
    /// What everything belongs to.
    pub correlation_id: Option<String>,
    /// Data is the whole body, without an envelope; neither it nor a record is held against a schema.
    pub raw: bool,
}

/// Something to send, any number of times: a whole letter, or one that gets its id and time when it is sent.
#[derive(Clone)]
pub struct Outgoing(Arc<Content>);

enum Content {
    Record(Letter),
    Bare {
        letter: Letter,
    },
    Event {
        event: Arc<Described>,
        exchange: String,
        key: String,
        correlation_id: Option<String>,
        payload: Box<RawValue>,
    },
}

impl Outgoing {
    /// The letter of this moment.
    #[must_use]
    pub fn letter(&self) -> Letter {
        match &*self.0 {
            Content::Record(letter) => letter.clone(),
            Content::Bare { letter } => {
                let message_id = Some(uuid::Uuid::now_v7().to_string());
                Letter { properties: Properties { message_id, ..letter.properties.clone() }, ..letter.clone() }
            }
            Content::Event { event, exchange, key, correlation_id, payload } => {
                let described = envelope::Event {
                    event_type: &event.event_type,
                    version: &event.version,
                    source_service: &event.source,
                    correlation_id: correlation_id.as_deref(),
                };
                let (properties, body) = envelope::seal(&described, payload, jiff::Timestamp::now());
                Letter { exchange: exchange.clone(), routing_key: key.clone(), properties, body }
            }
        }
    }
}

/// Why something cannot be sent.
#[derive(Debug)]
pub enum Wrong {
    /// It breaks its schema.
    Violations(Vec<Violation>),
    /// Nothing says which exchange it goes to.
    NoExchange,
    /// Nothing says with which key it goes.
    NoKey,
    /// It is no record, and nothing says where a payload goes.
    NoRecord,
    /// It cannot be read.
    Unreadable(String),
}

impl Wrong {
    /// Everything that is wrong, a line each.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        match self {
            Wrong::Violations(violations) => violations
                .iter()
                .map(|violation| {
                    let place = if violation.pointer.is_empty() { "(the whole)" } else { &violation.pointer };
                    format!("{place}: {}", violation.what)
                })
                .collect(),
            Wrong::NoExchange => vec!["nothing says which exchange it goes to".to_owned()],
            Wrong::NoKey => vec!["nothing says with which key it goes".to_owned()],
            Wrong::NoRecord => vec![format!(
                "it is no record (its format is not {}), and without an EVENT or --key nothing says where a payload goes",
                record::FORMAT
            )],
            Wrong::Unreadable(what) => vec![what.clone()],
        }
    }
}

impl Composer {
    /// What a payload becomes.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn payload(&self, data: &[u8]) -> Result<Outgoing, Wrong> {
        let exchange = self.exchange.clone().or_else(|| self.bus.clone()).ok_or(Wrong::NoExchange)?;
        let Some(event) = self.event.as_ref().filter(|_| !self.raw) else {
            let known = self.event.as_ref().map(|event| event.key.clone());
            let routing_key = self.key.clone().or(known).ok_or(Wrong::NoKey)?;
            let properties = Properties {
                delivery_mode: Some(2),
                correlation_id: self.correlation_id.clone(),
                ..Properties::default()
            };
            let letter = Letter { exchange, routing_key, properties, body: data.to_vec() };
            return Ok(Outgoing(Arc::new(Content::Bare { letter })));
        };
        let text = std::str::from_utf8(data).map_err(|_| Wrong::Unreadable("it is not UTF-8".to_owned()))?;
        let not_json = |error: serde_json::Error| Wrong::Unreadable(format!("it is not JSON: {error}"));
        let payload: Box<RawValue> = serde_json::from_str(text).map_err(not_json)?;
        if let Some(schema) = &event.schema {
            let violations = schema.violations(&serde_json::from_str(text).map_err(not_json)?);
            if !violations.is_empty() {
                return Err(Wrong::Violations(violations));
            }
        }
        let key = self.key.clone().unwrap_or_else(|| event.key.clone());
        let (event, correlation_id) = (Arc::clone(event), self.correlation_id.clone());
        Ok(Outgoing(Arc::new(Content::Event { event, exchange, key, correlation_id, payload })))
    }

    /// What a record becomes. Its address and its body must be there: what is left out would be sent somewhere else, or empty.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn record(&mut self, line: &[u8], has: impl Fn(&str) -> bool) -> Result<Outgoing, Wrong> {
        let told = |name: &str, otherwise: Option<&String>| otherwise.is_some() || has(name);
        if !told("exchange", self.exchange.as_ref()) {
            return Err(Wrong::NoExchange);
        }
        if !told("routing_key", self.key.as_ref()) {
            return Err(Wrong::NoKey);
        }
        if !has("body") {
            return Err(Wrong::Unreadable("it has no body".to_owned()));
        }
        let (_, message) = record::read(line).map_err(|error| Wrong::Unreadable(error.to_string()))?;
        if !self.raw {
            self.known.check(&message)?;
        }
        let Message { exchange, routing_key, .. } = &message;
        let exchange = self.exchange.clone().unwrap_or_else(|| exchange.clone());
        let routing_key = self.key.clone().unwrap_or_else(|| routing_key.clone());
        // Nothing is sent in another user's name: the broker would close the channel.
        let travelling = travel::put_back(message, "");
        let letter = Letter { exchange, routing_key, properties: travelling.properties, body: travelling.body };
        Ok(Outgoing(Arc::new(Content::Record(letter))))
    }
}
