//! Where a dead letter comes from: what the broker, or the retry contract, wrote into its headers.
//!
//! Broker facts: `x-death` is an array of tables, newest first, one for each pair of queue and reason, repeated deaths moving
//! theirs to the front; its fields come in no fixed order. Clients can send anything under these names, so every shape is
//! tolerated and nothing is believed that is not of the right type.

use serde::Serialize;

use super::{
    Field, Message, Table,
    failure::{self, Failure},
    traits::Traits,
};

/// The header that keeps the original exchange through a retry ladder.
pub const EXCHANGE: &str = "x-evbus-exchange";
/// The header that keeps the original routing key through a retry ladder.
pub const ROUTING_KEY: &str = "x-evbus-routing-key";

/// The reason of a message whose time was up.
const EXPIRED: &str = "expired";

/// One death of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Death {
    /// The queue it died in.
    pub queue: String,
    /// `rejected`, `expired`, `maxlen` or `delivery_limit`.
    pub reason: String,
    /// The exchange it had been published to.
    pub exchange: String,
    /// The keys it had been published with, the routing key first.
    pub routing_keys: Vec<String>,
    /// How often it died there for that reason.
    pub count: i64,
    /// When it first did, RFC 3339; the broker keeps no later time.
    #[serde(rename = "first_at", skip_serializing_if = "Option::is_none")]
    pub first_at: Option<jiff::Timestamp>,
}

/// Where a message was first published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// The exchange.
    pub exchange: String,
    /// The routing key, and the keys of a sender-selected distribution behind it.
    pub routing_keys: Vec<String>,
}

/// Every death a message tells of, newest first.
#[must_use]
pub fn history(message: &Message) -> Vec<Death> {
    let deaths = message.properties.header("x-death").and_then(Field::as_array).unwrap_or_default();
    deaths.iter().filter_map(Field::as_table).filter_map(death).collect()
}

/// The death that brought a message where it is.
#[must_use]
pub fn of(message: &Message) -> Option<Death> {
    let mut history = history(message);
    let at = decisive(&history)?;
    Some(history.swap_remove(at))
}

/// Which of a message's deaths brought it where it is.
///
/// A message that expires in a delay queue to be tried again has died there too, in the broker's eyes. So where anything else
/// than expiry is on record, that is what is meant; else the newest.
pub(super) fn decisive(history: &[Death]) -> Option<usize> {
    let at = history.iter().position(|death| death.reason != EXPIRED).unwrap_or(0);
    (!history.is_empty()).then_some(at)
}

/// The queue a message died in, or failed at before a framework moved it.
#[must_use]
pub fn source_queue(message: &Message) -> Option<String> {
    Traits::of(message).source_queue().map(str::to_owned)
}

/// The queue that follows from a message's death and from what a framework tells of its failure.
///
/// A framework that moves a message itself leaves no death behind but those of its delay queues, in which the message only waited.
pub(super) fn source<'a>(
    message: &'a Message,
    death: Option<&'a Death>,
    failure: Option<&Failure<'a>>,
) -> Option<&'a str> {
    let first = || message.properties.header("x-first-death-queue").and_then(Field::as_str);
    let failed = failure.and_then(|failure| failure.queue);
    match death {
        Some(death) if death.reason == EXPIRED => failed.or(Some(&death.queue)),
        Some(death) => Some(&death.queue),
        None => failed.or_else(first),
    }
}

/// Where a message was first published: what the retry contract kept, else what the oldest death says, else what a framework does.
#[must_use]
pub fn original_address(message: &Message) -> Option<Original> {
    original(message, &history(message), failure::of(message).as_ref())
}

/// The same, given the history and the failure of a message.
pub(super) fn original(message: &Message, history: &[Death], failure: Option<&Failure<'_>>) -> Option<Original> {
    let kept = |name| message.properties.header(name).and_then(Field::as_str).map(str::to_owned);
    if let (Some(exchange), Some(routing_key)) = (kept(EXCHANGE), kept(ROUTING_KEY)) {
        return Some(Original { exchange, routing_keys: vec![routing_key] });
    }
    if let Some(oldest) = history.last() {
        return Some(Original { exchange: oldest.exchange.clone(), routing_keys: oldest.routing_keys.clone() });
    }
    let (exchange, key) = failure?.address?;
    Some(Original { exchange: exchange.to_owned(), routing_keys: vec![key.to_owned()] })
}

fn death(table: &Table) -> Option<Death> {
    let text = |name: &str| table.get(name).and_then(Field::as_str).map(str::to_owned);
    let keys = table.get("routing-keys").and_then(Field::as_array).unwrap_or_default();
    let first_at = match table.get("time") {
        Some(Field::Timestamp(seconds)) => {
            i64::try_from(*seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        }
        _ => None,
    };
    Some(Death {
        queue: text("queue")?,
        reason: text("reason")?,
        exchange: text("exchange").unwrap_or_default(),
        routing_keys: keys.iter().filter_map(Field::as_str).map(str::to_owned).collect(),
        count: table.get("count").and_then(Field::as_int).unwrap_or(1),
        first_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Properties;

    fn entry(queue: &str, reason: &str, exchange: &str, key: &str) -> Field {
        Field::Table(Table::from([
            ("queue".to_owned(), Field::text(queue)),
            ("reason".to_owned(), Field::text(reason)),
            ("exchange".to_owned(), Field::text(exchange)),
            ("routing-keys".to_owned(), Field::Array(vec![Field::text(key)])),
            ("count".to_owned(), Field::I64(2)),
            ("time".to_owned(), Field::Timestamp(1_700_000_000)),
        ]))
    }

    fn dead(headers: impl IntoIterator<Item = (&'static str, Field)>) -> Message {
        let headers = headers.into_iter().map(|(name, field)| (name.to_owned(), field)).collect();
        Message { properties: Properties { headers: Some(headers), ..Properties::default() }, ..Message::default() }
    }

    #[test]
    fn the_source_is_the_queue_that_failed_and_not_a_step_of_its_ladder() {
        let waited_then_failed = dead([(
            "x-death",
            Field::Array(vec![
                entry("work", "rejected", "", "work"),
                entry("work.retry.10s", "expired", "events.retry", "work.1"),
            ]),
        )]);
        assert_eq!(source_queue(&waited_then_failed).as_deref(), Some("work"));
        let failed_waited_and_parked = dead([(
            "x-death",
            Field::Array(vec![
                entry("work.wait", "expired", "", "work.wait"),
                entry("work", "rejected", "events", "email.classified"),
            ]),
        )]);
        assert_eq!(source_queue(&failed_waited_and_parked).as_deref(), Some("work"));
        let expired = dead([("x-death", Field::Array(vec![entry("slow", "expired", "events", "a.b")]))]);
        assert_eq!(source_queue(&expired).as_deref(), Some("slow"));
    }

    #[test]
    fn the_original_address_is_what_the_contract_kept_or_what_the_oldest_death_says() {
        let death = Field::Array(vec![
            entry("work", "rejected", "", "work"),
            entry("work.retry.10s", "expired", "events.retry", "work.1"),
        ]);
        let kept = dead([
            (EXCHANGE, Field::text("events")),
            (ROUTING_KEY, Field::text("email.classified")),
            ("x-death", death.clone()),
        ]);
        let original = original_address(&kept);
        assert_eq!(original.as_ref().map(|o| o.exchange.as_str()), Some("events"));
        assert_eq!(original.map(|o| o.routing_keys), Some(vec!["email.classified".to_owned()]));
        assert_eq!(original_address(&dead([("x-death", death)])).map(|o| o.exchange), Some("events.retry".to_owned()));
    }

    #[test]
    fn where_the_broker_has_no_history_a_framework_tells_the_source() {
        let delayed = Field::Array(vec![entry("nsb.v2.delay-level-00", "expired", "", "Sales")]);
        let failed = Field::text("Sales");
        assert_eq!(source_queue(&dead([("NServiceBus.FailedQ", failed.clone())])).as_deref(), Some("Sales"));
        let waited = dead([("NServiceBus.FailedQ", failed.clone()), ("x-death", delayed)]);
        assert_eq!(source_queue(&waited).as_deref(), Some("Sales"), "it only waited in the delay queue");
        let rejected = Field::Array(vec![entry("other", "rejected", "", "other")]);
        let died = dead([("NServiceBus.FailedQ", failed), ("x-death", rejected)]);
        assert_eq!(source_queue(&died).as_deref(), Some("other"), "what the broker saw is newer");
        let address = Field::text("rabbitmq://h/v/orders?durable=false");
        assert_eq!(source_queue(&dead([("MT-Fault-InputAddress", address)])).as_deref(), Some("orders"));
        let spring = |exchange: &str| {
            dead([
                ("x-exception-stacktrace", Field::text("a.B: c")),
                ("x-original-exchange", Field::text(exchange)),
                ("x-original-routingKey", Field::text("orders")),
            ])
        };
        assert_eq!(source_queue(&spring("")).as_deref(), Some("orders"));
        assert_eq!(source_queue(&spring("events")), None);
        let original = original_address(&spring("events"));
        assert_eq!(original.as_ref().map(|original| original.exchange.as_str()), Some("events"));
        assert_eq!(original.map(|original| original.routing_keys), Some(vec!["orders".to_owned()]));
    }

    #[test]
    fn no_shape_of_the_header_is_believed_or_feared() {
        for odd in [
            Field::text("x"),
            Field::Array(vec![]),
            Field::Array(vec![Field::I64(1)]),
            Field::Array(vec![Field::Table(Table::new())]),
            Field::Array(vec![Field::Table(Table::from([("queue".to_owned(), Field::I64(1))]))]),
        ] {
            let message = dead([("x-death", odd)]);
            assert_eq!((of(&message), source_queue(&message), original_address(&message)), (None, None, None));
        }
        assert_eq!(source_queue(&Message::default()), None);
    }
}
