//! Whether a broker can be used, what it is, what we may do there, and what is wrong with it.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::lock;
use crate::{
    broker::{
        self, Broker, Identity, Version,
        management::{ExchangeInfo, Permissions, QueueInfo},
    },
    interrupt::Interrupt,
    topology::{
        policy::TEMPORARY,
        replacement::{HOLDING, STAND_IN},
    },
};

/// What is to be found out.
pub struct Request {
    /// How long a broker that cannot be used is given to become usable; `None` asks once.
    pub wait: Option<Duration>,
}

/// What happens.
pub enum Event<'a> {
    /// The broker cannot be used yet. Told again only when the reason is another one.
    Waiting(&'a Report),
}

/// What was found out.
pub struct Report {
    /// Who asked whom.
    pub identity: Identity,
    /// What an AMQP connection told.
    pub amqp: Result<Amqp, broker::Error>,
    /// What the management API told.
    pub management: Result<Managed, broker::Error>,
    /// The operator ended the wait.
    pub interrupted: bool,
}

/// What an AMQP connection told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amqp {
    /// `host:port` of the broker that answered.
    pub host: String,
    /// Its version.
    pub version: Version,
}

/// What the management API told. Absent is what this user may not see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Managed {
    /// The user's tags.
    pub tags: Vec<String>,
    /// What the user may do in the virtual host.
    pub permissions: Option<Permissions>,
    /// The plugins that every running node has.
    pub plugins: Option<Vec<String>>,
    /// The alarms in effect.
    pub alarms: Option<Vec<Alarm>>,
    /// The nodes that are down.
    pub down: Option<Vec<String>>,
    /// What runs of ours have on the broker now, or left there.
    pub ours: Option<Vec<Ours>>,
}

/// An alarm: while it is in effect the cluster takes no messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// The node that raised it, where that may be seen.
    pub node: Option<String>,
    /// `memory` or `disk`, where that may be seen.
    pub resource: Option<&'static str>,
}

/// An object that a run of ours made for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours {
    /// `exchange`, `policy` or `queue`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Whether a run still has it. What no run has was left behind.
    pub in_use: bool,
}

/// What the queues of a `tail` are called.
const TAIL: &str = "evbus-tail-";
/// Time between two looks at a broker that is waited for.
const PAUSE: Duration = Duration::from_millis(500);

impl Report {
    /// Whether events can go through this broker: it lets us in, and takes messages as far as that can be seen.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let alarmed = self.management.as_ref().ok().and_then(|managed| managed.alarms.as_ref());
        self.amqp.is_ok() && alarmed.is_none_or(Vec::is_empty)
    }

    /// What stands in the way, for telling one reason from the next.
    fn obstacle(&self) -> String {
        match &self.amqp {
            Err(error) => error.to_string(),
            Ok(_) => "alarm".to_owned(),
        }
    }
}

/// Asks the broker, again and again where it is waited for.
pub async fn run(
    broker: &Broker,
    request: &Request,
    interrupt: &Interrupt,
    mut listen: impl FnMut(Event<'_>),
) -> Report {
    let deadline = request.wait.map(|wait| Instant::now() + wait);
    let mut told = String::new();
    loop {
        let mut report = examine(broker, deadline).await;
        let over = deadline.is_none_or(|deadline| Instant::now() + PAUSE >= deadline);
        if report.is_usable() || over {
            return report;
        }
        if report.obstacle() != told {
            told = report.obstacle();
            listen(Event::Waiting(&report));
        }
        tokio::select! {
            () = sleep(PAUSE) => (),
            () = interrupt.raised() => {
                report.interrupted = true;
                return report;
            }
        }
    }
}

/// One look. A silent broker is not listened to for longer than it is waited for.
async fn examine(broker: &Broker, deadline: Option<Instant>) -> Report {
    let (amqp, management) = tokio::join!(ask_amqp(broker, deadline), ask_management(broker));
    let mut identity = broker.identity();
    if let Ok(amqp) = &amqp {
        identity.host.clone_from(&amqp.host);
    }
    Report { identity, amqp, management, interrupted: false }
}

async fn ask_amqp(broker: &Broker, deadline: Option<Instant>) -> Result<Amqp, broker::Error> {
    let connecting = broker.connect("evbus doctor");
    let connection = match deadline {
        None => connecting.await?,
        Some(deadline) => timeout_at(deadline, connecting)
            .await
            .map_err(|_| broker::Error::Timeout { what: "an AMQP connection".to_owned() })??,
    };
    let amqp = Amqp { host: connection.host().to_owned(), version: connection.version() };
    connection.close().await;
    Ok(amqp)
}

async fn ask_management(broker: &Broker) -> Result<Managed, broker::Error> {
    let management = broker.management();
    // Whether it is there and knows us. What follows may be hidden from this user, and is unknown then.
    let me = management.who_am_i().await?;
    let mut found = Managed { tags: me.tags, ..Managed::default() };
    found.permissions = management.permissions(broker.vhost(), &me.name).await.ok().flatten();
    // Of the moment, but without saying where.
    let alarmed = management.has_alarm().await.ok();
    found.alarms = alarmed.map(|alarmed| alarmed.then_some(Alarm { node: None, resource: None }).into_iter().collect());
    if let Ok(nodes) = management.nodes().await {
        let (running, down): (Vec<_>, Vec<_>) = nodes.into_iter().partition(|node| node.running != Some(false));
        let alarms: Vec<Alarm> = running
            .iter()
            .flat_map(|node| {
                let raised = node.alarms.iter().flatten();
                raised.map(|&resource| Alarm { node: Some(node.name.clone()), resource: Some(resource) })
            })
            .collect();
        // What nodes say of themselves is seconds old: it names places, and has no say in whether there is an alarm.
        if alarmed != Some(false) && !alarms.is_empty() {
            found.alarms = Some(alarms);
        }
        let plugins: Option<Vec<_>> = running.iter().map(|node| node.plugins.clone()).collect();
        found.plugins = plugins.and_then(|plugins| {
            plugins.into_iter().reduce(|mut everywhere, here| {
                everywhere.retain(|plugin| here.contains(plugin));
                everywhere
            })
        });
        found.down = Some(down.into_iter().map(|node| node.name).collect());
    }
    found.ours = ours(broker).await.ok();
    Ok(found)
}

/// What runs of ours have on the broker, oldest names first.
async fn ours(broker: &Broker) -> Result<Vec<Ours>, broker::Error> {
    let management = broker.management();
    let vhost = broker.vhost();
    let pattern = format!("^({}|{}|{TAIL})", lock::PREFIX.replace('.', r"\."), HOLDING.replace('.', r"\."));
    let queues = management.queues_named(vhost, &pattern).await?;
    let runs: Vec<&str> = queues.iter().filter_map(|queue| queue.arguments.get("x-evbus-run")?.as_str()).collect();
    let policies = management.policies(vhost).await?;
    let policies = policies.iter().filter_map(|policy| {
        let run = policy.name.strip_prefix(TEMPORARY)?;
        Some(Ours { kind: "policy", name: policy.name.clone(), in_use: runs.contains(&run) })
    });
    let exchanges = management.exchanges(vhost).await?;
    let exchanges = exchanges.iter().filter(|exchange| exchange.name.starts_with(STAND_IN));
    let exchange = |exchange: &ExchangeInfo| Ours { kind: "exchange", name: exchange.name.clone(), in_use: false };
    // The queues of a run belong to its connection, and go with it. One that belongs to nobody was left behind.
    let queue = |queue: &QueueInfo| Ours {
        kind: "queue",
        name: queue.name.clone(),
        in_use: queue.exclusive.unwrap_or(queue.auto_delete == Some(true)),
    };
    let mut ours: Vec<Ours> = policies.chain(exchanges.map(exchange)).chain(queues.iter().map(queue)).collect();
    ours.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    Ok(ours)
}
