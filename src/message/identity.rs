//! Is this the message that was seen before? A hash over what a message is, the same whenever it is delivered again.
//!
//! It covers the body, the properties and the headers, `x-death` and `x-evbus-*` among them: a message that was put back and died again is
//! another one. Left out is what changes while a message stays where it is: the address and `redelivered` of a delivery, the broker's
//! counters, and what a copy in place cannot keep (`CC`, `BCC`, a foreign `user_id`, and the headers that keep them).
//!
//! Two messages can be equal in all of that. Only those with a `message_id` of their own can be told from others.

use std::fmt;

use ring::digest::{Context, SHA256};

use super::{Field, Message, Properties, Table};

/// What a message is, as 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity([u8; Identity::BYTES]);

/// Headers that change while a message stays where it is.
const FLEETING: [&str; 7] =
    ["BCC", "CC", "x-acquired-count", "x-delivery-count", "x-evbus-cc", "x-evbus-user-id", "x-stream-offset"];

impl Identity {
    /// How many bytes it has.
    pub const BYTES: usize = 16;

    /// The identity of a message.
    #[must_use]
    pub fn of(message: &Message) -> Identity {
        let mut bytes = Vec::with_capacity(256);
        properties(&mut bytes, &message.properties);
        let mut digest = Context::new(&SHA256);
        digest.update(&(bytes.len() as u64).to_be_bytes());
        digest.update(&bytes);
        digest.update(&message.body);
        let mut identity = [0; Identity::BYTES];
        for (to, from) in identity.iter_mut().zip(digest.finish().as_ref()) {
            *to = *from;
        }
        Identity(identity)
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; Identity::BYTES] {
        &self.0
    }

    /// Reads what [`fmt::Display`] wrote.
    #[must_use]
    pub fn read(text: &str) -> Option<Identity> {
        let mut identity = [0; Identity::BYTES];
        let digits = text.as_bytes();
        if digits.len() != 2 * identity.len() {
            return None;
        }
        for (byte, pair) in identity.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            *byte = digit(0)? << 4 | digit(1)?;
        }
        Some(Identity(identity))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Every property behind a byte that says which one it is; each text behind its length, so that none runs into the next.
fn properties(out: &mut Vec<u8>, properties: &Properties) {
    // Taken apart, so that none can be forgotten.
    let Properties {
        content_type,
        content_encoding,
        headers,
        delivery_mode,
        priority,
        correlation_id,
        reply_to,
        expiration,
        message_id,
        timestamp,
        kind,
        user_id: _changes_with_a_copy,
        app_id,
        cluster_id,
    } = properties;
    let texts =
        [content_type, content_encoding, correlation_id, reply_to, expiration, message_id, kind, app_id, cluster_id];
    for (tag, value) in (b'a'..).zip(texts) {
        if let Some(value) = value {
            out.push(tag);
            text(out, value.as_bytes());
        }
    }
    for (tag, value) in (b'A'..).zip([delivery_mode, priority]) {
        if let Some(value) = value {
            out.extend([tag, *value]);
        }
    }
    if let Some(timestamp) = timestamp {
        out.push(b'T');
        out.extend(timestamp.to_be_bytes());
    }
    out.push(b'H');
    let lasting = headers.iter().flatten().filter(|(name, _)| !FLEETING.contains(&name.as_str()));
    for (name, value) in lasting {
        text(out, name.as_bytes());
        field(out, value);
    }
}

fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u64).to_be_bytes());
    out.extend(bytes);
}

fn table(out: &mut Vec<u8>, table: &Table) {
    out.extend((table.len() as u64).to_be_bytes());
    for (name, value) in table {
        text(out, name.as_bytes());
        field(out, value);
    }
}

/// A value behind the letter that AMQP has for its type.
fn field(out: &mut Vec<u8>, value: &Field) {
    match value {
        Field::Void => out.push(b'V'),
        Field::Bool(v) => out.extend([b't', u8::from(*v)]),
        Field::I8(v) => out.extend([b'b', v.to_be_bytes()[0]]),
        Field::U8(v) => out.extend([b'B', *v]),
        Field::I16(v) => fixed(out, b's', &v.to_be_bytes()),
        Field::U16(v) => fixed(out, b'u', &v.to_be_bytes()),
        Field::I32(v) => fixed(out, b'I', &v.to_be_bytes()),
        Field::U32(v) => fixed(out, b'i', &v.to_be_bytes()),
        Field::I64(v) => fixed(out, b'l', &v.to_be_bytes()),
        Field::F32(v) => fixed(out, b'f', &v.to_bits().to_be_bytes()),
        Field::F64(v) => fixed(out, b'd', &v.to_bits().to_be_bytes()),
        Field::Decimal { scale, value } => {
            out.extend([b'D', *scale]);
            out.extend(value.to_be_bytes());
        }
        Field::Text(v) => {
            out.push(b'S');
            text(out, v);
        }
        Field::Bytes(v) => {
            out.push(b'x');
            text(out, v);
        }
        Field::Timestamp(v) => fixed(out, b'T', &v.to_be_bytes()),
        Field::Array(items) => {
            out.push(b'A');
            out.extend((items.len() as u64).to_be_bytes());
            for item in items {
                field(out, item);
            }
        }
        Field::Table(v) => {
            out.push(b'F');
            table(out, v);
        }
    }
}

fn fixed(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::travel;

    fn with(headers: &[(&str, Field)]) -> Message {
        let headers = headers.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect();
        let properties = Properties { headers: Some(headers), message_id: Some("m1".into()), ..Properties::default() };
        Message { properties, body: b"body".to_vec(), ..Message::default() }
    }

    #[test]
    fn a_message_is_the_same_when_it_is_delivered_again() {
        let first = with(&[("x-death", Field::I64(1)), ("own", Field::text("a"))]);
        let counted = [("x-delivery-count", Field::I64(2)), ("x-acquired-count", Field::I64(3))];
        let mut again = with(&[("x-death", Field::I64(1)), ("own", Field::text("a"))]);
        again.properties.headers.get_or_insert_default().extend(counted.map(|(name, field)| (name.to_owned(), field)));
        (again.redelivered, again.exchange, again.routing_key) = (true, "dlx".into(), "key".into());
        assert_eq!(Identity::of(&first), Identity::of(&again));
        let bare = Message { properties: Properties { headers: None, ..first.properties.clone() }, ..first.clone() };
        let empty =
            Message { properties: Properties { headers: Some(Table::new()), ..bare.properties.clone() }, ..bare };
        let bare = Message { properties: Properties { headers: None, ..empty.properties.clone() }, ..empty.clone() };
        assert_eq!(Identity::of(&bare), Identity::of(&empty), "what counted and was taken away leaves an empty table");
    }

    #[test]
    fn a_copy_in_its_place_is_the_same() {
        let mut first = with(&[("CC", Field::Array(vec![Field::text("c")])), ("own", Field::text("a"))]);
        first.properties.user_id = Some("them".into());
        let copy = travel::put_back(first.clone(), "us");
        let copy = Message { properties: copy.properties, body: copy.body, ..Message::default() };
        assert_eq!(Identity::of(&first), Identity::of(&copy));
    }

    #[test]
    fn whatever_else_differs_makes_another_message() {
        let first = with(&[("own", Field::text("a"))]);
        let p = |change: fn(&mut Properties)| {
            let mut message = first.clone();
            change(&mut message.properties);
            message
        };
        let others = [
            Message { body: b"bodY".to_vec(), ..first.clone() },
            with(&[("own", Field::text("b"))]),
            with(&[("own", Field::Bytes(b"a".to_vec()))]),
            with(&[("own", Field::I64(1))]),
            with(&[("own", Field::I32(1))]),
            with(&[("own", Field::text("a")), ("x-death", Field::I64(1))]),
            with(&[("own", Field::text("a")), ("x-death", Field::I64(2))]),
            with(&[("own", Field::text("a")), ("x-evbus-run", Field::text("r1"))]),
            with(&[("own", Field::Array(vec![])), ("x", Field::Void)]),
            with(&[("own", Field::Array(vec![Field::Void]))]),
            p(|p| p.message_id = None),
            p(|p| p.correlation_id = p.message_id.take()),
            p(|p| p.message_id = Some("m2".into())),
            p(|p| p.timestamp = Some(0)),
            p(|p| p.priority = Some(0)),
            p(|p| p.delivery_mode = Some(0)),
            p(|p| p.kind = Some(String::new())),
        ];
        let mut all: Vec<Identity> = others.iter().chain([&first]).map(Identity::of).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), others.len() + 1);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let identity = Identity::of(&with(&[]));
        assert_eq!(Identity::read(&identity.to_string()), Some(identity));
        for wrong in ["", "00", &"g".repeat(32), &"é".repeat(16), &"0".repeat(33)] {
            assert_eq!(Identity::read(wrong), None, "{wrong}");
        }
    }
}
