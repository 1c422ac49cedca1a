//! What holding a message of a queue costs, and how it goes back unharmed.
//!
//! Classic queues take messages back for free. Quorum queues count: up to 3.13 every return, and only where a limit is set;
//! from 4.0 to 4.2 every return, with a limit of 20 unless another is set; from 4.3 a `basic.nack` is not counted, but a
//! message that *arrived* with more attempts than the limit is dropped by any return (the count survives dead-lettering).
//! A message that would not survive its return is saved first: the limit is lifted by a temporary policy while it goes back,
//! or a confirmed copy takes its place. A quorum queue of 4.3 that delays what is returned (`delayed-retry-type`) shows it again
//! only when the delay is over.

use serde_json::{Map, Value};

use crate::{
    broker::Version,
    message::{Field, Message},
    topology::{
        argument::QueueType,
        bounds::{Bounds, InForce, Overflow},
    },
};

/// What kind of queue it is, as far as holding is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Classic, of either version.
    Classic,
    /// Quorum.
    Quorum,
    /// Stream: nothing is ever taken from it.
    Stream,
}

/// What is known of a queue before anything is held.
#[derive(Debug, Clone)]
pub struct Custody {
    /// Its kind.
    pub kind: Kind,
    /// The broker's version.
    pub version: Version,
    /// The delivery limit in force; `None` is no limit.
    pub limit: Option<i64>,
    /// Whether a policy could raise the limit: not where an argument or an operator policy sets it.
    pub can_raise: bool,
    /// Message TTL in force, in milliseconds: it runs on while a message is held.
    pub ttl: Option<i64>,
    /// A length limit that drops the oldest: what is held does not count, and is dropped when it comes back.
    pub drops_head: bool,
    /// Its length is limited, in messages or bytes.
    pub is_bounded: bool,
    /// Only one consumer at a time is served.
    pub single_active: bool,
    /// For how many milliseconds at least a message that is given back is out of sight.
    pub delay: Option<u64>,
    /// Everything that bounds the queue, and who says so.
    pub bounds: Bounds,
    /// The policy definition in force: a temporary policy must repeat it.
    pub definition: Map<String, Value>,
}

/// What giving one message back does to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// Nothing.
    Free,
    /// It uses one attempt; this many are left afterwards.
    Priced {
        /// Attempts left after the return.
        left: i64,
    },
    /// The broker would drop it or dead-letter it.
    Fatal,
}

impl Kind {
    fn queue_type(self) -> QueueType {
        match self {
            Kind::Classic => QueueType::Classic,
            Kind::Quorum => QueueType::Quorum,
            Kind::Stream => QueueType::Stream,
        }
    }
}

impl Custody {
    /// What follows from a queue's arguments and the policies in force on it.
    #[must_use]
    pub fn of(kind: Kind, version: Version, arguments: &Map<String, Value>, in_force: InForce<'_>) -> Custody {
        let policy = in_force.merged;
        let bounds = Bounds::of(kind.queue_type(), version, arguments, in_force);
        let by_operator = in_force.operator_policy.is_some() && policy.contains_key("delivery-limit");
        let is_fixed = by_operator || arguments.contains_key("x-delivery-limit");
        let drops = bounds.overflow.as_ref().is_some_and(|overflow| overflow.value == Overflow::DropHead);
        Custody {
            kind,
            version,
            limit: in_force_of(&bounds, version),
            can_raise: !is_fixed,
            ttl: bounds.message_ttl.as_ref().and_then(|ttl| i64::try_from(ttl.value.as_millis()).ok()),
            drops_head: bounds.has_length() && drops,
            is_bounded: bounds.has_length(),
            single_active: arguments.get("x-single-active-consumer") == Some(&Value::Bool(true)),
            delay: (kind == Kind::Quorum).then(|| delay_of_returns(version, arguments, policy)).flatten(),
            bounds,
            definition: policy.clone(),
        }
    }

    /// What is assumed of a queue when the management API cannot be asked (`--assume`).
    #[must_use]
    pub fn assumed(kind: Kind, version: Version, limit: Option<i64>) -> Custody {
        let (nothing, named) = (Map::new(), limit.map(|limit| ("x-delivery-limit".to_owned(), limit.into())));
        let arguments = named.into_iter().collect();
        let in_force = InForce { policy: None, own: None, operator_policy: None, merged: &nothing };
        Custody { can_raise: false, ..Custody::of(kind, version, &arguments, in_force) }
    }

    /// What giving this message back does to it.
    #[must_use]
    pub fn of_return(&self, message: &Message) -> Return {
        let Some(limit) = self.limit else { return Return::Free };
        // Brokers set the header from the second delivery on; before that it is missing.
        let count = message.properties.header("x-delivery-count").and_then(Field::as_int).unwrap_or(0);
        if self.version >= Version::new(4, 3, 0) {
            return if count > limit { Return::Fatal } else { Return::Free };
        }
        let left = limit.saturating_sub(count).saturating_sub(1);
        if left < 0 { Return::Fatal } else { Return::Priced { left } }
    }

    /// Whether losing the connection while a message is held could cost the message.
    #[must_use]
    pub fn is_at_risk(&self) -> bool {
        self.limit.is_some()
    }

    /// Whether messages that are given back go behind those that were never taken.
    ///
    /// Broker fact: quorum queues without a limit up to 3.13, and with a limit of −1 from 4.0 to 4.2.
    #[must_use]
    pub fn rotates(&self) -> bool {
        self.kind == Kind::Quorum && self.limit.is_none() && self.version < Version::new(4, 3, 0)
    }

    /// What to tell before anything is held whatever is done about the delivery limit, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(ttl) = self.ttl {
            warnings
                .push(format!("messages expire here after {ttl} ms, and the time runs on while they are looked at"));
        }
        if self.drops_head {
            warnings.push(
                "the queue drops its oldest messages when it is full: what is looked at while others arrive can be dropped when it goes back"
                    .to_owned(),
            );
        }
        if let Some(delay) = self.delay {
            warnings.push(format!(
                "the queue delays what is returned to it: what is looked at and stays is out of sight for {delay} ms or more"
            ));
        }
        warnings
    }

    /// What to tell before something is held under a delivery limit that stays in force.
    #[must_use]
    pub fn stakes(&self) -> Option<String> {
        let limit = self.limit?;
        let each_return = if self.version < Version::new(4, 3, 0) {
            "each message that is looked at and stays loses one of them (what has none left is saved)"
        } else {
            "that is safe as long as evbus ends in order"
        };
        Some(format!(
            "the queue drops a message after {limit} failed deliveries: {each_return}; if evbus is killed or cut off, each message it holds then loses one, and one that has none left is gone"
        ))
    }
}

/// The delivery limit that counts.
fn in_force_of(bounds: &Bounds, version: Version) -> Option<i64> {
    // Before 4.0 a negative limit is no freedom: the first return kills.
    let limits = |limit: &i64| *limit >= 0 || version < Version::new(4, 0, 0);
    bounds.delivery_limit.as_ref().map(|limit| limit.value).filter(limits)
}

/// How long a quorum queue keeps back what is returned to it, where it does.
fn delay_of_returns(version: Version, arguments: &Map<String, Value>, policy: &Map<String, Value>) -> Option<u64> {
    if version < Version::new(4, 3, 0) {
        return None;
    }
    // Which of the two wins is not known: either may.
    let said = |key: &str| [arguments.get(&format!("x-{key}")), policy.get(key)].into_iter().flatten();
    let delays = said("delayed-retry-type").any(|kind| matches!(kind.as_str(), Some("all" | "returned")));
    delays.then(|| said("delayed-retry-min").filter_map(Value::as_u64).max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::message::{Properties, Table};

    fn queue(version: Version, arguments: &Value, policy: &Value) -> Custody {
        let map = |value: &Value| value.as_object().cloned().unwrap_or_default();
        let merged = map(policy);
        let in_force = InForce { policy: Some("p"), own: None, operator_policy: None, merged: &merged };
        Custody::of(Kind::Quorum, version, &map(arguments), in_force)
    }

    fn delivered(count: i64) -> Message {
        let headers = Table::from([("x-delivery-count".to_owned(), Field::I64(count))]);
        Message { properties: Properties { headers: Some(headers), ..Properties::default() }, ..Message::default() }
    }

    #[test]
    fn up_to_3_13_only_a_limit_that_is_set_counts() {
        let v = Version::new(3, 10, 8);
        assert_eq!(queue(v, &json!({}), &json!({})).of_return(&delivered(99)), Return::Free);
        let limited = queue(v, &json!({"x-delivery-limit": 2}), &json!({}));
        assert_eq!(limited.of_return(&delivered(0)), Return::Priced { left: 1 });
        assert_eq!(limited.of_return(&delivered(1)), Return::Priced { left: 0 });
        assert_eq!(limited.of_return(&delivered(2)), Return::Fatal);
        assert_eq!(queue(v, &json!({"x-delivery-limit": -1}), &json!({})).of_return(&delivered(0)), Return::Fatal);
    }

    #[test]
    fn from_4_0_the_limit_is_twenty_unless_one_is_set_and_every_return_counts() {
        let v = Version::new(4, 0, 5);
        let default = queue(v, &json!({}), &json!({}));
        assert_eq!(default.of_return(&delivered(0)), Return::Priced { left: 19 });
        assert_eq!(default.of_return(&delivered(20)), Return::Fatal);
        assert_eq!(queue(v, &json!({}), &json!({"delivery-limit": -1})).limit, None);
        assert_eq!(queue(v, &json!({"x-delivery-limit": 5}), &json!({"delivery-limit": -1})).limit, Some(5));
        assert_eq!(queue(v, &json!({"x-delivery-limit": -1}), &json!({"delivery-limit": 20})).limit, Some(20));
    }

    #[test]
    fn from_4_3_a_return_is_free_until_the_message_arrived_spent() {
        let default = queue(Version::new(4, 3, 6), &json!({}), &json!({}));
        assert_eq!(default.of_return(&delivered(20)), Return::Free);
        assert_eq!(default.of_return(&delivered(21)), Return::Fatal);
    }

    #[test]
    fn what_is_returned_is_delayed_from_4_3_on_where_all_or_returned_messages_are() {
        let (old, new) = (Version::new(4, 2, 0), Version::new(4, 3, 0));
        for (arguments, policy) in [
            (json!({"x-delayed-retry-type": "all"}), json!({})),
            (json!({"x-delayed-retry-type": "returned"}), json!({})),
            (json!({"x-delayed-retry-type": "failed"}), json!({"delayed-retry-type": "all"})),
        ] {
            let delays = |version| queue(version, &arguments, &policy).delay.is_some();
            assert!(delays(new) && !delays(old), "{arguments} {policy}");
            assert_eq!(queue(new, &arguments, &policy).warnings().len(), 1);
        }
        let least = json!({"x-delayed-retry-type": "all", "x-delayed-retry-min": 1500});
        assert_eq!(queue(new, &least, &json!({})).delay, Some(1500));
        assert!(queue(new, &json!({"x-delayed-retry-type": "failed"}), &json!({})).delay.is_none());
    }

    #[test]
    fn a_limit_set_by_an_argument_cannot_be_raised_by_a_policy() {
        assert!(!queue(Version::new(4, 0, 5), &json!({"x-delivery-limit": 5}), &json!({})).can_raise);
        assert!(queue(Version::new(4, 0, 5), &json!({}), &json!({"delivery-limit": 5})).can_raise);
    }

    #[test]
    fn an_assumed_limit_is_in_force_and_cannot_be_lifted() {
        let assumed = |kind, limit| Custody::assumed(kind, Version::new(4, 0, 5), limit);
        assert_eq!((assumed(Kind::Quorum, Some(3)).limit, assumed(Kind::Quorum, None).limit), (Some(3), Some(20)));
        assert_eq!((assumed(Kind::Quorum, Some(-1)).limit, assumed(Kind::Classic, None).limit), (None, None));
        assert!(!assumed(Kind::Quorum, None).can_raise);
    }
}
