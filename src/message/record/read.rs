//! Reading a record back.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{FORMAT, field};
use crate::message::{Message, Properties};

/// Why a line is no record.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not JSON, or not of a record's shape.
    #[error("not a message record: {0}")]
    Shape(#[from] serde_json::Error),
    /// It is of another format.
    #[error("its format is {0:?}, and {FORMAT:?} is expected")]
    Format(String),
    /// A value in it cannot be read.
    #[error("{at}: {because}")]
    Value {
        /// Where in the record.
        at: &'static str,
        /// What is wrong.
        because: String,
    },
}

#[derive(Deserialize)]
struct Line<'a> {
    format: String,
    #[serde(default)]
    queue: Option<String>,
    #[serde(default)]
    exchange: String,
    #[serde(default)]
    routing_key: String,
    #[serde(default)]
    redelivered: bool,
    #[serde(default)]
    properties: PropertiesLine,
    #[serde(borrow, default)]
    body: BodyLine<'a>,
}

#[derive(Deserialize, Default)]
struct PropertiesLine {
    content_type: Option<String>,
    content_encoding: Option<String>,
    headers: Option<Value>,
    delivery_mode: Option<u8>,
    priority: Option<u8>,
    correlation_id: Option<String>,
    reply_to: Option<String>,
    expiration: Option<String>,
    message_id: Option<String>,
    timestamp: Option<u64>,
    #[serde(rename = "type")]
    kind: Option<String>,
    user_id: Option<String>,
    app_id: Option<String>,
    cluster_id: Option<String>,
}

#[derive(Deserialize, Default)]
struct BodyLine<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    json: Option<&'a RawValue>,
    text: Option<String>,
    base64: Option<String>,
}

/// A value that is there, `null` as well: a body can be that.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads one line: the message, and the queue it was read from where the record says so.
///
/// # Errors
/// See [`Error`].
pub fn read(line: &[u8]) -> Result<(Option<String>, Message), Error> {
    let line: Line = serde_json::from_slice(line)?;
    if line.format != FORMAT {
        return Err(Error::Format(line.format));
    }
    let p = line.properties;
    let headers = match p.headers {
        None | Some(Value::Null) => None,
        Some(headers) => {
            Some(field::parse_table(&headers).map_err(|because| Error::Value { at: "properties.headers", because })?)
        }
    };
    let body = match (line.body.json, line.body.text, line.body.base64) {
        (Some(json), None, None) => json.get().as_bytes().to_vec(),
        (None, Some(text), None) => text.into_bytes(),
        (None, None, Some(base64)) => {
            STANDARD.decode(base64).map_err(|error| Error::Value { at: "body.base64", because: error.to_string() })?
        }
        (None, None, None) => Vec::new(),
        _ => return Err(Error::Value { at: "body", because: "has more than one of json, text and base64".to_owned() }),
    };
    let properties = Properties {
        content_type: p.content_type,
        content_encoding: p.content_encoding,
        headers,
        delivery_mode: p.delivery_mode,
        priority: p.priority,
        correlation_id: p.correlation_id,
        reply_to: p.reply_to,
        expiration: p.expiration,
        message_id: p.message_id,
        timestamp: p.timestamp,
        kind: p.kind,
        user_id: p.user_id,
        app_id: p.app_id,
        cluster_id: p.cluster_id,
    };
    let message = Message {
        exchange: line.exchange,
        routing_key: line.routing_key,
        redelivered: line.redelivered,
        properties,
        body,
    };
    Ok((line.queue, message))
}
