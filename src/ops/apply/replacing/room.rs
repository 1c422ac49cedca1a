//! Is there room for what waits, in the holding queue and in the queue as it is wanted?

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{LOOK, Replacing, SAMPLED, Undone};
use crate::{
    message::Field,
    topology::{
        bounds::{Bounds, InForce, Overflow},
        expand::kind,
        spec::QueueSpec,
    },
};

/// Keys of a policy that would take messages from a holding queue.
const TAKING: [&str; 6] =
    ["message-ttl", "expires", "max-length", "max-length-bytes", "max-in-memory-length", "delivery-limit"];

impl Replacing<'_> {
    /// Refuses a holding queue that would not hold.
    pub(super) async fn holds(&self) -> Result<(), Undone> {
        let (broker, name) = (self.apply.broker, self.replacement.holding.name.as_str());
        // Worked out from the policies: for ten seconds after its declaration the broker tells of none.
        let policy = broker.management().in_force_on(broker.vhost(), name, kind(&self.replacement.holding)).await?;
        match TAKING.iter().find(|key| policy.contains_key(**key)) {
            Some(key) => {
                Err(Undone::Kept(format!("a policy sets {key} on {name} as well, which has to keep everything")))
            }
            None => Ok(()),
        }
    }

    /// Why the queue as it is wanted would drop some of what waits, if it would. Nothing is said against bounds that the queue as it is
    /// has as well: they drop what they would have dropped anyway.
    pub(super) async fn too_small(&self) -> Result<Option<String>, Undone> {
        let bounds = self.bounds(self.wanted).await?;
        if !bounds.overflow.as_ref().is_some_and(|overflow| overflow.value == Overflow::DropHead) {
            return Ok(None);
        }
        if let Some(found) = &self.replacement.found
            && is_as_tight(&self.bounds(found).await?, &bounds)
        {
            return Ok(None);
        }
        let held = self.ready(&self.replacement.holding.name).await?;
        if self.replacement.found.is_none() && held == 0 {
            return Ok(None);
        }
        let waiting = held + self.ready(&self.wanted.name).await?;
        let holding = &self.replacement.holding.name;
        let place = if held > 0 { format!(", {held} of them in {holding}") } else { String::new() };
        if let Some(most) = bounds.max_length.as_ref().map(|bound| bound.value).filter(|most| *most < waiting) {
            return Ok(Some(format!(
                "{waiting} messages wait{place}, and it would drop all but {most} of them: raise that bound"
            )));
        }
        let Some(most) = bounds.max_length_bytes.map(|bound| bound.value).filter(|_| waiting > 0) else {
            return Ok(None);
        };
        let bytes = match (self.bytes(holding).await?, self.bytes(&self.wanted.name).await?) {
            (Some(held), Some(inside)) => held + inside,
            _ => return Ok(Some(format!("{waiting} messages wait{place}, and how many bytes they have is not known"))),
        };
        Ok((bytes > most).then(|| {
            format!("{waiting} messages of {bytes} bytes wait{place}, and it would keep {most} bytes: raise that bound")
        }))
    }

    /// What bounds a queue that is declared like this, by its arguments and by policies.
    async fn bounds(&self, queue: &QueueSpec) -> Result<Bounds, Undone> {
        let broker = self.apply.broker;
        let policy = broker.management().in_force_on(broker.vhost(), &queue.name, kind(queue)).await?;
        let in_force = InForce { policy: None, own: None, operator_policy: None, merged: &policy };
        let value = |field: &Field| field.as_int().map(Value::from).or_else(|| field.as_str().map(Value::from));
        let arguments: Map<String, Value> =
            queue.arguments.iter().filter_map(|(name, field)| Some((name.clone(), value(field)?))).collect();
        Ok(Bounds::of(kind(queue), self.apply.version, &arguments, in_force))
    }

    /// How many messages are ready in a queue; none where there is no such queue.
    async fn ready(&self, queue: &str) -> Result<u64, Undone> {
        Ok(self.apply.connection.look_up(queue).await?.map_or(0, |found| found.ready.into()))
    }

    /// How many bytes are in a queue, once the broker has counted all that is in it now; `None` where it does not in time.
    async fn bytes(&self, queue: &str) -> Result<Option<u64>, Undone> {
        let broker = self.apply.broker;
        let ready = self.ready(queue).await?;
        if ready == 0 {
            return Ok(Some(0));
        }
        let deadline = Instant::now() + 2 * SAMPLED;
        loop {
            let found = broker.management().queue(broker.vhost(), queue).await?.unwrap_or_default();
            if found.bytes.is_some() && found.total.is_some_and(|total| total >= ready) {
                return Ok(found.bytes);
            }
            if Instant::now() > deadline {
                return Ok(None);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Whether a queue has dropped before what it would drop under other bounds.
fn is_as_tight(before: &Bounds, after: &Bounds) -> bool {
    let drops = before.overflow.as_ref().is_some_and(|overflow| overflow.value == Overflow::DropHead);
    let holds =
        |before: Option<u64>, after: Option<u64>| after.is_none_or(|most| before.is_some_and(|had| had <= most));
    let value = |bounds: &Bounds| {
        [&bounds.max_length, &bounds.max_length_bytes].map(|bound| bound.as_ref().map(|bound| bound.value))
    };
    let ([count, bytes], [count_after, bytes_after]) = (value(before), value(after));
    drops && holds(count, count_after) && holds(bytes, bytes_after)
}
