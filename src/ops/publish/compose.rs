//! Letters from payloads and records: envelope, schema, address. Nothing is sent here; what is wrong is told before anything is.

use std::io::{self, BufRead};

use serde_json::value::RawValue;

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
    pub event: Option<Described>,
    /// The exchange; for records, instead of their own.
    pub exchange: Option<String>,
    /// The exchange of the catalog, where no other is named.
    pub bus: Option<String>,
    /// The key, instead of the event's or the record's.
    pub key: Option<String>,
    /// What everything belongs to.
    pub correlation_id: Option<String>,
    /// Data is the whole body, without an envelope.
    pub raw: bool,
}

/// What can be sent, and the numbers of the lines that cannot.
pub type Lines<'a> = (Vec<Outgoing<'a>>, Vec<(u64, Wrong)>);

/// Something to send: a whole letter, or an event that gets its id and time when it is sent.
pub struct Outgoing<'a>(Content<'a>);

#[allow(clippy::large_enum_variant, reason = "nearly all of a long list are whole letters")]
enum Content<'a> {
    Whole(Letter),
    Event { composer: &'a Composer, event: &'a Described, exchange: String, payload: Box<RawValue> },
}

impl Outgoing<'_> {
    /// The letter of this moment.
    #[must_use]
    pub fn letter(&self) -> Letter {
        match &self.0 {
            Content::Whole(letter) => letter.clone(),
            Content::Event { composer, event, exchange, payload } => {
                let described = envelope::Event {
                    event_type: &event.event_type,
                    version: &event.version,
                    source_service: &event.source,
                    correlation_id: composer.correlation_id.as_deref(),
                };
                let (properties, body) = envelope::seal(&described, payload, jiff::Timestamp::now());
                let routing_key = composer.key.clone().unwrap_or_else(|| event.key.clone());
                Letter { exchange: exchange.clone(), routing_key, properties, body }
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
            Wrong::Unreadable(what) => vec![what.clone()],
        }
    }
}

impl Composer {
    /// What a payload becomes.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn payload(&self, data: &[u8]) -> Result<Outgoing<'_>, Wrong> {
        let exchange = self.exchange.clone().or_else(|| self.bus.clone()).ok_or(Wrong::NoExchange)?;
        let Some(event) = self.event.as_ref().filter(|_| !self.raw) else {
            let known = self.event.as_ref().map(|event| event.key.clone());
            let routing_key = self.key.clone().or(known).ok_or(Wrong::NoKey)?;
            let properties = Properties {
                delivery_mode: Some(2),
                message_id: Some(uuid::Uuid::now_v7().to_string()),
                correlation_id: self.correlation_id.clone(),
                ..Properties::default()
            };
            return Ok(Outgoing(Content::Whole(Letter { exchange, routing_key, properties, body: data.to_vec() })));
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
        Ok(Outgoing(Content::Event { composer: self, event, exchange, payload }))
    }

    /// What the lines of a file become: records as evbus writes them, and payloads. Lines that are neither, as summaries are, are
    /// passed over.
    ///
    /// # Errors
    /// What cannot be read; the lines that cannot be sent are told with their numbers, beside those that can.
    pub fn lines(&self, reader: impl BufRead) -> io::Result<Lines<'_>> {
        let (mut letters, mut wrong) = (Vec::new(), Vec::new());
        for (number, line) in (1..).zip(reader.split(b'\n')) {
            let line = line?;
            let line = line.trim_ascii();
            if line.is_empty()
                || line.starts_with(b"{\"event\":\"")
                || line.starts_with(b"{\"format\":\"evbus.archive/")
            {
                continue;
            }
            let is_record = line.starts_with(b"{\"format\":\"evbus.message/");
            match if is_record { self.record(line) } else { self.payload(line) } {
                Ok(letter) => letters.push(letter),
                Err(why) => wrong.push((number, why)),
            }
        }
        Ok((letters, wrong))
    }

    fn record(&self, line: &[u8]) -> Result<Outgoing<'_>, Wrong> {
        let (_, message) = record::read(line).map_err(|error| Wrong::Unreadable(error.to_string()))?;
        let Message { exchange, routing_key, .. } = &message;
        let exchange = self.exchange.clone().unwrap_or_else(|| exchange.clone());
        let routing_key = self.key.clone().unwrap_or_else(|| routing_key.clone());
        // Nothing is sent in another user's name: the broker would close the channel.
        let travelling = travel::put_back(message, "");
        Ok(Outgoing(Content::Whole(Letter {
            exchange,
            routing_key,
            properties: travelling.properties,
            body: travelling.body,
        })))
    }
}
