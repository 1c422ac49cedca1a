//! Is there room for what waits, in the holding queue and in the queue as it is wanted?

use super::{Replacing, Undone};

/// Keys of a policy that would take messages from a holding queue.
const TAKING: [&str; 6] =
    ["message-ttl", "expires", "max-length", "max-length-bytes", "max-in-memory-length", "delivery-limit"];

impl Replacing<'_> {
    /// Refuses a holding queue that would not hold.
    pub(super) async fn holds(&self) -> Result<(), Undone> {
        let (broker, name) = (self.apply.broker, self.replacement.holding.name.as_str());
        let Some(found) = broker.management().queue(broker.vhost(), name).await? else { return Ok(()) };
        let policy = found.effective_policy_definition.unwrap_or_default();
        match TAKING.iter().find(|key| policy.contains_key(**key)) {
            Some(key) => {
                Err(Undone::Kept(format!("a policy sets {key} on {name} as well, which has to keep everything")))
            }
            None => Ok(()),
        }
    }
}
