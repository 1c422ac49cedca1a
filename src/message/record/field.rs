//! How a header's value stands in JSON.
//!
//! Plain: text that is UTF-8 (`S`), 64-bit integers (`l`), booleans, no value, arrays, tables. Everything else is an object
//! with one field that names its type: `{"!i32": 5}`, `{"!timestamp": 1700000000}`, `{"!bytes": "AQI="}`. Numbers JSON has no
//! word for (NaN, infinities) are given by their bits: `{"!f64": "7ff8000000000000"}`. A table that happens to have a single field beginning with
//! `!` is wrapped: `{"!table": {"!i32": 5}}`.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, json};

use crate::message::{Field, Table};

/// A table on its way to JSON.
pub(super) struct TableOf<'a>(pub(super) &'a Table);

impl Serialize for TableOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if looks_tagged(self.0) {
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry("!table", &Entries(self.0))?;
            return map.end();
        }
        Entries(self.0).serialize(serializer)
    }
}

struct Entries<'a>(&'a Table);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, &FieldOf(value))?;
        }
        map.end()
    }
}

struct FieldOf<'a>(&'a Field);

impl Serialize for FieldOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Field::Text(bytes) if std::str::from_utf8(bytes).is_ok() => {
                serializer.serialize_str(&String::from_utf8_lossy(bytes))
            }
            Field::I64(n) => serializer.serialize_i64(*n),
            Field::Table(table) => TableOf(table).serialize(serializer),
            Field::Array(items) => serializer.collect_seq(items.iter().map(FieldOf)),
            other => scalar(other).serialize(serializer),
        }
    }
}

fn looks_tagged(table: &Table) -> bool {
    table.len() == 1 && table.keys().next().is_some_and(|name| name.starts_with('!'))
}

/// A header's value in JSON; see the table at the top of this file.
#[must_use]
pub fn field(field: &Field) -> Value {
    // A value built of strings, numbers and maps with string keys always serialises.
    serde_json::to_value(FieldOf(field)).unwrap_or_default()
}

fn scalar(field: &Field) -> Value {
    match field {
        Field::Bool(v) => json!(v),
        Field::I8(v) => json!({ "!i8": v }),
        Field::U8(v) => json!({ "!u8": v }),
        Field::I16(v) => json!({ "!i16": v }),
        Field::U16(v) => json!({ "!u16": v }),
        Field::I32(v) => json!({ "!i32": v }),
        Field::U32(v) => json!({ "!u32": v }),
        Field::F32(v) if v.is_finite() => json!({ "!f32": f64::from(*v) }),
        Field::F32(v) => json!({ "!f32": format!("{:08x}", v.to_bits()) }),
        Field::F64(v) if v.is_finite() => json!({ "!f64": v }),
        Field::F64(v) => json!({ "!f64": format!("{:016x}", v.to_bits()) }),
        Field::Decimal { scale, value } => json!({ "!decimal": [scale, value] }),
        Field::Text(bytes) => json!({ "!text": STANDARD.encode(bytes) }),
        Field::Bytes(bytes) => json!({ "!bytes": STANDARD.encode(bytes) }),
        Field::Timestamp(seconds) => json!({ "!timestamp": seconds }),
        // The others are written without a detour over a value.
        Field::Void | Field::I64(_) | Field::Array(_) | Field::Table(_) => Value::Null,
    }
}

/// A header's value read back.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn parse(value: &Value) -> Result<Field, String> {
    match value {
        Value::Null => Ok(Field::Void),
        Value::Bool(v) => Ok(Field::Bool(*v)),
        Value::String(text) => Ok(Field::text(text.as_str())),
        Value::Number(number) => number
            .as_i64()
            .map(Field::I64)
            .ok_or_else(|| format!("{number} is no 64-bit integer; other numbers are tagged, as in {{\"!f64\": 1.5}}")),
        Value::Array(items) => items.iter().map(parse).collect::<Result<_, _>>().map(Field::Array),
        Value::Object(fields) => match fields.iter().next() {
            Some((tag, value)) if fields.len() == 1 && tag.starts_with('!') => tagged(tag, value),
            _ => entries(fields).map(Field::Table),
        },
    }
}

/// A header table read back.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_table(value: &Value) -> Result<Table, String> {
    match parse(value)? {
        Field::Table(table) => Ok(table),
        _ => Err("headers are an object".to_owned()),
    }
}

fn entries(fields: &serde_json::Map<String, Value>) -> Result<Table, String> {
    fields.iter().map(|(name, value)| Ok((name.clone(), parse(value)?))).collect()
}

fn tagged(tag: &str, value: &Value) -> Result<Field, String> {
    let wrong = || format!("{value} is no value for {tag}");
    let int = || value.as_i64().ok_or_else(wrong);
    let bytes = || value.as_str().and_then(|text| STANDARD.decode(text).ok()).ok_or_else(wrong);
    let bits = |digits: usize| {
        value.as_str().filter(|text| text.len() == digits).and_then(|text| u64::from_str_radix(text, 16).ok())
    };
    Ok(match tag {
        "!i8" => Field::I8(int()?.try_into().map_err(|_| wrong())?),
        "!u8" => Field::U8(int()?.try_into().map_err(|_| wrong())?),
        "!i16" => Field::I16(int()?.try_into().map_err(|_| wrong())?),
        "!u16" => Field::U16(int()?.try_into().map_err(|_| wrong())?),
        "!i32" => Field::I32(int()?.try_into().map_err(|_| wrong())?),
        "!u32" => Field::U32(int()?.try_into().map_err(|_| wrong())?),
        "!f32" => match bits(8) {
            Some(bits) => Field::F32(f32::from_bits(u32::try_from(bits).map_err(|_| wrong())?)),
            // What was written came from an f32 and fits one exactly.
            #[allow(clippy::cast_possible_truncation)]
            None => Field::F32(value.as_f64().ok_or_else(wrong)? as f32),
        },
        "!f64" => match bits(16) {
            Some(bits) => Field::F64(f64::from_bits(bits)),
            None => Field::F64(value.as_f64().ok_or_else(wrong)?),
        },
        "!decimal" => match value.as_array().map(Vec::as_slice) {
            Some([scale, value]) => Field::Decimal {
                scale: scale.as_u64().and_then(|n| n.try_into().ok()).ok_or_else(wrong)?,
                value: value.as_u64().and_then(|n| n.try_into().ok()).ok_or_else(wrong)?,
            },
            _ => return Err(wrong()),
        },
        "!text" => Field::Text(bytes()?),
        "!bytes" => Field::Bytes(bytes()?),
        "!timestamp" => Field::Timestamp(value.as_u64().ok_or_else(wrong)?),
        "!table" => Field::Table(entries(value.as_object().ok_or_else(wrong)?)?),
        _ => return Err(format!("{tag} is no type of a header")),
    })
}
