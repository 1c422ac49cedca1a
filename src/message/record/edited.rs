//! A record that somebody has edited: stricter than one that evbus wrote, since a slip of a finger must not lose anything.
//!
//! What is shown for editing is a record without what is decoded for readers (`death`, `envelope`), over many lines.

use serde_json::{Map, Value};

use super::{Record, read};
use crate::message::Message;

/// What a record has that can be edited, and what stands there so that it can be read again.
const FIELDS: [&str; 7] = ["format", "queue", "exchange", "routing_key", "redelivered", "properties", "body"];
/// What says where it was read, which editing does not change.
const PLACE: [&str; 4] = ["queue", "exchange", "routing_key", "redelivered"];
const PROPERTIES: [&str; 14] = [
    "content_type",
    "content_encoding",
    "correlation_id",
    "reply_to",
    "expiration",
    "message_id",
    "type",
    "user_id",
    "app_id",
    "cluster_id",
    "delivery_mode",
    "priority",
    "timestamp",
    "headers",
];

/// What is wrong with an edited record.
#[derive(Debug, thiserror::Error)]
pub enum Mistake {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] read::Error),
    /// Something in it has no meaning, and would be lost.
    #[error("{at} is not a part of a record; there are {}", known.join(", "))]
    Unknown {
        /// Where.
        at: String,
        /// What there could be.
        known: &'static [&'static str],
    },
    /// It says something else of where the message was read.
    #[error("{field} says where the message was read and cannot be edited; --to says where it goes")]
    Place {
        /// The field.
        field: &'static str,
    },
    /// It has no body.
    #[error("body is missing: it is one of {{\"json\": …}}, {{\"text\": …}} and {{\"base64\": …}}")]
    NoBody,
}

/// A message of that queue as a text to edit.
///
/// # Errors
/// When the record cannot be written.
pub fn text(queue: &str, message: &Message) -> serde_json::Result<String> {
    let mut text = serde_json::to_string_pretty(&record(queue, message)?)?;
    text.push('\n');
    Ok(text)
}

fn record(queue: &str, message: &Message) -> serde_json::Result<Map<String, Value>> {
    let value = serde_json::to_value(Record { queue: Some(queue), message })?;
    let Value::Object(mut record) = value else { return Ok(Map::new()) };
    record.retain(|name, _| FIELDS.contains(&name.as_str()));
    Ok(record)
}

/// Reads it when it was edited: the message that it is now, or `None` where it is the one that it was.
///
/// # Errors
/// See [`Mistake`].
pub fn edited(queue: &str, before: &Message, text: &[u8]) -> Result<Option<Message>, Mistake> {
    let now: Map<String, Value> = serde_json::from_slice(text).map_err(read::Error::from)?;
    let was = record(queue, before).map_err(read::Error::from)?;
    known(&now, "", &FIELDS)?;
    if let Some(properties) = now.get("properties").and_then(Value::as_object) {
        known(properties, "properties.", &PROPERTIES)?;
    }
    if let Some(field) = PLACE.into_iter().find(|field| now.get(*field) != was.get(*field)) {
        return Err(Mistake::Place { field });
    }
    match now.get("body") {
        Some(Value::Object(body)) if !body.is_empty() => known(body, "body.", &["json", "text", "base64"])?,
        _ => return Err(Mistake::NoBody),
    }
    // On one line a body that is JSON has the bytes that it would have had, and not the blanks of an editor.
    let line = serde_json::to_vec(&now).map_err(read::Error::from)?;
    let (_, message) = read::read(&line)?;
    Ok((message != *before).then_some(message))
}

fn known(record: &Map<String, Value>, within: &str, known: &'static [&'static str]) -> Result<(), Mistake> {
    match record.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Mistake::Unknown { at: format!("{within}{name}"), known }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Field, Properties, Table};

    fn message(body: &[u8]) -> Message {
        let headers = Table::from([("retries".to_owned(), Field::I32(3))]);
        let properties = Properties { message_id: Some("m1".into()), headers: Some(headers), ..Properties::default() };
        Message { routing_key: "dlq".into(), properties, body: body.to_vec(), ..Message::default() }
    }

    fn after(before: &Message, from: &str, to: &str) -> Result<Option<Message>, Mistake> {
        let text = text("dlq", before).expect("it can be written");
        assert!(text.contains(from), "{from} in {text}");
        edited("dlq", before, text.replacen(from, to, 1).as_bytes())
    }

    #[test]
    fn what_was_not_touched_is_the_same_message() {
        for body in [&br#"{"n":1,"a":[null,1.5]}"#[..], b"{\"n\": 1}", b"\xff\x00", b"", b"null"] {
            assert!(matches!(after(&message(body), "m1", "m1"), Ok(None)), "{body:?}");
        }
    }

    #[test]
    fn an_edited_body_has_no_blanks_that_it_had_not_before() {
        let now = after(&message(br#"{"n":1,"m":2}"#), "\"n\": 1", "\"n\":   7").ok().flatten();
        assert_eq!(now.map(|now| now.body), Some(br#"{"n":7,"m":2}"#.to_vec()));
        let text = after(&message(b"{\"n\": 1}"), r#"\"n\": 1"#, r#"\"n\": 7"#).ok().flatten();
        assert_eq!(text.map(|now| now.body), Some(b"{\"n\": 7}".to_vec()));
    }

    #[test]
    fn a_header_keeps_its_type_unless_that_is_edited() {
        let now = after(&message(b"x"), "m1", "m2").ok().flatten().expect("it was edited");
        assert_eq!(now.properties.message_id.as_deref(), Some("m2"));
        assert_eq!(now.properties.header("retries"), Some(&Field::I32(3)));
    }

    #[test]
    fn what_would_be_lost_or_have_no_effect_is_a_mistake() {
        let before = message(b"{}");
        let wrong = |from: &str, to: &str| match after(&before, from, to) {
            Err(mistake) => mistake.to_string(),
            Ok(_) => panic!("{to} was taken"),
        };
        assert!(wrong("\"properties\"", "\"propertis\"").starts_with("propertis is not a part of a record"));
        assert!(wrong("\"message_id\"", "\"mesage_id\"").starts_with("properties.mesage_id is not"));
        assert!(wrong("\"json\"", "\"jason\"").starts_with("body.jason is not"));
        assert!(wrong("\"routing_key\": \"dlq\"", "\"routing_key\": \"work\"").contains("--to says where it goes"));
        assert!(wrong("\"json\": {}", "").starts_with("body is missing"));
        assert!(wrong("evbus.message/1", "evbus.message/9").contains("format"));
        assert!(wrong("{", "").contains("line 2 column"));
    }
}
