//! Exactly these messages, of all that are in the queue: is this one of them? Known by what they are, since a place in a queue changes.
//!
//! Equal messages cannot be told apart, and need not be: where one of three is marked, the first that comes is taken.

use std::collections::HashMap;

use crate::message::{Identity, Message};

/// Messages that were marked, and how many of each that are equal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(HashMap<Identity, u64>);

impl Marks {
    /// These.
    pub fn of(marked: impl IntoIterator<Item = Identity>) -> Marks {
        let mut marks = Marks::default();
        for identity in marked {
            *marks.0.entry(identity).or_default() += 1;
        }
        marks
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// Whether this is one of them, which is used up then.
    pub fn take(&mut self, message: &Message) -> bool {
        match self.0.get_mut(&Identity::of(message)) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    /// One that was taken has still to come.
    pub fn put_back(&mut self, message: &Message) {
        *self.0.entry(Identity::of(message)).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_messages_as_many_are_taken_as_were_marked() {
        let message = |body: &str| Message { body: body.as_bytes().to_vec(), ..Message::default() };
        let (twin, other, third) = (message("twin"), message("other"), message("third"));
        let mut marks = Marks::of([&twin, &other, &twin].map(Identity::of));
        assert_eq!(marks.count(), 3);
        let taken = [&third, &twin, &twin, &twin, &other, &other].map(|message| marks.take(message));
        assert_eq!(taken, [false, true, true, false, true, false]);
    }
}
