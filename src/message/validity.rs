//! Whether a payload is what the catalog says its event is. Who knows the catalog says it; here is only the word for it.

use std::{fmt, sync::Arc};

use super::Message;

/// What can be said of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Validity {
    /// It is what the schema says.
    Valid,
    /// It is not.
    Invalid,
    /// No schema says anything about it.
    Unknown,
}

/// Says what a message is, for whoever does not know the catalog.
pub type Judge = Arc<dyn Fn(&Message) -> Validity + Send + Sync>;

impl Validity {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Validity::Valid => "valid",
            Validity::Invalid => "invalid",
            Validity::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
