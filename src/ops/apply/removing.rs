//! Removing one object that is no longer wanted. A queue goes only when it is empty and nobody reads it, or its messages lie in an
//! archive.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{Apply, SAMPLED, Undone};
use crate::{
    interrupt::Interrupt,
    ops::{
        dlq::{
            Subject,
            purge::{self, Purge},
            run::Report,
        },
        plan,
    },
    topology::{argument::QueueType, diff::Inside, expand::kind, order::Object, spec::QueueSpec},
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
        feeders: &[String],
        interrupt: &Interrupt,
    ) -> Result<Option<Archived>, Undone> {
        match object {
            Object::Exchange(exchange) => self.connection.delete_unused_exchange(&exchange.name).await?,
            Object::Binding(binding) => self.connection.unbind(binding).await?,
            Object::Policy(policy) => {
                self.broker.management().delete_policy(self.broker.vhost(), &policy.name).await?;
            }
            Object::Queue(queue) => return self.remove_queue(queue, number, inside, feeders, interrupt).await,
        }
        Ok(None)
    }

    async fn remove_queue(
        &self,
        queue: &QueueSpec,
        number: usize,
        inside: &BTreeMap<String, Inside>,
        feeders: &[String],
        interrupt: &Interrupt,
    ) -> Result<Option<Archived>, Undone> {
        let name = queue.name.as_str();
        let Some(found) = self.connection.look_up(name).await? else { return Ok(None) };
        let known = |name: &str| inside.get(name).copied().unwrap_or_default();
        self.may_go(known(name), found.ready)?;
        for feeder in feeders {
            let fed = known(feeder);
            if fed.total != Some(0) || fed.ready != Some(0) {
                return Err(Undone::Kept(format!("{feeder} is not known to be empty, and sends its messages there")));
            }
        }
        if found.ready == 0 {
            self.delete(queue).await?;
            return Ok(None);
        }
        let archived = self.archive(name, number, interrupt).await?;
        // Somebody may have taken some while they were archived: only a look that is later than that knows.
        let gone = async {
            if kind(queue) != QueueType::Classic {
                tokio::time::sleep(SAMPLED).await;
            }
            let inside = plan::inside(self.broker, &BTreeSet::from([name])).await?;
            let left = self.connection.look_up(name).await?.map_or(0, |left| left.ready);
            if left > 0 {
                return Err(Undone::Kept("messages have come since it was looked at".to_owned()));
            }
            self.may_go(inside.get(name).copied().unwrap_or_default(), 0)?;
            self.delete(queue).await
        };
        match gone.await {
            Ok(()) => Ok(Some(archived)),
            Err(undone) => {
                let so_far = kept_so_far(archived.messages, &archived.archive);
                Err(Undone::Kept(format!("{}; {so_far}", undone.because())))
            }
        }
    }

    /// Whether a queue may be emptied and go, as far as is known of it.
    fn may_go(&self, inside: Inside, ready: u32) -> Result<(), Undone> {
        let kept = |because: &str| Err(Undone::Kept(because.to_owned()));
        let may_be_full = self.request.plan.prune_non_empty;
        match inside {
            Inside { unacked: None, .. } => kept("what consumers hold of its messages is not known"),
            Inside { unacked: Some(held), .. } if held > 0 => {
                kept(&format!("consumers hold {held} of its messages: nobody can archive what they hold"))
            }
            inside if inside.letters() > 0 => {
                kept("dead letters of it are on their way, and nobody has taken them yet")
            }
            Inside { consumers, .. } if !may_be_full && consumers != Some(0) => kept("somebody reads it, or may"),
            _ if !may_be_full && ready > 0 => kept("messages have come since it was looked at"),
            _ => Ok(()),
        }
    }

    /// Deletes a queue that was found empty. Broker fact: a classic queue can be asked to go only if it is; to ask a quorum queue that
    /// ends the connection.
    async fn delete(&self, queue: &QueueSpec) -> Result<(), Undone> {
        if kind(queue) == QueueType::Classic {
            self.connection.delete_empty_queue(&queue.name).await?;
        } else {
            self.connection.delete_queue(&queue.name).await?;
        }
        Ok(())
    }

    async fn archive(&self, queue: &str, number: usize, interrupt: &Interrupt) -> Result<Archived, Undone> {
        let path = self.request.archives.join(format!("evbus-prune-{}-{}.ndjson.zst", self.run, number + 1));
        let request = purge::Request {
            subject: Subject::whole(queue, &self.request.owner),
            limit: None,
            marked: None,
            archives: true,
            archive: Some(path.clone()),
            dry_run: false,
            // Whoever applies the same again archives and removes what is left.
            journal: None,
            resume: None,
        };
        let failed = |error: &dyn std::error::Error| {
            let causes = std::iter::successors(error.source(), |cause| cause.source());
            let causes: String = causes.map(|cause| format!(": {cause}")).collect();
            Undone::Kept(format!("its messages could not be archived: {error}{causes}"))
        };
        let purge = Purge::prepare(self.broker, request, &mut |_| ()).await.map_err(|error| failed(&error))?;
        let report = Box::pin(purge.run(interrupt, |_| true, &mut |_| ())).await.map_err(|error| failed(&error))?;
        // Interrupted before anything was removed.
        let report = report.unwrap_or(Report { interrupted: true, ..Report::default() });
        let so_far = kept_so_far(report.removed, &path);
        match report.stopped {
            Some(error) => Err(Undone::Kept(format!("its messages could not be archived: {error}; {so_far}"))),
            None if report.interrupted => Err(Undone::Kept(format!("it was interrupted; {so_far}"))),
            None => Ok(Archived { archive: report.archive.unwrap_or(path), messages: report.removed }),
        }
    }
}

/// What is in an archive although the queue stays.
fn kept_so_far(count: u64, archive: &Path) -> String {
    let are = if count == 1 { "is" } else { "are" };
    format!("{count} of its messages {are} in {} already", archive.display())
}
