//! What bounds each queue, who says so, what that means in time, and what is too much.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use serde_json::{Map, Value};

use super::Queue;
use crate::{
    broker::{Broker, Error, Version, management::QueueInfo},
    topology::{
        argument::QueueType,
        bounds::{Bounds, InForce},
        review::Thresholds,
    },
};

/// The thresholds of a topology file, for the virtual host it is for.
#[derive(Debug, Clone, Default)]
pub struct Reviewed {
    /// The virtual host.
    pub vhost: String,
    /// By queue.
    pub thresholds: BTreeMap<String, Thresholds>,
}

/// What bounds a queue, and what is too much for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// What bounds it; `None` is unknown.
    pub bounds: Option<Bounds>,
    /// What its length in messages means in time.
    pub length: Option<Meaning>,
    /// What its length in bytes means in time.
    pub bytes: Option<Meaning>,
    /// Messages per second by which it grows; below 0 it shrinks.
    pub net_rate: Option<f64>,
    /// More ready messages than it should have.
    pub depth: Option<Mark>,
    /// More dead letters than it should have.
    pub max: Option<Mark>,
    /// Dead letters older than they should be.
    pub keep: Option<Keep>,
}

/// A time to come, or a length of time, at the rates of this moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Time {
    /// So many seconds.
    Seconds(f64),
    /// It does not come to that, or has no end.
    Never,
    /// A rate or a depth is not known.
    Unknown,
}

impl Time {
    /// The seconds, where there are any.
    #[must_use]
    pub fn seconds(self) -> Option<f64> {
        match self {
            Time::Seconds(seconds) => Some(seconds),
            Time::Never | Time::Unknown => None,
        }
    }
}

/// What a length bound means in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Meaning {
    /// Whether the queue is full.
    pub full: Option<bool>,
    /// When it is full, if it goes on growing as it does.
    pub full_in: Time,
    /// For how long what comes in fills it: the history that it holds, or the outage of its consumers that it bears.
    pub holds: Time,
}

/// A number that a file says is too much, and where the queue stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    /// More than this is too much.
    pub limit: u64,
    /// Whether there is.
    pub over: Option<bool>,
    /// When there is, if it goes on growing as it does.
    pub over_in: Time,
}

/// An age that a file says is too old.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keep {
    /// Older than this is too old.
    pub limit: Duration,
    /// Whether something is. Only messages tell how old they are, and none is looked at for a list.
    pub over: Option<bool>,
}

impl Limits {
    /// Whether somebody should look at this queue: nothing ends its growth, it is full, or it has more than a file says.
    #[must_use]
    pub fn stand_out(&self) -> bool {
        let full = |meaning: Option<Meaning>| meaning.is_some_and(|meaning| meaning.full == Some(true));
        let over = |mark: Option<Mark>| mark.is_some_and(|mark| mark.over == Some(true));
        self.bounds.as_ref().is_some_and(|bounds| !bounds.is_bounded())
            || full(self.length)
            || full(self.bytes)
            || over(self.depth)
            || over(self.max)
    }
}

/// What the broker says of the queues and policies of some virtual hosts.
pub(super) struct Seen {
    version: Option<Version>,
    /// By virtual host and name.
    pub(super) queues: HashMap<(String, String), QueueInfo>,
    policies: HashMap<(String, String), Map<String, Value>>,
}

impl Seen {
    /// Asks it. Of several virtual hosts those that we may not see stay unknown.
    pub(super) async fn ask(broker: &Broker, vhosts: &BTreeSet<&str>) -> Result<Seen, Error> {
        let management = broker.management();
        let version = management.overview().await?.rabbitmq_version.and_then(|version| version.parse().ok());
        let mut seen = Seen { version, queues: HashMap::new(), policies: HashMap::new() };
        for vhost in vhosts {
            let (queues, policies) = tokio::join!(management.queue_statistics(vhost), management.policies(vhost));
            let (queues, policies) = match (queues, policies) {
                (Ok(queues), Ok(policies)) => (queues, policies),
                (Err(Error::ManagementTag { .. } | Error::NotFound { .. }), _)
                | (_, Err(Error::ManagementTag { .. } | Error::NotFound { .. }))
                    if vhosts.len() > 1 =>
                {
                    continue;
                }
                (Err(error), _) | (_, Err(error)) => return Err(error),
            };
            let place = |name: &str| ((*vhost).to_owned(), name.to_owned());
            seen.policies.extend(policies.into_iter().map(|policy| (place(&policy.name), policy.definition)));
            seen.queues.extend(queues.into_iter().map(|queue| (place(&queue.name), queue)));
        }
        Ok(seen)
    }

    /// What bounds a queue, and what a file says is too much for it.
    pub(super) fn limits(&self, queue: &Queue, reviewed: Option<&Reviewed>) -> Limits {
        let sample = self.queues.get(&(queue.vhost.clone(), queue.name.clone()));
        let bounds = sample.and_then(|sample| self.bounds(sample));
        let flow = Flow::of(queue, sample);
        let reviewed = reviewed.filter(|reviewed| reviewed.vhost == queue.vhost);
        let thresholds =
            reviewed.and_then(|reviewed| reviewed.thresholds.get(&queue.name)).copied().unwrap_or_default();
        let length = bounds.as_ref().and_then(|bounds| bounds.max_length.as_ref()).map(|bound| bound.value);
        let is_stream = queue.kind.as_deref() == Some("stream");
        let bytes = bounds.as_ref().and_then(|bounds| bounds.max_length_bytes.as_ref()).map(|bound| bound.value);
        Limits {
            length: length.map(|limit| flow.messages.against(limit)),
            // A stream tells neither how many bytes it has nor when it is emptied: file by file, and never the last.
            bytes: bytes.map(|limit| if is_stream { Amount::UNKNOWN } else { flow.bytes }.against(limit)),
            net_rate: flow.messages.net,
            depth: thresholds.depth.map(|limit| flow.messages.mark(limit, queue.ready)),
            // What is held counts as well; where that is not known, what is ready may be too much already.
            max: thresholds.max.map(|limit| match queue.total {
                Some(total) => flow.messages.mark(limit, Some(total)),
                None => flow.messages.mark_at_least(limit, queue.ready),
            }),
            keep: thresholds.keep.map(|limit| Keep { limit, over: too_old(limit, queue, bounds.as_ref()) }),
            bounds,
        }
    }

    fn bounds(&self, sample: &QueueInfo) -> Option<Bounds> {
        let kind = QueueType::from_word(sample.kind.as_deref()?)?;
        let policy = sample.policy.as_deref();
        let own = policy.and_then(|name| self.policies.get(&(sample.vhost.clone(), name.to_owned())));
        let in_force = InForce {
            policy,
            own,
            operator_policy: sample.operator_policy.as_deref(),
            merged: sample.effective_policy_definition.as_ref()?,
        };
        Some(Bounds::of(kind, self.version?, &sample.arguments, in_force))
    }
}

/// Whether a queue has dead letters that are too old, as far as that follows: an empty queue has none, and one whose messages
/// expire earlier has none either.
fn too_old(limit: Duration, queue: &Queue, bounds: Option<&Bounds>) -> Option<bool> {
    let expire = bounds.and_then(|bounds| bounds.message_ttl.as_ref()).is_some_and(|ttl| ttl.value <= limit);
    (expire || queue.total == Some(0)).then_some(false)
}

/// How much there is of something, and by how much it becomes more each second.
#[derive(Debug, Clone, Copy)]
struct Amount {
    now: Option<u64>,
    coming_in: Option<f64>,
    net: Option<f64>,
}

impl Amount {
    const UNKNOWN: Amount = Amount { now: None, coming_in: None, net: None };

    fn against(self, limit: u64) -> Meaning {
        Meaning {
            full: self.now.map(|now| now >= limit),
            full_in: self.until(limit, self.now),
            holds: match self.coming_in {
                None => Time::Unknown,
                Some(rate) if rate <= 0.0 => Time::Never,
                Some(rate) => Time::Seconds(float(limit) / rate),
            },
        }
    }

    fn mark(self, limit: u64, now: Option<u64>) -> Mark {
        let over = now.map(|now| now > limit);
        Mark { limit, over, over_in: self.until(limit.saturating_add(1), now) }
    }

    /// The same where there may be more than is known.
    fn mark_at_least(self, limit: u64, least: Option<u64>) -> Mark {
        match self.mark(limit, least) {
            mark @ Mark { over: Some(true), .. } => mark,
            mark => Mark { over: None, over_in: Time::Unknown, ..mark },
        }
    }

    fn until(self, limit: u64, now: Option<u64>) -> Time {
        match (now, self.net) {
            (Some(now), _) if now >= limit => Time::Seconds(0.0),
            (Some(_), Some(net)) if net <= 0.0 => Time::Never,
            (Some(now), Some(net)) => Time::Seconds(float(limit - now) / net),
            (None, _) | (_, None) => Time::Unknown,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate: nobody has 2^52 messages")]
fn float(number: u64) -> f64 {
    number as f64
}

/// How messages and bytes of a queue become more or fewer.
struct Flow {
    messages: Amount,
    bytes: Amount,
}

impl Flow {
    fn of(queue: &Queue, sample: Option<&QueueInfo>) -> Flow {
        // The broker does not count dead letters as they come in: what it counts at a dead letter queue is not all.
        let coming_in = queue.in_rate.filter(|_| queue.dead_letter_queue == Some(false));
        let going_out = if queue.kind.as_deref() == Some("stream") { Some(0.0) } else { queue.out_rate };
        let net = coming_in.zip(going_out).map(|(coming_in, going_out)| coming_in - going_out);
        let average = sample
            .and_then(|sample| sample.bytes_ready.zip(sample.ready))
            .filter(|(_, ready)| *ready > 0)
            .map(|(bytes, ready)| float(bytes) / float(ready));
        let sized = |rate: Option<f64>| rate.zip(average).map(|(rate, size)| rate * size);
        Flow {
            messages: Amount { now: queue.ready, coming_in, net },
            bytes: Amount {
                now: sample.and_then(|sample| sample.bytes_ready),
                coming_in: sized(coming_in),
                net: sized(net),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(ready: Option<u64>, in_rate: Option<f64>, out_rate: Option<f64>) -> Queue {
        Queue {
            name: "q".into(),
            vhost: "/".into(),
            kind: Some("classic".into()),
            ready,
            unacked: Some(0),
            total: ready,
            consumers: Some(0),
            in_rate,
            out_rate,
            dead_letter_queue: Some(false),
            state: None,
            limits: None,
        }
    }

    #[test]
    fn a_length_means_a_time_at_the_rates_of_now() {
        let flow = Flow::of(&queue(Some(400), Some(10.0), Some(4.0)), None);
        let expected = Meaning { full: Some(false), full_in: Time::Seconds(100.0), holds: Time::Seconds(100.0) };
        assert_eq!(flow.messages.against(1000), expected);
        let full = flow.messages.against(400);
        assert_eq!((full.full, full.full_in), (Some(true), Time::Seconds(0.0)));
        let shrinks = Flow::of(&queue(Some(400), Some(1.0), Some(4.0)), None).messages.against(1000);
        assert_eq!((shrinks.full_in, shrinks.holds), (Time::Never, Time::Seconds(1000.0)));
        let still = Flow::of(&queue(Some(400), Some(0.0), Some(0.0)), None).messages.against(1000);
        assert_eq!((still.full_in, still.holds), (Time::Never, Time::Never));
    }

    #[test]
    fn an_unknown_rate_or_depth_is_unknown_and_never_nothing() {
        let unknown = Flow::of(&queue(Some(400), None, None), None).messages.against(1000);
        assert_eq!((unknown.full, unknown.full_in, unknown.holds), (Some(false), Time::Unknown, Time::Unknown));
        let half = Flow::of(&queue(Some(400), Some(10.0), None), None).messages.against(1000);
        assert_eq!((half.full_in, half.holds), (Time::Unknown, Time::Seconds(100.0)));
        let deep = Flow::of(&queue(None, Some(10.0), Some(1.0)), None).messages.against(1000);
        assert_eq!((deep.full, deep.full_in), (None, Time::Unknown));
        let dead = Queue { dead_letter_queue: Some(true), ..queue(Some(1), Some(10.0), Some(0.0)) };
        let dead = Flow::of(&dead, None).messages.against(1000);
        assert_eq!((dead.full_in, dead.holds), (Time::Unknown, Time::Unknown), "dead letters are not counted");
    }

    #[test]
    fn bytes_are_reckoned_with_the_average_of_what_is_there() {
        let sample = QueueInfo { ready: Some(10), bytes_ready: Some(500), ..QueueInfo::default() };
        let flow = Flow::of(&queue(Some(10), Some(2.0), Some(1.0)), Some(&sample));
        let expected = Meaning { full: Some(false), full_in: Time::Seconds(10.0), holds: Time::Seconds(10.0) };
        assert_eq!(flow.bytes.against(1000), expected);
        let empty = QueueInfo { ready: Some(0), bytes_ready: Some(0), ..QueueInfo::default() };
        let flow = Flow::of(&queue(Some(0), Some(2.0), Some(1.0)), Some(&empty));
        assert_eq!(flow.bytes.against(1000).full_in, Time::Unknown, "nothing tells how large messages are");
    }

    #[test]
    fn a_threshold_is_exceeded_by_more_than_it_says() {
        let messages = Flow::of(&queue(Some(10), Some(2.0), Some(0.0)), None).messages;
        let mark = |limit, now| messages.mark(limit, now);
        assert_eq!(mark(10, Some(10)), Mark { limit: 10, over: Some(false), over_in: Time::Seconds(0.5) });
        assert_eq!(mark(9, Some(10)), Mark { limit: 9, over: Some(true), over_in: Time::Seconds(0.0) });
        assert_eq!(mark(9, None), Mark { limit: 9, over: None, over_in: Time::Unknown });
        assert_eq!(messages.mark_at_least(9, Some(10)).over, Some(true));
        assert_eq!(messages.mark_at_least(10, Some(10)).over, None, "what is held is not known");
    }

    #[test]
    fn age_is_known_only_where_nothing_can_be_old() {
        let keep = Duration::from_secs(60);
        assert_eq!(too_old(keep, &queue(Some(0), None, None), None), Some(false));
        assert_eq!(too_old(keep, &queue(Some(1), None, None), None), None);
        assert_eq!(too_old(keep, &queue(None, None, None), None), None);
    }
}
