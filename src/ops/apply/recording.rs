//! What belongs to the file's name: written down before it is made, so that an apply that was killed still knows what is its own,
//! and set right when it is over.

use std::collections::BTreeMap;

use super::{Apply, State};
use crate::{
    ops::ownership,
    topology::{
        diff::Observed,
        owned::{Id, Record},
        plan::{Action, Change, Plan},
    },
};

impl Apply<'_> {
    /// Writes down what is about to be made.
    pub(super) async fn intend(&mut self, plan: &Plan) -> Result<(), ownership::Error> {
        let Some(mut record) = self.records.ownership.record.clone() else { return Ok(()) };
        let making = plan.changes.iter().filter(|change| change.is_doable() && change.action != Action::Delete);
        let before = record.intended.len();
        record.intended.extend(making.map(|change| change.object.id()).filter(|id| !record.objects.contains_key(id)));
        if record.intended.len() == before {
            return Ok(());
        }
        self.records.keep(self.broker, record).await
    }

    /// Whether the record says what is not so, although nothing was to be done.
    pub(super) fn has_old_news(&self, plan: &Plan) -> bool {
        let Some(record) = &self.records.ownership.record else { return false };
        !record.intended.is_empty() || plan.forgotten > 0
    }

    /// Writes down what is the file's own from now on: what it owned before and what it made, as far as it is there.
    pub(super) async fn record(
        &mut self,
        plan: &Plan,
        states: &[State],
        observed: &Observed,
    ) -> Result<(), ownership::Error> {
        let Some(before) = self.records.ownership.record.clone() else { return Ok(()) };
        let changes: BTreeMap<Id, (&Change, State)> =
            plan.changes.iter().zip(states).map(|(change, state)| (change.object.id(), (change, *state))).collect();
        let mut record = Record::new(&before.name, &before.vhost);
        let made = changes.iter().filter(|(_, (change, state))| {
            *state == State::Made && change.is_doable() && change.action != Action::Delete
        });
        for id in before.ids().chain(made.map(|(id, _)| id)) {
            let change = changes.get(id);
            // What was about to be made and was not is somebody else's, if it is there.
            let is_unmade =
                change.is_some_and(|(change, state)| change.action == Action::Create && *state != State::Made);
            if is_unmade && !before.objects.contains_key(id) {
                continue;
            }
            let Some(found) = observed.find(id) else {
                // What is wanted and was deleted by hand stays its own: it will be made again.
                // So does what nobody can see, as long as a node is down.
                let is_wanted = observed.hides(id) || change.is_some_and(|(change, _)| change.action != Action::Delete);
                if let (true, Some(mark)) = (is_wanted, before.objects.get(id)) {
                    record.objects.insert(id.clone(), mark.clone());
                } else if is_wanted && before.intended.contains(id) && observed.hides(id) {
                    record.intended.insert(id.clone());
                }
                continue;
            };
            // What somebody changed by hand, and still is so, keeps its old mark: that it was changed goes on to be seen.
            let untouched = change
                .filter(|(change, state)| change.drift.is_some() && !(*state == State::Made && change.is_doable()));
            let old = untouched.and_then(|_| before.objects.get(id)).cloned();
            record.objects.insert(id.clone(), old.unwrap_or_else(|| found.mark()));
        }
        if record == before { Ok(()) } else { self.records.keep(self.broker, record).await }
    }
}
