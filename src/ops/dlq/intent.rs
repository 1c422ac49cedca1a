//! What is a run going to do to a queue, as far as its messages' safety is concerned? The run itself and `--explain` read the same value.

use super::{session::Purpose, terms::Wish};

/// What a run is going to do.
#[derive(Debug, Clone, Copy)]
pub struct Intent<'a> {
    /// What a session is opened for.
    pub purpose: Purpose<'a>,
    /// How messages would be held.
    pub wish: Wish,
    /// How much of the queue it may read.
    pub scope: Scope,
    /// It puts messages into queues.
    pub writes: bool,
}

/// How much of a queue a run may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The first messages, at most so many; `None` is all that are there when it begins.
    First(Option<u64>),
    /// Whatever is there when it begins: only reading tells which of them are meant.
    Selected,
    /// Also what comes while it runs.
    Endless,
}

impl Scope {
    /// The messages in front of a queue, or where not every message is meant all of them.
    #[must_use]
    pub fn of(is_everything: bool, limit: Option<u64>) -> Scope {
        if is_everything { Scope::First(limit) } else { Scope::Selected }
    }

    /// How many messages it may read, of so many that are ready.
    #[must_use]
    pub fn set(self, ready: u64) -> u64 {
        match self {
            Scope::First(limit) => limit.unwrap_or(u64::MAX).min(ready),
            Scope::Selected => ready,
            Scope::Endless => u64::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Scope;

    #[test]
    fn a_limit_bounds_what_is_read_only_where_every_message_is_meant() {
        assert_eq!(Scope::of(true, Some(5)).set(9), 5);
        assert_eq!(Scope::of(true, Some(5)).set(3), 3);
        assert_eq!(Scope::of(true, None).set(9), 9);
        assert_eq!(Scope::of(false, Some(5)).set(9), 9);
    }
}
