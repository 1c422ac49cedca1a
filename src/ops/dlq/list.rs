//! Every dead letter queue of a virtual host, without touching a message.

use super::routes;
use crate::broker::{Broker, Error, management::QueueInfo};

/// A dead letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterQueue {
    /// Its name.
    pub name: String,
    /// Its virtual host.
    pub vhost: String,
    /// Its type; `None` is unknown.
    pub kind: Option<String>,
    /// Messages ready to be delivered; `None` is unknown.
    pub ready: Option<u64>,
    /// Messages in it, of every kind; `None` is unknown.
    pub total: Option<u64>,
    /// Dead letters that wait for a target of their own to take them (at-least-once), where the broker tells.
    pub waiting: Option<u64>,
    /// The queues whose dead letters it gets, by name.
    pub owners: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Report {
    /// When the depths were true.
    pub sampled_at: jiff::Timestamp,
    /// By name.
    pub queues: Vec<DeadLetterQueue>,
}

/// Lists them.
///
/// # Errors
/// When the management API cannot be asked.
pub async fn run(broker: &Broker) -> Result<Report, Error> {
    let (management, vhost) = (broker.management(), broker.vhost());
    let definitions = management.queue_statistics(vhost).await?;
    let owners = routes::owners(broker, vhost, &definitions).await?;
    let sampled_at = jiff::Timestamp::now();
    let depths = crate::ops::queues::totals(broker, Some(vhost), |queue| owners.contains_key(&queue.name)).await?;
    let find =
        |queues: &[QueueInfo], name: &str| queues.iter().find(|queue| queue.name == name).cloned().unwrap_or_default();
    let queues = owners
        .into_iter()
        .map(|(name, owners)| {
            let (now, known) = (find(&depths, &name), find(&definitions, &name));
            DeadLetterQueue {
                vhost: vhost.to_owned(),
                kind: now.kind.or(known.kind),
                ready: now.ready,
                total: now.total,
                waiting: known.dead_lettering.filter(|waiting| *waiting > 0),
                owners: owners.into_iter().collect(),
                name,
            }
        })
        .collect();
    Ok(Report { sampled_at, queues })
}
