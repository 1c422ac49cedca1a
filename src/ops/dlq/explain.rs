//! Which way would a run take on a queue, and why? Nothing is held for the answer, and nothing is changed.

use super::{
    Error,
    intent::Intent,
    probe,
    session::{Facts, Learnt},
    terms::{Closed, Decision, Way},
};
use crate::{
    broker::{self, Broker, Version},
    ops::lock,
};

/// What a run would do.
#[derive(Debug)]
pub struct Explanation {
    /// The queue.
    pub queue: String,
    /// The command, as in `evbus dlq show`.
    pub command: &'static str,
    /// The broker's version.
    pub version: Version,
    /// What is known of the queue.
    pub facts: Facts,
    /// How many messages it would read at most; of none, the rest says how it would be with one.
    pub set: u64,
    /// Messages would be held that are not taken away.
    pub gives_back: bool,
    /// What follows from that.
    pub decision: Decision,
    /// The way it would take; none where it would be refused.
    pub way: Option<Way>,
    /// The ways that are closed, and why.
    pub closed: Vec<Closed>,
    /// Why it would be refused.
    pub refused: Option<Error>,
}

/// Explains what a run would do.
///
/// # Errors
/// When there is no such queue, or the broker cannot be asked.
pub async fn run(broker: &Broker, intent: Intent<'_>) -> Result<Explanation, Error> {
    let Intent { purpose, wish, scope, writes } = intent;
    let mut learnt = Learnt::of(broker, purpose).await?;
    let mut refused = learnt.admit(purpose).err();
    if purpose.locks && refused.is_none() {
        let queue = purpose.queue.to_owned();
        refused = lock::holder_of(broker, purpose.queue).await.map(|holder| Error::Busy { queue, holder });
    }
    if writes && refused.is_none() {
        refused = probe::may_write(broker, &lock::run_id()).await.err().map(Error::from);
    }
    let Learnt { consuming, facts, .. } = learnt;
    let set = scope.set(facts.ready);
    // Of an empty queue it is asked for how it would be with a message in it.
    let decision = Decision::of(&facts, &wish, set.max(1));
    let (mut way, mut closed) = (None, decision.closed.clone());
    if refused.is_none() {
        (way, closed) = decision.first_open(async |way| is_open(broker, way).await).await;
        if way.is_none() {
            refused = Some(Error::would_spend(purpose.queue, &facts, closed.clone()));
        }
    }
    let version = consuming.version();
    consuming.close().await;
    let (queue, command, gives_back) = (purpose.queue.to_owned(), purpose.command, purpose.gives_back);
    Ok(Explanation { queue, command, version, facts, set, gives_back, decision, way, closed, refused })
}

/// Whether this user may go a way.
async fn is_open(broker: &Broker, way: Way) -> Result<(), broker::Error> {
    match way {
        Way::Free => Ok(()),
        Way::Policy => {
            let me = broker.management().who_am_i().await?;
            if me.tags.iter().any(|tag| tag == "policymaker" || tag == "administrator") {
                return Ok(());
            }
            let because = "it needs the tag policymaker".to_owned();
            Err(broker::Error::ManagementTag { user: me.name, because })
        }
        Way::WhenFound => probe::may_publish(broker, "", &lock::run_id()).await,
    }
}
