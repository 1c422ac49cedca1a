//! What is in an archive, and where would it go? Read to its end before anybody is asked.

use std::collections::BTreeMap;

use super::Request;
use crate::{
    interrupt::Interrupt,
    ops::dlq::{
        archive::{Damage, Reader},
        run::Event,
        target::{self, Address, To},
    },
};

/// What was found.
pub(super) struct Survey {
    /// Records that can be read.
    pub(super) records: u64,
    /// How many of them are meant.
    pub(super) selected: u64,
    /// How many of those have which target, or why they have none.
    pub(super) targets: BTreeMap<Result<Address, &'static str>, u64>,
    /// Whether the archive holds all that it was meant to, as far as it says.
    pub(super) complete: bool,
    /// Where it cannot be read on.
    pub(super) damage: Option<Damage>,
}

impl Survey {
    /// Reads an archive to its end, to its damage, or until the operator has had enough.
    pub(super) fn of(
        mut reader: Reader,
        request: &Request,
        to: &To,
        interrupt: &Interrupt,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Survey {
        let queue = reader.header().queue.clone();
        let mut survey = Survey { records: 0, selected: 0, targets: BTreeMap::new(), complete: true, damage: None };
        while !interrupt.is_raised() {
            let message = match reader.next_message() {
                Ok(Some(message)) => message,
                Ok(None) => {
                    survey.complete = reader.end().is_none_or(|end| end.complete);
                    break;
                }
                Err(damage) => {
                    survey.damage = Some(damage);
                    break;
                }
            };
            survey.records += 1;
            listen(Event::Read(survey.records));
            let is_meant = request.limit.is_none_or(|limit| survey.selected < limit)
                && request.selector.matches(&queue, &message) == Some(true);
            if is_meant {
                survey.selected += 1;
                *survey.targets.entry(target::address(to, &queue, &message)).or_default() += 1;
            }
        }
        survey
    }
}
