//! What would `apply` change? Looks, and changes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    observe,
    ownership::{self, Records},
};
use crate::{
    broker::{self, Broker, management::QueueInfo},
    topology::{
        argument::QueueType,
        diff::{self, InPlace, Inside, Observed, Scope},
        expand::{self, Role, Wanted},
        file::Topology,
        order::{self, Object, Step},
        owned::{self, Id},
        place::Problem,
        plan::{Action, Plan},
        policies::{InForce, Target},
        saved::{self, Basis},
    },
    version::Version,
};

/// What is to be planned, and how far it may go.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The topology.
    pub topology: Topology,
    /// Delete what the topology's name owns and the topology no longer wants.
    pub prune: bool,
    /// Also queues with messages, which are archived first, or consumers.
    pub prune_non_empty: bool,
    /// Make queues anew that exist differently, with what is in them.
    pub replace: bool,
    /// Set by a policy what one can make up for in queues that exist differently.
    pub in_place: bool,
    /// Where the record of what was made lies; `None` is in the broker.
    pub state: Option<PathBuf>,
    /// What a saved plan saw, which has to be so still.
    pub basis: Option<Basis>,
}

impl Request {
    /// The name under which things are owned.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.topology.name.as_ref().map(|name| name.value.as_str())
    }

    fn state(&self) -> Option<&Path> {
        self.state.as_deref()
    }
}

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
    /// What was made before cannot be known or written down.
    #[error(transparent)]
    Record(#[from] ownership::Error),
    /// Objects of the file belong to other names: each with its kind, its own name and its owner.
    #[error("{} of the file's objects belong to others", .0.len())]
    Claimed(Vec<(Object, String)>),
    /// Something is to be deleted, and nobody knows what was made before.
    #[error("nothing can be pruned: {0}, so what was made before is not known")]
    CannotPrune(String),
    /// The broker has moved since a plan was saved: what has, one sentence each.
    #[error("the broker is not as it was when the plan was saved")]
    Moved(Vec<String>),
    /// Somebody else is applying.
    #[error("somebody else applies a topology to this virtual host")]
    Busy(super::lock::Holder),
}

/// A plan, and what it was made from.
#[derive(Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The broker's own name; `None` where it does not say.
    pub cluster: Option<String>,
    /// What the broker has of what is wanted or owned.
    pub seen: BTreeMap<Id, Option<String>>,
}

/// Compares a topology with a broker, over the management API alone.
///
/// # Errors
/// See [`Error`].
pub async fn run(broker: &Broker, request: &Request) -> Result<Planned, Error> {
    let overview = broker.management().overview().await.map_err(Error::Unseen)?;
    let version = overview.rabbitmq_version.as_deref().and_then(|version| version.parse().ok());
    // A broker that does not say its version is older than any we know: the most careful treatment is right for it.
    let version = version.unwrap_or(Version::new(0, 0, 0));
    let observed = observe::run(broker.management(), broker.vhost()).await.map_err(Error::Unseen)?;
    let records = Records::load(broker, request.name(), request.state()).await?;
    let (plan, seen) = compare(broker, request, version, observed, &records).await?;
    Ok(Planned { plan, cluster: overview.cluster_name, seen })
}

/// Compares with what was observed.
pub(super) async fn compare(
    broker: &Broker,
    request: &Request,
    version: Version,
    mut observed: Observed,
    records: &Records,
) -> Result<(Plan, BTreeMap<Id, Option<String>>), Error> {
    if let (true, Some(why)) = (request.prune, records.why_unknown()) {
        return Err(Error::CannotPrune(why.to_owned()));
    }
    let mut scope = Scope {
        ownership: records.ownership.clone(),
        prune: request.prune,
        prune_non_empty: request.prune_non_empty,
        replace: request.replace,
        in_place: InPlace::asked(request.in_place),
    };
    // Policies that make up for arguments are wanted beside what the topology itself becomes.
    let lay_out = |staying: &[String], observed: &Observed, scope: &mut Scope| -> Result<_, Error> {
        let mut wanted = wanted(&request.topology, version, staying)?;
        scope.in_place = InPlace::add(&mut wanted, observed, version, scope);
        let mut steps = order::order(&wanted);
        scope.in_place.wait(&mut steps);
        Ok(steps)
    };
    let mut steps = lay_out(&[], &observed, &mut scope)?;
    let claimed = owned::claimed(&steps, &scope.ownership);
    if !claimed.is_empty() {
        return Err(Error::Claimed(claimed));
    }
    let seen = saved::seen(&steps, scope.ownership.record.as_ref(), &observed);
    let moved = request.basis.as_ref().map(|basis| saved::moved(&basis.seen, &seen)).unwrap_or_default();
    if !moved.is_empty() {
        return Err(Error::Moved(moved));
    }
    let mut plan = diff::diff(&steps, &observed, version, &scope);
    let names: BTreeSet<&str> = plan
        .changes
        .iter()
        .filter(|change| change.action != Action::Create)
        .filter_map(|change| match &change.object {
            Object::Queue(queue) => Some(queue.name.as_str()),
            _ => None,
        })
        .collect();
    if !names.is_empty() {
        observed.inside = inside(broker, &names).await.map_err(Error::Unseen)?;
        plan = diff::diff(&steps, &observed, version, &scope);
    }
    let staying = staying(&plan, &steps, &observed);
    if !staying.is_empty() {
        steps = lay_out(&staying, &observed, &mut scope)?;
        plan = diff::diff(&steps, &observed, version, &scope);
    }
    let moved =
        request.basis.as_ref().map(|basis| saved::other(&basis.changes, &saved::changes(&plan))).unwrap_or_default();
    if !moved.is_empty() {
        return Err(Error::Moved(moved));
    }
    plan.warnings.extend(records.warnings.iter().cloned());
    if let Some(why) = records.why_unknown().filter(|_| request.name().is_some()) {
        plan.warnings.push(format!(
            "{why}: what was made for this name before is not known, and what is made now is not written down. --state FILE keeps it in a file"
        ));
    }
    Ok((plan, seen))
}

/// What a topology becomes on a broker of that version, in order.
pub(super) fn steps(topology: &Topology, version: Version) -> Result<Vec<Step>, Error> {
    Ok(order::order(&wanted(topology, version, &[])?))
}

/// What a topology becomes, beside dead letter queues that stay although it no longer has them.
fn wanted(topology: &Topology, version: Version, staying: &[String]) -> Result<Wanted, Error> {
    let (wanted, problems) = expand::expand_beside(topology, version, staying);
    if problems.is_empty() { Ok(wanted) } else { Err(Error::Unmakeable(problems)) }
}

fn is_queue(object: &Object) -> bool {
    matches!(object, Object::Queue(_))
}

/// What is in these queues, and who reads them; nothing of those that cannot be used.
///
/// Broker fact (3.10, 4.0, 4.3): what is ready and how many read it can be had as it is now; what is held and what waits to be
/// dead-lettered is, of a quorum queue, as it was up to five seconds ago. Without the tag monitoring the API tells of nobody
/// else's consumers, so the queues themselves are asked.
pub(super) async fn inside(broker: &Broker, names: &BTreeSet<&str>) -> Result<BTreeMap<String, Inside>, broker::Error> {
    let wanted = |queue: &QueueInfo| names.contains(queue.name.as_str());
    let mut queues = super::queues::totals(broker, Some(broker.vhost()), wanted).await?;
    queues.retain(|queue| !queue.is_down());
    let all: Vec<&str> = queues.iter().map(|queue| queue.name.as_str()).collect();
    let asked = super::queues::look_up(broker, &all).await.unwrap_or_default();
    let inside = queues.iter().map(|queue| {
        let readers = asked.get(&queue.name).map(|found| u64::from(found.consumers));
        let found = Inside { total: queue.total, ready: queue.ready, unacked: queue.unacked, consumers: readers };
        (queue.name.clone(), found)
    });
    Ok(inside.collect())
}

/// The dead letter queues that are no longer wanted, stay all the same, and have their delivery limit lifted by a policy of evbus.
fn staying(plan: &Plan, steps: &[Step], observed: &Observed) -> Vec<String> {
    let lifting = steps.iter().filter(|step| step.role == Role::DeadLetters).filter_map(|step| match &step.object {
        Object::Policy(policy) => Some(policy.name.as_str()),
        _ => None,
    });
    // By their patterns: for some seconds after a declaration the broker does not say which policy is in force.
    let lifting = InForce::of(lifting.filter_map(|name| observed.policies.get(name)));
    let stays = plan.changes.iter().filter(|change| {
        is_queue(&change.object)
            && change.owned
            && !change.is_doable()
            && matches!(change.action, Action::Keep | Action::Delete)
    });
    let names = stays.map(|change| change.object.name());
    names.filter(|name| lifting.on(&Target { name, queue: Some(QueueType::Quorum) }).is_some()).collect()
}
