//! One run over one queue: what is known of it, who may work on it, and how what is held stays safe.

use std::sync::atomic::AtomicBool;

use super::{Custody, Error, Kind, Return, guard::Guard};
use crate::{
    broker::{self, Broker, Connection, Version, management::QueueInfo},
    message::Message,
    nearest,
    ops::lock::{self, Lock},
    topology::bounds::InForce,
};

/// How a message that would not survive being given back is saved (`--save`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Save {
    /// By a temporary policy where one can be set, by a copy elsewhere.
    #[default]
    Auto,
    /// By a temporary policy only.
    Policy,
    /// By a confirmed copy at the queue's end only.
    Copy,
    /// Not at all: queues where it could be needed are refused.
    None,
}

/// What to believe of a queue when the management API cannot be asked (`--assume`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assumption {
    /// Its kind.
    pub kind: Kind,
    /// Its delivery limit, where one is set.
    pub limit: Option<i64>,
}

/// What is known of the queue at the start of a run.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// What holding a message costs; `None` where nobody could say.
    pub custody: Option<Custody>,
    /// Whether that is told by the broker, and not assumed.
    pub is_told: bool,
    /// Messages ready to be delivered.
    pub ready: u64,
    /// Messages that others hold; `None` is unknown.
    pub unacked: Option<u64>,
    /// Consumers of others.
    pub consumers: u64,
    /// One of them has the queue to itself.
    pub exclusive: bool,
    /// Which version of its kind a classic queue is; `None` is unknown.
    pub storage: Option<u64>,
    /// Bytes of a body on average; `None` is unknown.
    pub average: Option<u64>,
    /// When the first message was published; `None` is unknown.
    pub oldest_at: Option<jiff::Timestamp>,
}

/// Bodies that may be in hand undecided.
const BYTES_IN_HAND: u64 = 64 << 20;

impl Facts {
    /// How many messages may be in hand undecided, where small ones may be so many.
    #[must_use]
    pub fn in_hand(&self, usual: u16) -> u16 {
        let fitting = self.average.and_then(|average| BYTES_IN_HAND.checked_div(average)).unwrap_or(usual.into());
        u16::try_from(fitting).map_or(usual, |fitting| fitting.clamp(2, usual))
    }
}

/// A run over one queue.
pub struct Session<'a> {
    /// The broker.
    pub broker: &'a Broker,
    /// The connection that consumes and acknowledges; another one publishes.
    pub consuming: Connection,
    /// The queue.
    pub queue: String,
    /// The id of the run.
    pub run: String,
    /// What was known at the start.
    pub facts: Facts,
    /// Whether nobody else is kept out, for want of a permission.
    pub unlocked: bool,
    locked: bool,
    /// Everything that was held has gone back, and was seen to.
    pub(super) returned: AtomicBool,
    pub(super) guard: Option<Guard>,
}

/// What a session is opened for.
#[derive(Debug, Clone, Copy)]
pub struct Purpose<'a> {
    /// The queue.
    pub queue: &'a str,
    /// The command, as the connection's name shows it.
    pub command: &'static str,
    /// Who runs it, `user@host`.
    pub owner: &'a str,
    /// What to believe where the management API is silent.
    pub assume: Option<Assumption>,
    /// Whether messages will be held that are not taken away: then what it costs must be known.
    pub gives_back: bool,
    /// Whether others are to be kept out.
    pub locks: bool,
}

/// How often a quorum queue that says it is empty is asked again, and how long after.
///
/// Broker fact (source of 3.10 to 4.3, `rabbit_quorum_queue:stat/2`): where the leader does not answer within a quarter of a second, because
/// the broker is busy or a leader is being elected, the answer to a passive declare is that there are no messages and no consumers.
const SILENT_TIMES: u32 = 3;
const SILENT_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// What could be learnt of a queue, before anything is locked or held.
pub struct Learnt {
    /// The connection that asked.
    pub consuming: Connection,
    /// What is known.
    pub facts: Facts,
    /// Why the management API did not say more, where nothing was assumed instead.
    blind: Option<broker::Error>,
}

impl Learnt {
    /// Connects and learns about the queue.
    ///
    /// # Errors
    /// [`Error::NoQueue`], or when the broker cannot be asked.
    pub async fn of(broker: &Broker, purpose: Purpose<'_>) -> Result<Learnt, Error> {
        let consuming = broker.connect(purpose.command).await?;
        let queue = purpose.queue;
        let Some(mut passive) = consuming.look_up(queue).await? else {
            let nearest = nearest_queue(broker, queue).await;
            return Err(Error::NoQueue { queue: queue.to_owned(), nearest });
        };
        let told = known(broker, queue, consuming.version()).await;
        let may_be_silent = told.as_ref().map_or(true, |(custody, _)| custody.kind == Kind::Quorum);
        for _ in 0..SILENT_TIMES {
            if passive.ready > 0 || !may_be_silent {
                break;
            }
            tokio::time::sleep(SILENT_PAUSE).await;
            passive = consuming.look_up(queue).await?.unwrap_or(passive);
        }
        let mut facts = Facts { ready: passive.ready.into(), consumers: passive.consumers.into(), ..Facts::default() };
        let mut blind = None;
        match (told, purpose.assume) {
            (Ok((custody, found)), _) => {
                facts.exclusive =
                    custody.kind == Kind::Classic && facts.consumers > 0 && found.exclusive_consumer.is_some();
                facts.custody = Some(custody);
                facts.is_told = true;
                facts.unacked = found.unacked;
                facts.average = found.bytes.zip(found.total).and_then(|(bytes, total)| bytes.checked_div(total));
                let published = found.first_published.and_then(|seconds| i64::try_from(seconds).ok());
                facts.oldest_at = published.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
                facts.storage = found.storage_version();
            }
            (Err(_), Some(assumed)) => {
                facts.custody = Some(Custody::assumed(assumed.kind, consuming.version(), assumed.limit));
            }
            (Err(source), None) => blind = Some(source),
        }
        Ok(Learnt { consuming, facts, blind })
    }

    /// Refuses what cannot go well on such a queue.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn admit(&mut self, purpose: Purpose<'_>) -> Result<(), Error> {
        let queue = purpose.queue.to_owned();
        match self.blind.take() {
            Some(source) if purpose.gives_back => return Err(Error::Blind { queue, source }),
            // Nothing is given back unless something goes wrong; then the worst there is is right to expect.
            Some(_) => self.facts.custody = Some(Custody::assumed(Kind::Quorum, self.consuming.version(), None)),
            None => (),
        }
        let Facts { custody, consumers, exclusive, .. } = &self.facts;
        match custody {
            Some(custody) if custody.kind == Kind::Stream => Err(Error::Stream { queue }),
            Some(custody) if custody.single_active && *consumers > 0 => {
                Err(Error::SingleActive { queue, consumers: *consumers })
            }
            _ if *exclusive => Err(broker::Error::ExclusiveConsumer { queue }.into()),
            _ => Ok(()),
        }
    }
}

impl<'a> Session<'a> {
    /// Connects, learns about the queue and locks it.
    ///
    /// # Errors
    /// Every way in which a run is refused before anything is held.
    pub async fn open(broker: &'a Broker, purpose: Purpose<'_>) -> Result<Session<'a>, Error> {
        let mut learnt = Learnt::of(broker, purpose).await?;
        learnt.admit(purpose)?;
        let Learnt { consuming, facts, .. } = learnt;
        let queue = purpose.queue.to_owned();
        let run = lock::run_id();
        let (mut locked, mut unlocked) = (false, false);
        if purpose.locks {
            match lock::acquire(broker, &consuming, &queue, &run, purpose.owner).await? {
                Lock::Held => locked = true,
                Lock::Taken(holder) => return Err(Error::Busy { queue, holder }),
                Lock::NotAllowed => unlocked = true,
            }
        }
        Ok(Session {
            broker,
            consuming,
            queue,
            run,
            facts,
            unlocked,
            locked,
            returned: AtomicBool::new(false),
            guard: None,
        })
    }

    /// Ends it. The lock is given back first: with the connection it would go a moment after this command has ended, and keep the next one
    /// out.
    pub async fn close(self) {
        if self.locked {
            lock::release(&self.consuming, &self.queue).await;
        }
        self.consuming.close().await;
    }

    /// Whether this message would be lost by giving it back as things stand.
    #[must_use]
    pub fn would_lose(&self, message: &Message) -> bool {
        self.guard.is_none()
            && self.facts.custody.as_ref().is_some_and(|custody| custody.of_return(message) == Return::Fatal)
    }

    /// How many messages are ready; `None` is unknown.
    pub async fn ready(&self) -> Option<u64> {
        Some(self.consuming.look_up(&self.queue).await.ok().flatten()?.ready.into())
    }
}

/// What the management API tells of a queue: what holding costs, and what others hold.
pub(super) async fn known(
    broker: &Broker,
    queue: &str,
    version: Version,
) -> Result<(Custody, QueueInfo), broker::Error> {
    let found = broker.management().queue(broker.vhost(), queue).await?;
    let found = found.ok_or_else(|| broker::Error::NotFound { what: format!("queue {queue}") })?;
    let kind = match found.kind.as_deref() {
        Some("quorum") => Kind::Quorum,
        Some("stream") => Kind::Stream,
        _ => Kind::Classic,
    };
    let merged = found.effective_policy_definition.clone().unwrap_or_default();
    let policy = found.policy.as_deref();
    // Which of two policies a value is from, they say themselves; where there is one, it is clear.
    let own = match policy {
        Some(name) if found.operator_policy.is_some() => {
            let policies = broker.management().policies(broker.vhost()).await?;
            policies.into_iter().find(|policy| policy.name == name).map(|policy| policy.definition)
        }
        _ => None,
    };
    let operator_policy = found.operator_policy.as_deref();
    let in_force = InForce { policy, own: own.as_ref(), operator_policy, merged: &merged };
    Ok((Custody::of(kind, version, &found.arguments, in_force), found))
}

/// A queue whose name is near one that does not exist.
pub(super) async fn nearest_queue(broker: &Broker, queue: &str) -> Option<String> {
    let names = broker.management().queue_names(broker.vhost()).await.ok()?;
    nearest::among(queue, names.iter().map(String::as_str)).map(str::to_owned)
}
