//! Which message of an earlier run is this? Recognised by what it is, and only where it cannot be taken for another.

use std::collections::HashMap;

use super::past::Past;
use crate::message::{Identity, Message};

/// What an earlier run knows of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: it was never begun with.
    New,
    /// It is at its target: its number.
    Safe(u64),
    /// It was gone, and has come back.
    Back,
    /// It may be at its target: its number, and whether it counts to the set.
    Doubtful(u64, bool),
}

/// The open messages of an earlier run, by what they are.
#[derive(Debug, Default)]
pub struct Known {
    classes: HashMap<Identity, Class>,
    /// The last that were gone, and how many are equal.
    gone: HashMap<Identity, usize>,
}

/// Messages that are equal in everything.
#[derive(Debug)]
struct Class {
    /// Number, whether it is safe, whether it counts.
    open: Vec<(u64, bool, bool)>,
    /// There are others like it.
    has_twins: bool,
}

impl Known {
    /// What is open in a journal, under the numbers that the run which goes on with it gives them.
    #[must_use]
    pub fn of(past: &Past) -> Known {
        let mut classes: HashMap<Identity, Class> = HashMap::new();
        for (number, open) in (1..).zip(past.open_ones()) {
            let class = classes.entry(open.identity).or_insert_with(|| Class { open: Vec::new(), has_twins: false });
            class.has_twins |= !class.open.is_empty();
            class.open.push((number, open.safe, !open.safe));
        }
        let mut gone: HashMap<Identity, usize> = HashMap::new();
        for identity in past.last_gone() {
            *gone.entry(*identity).or_default() += 1;
        }
        Known { classes, gone }
    }

    /// How many are not found yet that are not safe: they have to be somewhere.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let open = self.classes.values().flat_map(|class| &class.open);
        open.filter(|(_, safe, _)| !safe).count() as u64
    }

    /// Whether some are not found yet that are safe: they may be gone as well.
    #[must_use]
    pub fn has_safe(&self) -> bool {
        self.classes.values().flat_map(|class| &class.open).any(|(_, safe, _)| *safe)
    }

    /// Those that are safe and were not found: where everything was looked at, they are gone.
    #[must_use]
    pub fn gone(&self) -> Vec<u64> {
        let open = self.classes.values().flat_map(|class| &class.open);
        let mut gone: Vec<u64> = open.filter(|(_, safe, _)| *safe).map(|(number, ..)| *number).collect();
        gone.sort_unstable();
        gone
    }

    /// Looks at messages that will be judged later: where there are more of one kind than were begun with, none can be told from the
    /// others.
    pub fn look_ahead<'m>(&mut self, messages: impl IntoIterator<Item = &'m Message>) {
        let mut seen: HashMap<Identity, usize> = HashMap::new();
        for message in messages {
            *seen.entry(Identity::of(message)).or_default() += 1;
        }
        for (identity, count) in seen {
            if let Some(class) = self.classes.get_mut(&identity) {
                class.has_twins |= count > class.open.len();
            } else if count > 1 {
                self.gone.remove(&identity);
            }
        }
    }

    /// What is known of a message that was read. Each that was begun with is found once.
    pub fn judge(&mut self, message: &Message, identity: Identity) -> Verdict {
        let verdict = self.peek(message, identity);
        if let Some(class) = self.classes.get_mut(&identity) {
            class.open.pop();
        }
        if verdict == Verdict::Back {
            self.gone.remove(&identity);
        }
        verdict
    }

    /// The same, without having found it.
    #[must_use]
    pub fn peek(&self, message: &Message, identity: Identity) -> Verdict {
        let has_id = message.properties.message_id.as_deref().is_some_and(|id| !id.is_empty());
        let open = self.classes.get(&identity).and_then(|class| Some((class, *class.open.last()?)));
        match open {
            Some((class, (number, true, _))) if has_id && !class.has_twins => Verdict::Safe(number),
            Some((_, (number, _, counts))) => Verdict::Doubtful(number, counts),
            None if has_id && self.gone.get(&identity) == Some(&1) => Verdict::Back,
            None => Verdict::New,
        }
    }
}
