//! What is in an archive, and where would it go? Read to its end before anybody is asked.

use std::collections::BTreeMap;

use super::{
    Request,
    again::{Again, Part},
};
use crate::{
    interrupt::Interrupt,
    ops::dlq::{
        archive::{Damage, Reader},
        run::Event,
        target::{self, Address},
    },
};

/// What was found.
pub(super) struct Survey {
    /// Records that can be read.
    pub(super) records: u64,
    /// How many of them will be published.
    pub(super) selected: u64,
    /// How many of those have which target, or why they have none.
    pub(super) targets: BTreeMap<Result<Address, &'static str>, u64>,
    /// How many an earlier run is done with.
    pub(super) settled: u64,
    /// How many may be at their targets, and will not be published.
    pub(super) in_doubt: u64,
    /// SHA-256 of all that could be read.
    pub(super) digest: String,
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
        again: &Again,
        interrupt: &Interrupt,
        listen: &mut impl FnMut(Event<'_>),
    ) -> Survey {
        let queue = reader.header().queue.clone();
        let mut survey = Survey {
            records: 0,
            selected: 0,
            targets: BTreeMap::new(),
            settled: 0,
            in_doubt: 0,
            digest: String::new(),
            complete: true,
            damage: None,
        };
        let mut budget = again.budget(request.limit);
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
            let is_meant = match again.part(survey.records) {
                Part::Settled => {
                    survey.settled += 1;
                    false
                }
                Part::InDoubt | Part::Passed => {
                    survey.in_doubt += 1;
                    false
                }
                Part::Again => true,
                Part::New => {
                    let meant = budget != Some(0) && request.selector.matches(&queue, &message) == Some(true);
                    budget = budget.map(|budget| budget - u64::from(meant));
                    meant
                }
            };
            if is_meant {
                survey.selected += 1;
                *survey.targets.entry(target::address(&request.to, &queue, &message)).or_default() += 1;
            }
        }
        survey.digest = reader.digest();
        survey
    }
}
