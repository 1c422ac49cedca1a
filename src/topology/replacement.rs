//! How is a queue or an exchange made anew without losing anything? The messages of a queue wait in a holding queue meanwhile, and so does
//! what comes. What comes to an exchange is led by a stand-in meanwhile, which has the same bindings.

use std::collections::BTreeSet;

use ring::digest::{SHA256, digest};

use super::{
    argument::QueueType,
    expand::kind,
    policy::TEMPORARY,
    routing::ALTERNATE_EXCHANGE,
    spec::{BindingSpec, ExchangeSpec, PolicySpec, QueueSpec},
};
use crate::{
    message::{Field, Table},
    version::Version,
};

/// What the name of a holding queue begins with, and that of the exchange that leads to it.
pub const HOLDING: &str = "evbus.hold.";

/// What the name of the exchange begins with that leads back from there.
const BACK: &str = "evbus.back.";

/// What the name of a stand-in begins with.
pub const STAND_IN: &str = "evbus.stand-in.";

/// How an object is made anew.
#[derive(Debug, Clone, PartialEq)]
pub enum Replacement {
    /// A queue.
    Queue(QueueReplacement),
    /// An exchange.
    Exchange(ExchangeReplacement),
}

/// How an exchange is made anew.
#[derive(Debug, Clone, PartialEq)]
pub struct ExchangeReplacement {
    /// The exchange as it is, which is to go; `None` where it is gone, or is as it is wanted already.
    pub found: Option<ExchangeSpec>,
    /// What has its bindings meanwhile.
    pub stand_in: ExchangeSpec,
    /// Leads to the stand-in what the new exchange cannot route as long as it has no bindings; `None` where an argument of the exchange
    /// says where that goes, which is stronger than any policy.
    pub policy: Option<PolicySpec>,
}

impl ExchangeReplacement {
    /// The name of the policy.
    #[must_use]
    pub fn policy_name(&self) -> String {
        format!("{TEMPORARY}{}", self.stand_in.name)
    }
}

/// How a queue is made anew.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueReplacement {
    /// The queue as it is, which is to go; `None` where it is gone, or is as it is wanted already.
    pub found: Option<QueueSpec>,
    /// Where its messages wait.
    pub holding: QueueSpec,
    /// Queues whose dead letters go to it by its name: nobody can lead those elsewhere, so there must be none.
    pub feeders: Vec<String>,
}

/// The name of the queue in which the messages of a queue wait.
#[must_use]
pub fn holding(queue: &str) -> String {
    named(HOLDING, queue)
}

/// Whether a queue or an exchange of this name is there for a replace alone.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    [HOLDING, BACK, STAND_IN].iter().any(|prefix| name.starts_with(prefix))
}

/// The name of the exchange that stands in for one that is made anew.
#[must_use]
pub fn stand_in_name(exchange: &str) -> String {
    named(STAND_IN, exchange)
}

/// What stands in for an exchange: it routes as that one does, and what it cannot route goes where that one would lead it.
#[must_use]
pub fn stand_in(exchange: &ExchangeSpec, alternate: Option<&str>) -> ExchangeSpec {
    let mut arguments = Table::new();
    if let Some(alternate) = alternate {
        arguments.insert(ALTERNATE_EXCHANGE.to_owned(), Field::text(alternate));
    }
    ExchangeSpec {
        name: stand_in_name(&exchange.name),
        kind: exchange.kind.clone(),
        durable: true,
        auto_delete: false,
        internal: false,
        arguments,
    }
}

/// The argument of a binding that is there for a replace alone. No type of exchange looks at it: of what begins with `x-` a headers
/// exchange takes no notice.
pub const MARK: &str = "x-evbus-replace";

/// The bindings with which an exchange leads everything to another one, as far as it has bindings of these keys.
#[must_use]
pub fn everything(from: &str, kind: &str, to: &str, keys: &BTreeSet<&str>) -> Vec<BindingSpec> {
    let all: Vec<&str> = match kind {
        "topic" => vec!["#"],
        "direct" => keys.iter().copied().collect(),
        _ => vec![""],
    };
    let mut arguments = Table::from([(MARK.to_owned(), Field::Bool(true))]);
    if kind == "headers" {
        arguments.insert("x-match".to_owned(), Field::text("all"));
    }
    let lead = |key: &str| BindingSpec {
        source: from.to_owned(),
        destination: to.to_owned(),
        to_queue: false,
        key: key.to_owned(),
        arguments: arguments.clone(),
    };
    all.into_iter().map(lead).collect()
}

/// The exchange through which messages of a queue get into its holding queue. It is a fanout: a message keeps its routing key.
#[must_use]
pub fn way_in(queue: &str) -> ExchangeSpec {
    fanout(named(HOLDING, queue))
}

/// The exchange through which they get back.
#[must_use]
pub fn way_back(queue: &str) -> ExchangeSpec {
    fanout(named(BACK, queue))
}

fn fanout(name: String) -> ExchangeSpec {
    ExchangeSpec {
        name,
        kind: "fanout".to_owned(),
        durable: true,
        auto_delete: false,
        internal: false,
        arguments: Table::new(),
    }
}

/// Of names that would be too long the end is kept, where names differ, behind a digest of the whole.
fn named(prefix: &str, queue: &str) -> String {
    const LONGEST: usize = 255;
    if prefix.len() + queue.len() <= LONGEST {
        return format!("{prefix}{queue}");
    }
    let mark: String =
        digest(&SHA256, queue.as_bytes()).as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let mut from = (prefix.len() + mark.len() + 1 + queue.len()).saturating_sub(LONGEST);
    while !queue.is_char_boundary(from) {
        from += 1;
    }
    format!("{prefix}{mark}.{}", &queue[from..])
}

/// A holding queue for a queue as it is and as it is wanted, whose dead letters go there. It bounds nothing and counts no attempts;
/// what expires in it by its own time goes where it would have gone.
#[must_use]
pub fn holding_queue(
    found: &QueueSpec,
    wanted: &QueueSpec,
    letters: Option<(&str, Option<&str>)>,
    version: Version,
) -> QueueSpec {
    let is_quorum = [found, wanted].iter().any(|queue| kind(queue) == QueueType::Quorum);
    let mut arguments = Table::new();
    let mut set = |name: &str, value: Field| drop(arguments.insert(name.to_owned(), value));
    set(QueueType::ARGUMENT, Field::text(if is_quorum { "quorum" } else { "classic" }));
    // Before 4.0 there is no limit unless one is set, and this one would destroy every message that comes back.
    if is_quorum && version >= Version::new(4, 0, 0) {
        set("x-delivery-limit", Field::I64(-1));
    }
    if let Some((exchange, key)) = letters {
        set("x-dead-letter-exchange", Field::text(exchange));
        if let Some(key) = key {
            set("x-dead-letter-routing-key", Field::text(key));
        }
        if is_quorum {
            set("x-dead-letter-strategy", Field::text("at-least-once"));
            set("x-overflow", Field::text("reject-publish"));
        }
    }
    QueueSpec { name: holding(&wanted.name), durable: true, exclusive: false, auto_delete: false, arguments }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(kind: &str) -> QueueSpec {
        let arguments = Table::from([(QueueType::ARGUMENT.to_owned(), Field::text(kind))]);
        QueueSpec { name: "q".to_owned(), durable: true, exclusive: false, auto_delete: false, arguments }
    }

    #[test]
    fn long_names_stay_names_and_stay_apart() {
        assert_eq!(holding("orders"), "evbus.hold.orders");
        let [one, other] = ["a", "b"].map(|first| holding(&format!("{first}{}", "é".repeat(127))));
        assert!(one.len() <= 255 && other.len() <= 255 && one != other, "{one}\n{other}");
    }

    #[test]
    fn a_holding_queue_is_as_safe_as_the_safer_of_both_and_limits_nothing() {
        let of = |found, wanted, version| {
            let holding = holding_queue(&queue(found), &queue(wanted), Some(("dead", Some("k"))), version);
            holding.arguments.keys().cloned().collect::<Vec<_>>().join(" ")
        };
        let (old, new) = (Version::new(3, 10, 0), Version::new(4, 0, 0));
        assert_eq!(of("classic", "classic", new), "x-dead-letter-exchange x-dead-letter-routing-key x-queue-type");
        for version in [old, new] {
            let arguments = of("classic", "quorum", version);
            assert_eq!(arguments.contains("x-delivery-limit"), version == new, "{arguments}");
            assert!(arguments.contains("x-dead-letter-strategy"), "{arguments}");
        }
    }
}
