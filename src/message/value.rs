//! What a header can hold: every field type that AMQP 0-9-1 brokers send.

use std::collections::BTreeMap;

/// A table of named fields. The order of fields on the wire is not kept; it means nothing.
pub type Table = BTreeMap<String, Field>;

/// One value of a header table.
#[derive(Debug, Clone)]
pub enum Field {
    /// No value (`V`).
    Void,
    /// `t`
    Bool(bool),
    /// `b`
    I8(i8),
    /// `B`
    U8(u8),
    /// `s`
    I16(i16),
    /// `u`
    U16(u16),
    /// `I`
    I32(i32),
    /// `i`
    U32(u32),
    /// `l`
    I64(i64),
    /// `f`
    F32(f32),
    /// `d`
    F64(f64),
    /// `D`: `value` divided by ten to the power of `scale`.
    Decimal {
        /// Digits after the point.
        scale: u8,
        /// The number without its point.
        value: u32,
    },
    /// `S`: usually UTF-8, but any bytes are allowed.
    Text(Vec<u8>),
    /// `x`
    Bytes(Vec<u8>),
    /// `T`: seconds since 1970.
    Timestamp(u64),
    /// `A`
    Array(Vec<Field>),
    /// `F`
    Table(Table),
}

impl Field {
    /// A text field.
    pub fn text(text: impl Into<String>) -> Field {
        Field::Text(text.into().into_bytes())
    }

    /// The text of a text field that is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Field::Text(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The value of any integer field; clients and brokers differ in the width they choose.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match *self {
            Field::I8(n) => Some(n.into()),
            Field::U8(n) => Some(n.into()),
            Field::I16(n) => Some(n.into()),
            Field::U16(n) => Some(n.into()),
            Field::I32(n) => Some(n.into()),
            Field::U32(n) => Some(n.into()),
            Field::I64(n) => Some(n),
            _ => None,
        }
    }

    /// The items of an array field.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Field]> {
        match self {
            Field::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The fields of a table field.
    #[must_use]
    pub fn as_table(&self) -> Option<&Table> {
        match self {
            Field::Table(table) => Some(table),
            _ => None,
        }
    }
}

/// Equal as AMQP values: same type, same bits. A NaN equals itself, so that a copy can be compared with its original.
impl PartialEq for Field {
    fn eq(&self, other: &Field) -> bool {
        use Field::{
            Array, Bool, Bytes, Decimal, F32, F64, I8, I16, I32, I64, Table, Text, Timestamp, U8, U16, U32, Void,
        };
        match (self, other) {
            (Void, Void) => true,
            (Bool(a), Bool(b)) => a == b,
            (I8(a), I8(b)) => a == b,
            (U8(a), U8(b)) => a == b,
            (I16(a), I16(b)) => a == b,
            (U16(a), U16(b)) => a == b,
            (I32(a), I32(b)) => a == b,
            (U32(a), U32(b)) => a == b,
            (I64(a), I64(b)) => a == b,
            (F32(a), F32(b)) => a.to_bits() == b.to_bits(),
            (F64(a), F64(b)) => a.to_bits() == b.to_bits(),
            (Decimal { scale: a, value: v }, Decimal { scale: b, value: w }) => a == b && v == w,
            (Text(a), Text(b)) | (Bytes(a), Bytes(b)) => a == b,
            (Timestamp(a), Timestamp(b)) => a == b,
            (Array(a), Array(b)) => a == b,
            (Table(a), Table(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Field {}

#[cfg(test)]
mod tests {
    use super::Field;

    #[test]
    fn a_width_is_part_of_a_value_and_a_nan_equals_itself() {
        assert_ne!(Field::I32(1), Field::I64(1));
        assert_eq!(Field::F64(f64::NAN), Field::F64(f64::NAN));
        assert_ne!(Field::F64(0.0), Field::F64(-0.0));
    }
}
