//! Where a dead letter comes from: what the broker, or the retry contract, wrote into its headers.
//!
//! Broker facts: `x-death` is an array of tables, newest first, one for each pair of queue and reason, repeated deaths moving
//! theirs to the front; its fields come in no fixed order. Clients can send anything under these names, so every shape is
//! tolerated and nothing is believed that is not of the right type.

use serde::Serialize;

use super::{Field, Message, Table};

/// The header that keeps the original exchange through a retry ladder.
pub const EXCHANGE: &str = "x-evbus-exchange";
/// The header that keeps the original routing key through a retry ladder.
pub const ROUTING_KEY: &str = "x-evbus-routing-key";

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
///
/// A message that expires in a delay queue to be tried again has died there too, in the broker's eyes. So where anything else
/// than expiry is on record, that is what is meant; else the newest.
#[must_use]
pub fn of(message: &Message) -> Option<Death> {
    let mut history = history(message);
    let at = history.iter().position(|death| death.reason != "expired").unwrap_or(0);
    (!history.is_empty()).then(|| history.swap_remove(at))
}

/// The queue a message died in.
#[must_use]
pub fn source_queue(message: &Message) -> Option<String> {
    let first = || message.properties.header("x-first-death-queue").and_then(Field::as_str).map(str::to_owned);
    of(message).map(|death| death.queue).or_else(first)
}

/// Where a message was first published: what the retry contract kept, else what the oldest death says.
#[must_use]
pub fn original_address(message: &Message) -> Option<Original> {
    let kept = |name| message.properties.header(name).and_then(Field::as_str).map(str::to_owned);
    if let (Some(exchange), Some(routing_key)) = (kept(EXCHANGE), kept(ROUTING_KEY)) {
        return Some(Original { exchange, routing_keys: vec![routing_key] });
    }
    let oldest = history(message).pop()?;
    Some(Original { exchange: oldest.exchange, routing_keys: oldest.routing_keys })
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
