//! Every dead letter queue of a virtual host, without touching a message; and, where that is wished, what the first of them say.

use std::{collections::BTreeMap, ops::ControlFlow};

use super::{
    intent::{Intent, Scope},
    look::{self, CAREFUL, Notice, Step},
    routes,
    session::{Purpose, Save},
    terms::Wish,
};
use crate::{
    broker::{Broker, Error, management::QueueInfo},
    interrupt::Interrupt,
    message::traits::Traits,
};

/// A dead letter queue.
#[derive(Debug, Clone, PartialEq)]
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
    /// Messages per second by which it grows, where the broker tells.
    pub growth: Option<f64>,
    /// The queues whose dead letters it gets, by name.
    pub owners: Vec<String>,
    /// What its first messages say; `None` where they were not looked at.
    pub front: Option<Front>,
}

/// What the messages at the front of a queue say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Front {
    /// How many were looked at.
    pub looked: u64,
    /// When the oldest of them died, failed or was published.
    pub oldest_at: Option<jiff::Timestamp>,
    /// Why they died, and how many for that reason.
    pub reasons: BTreeMap<String, u64>,
}

/// What happens during a look.
#[derive(Debug)]
pub enum Event<'a> {
    /// Something to know of that queue.
    Notice(&'a str, Notice<'a>),
    /// That queue cannot be looked at.
    Refused(&'a str, super::Error),
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
                growth: known.growth(),
                kind: now.kind.or(known.kind),
                ready: now.ready,
                total: now.total,
                waiting: known.dead_lettering.filter(|waiting| *waiting > 0),
                front: None,
                owners: owners.into_iter().collect(),
                name,
            }
        })
        .collect();
    Ok(Report { sampled_at, queues })
}

/// Looks at the front of each queue, one after the other: at so few messages that no limit has to be lifted for them. Says whether it
/// was interrupted.
pub async fn look(
    broker: &Broker,
    report: &mut Report,
    owner: &str,
    interrupt: &Interrupt,
    mut listen: impl FnMut(Event<'_>),
) -> bool {
    for DeadLetterQueue { name, ready, front, .. } in &mut report.queues {
        if *ready == Some(0) {
            *front = Some(Front::default());
            continue;
        }
        let command = "evbus dlq list --look";
        let purpose = Purpose { queue: name, command, owner, assume: None, gives_back: true, locks: false };
        let wish = Wish { save: Save::Auto, window: None, in_hand: CAREFUL, careful: CAREFUL, only_looks: true };
        let intent = Intent { purpose, wish, scope: Scope::First(Some(CAREFUL.into())), writes: false };
        let mut found = Front::default();
        let looked = look::run(broker, intent, interrupt, &mut |step| {
            match step {
                Step::Begun { .. } => (),
                Step::Notice(notice) => listen(Event::Notice(name, notice)),
                Step::Message(message) => {
                    let traits = Traits::read_from(name, message);
                    found.looked += 1;
                    found.oldest_at = [found.oldest_at, traits.moment()].into_iter().flatten().min();
                    if let Some(death) = traits.death() {
                        *found.reasons.entry(death.reason.clone()).or_default() += 1;
                    }
                }
            }
            ControlFlow::Continue(())
        })
        .await;
        match looked {
            Ok(looked) => {
                *front = Some(found);
                if looked.interrupted {
                    return true;
                }
            }
            Err(error) => listen(Event::Refused(name, error)),
        }
        if interrupt.is_raised() {
            return true;
        }
    }
    false
}
