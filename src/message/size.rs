//! What does a message's header frame take on the wire? Properties travel in one frame that cannot be split, and brokers bound
//! frames (at 131,072 bytes by default): one that is too large ends the connection.

use super::{Field, Properties, Table};

impl Properties {
    /// What these properties take in a content header, in bytes.
    #[must_use]
    pub fn wire_size(&self) -> usize {
        let texts = [
            &self.content_type,
            &self.content_encoding,
            &self.correlation_id,
            &self.reply_to,
            &self.expiration,
            &self.message_id,
            &self.kind,
            &self.user_id,
            &self.app_id,
            &self.cluster_id,
        ];
        let texts: usize = texts.into_iter().flatten().map(|text| 1 + text.len()).sum();
        let numbers = usize::from(self.delivery_mode.is_some())
            + usize::from(self.priority.is_some())
            + 8 * usize::from(self.timestamp.is_some());
        texts + numbers + self.headers.as_ref().map_or(0, table_size)
    }
}

/// What a table takes, in bytes.
pub(super) fn table_size(table: &Table) -> usize {
    4 + table.iter().map(|(name, field)| 1 + name.len() + field_size(field)).sum::<usize>()
}

fn field_size(field: &Field) -> usize {
    1 + match field {
        Field::Void => 0,
        Field::Bool(_) | Field::I8(_) | Field::U8(_) => 1,
        Field::I16(_) | Field::U16(_) => 2,
        Field::I32(_) | Field::U32(_) | Field::F32(_) => 4,
        Field::Decimal { .. } => 5,
        Field::I64(_) | Field::F64(_) | Field::Timestamp(_) => 8,
        Field::Text(bytes) | Field::Bytes(bytes) => 4 + bytes.len(),
        Field::Array(items) => 4 + items.iter().map(field_size).sum::<usize>(),
        Field::Table(table) => table_size(table),
    }
}
