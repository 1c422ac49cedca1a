//! A message as one line of JSON (`evbus.message/1`), and back, without loss.
//!
//! | in the record | what it is |
//! |---|---|
//! | `queue` | where it was read, where that is known |
//! | `exchange`, `routing_key`, `redelivered` | as delivered |
//! | `properties` | those that are set; `timestamp` in seconds since 1970, as AMQP has it |
//! | `properties.headers` | see [`field()`] for values that JSON has no word for |
//! | `body` | `{"json": …}`, `{"text": …}` or `{"base64": …}`: the first that gives the bytes back exactly |
//! | `death`, `failure`, `envelope` | decoded from the rest, for readers; ignored when a record is read |

pub mod edited;
mod field;
mod read;

use std::io::{self, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeMap},
};
use serde_json::value::RawValue;

pub use field::field;
pub use read::{Error, read};

use super::{Message, Properties, death, failure};

/// The format's name.
pub const FORMAT: &str = "evbus.message/1";

/// A message on its way to JSON.
pub struct Record<'a> {
    /// Where it was read.
    pub queue: Option<&'a str>,
    /// The message.
    pub message: &'a Message,
}

/// Writes a record, without a newline.
///
/// # Errors
/// What the writer says.
pub fn write(out: &mut impl Write, queue: Option<&str>, message: &Message) -> io::Result<()> {
    Ok(serde_json::to_writer(out, &Record { queue, message })?)
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Message { exchange, routing_key, redelivered, properties, body } = self.message;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("format", FORMAT)?;
        if let Some(queue) = self.queue {
            map.serialize_entry("queue", queue)?;
        }
        map.serialize_entry("exchange", exchange)?;
        map.serialize_entry("routing_key", routing_key)?;
        map.serialize_entry("redelivered", redelivered)?;
        map.serialize_entry("properties", &PropertiesOf(properties))?;
        let parsed = serde_json::from_slice::<serde_json::Value>(body).ok();
        map.serialize_entry("body", &BodyOf { body, parsed: parsed.as_ref() })?;
        if let Some(death) = death::of(self.message) {
            map.serialize_entry("death", &death)?;
        }
        if let Some(failure) = failure::of(self.message) {
            map.serialize_entry("failure", &failure)?;
        }
        if let Some(envelope) = parsed.as_ref().and_then(envelope) {
            map.serialize_entry("envelope", &envelope)?;
        }
        map.end()
    }
}

struct PropertiesOf<'a>(&'a Properties);

impl Serialize for PropertiesOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let p = self.0;
        let mut map = serializer.serialize_map(None)?;
        let texts = [
            ("content_type", &p.content_type),
            ("content_encoding", &p.content_encoding),
            ("correlation_id", &p.correlation_id),
            ("reply_to", &p.reply_to),
            ("expiration", &p.expiration),
            ("message_id", &p.message_id),
            ("type", &p.kind),
            ("user_id", &p.user_id),
            ("app_id", &p.app_id),
            ("cluster_id", &p.cluster_id),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                map.serialize_entry(name, text)?;
            }
        }
        if let Some(mode) = p.delivery_mode {
            map.serialize_entry("delivery_mode", &mode)?;
        }
        if let Some(priority) = p.priority {
            map.serialize_entry("priority", &priority)?;
        }
        if let Some(timestamp) = p.timestamp {
            map.serialize_entry("timestamp", &timestamp)?;
        }
        if let Some(headers) = &p.headers {
            map.serialize_entry("headers", &field::TableOf(headers))?;
        }
        map.end()
    }
}

struct BodyOf<'a> {
    body: &'a [u8],
    parsed: Option<&'a serde_json::Value>,
}

impl Serialize for BodyOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        let text = std::str::from_utf8(self.body).ok();
        // Only what we would write again to the byte may stand as JSON: blanks, numbers and repeated keys may differ.
        let same = |value: &&serde_json::Value| serde_json::to_vec(value).is_ok_and(|again| again == self.body);
        match (text, self.parsed.filter(same)) {
            (Some(text), Some(_)) => {
                let raw = RawValue::from_string(text.to_owned()).map_err(S::Error::custom)?;
                map.serialize_entry("json", &raw)?;
            }
            (Some(text), None) => map.serialize_entry("text", text)?,
            (None, _) => map.serialize_entry("base64", &STANDARD.encode(self.body))?,
        }
        map.end()
    }
}

/// The envelope's fields but the payload, where a body has that shape.
fn envelope(body: &serde_json::Value) -> Option<serde_json::Map<String, serde_json::Value>> {
    let body = body.as_object()?;
    if !body.get("event_id")?.is_string() || !body.get("event_type")?.is_string() {
        return None;
    }
    let fields = ["event_id", "event_type", "timestamp", "version", "metadata"];
    Some(fields.iter().filter_map(|name| Some(((*name).to_owned(), body.get(*name)?.clone()))).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::testing::{fields, tables};

    fn there_and_back(message: &Message) -> Message {
        let mut line = Vec::new();
        write(&mut line, Some("q"), message).expect("a vector takes every byte");
        assert!(!line.contains(&b'\n'), "a record is one line");
        match read(&line) {
            Ok((queue, message)) => {
                assert_eq!(queue.as_deref(), Some("q"));
                message
            }
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&line)),
        }
    }

    #[test]
    fn a_body_is_json_only_where_that_gives_its_bytes_back() {
        let shown = |body: &[u8]| {
            let message = Message { body: body.to_vec(), ..Message::default() };
            assert_eq!(there_and_back(&message).body, body);
            let value = serde_json::to_value(Record { queue: None, message: &message }).unwrap_or_default();
            value["body"].as_object().and_then(|body| body.keys().next().cloned()).unwrap_or_default()
        };
        assert_eq!(shown(br#"{"a":1,"b":[null,1.5]}"#), "json");
        assert_eq!(shown(br#"{"a": 1}"#), "text");
        assert_eq!(shown(br#"{"a":1,"a":2}"#), "text");
        assert_eq!(shown(br#"{"a":1e5}"#), "text");
        assert_eq!(shown(b"null"), "json");
        assert_eq!(shown(b"\xff\x00"), "base64");
        assert_eq!(shown(b""), "text");
    }

    #[test]
    fn the_envelope_stands_beside_the_body() {
        let body = br#"{"event_id":"1","event_type":"EmailClassified","payload":{"x":1}}"#.to_vec();
        let message = Message { body, ..Message::default() };
        let value = serde_json::to_value(Record { queue: None, message: &message }).unwrap_or_default();
        assert_eq!(value["envelope"], serde_json::json!({"event_id": "1", "event_type": "EmailClassified"}));
    }

    fn bodies() -> impl Strategy<Value = Vec<u8>> {
        let json = prop::sample::select(vec!["null", "true", "0", "-1.5", r#""x""#, "[]", "{}", r#"{"a":null}"#]);
        prop_oneof![2 => any::<Vec<u8>>(), 1 => json.prop_map(|text| text.as_bytes().to_vec())]
    }

    proptest! {
        #[test]
        fn every_message_comes_back_equal(
            headers in proptest::option::of(tables(fields())),
            body in bodies(),
            texts in prop::collection::vec(proptest::option::of(any::<String>()), 10),
            small in any::<(Option<u8>, Option<u8>, bool)>(),
            timestamp in any::<Option<u64>>(),
            address in any::<(String, String)>(),
        ) {
            let mut texts = texts.into_iter();
            let mut text = || texts.next().flatten();
            let properties = Properties {
                content_type: text(), content_encoding: text(), headers, delivery_mode: small.0, priority: small.1,
                correlation_id: text(), reply_to: text(), expiration: text(), message_id: text(), timestamp,
                kind: text(), user_id: text(), app_id: text(), cluster_id: text(),
            };
            let message = Message { exchange: address.0, routing_key: address.1, redelivered: small.2, properties, body };
            prop_assert_eq!(there_and_back(&message), message);
        }
    }
}
