//! Which policy is in force on a queue, worked out from the policies themselves.
//!
//! Broker fact (measured on 3.10, 4.0 and 4.3): the management API tells of the policy in force with a queue's statistics, and
//! those come up to ten seconds after the queue was declared or its node has started. Until then every key about policies is
//! missing, as if there were none.

use fancy_regex::Regex;
use serde_json::{Map, Value};

use super::{Management, Policy, QueueInfo};
use crate::{
    broker::Error,
    topology::{
        argument::QueueType,
        policy::{is_for, is_passed_over},
    },
};

impl Management {
    /// Says what is in force where the statistics do not yet.
    pub(super) async fn complete(&self, vhost: &str, queues: &mut [QueueInfo]) -> Result<(), Error> {
        if queues.iter().all(|queue| queue.effective_policy_definition.is_some()) {
            return Ok(());
        }
        let of_users = Policies::new(self.policies(vhost).await?);
        let of_operators = Policies::new(self.operator_policies(vhost).await?);
        for queue in queues.iter_mut().filter(|queue| queue.effective_policy_definition.is_none()) {
            let own = of_users.on(queue);
            let operator = of_operators.on(queue);
            let definition = both(own, operator);
            queue.policy = own.map(|policy| policy.name.clone());
            queue.operator_policy = operator.map(|policy| policy.name.clone());
            queue.effective_policy_definition = Some(definition);
        }
        Ok(())
    }

    /// Says what is in force now, whatever the statistics say.
    ///
    /// Broker fact (measured on 3.10, 4.0 and 4.3): statistics tell for up to five seconds of a policy that is gone. A temporary policy of
    /// a run that has just ended would be taken for a limit that nobody reaches, and what the next run gives back would be dropped.
    pub(super) async fn renew(&self, vhost: &str, queue: &mut QueueInfo) -> Result<(), Error> {
        let of_users = Policies::new(self.policies(vhost).await?);
        let of_operators = Policies::new(self.operator_policies(vhost).await?);
        let own = of_users.in_force(queue, queue.policy.as_deref());
        let operator = of_operators.in_force(queue, queue.operator_policy.as_deref());
        let names = [own, operator].map(|policy| policy.map(|policy| policy.name.clone()));
        queue.effective_policy_definition = Some(both(own, operator));
        [queue.policy, queue.operator_policy] = names;
        Ok(())
    }

    /// What policies say of a queue of that name and type, whether it is there yet or not.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn in_force_on(&self, vhost: &str, name: &str, kind: QueueType) -> Result<Map<String, Value>, Error> {
        let queue = QueueInfo { name: name.to_owned(), kind: Some(kind.word().to_owned()), ..QueueInfo::default() };
        let of_users = Policies::new(self.policies(vhost).await?);
        let of_operators = Policies::new(self.operator_policies(vhost).await?);
        Ok(both(of_users.on(&queue), of_operators.on(&queue)))
    }
}

/// What a policy and an operator's policy come to.
fn both(own: Option<&Policy>, operator: Option<&Policy>) -> Map<String, Value> {
    let mut definition = own.map(|policy| policy.definition.clone()).unwrap_or_default();
    for (key, value) in operator.into_iter().flat_map(|policy| &policy.definition) {
        merge(&mut definition, key, value);
    }
    definition
}

/// Policies with their patterns, the one that wins first. A pattern that cannot be read matches nothing.
struct Policies(Vec<(Option<Regex>, Policy)>);

impl Policies {
    fn new(policies: Vec<Policy>) -> Policies {
        let read = |policy: Policy| (Regex::new(&policy.pattern).ok(), policy);
        let mut policies: Vec<_> = policies.into_iter().map(read).collect();
        policies.sort_by_key(|(_, policy)| std::cmp::Reverse(policy.priority));
        Policies(policies)
    }

    fn on(&self, queue: &QueueInfo) -> Option<&Policy> {
        let kind = queue.kind.as_deref().and_then(QueueType::from_word);
        let takes = |policy: &Policy, kind| !policy.definition.keys().any(|key| is_passed_over(key, kind));
        let applies = |policy: &Policy| match kind {
            Some(kind) => is_for(&policy.apply_to, kind) && takes(policy, kind),
            // What is of no known type takes what is for every queue.
            None => matches!(policy.apply_to.as_str(), "" | "all" | "queues"),
        };
        let matches = |pattern: &Regex| pattern.is_match(&queue.name).unwrap_or(false);
        let is_it =
            |(pattern, policy): &&(Option<Regex>, Policy)| applies(policy) && pattern.as_ref().is_some_and(matches);
        self.0.iter().find(is_it).map(|(_, policy)| policy)
    }

    /// The one in force on a queue that statistics told of. They may be seconds old: what is gone, or has less priority than one that
    /// fits, is not believed. Of those that could be it they know.
    fn in_force(&self, queue: &QueueInfo, told: Option<&str>) -> Option<&Policy> {
        let found = self.on(queue);
        let told = self.0.iter().map(|(_, policy)| policy).find(|policy| Some(policy.name.as_str()) == told);
        match (found, told) {
            (Some(found), Some(told)) if found.priority > told.priority => Some(found),
            (found, told) => told.or(found),
        }
    }
}

/// Puts an operator's key on top: of two numbers the smaller one is in force (of two delivery limits, no limit only if both say
/// so), of anything else the operator's.
fn merge(definition: &mut Map<String, Value>, key: &str, operator: &Value) {
    let merged = match (definition.get(key).and_then(Value::as_i64), operator.as_i64()) {
        (Some(own), Some(operators)) if own < 0 || operators < 0 => own.max(operators).into(),
        (Some(own), Some(operators)) => own.min(operators).into(),
        _ => operator.clone(),
    };
    definition.insert(key.to_owned(), merged);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(name: &str, pattern: &str, apply_to: &str, priority: i64) -> Policy {
        Policy { name: name.into(), pattern: pattern.into(), apply_to: apply_to.into(), priority, ..Policy::default() }
    }

    #[test]
    fn the_highest_that_fits_name_and_kind_is_in_force() {
        let policies = Policies::new(vec![
            policy("low", "", "all", 0),
            policy("streams", "dlq", "streams", 9),
            policy("exchanges", "dlq", "exchanges", 9),
            policy("high", r"^(?:a|b)\.dlq$", "quorum_queues", 5),
            policy("unreadable", "(", "all", 99),
            // A quorum queue does not take this key, and the broker passes over the whole policy there.
            Policy {
                definition: Map::from_iter([("queue-mode".to_owned(), json!("lazy"))]),
                ..policy("lazy", r"^a\.dlq$", "queues", 50)
            },
        ]);
        let on = |name: &str, kind: &str| {
            let queue = QueueInfo { name: name.into(), kind: Some(kind.into()), ..QueueInfo::default() };
            policies.on(&queue).map(|policy| policy.name.clone()).unwrap_or_default()
        };
        assert_eq!([on("a.dlq", "quorum"), on("a.dlq", "classic"), on("c.dlq", "quorum")], ["high", "lazy", "low"]);
    }

    #[test]
    fn statistics_are_not_believed_where_they_are_old() {
        let policies = Policies::new(vec![
            policy("low", "", "all", 0),
            policy("high", "^a$", "all", 5),
            policy("odd", "(", "all", 9),
        ]);
        let told = |name: &str, told: Option<&str>| {
            let queue = QueueInfo { name: name.into(), ..QueueInfo::default() };
            policies.in_force(&queue, told).map(|policy| policy.name.clone()).unwrap_or_default()
        };
        assert_eq!(told("a", Some("evbus-tmp-1")), "high", "it is gone");
        assert_eq!([told("a", Some("low")), told("a", None)], ["high", "high"], "it is new");
        assert_eq!([told("b", Some("low")), told("b", Some("high"))], ["low", "high"]);
        assert_eq!(told("a", Some("odd")), "odd", "the broker can read what we cannot");
    }

    #[test]
    fn an_operators_policy_is_merged_as_the_broker_does() {
        let mut definition = Map::from_iter([
            ("max-length".to_owned(), json!(10)),
            ("delivery-limit".to_owned(), json!(-1)),
            ("overflow".to_owned(), json!("drop-head")),
        ]);
        for (key, value) in [
            ("max-length", json!(20)),
            ("delivery-limit", json!(5)),
            ("overflow", json!("reject-publish")),
            ("message-ttl", json!(1)),
        ] {
            merge(&mut definition, key, &value);
        }
        let expected = json!({"max-length": 10, "delivery-limit": 5, "overflow": "reject-publish", "message-ttl": 1});
        assert_eq!(Value::Object(definition), expected);
    }
}
