//! Removing one object that is no longer wanted. A queue goes only when it is empty and nobody reads it, or its messages lie in an
//! archive.

use std::{collections::BTreeMap, path::PathBuf};

use super::{Apply, Undone};
use crate::{
    interrupt::Interrupt,
    message::selector::Selector,
    ops::dlq::{
        Save,
        purge::{self, Purge},
    },
    topology::{diff::Inside, order::Object},
};

/// Where the messages of a deleted queue are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// The file.
    pub archive: PathBuf,
    /// How many there are.
    pub messages: u64,
}

impl Apply<'_> {
    /// Removes an object; for a queue, says where its messages are.
    pub(super) async fn remove(
        &self,
        object: &Object,
        number: usize,
        inside: &BTreeMap<String, Inside>,
        interrupt: &Interrupt,
    ) -> Result<Option<Archived>, Undone> {
        match object {
            Object::Exchange(exchange) => self.connection.delete_unused_exchange(&exchange.name).await?,
            Object::Binding(binding) => self.connection.unbind(binding).await?,
            Object::Policy(policy) => {
                self.broker.management().delete_policy(self.broker.vhost(), &policy.name).await?;
            }
            Object::Queue(queue) => {
                let inside = inside.get(&queue.name).copied().unwrap_or_default();
                return self.remove_queue(&queue.name, number, inside, interrupt).await;
            }
        }
        Ok(None)
    }

    async fn remove_queue(
        &self,
        queue: &str,
        number: usize,
        inside: Inside,
        interrupt: &Interrupt,
    ) -> Result<Option<Archived>, Undone> {
        let kept = |because: &str| Err(Undone::Kept(because.to_owned()));
        if inside.letters() > 0 {
            return kept("dead letters of it are on their way, and nobody has taken them yet");
        }
        match inside.unacked {
            Some(0) => (),
            Some(held) => return kept(&format!("consumers hold {held} of its messages: nobody can archive those")),
            None => return kept("how many messages it has, and who holds some, is not known"),
        }

        let Some(found) = self.connection.look_up(queue).await? else { return Ok(None) };
        let mut archived = None;
        if self.request.plan.prune_non_empty {
            if found.ready > 0 {
                archived = Some(self.archive(queue, number, interrupt).await?);
            }
        } else if found.consumers > 0 {
            return kept("somebody reads it");
        }
        // Broker fact: to ask a quorum queue to go only if it is empty ends the connection. So it is looked at a last time.
        match self.connection.look_up(queue).await? {
            Some(left) if left.ready > 0 => kept("messages have come since it was looked at"),
            _ => {
                self.connection.delete_queue(queue).await?;
                Ok(archived)
            }
        }
    }

    async fn archive(&self, queue: &str, number: usize, interrupt: &Interrupt) -> Result<Archived, Undone> {
        let path = self.request.archives.join(format!("evbus-prune-{}-{}.ndjson", self.run, number + 1));
        let request = purge::Request {
            queue: queue.to_owned(),
            limit: None,
            selector: Selector::default(),
            save: Save::Auto,
            assume: None,
            window: None,
            archives: true,
            archive: Some(path.clone()),
            dry_run: false,
            owner: self.request.owner.clone(),
        };
        let failed =
            |error: &dyn std::error::Error| Undone::Kept(format!("its messages could not be archived: {error}"));
        let purge = Purge::prepare(self.broker, request, &mut |_| ()).await.map_err(|error| failed(&error))?;
        let report = Box::pin(purge.run(interrupt, &mut |_| ())).await.map_err(|error| failed(&error))?;
        match report.stopped {
            Some(error) => Err(failed(&error)),
            None if report.interrupted => {
                Err(Undone::Kept("it was interrupted while its messages were archived".to_owned()))
            }
            None => Ok(Archived { archive: report.archive.unwrap_or(path), messages: report.removed }),
        }
    }
}
