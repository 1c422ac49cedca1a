//! What bounds a queue, and who says so? Arguments, policies and operator policies become one value by the broker's rules.
//!
//! Of an argument and a policy the smaller number is in force, and of two delivery limits a negative one (no limit) only if both
//! are negative. `overflow`: on a classic queue the argument wins, on a quorum queue the policy. How much a stream keeps: the policy
//! wins, even where it keeps more. An operator policy has been merged into the policy before. What a type of queue has no use for
//! bounds nothing, wherever it stands.

use std::time::Duration;

use serde_json::{Map, Value};

use super::argument::QueueType;
use crate::version::Version;

/// A value in force, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound<T> {
    /// The value.
    pub value: T,
    /// Who says so.
    pub origin: Origin,
}

/// Who says what bounds a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An argument of the queue itself.
    Argument,
    /// The policy in force, by name where it is known.
    Policy(Option<String>),
    /// The operator policy in force, by name.
    OperatorPolicy(String),
    /// Nobody: it is what the broker does where nothing is said.
    Broker,
}

/// What happens when a queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest goes.
    DropHead,
    /// The newest is refused.
    RejectPublish,
    /// The newest is refused and becomes a dead letter.
    RejectPublishDlx,
}

impl Overflow {
    /// The broker's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Overflow::DropHead => "drop-head",
            Overflow::RejectPublish => "reject-publish",
            Overflow::RejectPublishDlx => "reject-publish-dlx",
        }
    }
}

/// The policies in force on a queue.
#[derive(Debug, Clone, Copy)]
pub struct InForce<'a> {
    /// The policy's name.
    pub policy: Option<&'a str>,
    /// What that policy says by itself, where it is known.
    pub own: Option<&'a Map<String, Value>>,
    /// The operator policy's name.
    pub operator_policy: Option<&'a str>,
    /// What both come to.
    pub merged: &'a Map<String, Value>,
}

/// Everything that bounds a queue. What is `None` is not bounded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bounds {
    /// How long a message may wait.
    pub message_ttl: Option<Bound<Duration>>,
    /// How long the queue may be unused before the broker deletes it.
    pub expires: Option<Bound<Duration>>,
    /// How many ready messages it holds.
    pub max_length: Option<Bound<u64>>,
    /// How many bytes of ready messages it holds; of a stream, how many bytes it keeps.
    pub max_length_bytes: Option<Bound<u64>>,
    /// What happens when it is full; where nothing can fill it, only what is said.
    pub overflow: Option<Bound<Overflow>>,
    /// How long a stream keeps what it holds.
    pub max_age: Option<Bound<Duration>>,
    /// How often a message may come back before it dies; a negative one is none from 4.0 on, and kills at once before.
    pub delivery_limit: Option<Bound<i64>>,
}

/// The version from which on a quorum queue has a delivery limit unless one is set, and a negative one is none.
const LIMITED: Version = Version::new(4, 0, 0);

/// That limit.
const DEFAULT_LIMIT: i64 = 20;

impl Bounds {
    /// What bounds a queue of that type with these arguments, under these policies, on a broker of that version.
    #[must_use]
    pub fn of(kind: QueueType, version: Version, arguments: &Map<String, Value>, in_force: InForce<'_>) -> Bounds {
        let said = Said { arguments, in_force };
        if kind == QueueType::Stream {
            return Bounds {
                max_age: said.by_policy("max-age", age).or_else(|| said.by_argument("x-max-age", age)),
                max_length_bytes: said
                    .by_policy("max-length-bytes", Value::as_u64)
                    .or_else(|| said.by_argument("x-max-length-bytes", Value::as_u64)),
                ..Bounds::default()
            };
        }
        let mut bounds = Bounds {
            message_ttl: said.smaller("message-ttl", millis),
            expires: said.smaller("expires", millis),
            max_length: said.smaller("max-length", Value::as_u64),
            max_length_bytes: said.smaller("max-length-bytes", Value::as_u64),
            overflow: said.overflow(kind),
            max_age: None,
            delivery_limit: (kind == QueueType::Quorum).then(|| said.delivery_limit(version)).flatten(),
        };
        if bounds.overflow.is_none() && bounds.has_length() {
            bounds.overflow = Some(Bound { value: Overflow::DropHead, origin: Origin::Broker });
        }
        bounds
    }

    /// Whether there is an end to how much it holds, in messages or in bytes.
    #[must_use]
    pub fn has_length(&self) -> bool {
        self.max_length.is_some() || self.max_length_bytes.is_some()
    }

    /// Whether there is an end to what it holds, in number, in size or in time. That the broker deletes a queue nobody uses, or a
    /// message that failed too often, is no such end: a queue grows with what nobody took yet.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.has_length() || self.message_ttl.is_some() || self.max_age.is_some()
    }
}

/// What arguments and policies say.
struct Said<'a> {
    arguments: &'a Map<String, Value>,
    in_force: InForce<'a>,
}

impl Said<'_> {
    fn by_argument<T>(&self, name: &str, read: impl Fn(&Value) -> Option<T>) -> Option<Bound<T>> {
        let value = read(self.arguments.get(name)?)?;
        Some(Bound { value, origin: Origin::Argument })
    }

    fn by_policy<T>(&self, key: &str, read: impl Fn(&Value) -> Option<T>) -> Option<Bound<T>> {
        let found = self.in_force.merged.get(key)?;
        let InForce { policy, own, operator_policy, .. } = self.in_force;
        // The merged value is one of the two: where the policy says the same by itself, the operator's changes nothing.
        let origin = match operator_policy {
            Some(operator) if policy.is_none() || own.is_some_and(|own| own.get(key) != Some(found)) => {
                Origin::OperatorPolicy(operator.to_owned())
            }
            _ => Origin::Policy(policy.map(str::to_owned)),
        };
        Some(Bound { value: read(found)?, origin })
    }

    /// The smaller of the two; where they are equal, the argument, which no change of a policy takes away.
    fn smaller<T: Ord>(&self, key: &str, read: impl Fn(&Value) -> Option<T> + Copy) -> Option<Bound<T>> {
        let argument = self.by_argument(&format!("x-{key}"), read);
        argument.into_iter().chain(self.by_policy(key, read)).reduce(|a, b| if b.value < a.value { b } else { a })
    }

    fn overflow(&self, kind: QueueType) -> Option<Bound<Overflow>> {
        // A quorum queue takes `reject-publish-dlx`, and drops its oldest all the same.
        let read = |value: &Value| match value.as_str()? {
            "reject-publish" => Some(Overflow::RejectPublish),
            "reject-publish-dlx" if kind != QueueType::Quorum => Some(Overflow::RejectPublishDlx),
            _ => Some(Overflow::DropHead),
        };
        let (argument, policy) = (self.by_argument("x-overflow", read), self.by_policy("overflow", read));
        if kind == QueueType::Quorum { policy.or(argument) } else { argument.or(policy) }
    }

    fn delivery_limit(&self, version: Version) -> Option<Bound<i64>> {
        let argument = self.by_argument("x-delivery-limit", Value::as_i64);
        let both = argument.into_iter().chain(self.by_policy("delivery-limit", Value::as_i64));
        let merged = both.reduce(|a, b| {
            let larger_wins = version >= LIMITED && (a.value < 0 || b.value < 0);
            if (b.value < a.value) == larger_wins || a.value == b.value { a } else { b }
        });
        let default = || Bound { value: DEFAULT_LIMIT, origin: Origin::Broker };
        merged.or_else(|| (version >= LIMITED).then(default))
    }
}

fn millis(value: &Value) -> Option<Duration> {
    value.as_u64().map(Duration::from_millis)
}

/// An age as streams take it: a number and a unit, where a year has 365 days and a month 30.
fn age(value: &Value) -> Option<Duration> {
    let text = value.as_str()?;
    let unit = text.chars().last()?;
    let seconds = match unit {
        'Y' => 365 * 86_400,
        'M' => 30 * 86_400,
        'D' => 86_400,
        'h' => 3600,
        'm' => 60,
        's' => 1,
        _ => return None,
    };
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const V3: Version = Version::new(3, 10, 8);
    const V4: Version = Version::new(4, 0, 5);

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    /// The bounds of a queue with these arguments under a policy `p`, and an operator policy `o` that makes of it what is `merged`.
    fn under(kind: QueueType, version: Version, arguments: &Value, own: &Value, merged: Option<&Value>) -> Bounds {
        let (own, both) = (map(own), map(merged.unwrap_or(own)));
        let policy = (!own.is_empty()).then_some("p");
        let in_force =
            InForce { policy, own: policy.map(|_| &own), operator_policy: merged.map(|_| "o"), merged: &both };
        Bounds::of(kind, version, &map(arguments), in_force)
    }

    fn policy<T>(value: T) -> Bound<T> {
        Bound { value, origin: Origin::Policy(Some("p".to_owned())) }
    }

    fn operator<T>(value: T) -> Bound<T> {
        Bound { value, origin: Origin::OperatorPolicy("o".to_owned()) }
    }

    fn argument<T>(value: T) -> Bound<T> {
        Bound { value, origin: Origin::Argument }
    }

    fn broker<T>(value: T) -> Bound<T> {
        Bound { value, origin: Origin::Broker }
    }

    #[test]
    fn of_argument_and_policy_the_smaller_number_is_in_force() {
        let arguments =
            json!({"x-max-length": 10, "x-message-ttl": 1000, "x-expires": 60_000, "x-max-length-bytes": 5});
        let own = json!({"max-length": 20, "message-ttl": 500, "expires": 60_000});
        for kind in [QueueType::Classic, QueueType::Quorum] {
            let bounds = under(kind, V4, &arguments, &own, None);
            assert_eq!(bounds.max_length, Some(argument(10)));
            assert_eq!(bounds.message_ttl, Some(policy(Duration::from_millis(500))));
            assert_eq!(bounds.expires, Some(argument(Duration::from_secs(60))), "equal: the one that stays");
            assert_eq!(bounds.max_length_bytes, Some(argument(5)));
        }
    }

    #[test]
    fn a_merged_value_is_the_operators_only_where_the_policy_says_otherwise() {
        let own = json!({"max-length": 5, "message-ttl": 90_000});
        let merged = json!({"max-length": 4, "message-ttl": 90_000, "expires": 1000});
        let bounds = under(QueueType::Classic, V4, &json!({"x-max-length": 7}), &own, Some(&merged));
        assert_eq!(bounds.max_length, Some(operator(4)));
        assert_eq!(bounds.message_ttl, Some(policy(Duration::from_secs(90))));
        assert_eq!(bounds.expires, Some(operator(Duration::from_secs(1))));
        let alone = under(QueueType::Classic, V4, &json!({}), &json!({}), Some(&json!({"max-length": 4})));
        assert_eq!(alone.max_length, Some(operator(4)));
        let below = under(QueueType::Classic, V4, &json!({"x-max-length": 3}), &own, Some(&merged));
        assert_eq!(below.max_length, Some(argument(3)), "an argument below both is in force");
    }

    #[test]
    fn overflow_is_the_arguments_on_a_classic_queue_and_the_policys_on_a_quorum_queue() {
        let (arguments, own) =
            (json!({"x-max-length": 1, "x-overflow": "drop-head"}), json!({"overflow": "reject-publish"}));
        let of = |kind, arguments: &Value, own: &Value| under(kind, V4, arguments, own, None).overflow;
        assert_eq!(of(QueueType::Classic, &arguments, &own), Some(argument(Overflow::DropHead)));
        assert_eq!(of(QueueType::Quorum, &arguments, &own), Some(policy(Overflow::RejectPublish)));
        assert_eq!(of(QueueType::Classic, &json!({"x-max-length": 1}), &json!({})), Some(broker(Overflow::DropHead)));
        assert_eq!(of(QueueType::Classic, &json!({}), &json!({})), None, "nothing can fill it");
        let dlx = json!({"x-overflow": "reject-publish-dlx"});
        assert_eq!(of(QueueType::Classic, &dlx, &json!({})), Some(argument(Overflow::RejectPublishDlx)));
        assert_eq!(
            of(QueueType::Quorum, &dlx, &json!({})),
            Some(argument(Overflow::DropHead)),
            "as the broker behaves"
        );
    }

    #[test]
    fn what_a_stream_keeps_is_the_policys_even_where_that_is_more() {
        let arguments = json!({"x-max-age": "1D", "x-max-length-bytes": 500});
        let bounds = under(QueueType::Stream, V4, &arguments, &json!({"max-age": "2M", "message-ttl": 5}), None);
        assert_eq!(bounds.max_age, Some(policy(Duration::from_secs(60 * 86_400))));
        assert_eq!(bounds.max_length_bytes, Some(argument(500)));
        assert_eq!((bounds.message_ttl, bounds.overflow, bounds.delivery_limit), (None, None, None));
        let other = under(QueueType::Classic, V4, &arguments, &json!({"max-age": "2M"}), None);
        assert_eq!(other.max_age, None, "only a stream has an age");
    }

    #[test]
    fn a_delivery_limit_is_a_quorum_queues_and_there_is_always_one_from_4_0_on() {
        let of = |version, arguments: &Value, own: &Value| {
            under(QueueType::Quorum, version, arguments, own, None).delivery_limit
        };
        assert_eq!(of(V4, &json!({}), &json!({})), Some(broker(20)));
        assert_eq!(of(V3, &json!({}), &json!({})), None);
        assert_eq!(of(V4, &json!({"x-delivery-limit": 5}), &json!({"delivery-limit": 9})), Some(argument(5)));
        assert_eq!(of(V4, &json!({"x-delivery-limit": 5}), &json!({"delivery-limit": -1})), Some(argument(5)));
        assert_eq!(of(V4, &json!({"x-delivery-limit": -1}), &json!({"delivery-limit": 20})), Some(policy(20)));
        assert_eq!(of(V4, &json!({}), &json!({"delivery-limit": -1})), Some(policy(-1)));
        assert_eq!(of(V3, &json!({"x-delivery-limit": -1}), &json!({"delivery-limit": 20})), Some(argument(-1)));
        let classic = under(QueueType::Classic, V4, &json!({}), &json!({"delivery-limit": 5}), None);
        assert_eq!(classic.delivery_limit, None);
    }

    #[test]
    fn a_queue_is_bounded_by_what_ends_its_growth_and_by_nothing_else() {
        let bounded = |kind, arguments: &Value| under(kind, V4, arguments, &json!({}), None).is_bounded();
        for arguments in [json!({"x-message-ttl": 0}), json!({"x-max-length": 0}), json!({"x-max-length-bytes": 1})] {
            assert!(bounded(QueueType::Quorum, &arguments), "{arguments}");
        }
        assert!(!bounded(
            QueueType::Quorum,
            &json!({"x-expires": 1000, "x-delivery-limit": 3, "x-overflow": "drop-head"})
        ));
        assert!(bounded(QueueType::Stream, &json!({"x-max-age": "1h"})));
        assert!(!bounded(QueueType::Stream, &json!({"x-message-ttl": 1, "x-max-length": 1})), "a stream ignores them");
    }
}
