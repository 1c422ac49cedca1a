//! How is a queue made anew without losing what is in it? Its messages wait in a holding queue meanwhile, and so does what comes.

use ring::digest::{SHA256, digest};

use super::{
    argument::QueueType,
    expand::kind,
    spec::{ExchangeSpec, QueueSpec},
};
use crate::{
    message::{Field, Table},
    version::Version,
};

/// What the name of a holding queue begins with, and that of the exchange that leads to it.
pub const HOLDING: &str = "evbus.hold.";

/// What the name of the exchange begins with that leads back from there.
const BACK: &str = "evbus.back.";

/// How a queue is made anew.
#[derive(Debug, Clone, PartialEq)]
pub struct Replacement {
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
    name.starts_with(HOLDING) || name.starts_with(BACK)
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
