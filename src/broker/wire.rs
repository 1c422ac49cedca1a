//! Between lapin's values and ours, both ways and without loss.
//!
//! What a name can be is checked here too: lapin panics on a short string above 255 bytes (an AMQP limit), so nothing else in
//! this room builds one.

use lapin::{
    BasicProperties,
    types::{AMQPValue, ByteArray, DecimalValue, FieldArray, FieldTable, LongString, ShortString},
};

use super::Error;
use crate::message::{Field, Message, Properties, Table};

/// The AMQP limit of names, routing keys and the short properties, in bytes.
const SHORT: usize = 255;

/// A short string for the wire.
///
/// # Errors
/// [`Error::TooLong`] above 255 bytes; `what` says what it was meant to be.
pub(super) fn short(what: &'static str, text: &str) -> Result<ShortString, Error> {
    ShortString::try_new(text).map_err(|_| Error::TooLong { what, bytes: text.len(), limit: SHORT })
}

/// A header or argument table for the wire.
///
/// # Errors
/// [`Error::TooLong`] for a field name above 255 bytes.
pub(super) fn table(fields: &Table) -> Result<FieldTable, Error> {
    let mut table = FieldTable::default();
    for (name, field) in fields {
        table.insert(short("a header name", name)?, value(field)?);
    }
    Ok(table)
}

fn value(field: &Field) -> Result<AMQPValue, Error> {
    Ok(match field {
        Field::Void => AMQPValue::Void,
        Field::Bool(v) => AMQPValue::Boolean(*v),
        Field::I8(v) => AMQPValue::ShortShortInt(*v),
        Field::U8(v) => AMQPValue::ShortShortUInt(*v),
        Field::I16(v) => AMQPValue::ShortInt(*v),
        Field::U16(v) => AMQPValue::ShortUInt(*v),
        Field::I32(v) => AMQPValue::LongInt(*v),
        Field::U32(v) => AMQPValue::LongUInt(*v),
        Field::I64(v) => AMQPValue::LongLongInt(*v),
        Field::F32(v) => AMQPValue::Float(*v),
        Field::F64(v) => AMQPValue::Double(*v),
        Field::Decimal { scale, value } => AMQPValue::DecimalValue(DecimalValue { scale: *scale, value: *value }),
        Field::Text(bytes) => AMQPValue::LongString(LongString::from(bytes.clone())),
        Field::Bytes(bytes) => AMQPValue::ByteArray(ByteArray::from(bytes.clone())),
        Field::Timestamp(seconds) => AMQPValue::Timestamp(*seconds),
        Field::Array(items) => {
            AMQPValue::FieldArray(FieldArray::from(items.iter().map(value).collect::<Result<Vec<_>, _>>()?))
        }
        Field::Table(fields) => AMQPValue::FieldTable(table(fields)?),
    })
}

/// A table as the broker sent it.
pub(super) fn from_table(table: &FieldTable) -> Table {
    table.inner().iter().map(|(name, value)| (name.as_str().to_owned(), from_value(value))).collect()
}

fn from_value(value: &AMQPValue) -> Field {
    match value {
        AMQPValue::Boolean(v) => Field::Bool(*v),
        AMQPValue::ShortShortInt(v) => Field::I8(*v),
        AMQPValue::ShortShortUInt(v) => Field::U8(*v),
        AMQPValue::ShortInt(v) => Field::I16(*v),
        AMQPValue::ShortUInt(v) => Field::U16(*v),
        AMQPValue::LongInt(v) => Field::I32(*v),
        AMQPValue::LongUInt(v) => Field::U32(*v),
        AMQPValue::LongLongInt(v) => Field::I64(*v),
        AMQPValue::Float(v) => Field::F32(*v),
        AMQPValue::Double(v) => Field::F64(*v),
        AMQPValue::DecimalValue(v) => Field::Decimal { scale: v.scale, value: v.value },
        // The decoder never makes one: RabbitMQ uses the letter of the specification's short string for 16-bit integers.
        AMQPValue::ShortString(v) => Field::text(v.as_str()),
        AMQPValue::LongString(v) => Field::Text(v.as_bytes().to_vec()),
        AMQPValue::FieldArray(v) => Field::Array(v.as_slice().iter().map(from_value).collect()),
        AMQPValue::Timestamp(v) => Field::Timestamp(*v),
        AMQPValue::FieldTable(v) => Field::Table(from_table(v)),
        AMQPValue::ByteArray(v) => Field::Bytes(v.as_slice().to_vec()),
        AMQPValue::Void => Field::Void,
    }
}

/// Properties for the wire.
///
/// # Errors
/// [`Error::TooLong`] for a text above 255 bytes.
pub(super) fn properties(ours: &Properties) -> Result<BasicProperties, Error> {
    let mut theirs = BasicProperties::default();
    if let Some(v) = &ours.content_type {
        theirs = theirs.with_content_type(short("content_type", v)?);
    }
    if let Some(v) = &ours.content_encoding {
        theirs = theirs.with_content_encoding(short("content_encoding", v)?);
    }
    if let Some(v) = &ours.headers {
        theirs = theirs.with_headers(table(v)?);
    }
    if let Some(v) = ours.delivery_mode {
        theirs = theirs.with_delivery_mode(v);
    }
    if let Some(v) = ours.priority {
        theirs = theirs.with_priority(v);
    }
    if let Some(v) = &ours.correlation_id {
        theirs = theirs.with_correlation_id(short("correlation_id", v)?);
    }
    if let Some(v) = &ours.reply_to {
        theirs = theirs.with_reply_to(short("reply_to", v)?);
    }
    if let Some(v) = &ours.expiration {
        theirs = theirs.with_expiration(short("expiration", v)?);
    }
    if let Some(v) = &ours.message_id {
        theirs = theirs.with_message_id(short("message_id", v)?);
    }
    if let Some(v) = ours.timestamp {
        theirs = theirs.with_timestamp(v);
    }
    if let Some(v) = &ours.kind {
        theirs = theirs.with_type(short("type", v)?);
    }
    if let Some(v) = &ours.user_id {
        theirs = theirs.with_user_id(short("user_id", v)?);
    }
    if let Some(v) = &ours.app_id {
        theirs = theirs.with_app_id(short("app_id", v)?);
    }
    if let Some(v) = &ours.cluster_id {
        theirs = theirs.with_cluster_id(short("cluster_id", v)?);
    }
    Ok(theirs)
}

/// Properties as the broker sent them.
pub(super) fn from_properties(theirs: &BasicProperties) -> Properties {
    let text = |short: &Option<ShortString>| short.as_ref().map(|text| text.as_str().to_owned());
    Properties {
        content_type: text(theirs.content_type()),
        content_encoding: text(theirs.content_encoding()),
        headers: theirs.headers().as_ref().map(from_table),
        delivery_mode: *theirs.delivery_mode(),
        priority: *theirs.priority(),
        correlation_id: text(theirs.correlation_id()),
        reply_to: text(theirs.reply_to()),
        expiration: text(theirs.expiration()),
        message_id: text(theirs.message_id()),
        timestamp: *theirs.timestamp(),
        kind: text(theirs.kind()),
        user_id: text(theirs.user_id()),
        app_id: text(theirs.app_id()),
        cluster_id: text(theirs.cluster_id()),
    }
}

/// A message as the broker delivered it.
pub(super) fn message(delivery: lapin::message::Delivery) -> Message {
    Message {
        exchange: delivery.exchange.into(),
        routing_key: delivery.routing_key.into(),
        redelivered: delivery.redelivered,
        properties: from_properties(&delivery.properties),
        body: delivery.data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_and_field_type_comes_back_equal() -> Result<(), Error> {
        let fields = Table::from([
            ("void".into(), Field::Void),
            ("bool".into(), Field::Bool(true)),
            ("i8".into(), Field::I8(i8::MIN)),
            ("u8".into(), Field::U8(u8::MAX)),
            ("i16".into(), Field::I16(i16::MIN)),
            ("u16".into(), Field::U16(u16::MAX)),
            ("i32".into(), Field::I32(i32::MIN)),
            ("u32".into(), Field::U32(u32::MAX)),
            ("i64".into(), Field::I64(i64::MIN)),
            ("f32".into(), Field::F32(f32::NAN)),
            ("f64".into(), Field::F64(-0.0)),
            ("decimal".into(), Field::Decimal { scale: 2, value: 314 }),
            ("text".into(), Field::Text(vec![0xff, 0])),
            ("bytes".into(), Field::Bytes(vec![1, 2])),
            ("time".into(), Field::Timestamp(u64::MAX)),
            ("array".into(), Field::Array(vec![Field::Table(Table::new()), Field::Array(vec![])])),
        ]);
        let text = |text: &str| Some(text.to_owned());
        let ours = Properties {
            content_type: text("a"),
            content_encoding: text("b"),
            headers: Some(Table::from([("nested".into(), Field::Table(fields))])),
            delivery_mode: Some(2),
            priority: Some(0),
            correlation_id: text("c"),
            reply_to: text("d"),
            expiration: text("e"),
            message_id: text("f"),
            timestamp: Some(0),
            kind: text("g"),
            user_id: text("h"),
            app_id: text("i"),
            cluster_id: text("j"),
        };
        assert_eq!(from_properties(&properties(&ours)?), ours);
        assert_eq!(from_properties(&properties(&Properties::default())?), Properties::default());
        Ok(())
    }

    #[test]
    fn a_name_above_255_bytes_is_an_error_and_not_a_panic() {
        assert!(matches!(short("a queue name", &"é".repeat(128)), Err(Error::TooLong { bytes: 256, limit: 255, .. })));
    }
}
