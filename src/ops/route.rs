//! Which queues would get a message? Answered from a topology, or from what a broker has; nothing is published.

use super::observe;
use crate::{
    broker::{
        self, Broker,
        management::{BindingInfo, ExchangeInfo, Management, Policy},
    },
    message::Table,
    nearest,
    topology::{
        expand,
        file::Topology,
        routing::{ALTERNATE_EXCHANGE, Near, Reached, Routes},
    },
    version::Version,
};

/// The message that is asked about.
#[derive(Debug, Clone)]
pub struct Request {
    /// The exchange it would be published to; empty is the default exchange.
    pub exchange: String,
    /// Its routing key.
    pub key: String,
    /// Its headers.
    pub headers: Table,
}

/// Where it would go.
#[derive(Debug)]
pub struct Report {
    /// The queues that would get it, by name.
    pub queues: Vec<Reached>,
    /// What nearly took it, nearest first.
    pub near: Vec<Near>,
    /// The exchanges it is led on to and that are not there.
    pub beyond: Vec<String>,
    /// Nobody but other exchanges may publish to the exchange.
    pub internal: bool,
    /// Subscriptions to events that are not in the catalog: who has them would get something nobody can tell.
    pub unknown_events: usize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such exchange.
    #[error("there is no exchange {name}")]
    NoExchange {
        /// The one that was named.
        name: String,
        /// One with a name like it.
        nearest: Option<String>,
    },
    /// The broker does not say.
    #[error(transparent)]
    Broker(#[from] broker::Error),
}

/// Where it would go on a broker of that version which has what the topology asks for.
///
/// # Errors
/// [`Error::NoExchange`].
pub fn offline(topology: &Topology, version: Version, request: &Request) -> Result<Report, Error> {
    let (wanted, problems) = expand::expand(topology, version);
    let report = report(&Routes::offline(&wanted, version), request)?;
    Ok(Report { unknown_events: problems.len(), ..report })
}

/// Where it would go in the virtual host as it is now.
///
/// # Errors
/// See [`Error`].
pub async fn live(broker: &Broker, request: &Request) -> Result<Report, Error> {
    let (management, vhost) = (broker.management(), broker.vhost());
    let (overview, queues, exchanges, bindings) = tokio::try_join!(
        management.overview(),
        management.queue_names(vhost),
        management.exchanges(vhost),
        management.bindings(vhost)
    )?;
    let mut routes = routes(management, vhost, exchanges, &bindings).await?;
    for queue in queues {
        routes.queue(queue);
    }
    let version = overview.rabbitmq_version.as_deref().and_then(|version| version.parse().ok());
    if let Some(version) = version {
        routes = routes.on(version);
    }
    report(&routes, request)
}

/// The routes of a virtual host with these exchanges and bindings. Policies are asked for where one is in force.
///
/// # Errors
/// When they cannot be had.
pub(super) async fn routes(
    management: &Management,
    vhost: &str,
    exchanges: Vec<ExchangeInfo>,
    bindings: &[BindingInfo],
) -> Result<Routes, broker::Error> {
    let policies = if exchanges.iter().any(|exchange| exchange.policy.is_some()) {
        management.policies(vhost).await?
    } else {
        Vec::new()
    };
    let mut routes = Routes::default();
    // Broker fact (3.10 to 4.3): as an alternate exchange the default one leads nowhere, and nothing can be bound to it.
    for info in exchanges.into_iter().filter(|exchange| !exchange.name.is_empty()) {
        let alternate = info.policy.as_deref().and_then(|policy| alternate(&policies, policy)).map(str::to_owned);
        let spec = observe::exchange(info);
        routes.exchange(&spec);
        if let Some(alternate) = alternate {
            routes.alternate(&spec.name, &alternate);
        }
    }
    for info in bindings {
        routes.bind(&observe::binding(info.clone()));
    }
    Ok(routes)
}

/// The alternate exchange that a policy gives.
fn alternate<'a>(policies: &'a [Policy], name: &str) -> Option<&'a str> {
    policies.iter().find(|policy| policy.name == name)?.definition.get(ALTERNATE_EXCHANGE)?.as_str()
}

fn report(routes: &Routes, request: &Request) -> Result<Report, Error> {
    let Request { exchange, key, headers } = request;
    if !routes.has_exchange(exchange) {
        let nearest = nearest::among(exchange, routes.exchanges()).map(str::to_owned);
        return Err(Error::NoExchange { name: exchange.clone(), nearest });
    }
    Ok(Report {
        queues: routes.reach(exchange, &[key], Some(headers)),
        near: routes.nearest(exchange, key, Some(headers)),
        beyond: routes.beyond(exchange, &[key], Some(headers)),
        internal: routes.is_internal(exchange),
        unknown_events: 0,
    })
}
