//! Which queues are dead letter queues, and whose: by the way dead letters go, not by names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::{
    broker::{
        Broker, Error,
        management::{BindingInfo, QueueInfo},
    },
    ops::route,
    topology::routing::Routes,
};

/// Dead letter queues and the queues whose dead letters they get.
pub type Owners = BTreeMap<String, BTreeSet<String>>;

/// The way of a queue's dead letters.
pub struct Way {
    /// The queue.
    queue: String,
    /// Messages wait in it for a time and are sent on.
    delays: bool,
    /// The queues that get its dead letters.
    targets: Vec<String>,
}

/// The dead letter queues of a virtual host, given its queues with their arguments and the policies in force on them.
///
/// A queue that gets back what waited in a delay queue (one with a TTL) is no dead letter queue, if it sends dead letters on itself.
///
/// # Errors
/// When exchanges and bindings cannot be listed; they are only asked for where the default exchange does not tell everything.
pub async fn owners(broker: &Broker, vhost: &str, queues: &[QueueInfo]) -> Result<Owners, Error> {
    Ok(owners_of(&ways(broker, vhost, queues).await?, queues))
}

/// The ways of all dead letters, given the same.
///
/// # Errors
/// As [`owners`].
pub async fn ways(broker: &Broker, vhost: &str, queues: &[QueueInfo]) -> Result<Vec<Way>, Error> {
    let letters: Vec<(&QueueInfo, Letters)> =
        queues.iter().filter_map(|queue| Some((queue, Letters::of(queue)?))).collect();
    let beyond_default = letters.iter().any(|(_, letters)| !letters.exchange.is_empty());
    let (routes, bindings) = if beyond_default { routes(broker, vhost, queues).await? } else { Default::default() };
    let names: BTreeSet<&str> = queues.iter().map(|queue| queue.name.as_str()).collect();
    let way = |(queue, letters): &(&QueueInfo, Letters)| {
        let targets = targets(queue, letters, &names, &routes, &bindings);
        Way { queue: queue.name.clone(), delays: letters.delays, targets }
    };
    Ok(letters.iter().map(way).collect())
}

/// The dead letter queues among these queues, by the ways of their letters.
#[must_use]
pub fn owners_of(ways: &[Way], queues: &[QueueInfo]) -> Owners {
    let sends: BTreeSet<&str> = ways.iter().map(|way| way.queue.as_str()).collect();
    let mut owners = Owners::new();
    let streams: BTreeSet<&str> = queues
        .iter()
        .filter(|queue| queue.kind.as_deref() == Some("stream"))
        .map(|queue| queue.name.as_str())
        .collect();
    for Way { queue, delays, targets } in ways {
        let mut targets = targets.clone();
        // A stream beside a queue keeps a record of the letters; they wait in the queue.
        if targets.iter().any(|target| !streams.contains(target.as_str())) {
            targets.retain(|target| !streams.contains(target.as_str()));
        }
        for target in targets {
            let comes_back = *delays && sends.contains(target.as_str());
            if target != *queue && !comes_back {
                owners.entry(target).or_default().insert(queue.clone());
            }
        }
    }
    owners
}

/// The queues in which messages wait until they go to one of these.
#[must_use]
pub fn ladders(ways: &[Way], to: &BTreeSet<String>) -> Vec<String> {
    let leads =
        |way: &&Way| way.delays && !to.contains(&way.queue) && way.targets.iter().any(|target| to.contains(target));
    ways.iter().filter(leads).map(|way| way.queue.clone()).collect()
}

/// Where a queue sends its dead letters.
struct Letters {
    exchange: String,
    key: Option<String>,
    /// Messages wait in it for a time and are sent on.
    delays: bool,
}

impl Letters {
    fn of(queue: &QueueInfo) -> Option<Letters> {
        let none = Map::new();
        let (arguments, policy) = (&queue.arguments, queue.effective_policy_definition.as_ref().unwrap_or(&none));
        let text = |argument: &str, key: &str| {
            let text = |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
            // An argument beats a policy here, on every series.
            text(arguments, argument).or_else(|| text(policy, key))
        };
        let exchange = text("x-dead-letter-exchange", "dead-letter-exchange")?;
        let delays = arguments.contains_key("x-message-ttl") || policy.contains_key("message-ttl");
        Some(Letters { exchange, key: text("x-dead-letter-routing-key", "dead-letter-routing-key"), delays })
    }
}

fn targets(
    queue: &QueueInfo,
    letters: &Letters,
    names: &BTreeSet<&str>,
    routes: &Routes,
    bindings: &[BindingInfo],
) -> Vec<String> {
    let Some(key) = &letters.key else {
        // The letters keep the keys they came with, which nobody can list: every queue behind the exchange may get some.
        if letters.exchange.is_empty() {
            return Vec::new();
        }
        let behind = bindings.iter().filter(|binding| binding.source == letters.exchange);
        let keys = behind.flat_map(|binding| [binding.routing_key.as_str(), binding.destination.as_str()]);
        let keys: Vec<String> = keys.map(|key| key.replace(['#', '*'], "x")).chain([queue.name.clone()]).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        return routes.reach(&letters.exchange, &keys, None).into_iter().map(|reached| reached.queue).collect();
    };
    if letters.exchange.is_empty() {
        return names.get(key.as_str()).map(|name| (*name).to_owned()).into_iter().collect();
    }
    routes.reach(&letters.exchange, &[key.as_str()], None).into_iter().map(|reached| reached.queue).collect()
}

async fn routes(broker: &Broker, vhost: &str, queues: &[QueueInfo]) -> Result<(Routes, Vec<BindingInfo>), Error> {
    let management = broker.management();
    let (exchanges, bindings) = tokio::try_join!(management.exchanges(vhost), management.bindings(vhost))?;
    let mut routes = route::routes(management, vhost, exchanges, &bindings).await?;
    for queue in queues {
        routes.queue(queue.name.clone());
    }
    Ok((routes, bindings))
}
