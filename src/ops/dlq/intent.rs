//! What is a run going to do to a queue, as far as its messages' safety is concerned? The run itself and `--explain` read the same value.

use super::{
    session::{Assumption, Purpose, Save},
    terms::Wish,
};
use crate::message::selector::Selector;

/// Which messages of which queue a run is over, and how it holds them.
pub struct Subject {
    /// The queue.
    pub queue: String,
    /// Which ones.
    pub selector: Selector,
    /// How a message is saved that giving back would destroy.
    pub save: Save,
    /// What to believe where the management API is silent.
    pub assume: Option<Assumption>,
    /// How many messages may be held at once; `None` is chosen by what could be lost.
    pub window: Option<u16>,
    /// Who runs it, `user@host`.
    pub owner: String,
}

impl Subject {
    /// All of a queue.
    #[must_use]
    pub fn whole(queue: &str, owner: &str) -> Subject {
        Subject {
            queue: queue.to_owned(),
            selector: Selector::default(),
            save: Save::Auto,
            assume: None,
            window: None,
            owner: owner.to_owned(),
        }
    }

    /// What a command is going to do to the queue that gives everything back and keeps nobody out. `in_hand` and `careful` are those of
    /// [`Wish`].
    pub(super) fn looks(&self, command: &'static str, scope: Scope, in_hand: u16, careful: u16) -> Intent<'_> {
        let Subject { queue, save, assume, window, owner, .. } = self;
        let (assume, save, window) = (*assume, *save, *window);
        let purpose = Purpose { queue, command, owner, assume, gives_back: true, locks: false };
        let wish = Wish { save, window, in_hand, careful, only_looks: false };
        Intent { purpose, wish, scope, writes: false }
    }

    /// The messages in front of the queue, or where not every message is meant all of them.
    pub(super) fn scope(&self, limit: Option<u64>) -> Scope {
        Scope::of(self.selector.is_everything(), limit)
    }
}

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
