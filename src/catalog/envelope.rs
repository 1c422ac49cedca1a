//! The envelope every event of the bus travels in, and the AMQP properties that mirror it.

use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::message::Properties;

/// What an event says beside its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its type, as the catalog names it.
    pub event_type: &'a str,
    /// The version of its schema.
    pub version: &'a str,
    /// The service that published it.
    pub source_service: &'a str,
    /// What it belongs to; absent begins something of its own.
    pub correlation_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    event_id: &'a str,
    event_type: &'a str,
    timestamp: &'a str,
    version: &'a str,
    payload: &'a RawValue,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    correlation_id: &'a str,
    source_service: &'a str,
}

/// The properties and body of a new event of this moment. Its id is a UUID of version 7, so that ids sort by time.
#[must_use]
pub fn seal(event: &Event<'_>, payload: &RawValue, now: jiff::Timestamp) -> (Properties, Vec<u8>) {
    let event_id = Uuid::now_v7().to_string();
    let own = || Uuid::now_v7().to_string();
    let correlation_id = event.correlation_id.map_or_else(own, str::to_owned);
    let envelope = Envelope {
        event_id: &event_id,
        event_type: event.event_type,
        timestamp: &now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        version: event.version,
        payload,
        metadata: Metadata { correlation_id: &correlation_id, source_service: event.source_service },
    };
    // Text and JSON that was read: nothing in it can fail to be written.
    let body = serde_json::to_vec(&envelope).unwrap_or_default();
    let properties = Properties {
        content_type: Some("application/json".to_owned()),
        delivery_mode: Some(2),
        message_id: Some(event_id),
        correlation_id: Some(correlation_id),
        timestamp: u64::try_from(now.as_second()).ok(),
        kind: Some(event.event_type.to_owned()),
        app_id: Some(event.source_service.to_owned()),
        ..Properties::default()
    };
    (properties, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_properties_mirror_the_envelope() {
        let event = Event {
            event_type: "EmailClassified",
            version: "1.0",
            source_service: "email-service",
            correlation_id: Some("c1"),
        };
        let payload = RawValue::from_string("{\"n\": 1}".to_owned()).unwrap_or_default();
        let now = jiff::Timestamp::from_second(1_700_000_000).unwrap_or_default();
        let (properties, body) = seal(&event, &payload, now);
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        assert_eq!(body["payload"]["n"], 1);
        assert_eq!(body["timestamp"], "2023-11-14T22:13:20.000Z");
        assert_eq!(body["metadata"]["source_service"], "email-service");
        assert_eq!(body["event_id"].as_str(), properties.message_id.as_deref());
        assert_eq!(body["metadata"]["correlation_id"].as_str(), properties.correlation_id.as_deref());
        assert_eq!(properties.kind.as_deref(), Some("EmailClassified"));
        assert_eq!((properties.timestamp, properties.delivery_mode), (Some(1_700_000_000), Some(2)));
        let id = properties.message_id.as_deref().and_then(|id| Uuid::parse_str(id).ok());
        assert_eq!(id.map(|id| id.get_version_num()), Some(7));
    }
}
