//! What headers can be, for tests that fear no shape of them.

use proptest::prelude::*;

use super::{Field, Table};

/// Any value of a header.
pub fn fields() -> impl Strategy<Value = Field> {
    let leaf = prop_oneof![
        Just(Field::Void),
        any::<bool>().prop_map(Field::Bool),
        any::<i8>().prop_map(Field::I8),
        any::<u8>().prop_map(Field::U8),
        any::<i16>().prop_map(Field::I16),
        any::<u16>().prop_map(Field::U16),
        any::<i32>().prop_map(Field::I32),
        any::<u32>().prop_map(Field::U32),
        any::<i64>().prop_map(Field::I64),
        any::<u32>().prop_map(|bits| Field::F32(f32::from_bits(bits))),
        any::<u64>().prop_map(|bits| Field::F64(f64::from_bits(bits))),
        any::<(u8, u32)>().prop_map(|(scale, value)| Field::Decimal { scale, value }),
        any::<Vec<u8>>().prop_map(Field::Text),
        any::<String>().prop_map(Field::text),
        any::<Vec<u8>>().prop_map(Field::Bytes),
        any::<u64>().prop_map(Field::Timestamp),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Field::Array),
            tables(inner).prop_map(Field::Table),
        ]
    })
}

/// Any table of such values.
pub fn tables(inner: impl Strategy<Value = Field>) -> impl Strategy<Value = Table> {
    // Names that look like our tags are the ones that could be mistaken.
    let name = prop_oneof![any::<String>(), "!(i8|text|table|x)?".prop_map(|name| name)];
    prop::collection::btree_map(name, inner, 0..4)
}
