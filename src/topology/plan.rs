//! What would be changed on a broker, why, and what stands in the way: one ordered list that the table, the JSON and `apply`
//! all read.

use super::{expand::Role, order::Object, replacement::Replacement};

/// What is done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is not there, and is made.
    Create,
    /// It is there differently, and can be changed where it is.
    Update,
    /// It is there differently, and would have to be made anew.
    Replace,
    /// It is there, the file's own, and no longer wanted.
    Delete,
    /// It stays: it is there as wanted but for something that has no effect, or is no longer wanted and was not
    /// asked to be deleted.
    Keep,
}

impl Action {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Update => "update",
            Action::Replace => "replace",
            Action::Delete => "delete",
            Action::Keep => "keep",
        }
    }
}

/// One thing in which an object differs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// What: `durable`, or the name of an argument.
    pub what: String,
    /// What the broker has; `None` is nothing.
    pub found: Option<String>,
    /// What the file wants; `None` is nothing.
    pub wanted: Option<String>,
}

/// One change.
#[derive(Debug, Clone)]
pub struct Change {
    /// What is done.
    pub action: Action,
    /// The object, as it is wanted.
    pub object: Object,
    /// What it is for.
    pub role: Role,
    /// Why it is wanted, or in what it differs.
    pub because: String,
    /// What could be lost by it, where something could.
    pub risk: Option<String>,
    /// Why it is not done; nothing blocks it where this is `None`.
    pub blocked: Option<Blocked>,
    /// In what it differs.
    pub differences: Vec<Difference>,
    /// What somebody changed by hand since the last apply of this name.
    pub drift: Option<String>,
    /// Whether this name has made it before.
    pub owned: bool,
    /// Of a queue that goes: the queues that go after it, and whose messages come to it until then.
    pub feeders: Vec<String>,
    /// Of a queue that is made anew: how.
    pub replacement: Option<Replacement>,
    /// The changes, all before it, without which it is not made.
    pub needs: Vec<usize>,
    /// Changes of one stage can go on side by side.
    pub stage: super::order::Stage,
}

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// In words.
    pub because: String,
    /// Whether the topology does without it: a precaution that the user may not take.
    pub bearable: bool,
}

/// What would be changed.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// In the order in which it is done.
    pub changes: Vec<Change>,
    /// How many objects are as they are wanted.
    pub unchanged: usize,
    /// What the one who plans should know.
    pub warnings: Vec<String>,
    /// How many objects of the file's own are neither wanted nor there any more.
    pub forgotten: usize,
    /// Whether the broker's objects could be seen. Without, everything is declared, and what is there already stays as it is.
    pub blind: bool,
}

impl Plan {
    /// Whether there is nothing to do: what is blocked, and what is kept, is not done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.doable() == 0
    }

    /// How many changes would be made.
    #[must_use]
    pub fn doable(&self) -> usize {
        self.changes.iter().filter(|change| change.is_doable()).count()
    }

    /// How many changes of that kind would be made.
    #[must_use]
    pub fn count(&self, action: Action) -> usize {
        let of = |change: &&Change| change.action == action && (change.is_doable() || action == Action::Keep);
        self.changes.iter().filter(of).count()
    }

    /// How many changes something stands in the way of.
    #[must_use]
    pub fn blocked(&self) -> usize {
        self.changes.iter().filter(|change| change.blocked.is_some()).count()
    }

    /// Whether the broker differs from what the file wants in anything that matters.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.changes.iter().any(|change| change.is_doable() || change.is_refused())
    }
}

impl Change {
    /// Whether it would be made.
    #[must_use]
    pub fn is_doable(&self) -> bool {
        self.blocked.is_none() && self.action != Action::Keep
    }

    /// Whether it is not made, and the topology does without it.
    #[must_use]
    pub fn is_spared(&self) -> bool {
        self.blocked.as_ref().is_some_and(|blocked| blocked.bearable)
    }

    /// Whether it is wanted, not made, and missed.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.blocked.as_ref().is_some_and(|blocked| !blocked.bearable)
    }
}
