//! What would `apply` change? Looks, and changes nothing.

use super::observe;
use crate::{
    broker::{self, Broker},
    topology::{
        diff,
        expand::{self, Wanted},
        file::Topology,
        order::{self, Step},
        place::Problem,
        plan::Plan,
    },
    version::Version,
};

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file asks for what cannot be made.
    #[error("the topology cannot be made as it is written")]
    Unmakeable(Vec<Problem>),
    /// The broker's objects cannot be seen.
    #[error("what the broker has cannot be compared")]
    Unseen(#[source] broker::Error),
    /// The broker cannot be used.
    #[error(transparent)]
    Broker(#[from] broker::Error),
}

/// Compares a topology with a broker, over the management API alone.
///
/// # Errors
/// See [`Error`].
pub async fn run(broker: &Broker, topology: &Topology) -> Result<Plan, Error> {
    let overview = broker.management().overview().await.map_err(Error::Unseen)?;
    let version = overview.rabbitmq_version.as_deref().and_then(|version| version.parse().ok());
    // A broker that does not say its version is older than any we know: the most careful treatment is right for it.
    let version = version.unwrap_or(Version::new(0, 0, 0));
    let steps = steps(topology, version)?;
    let observed = observe::run(broker.management(), broker.vhost()).await.map_err(Error::Unseen)?;
    Ok(diff::diff(&steps, &observed, version))
}

/// What a topology becomes on a broker of that version, in order.
pub(super) fn steps(topology: &Topology, version: Version) -> Result<Vec<Step>, Error> {
    let (wanted, problems): (Wanted, _) = expand::expand(topology, version);
    if problems.is_empty() { Ok(order::order(&wanted)) } else { Err(Error::Unmakeable(problems)) }
}
