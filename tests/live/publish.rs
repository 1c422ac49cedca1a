//! Publishing: what arrives, what does not, and what is never sent.

use std::fs;

use lapin::{
    options::{ExchangeDeclareOptions, QueueBindOptions},
    types::{FieldTable, ShortString},
};

use crate::support::live::{Live, broker};

/// A bus with one event that has a schema, and a queue that gets it.
pub fn bus(live: &Live) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let file = "evbus: 1\nname: t\nbus: { exchange: events }\nevents:\n  EmailClassified:\n    routing_key: email.classified\n    publisher: email-service\n    versions: { \"1.0\": e.json }\nservices:\n  customer-service: { subscribes: [EmailClassified] }\n";
    fs::write(folder.path().join("evbus.yaml"), file).expect("a file");
    let schema = r#"{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"c":{"enum":["A"]}}}"#;
    fs::write(folder.path().join("e.json"), schema).expect("a file");
    live.queue("customer-service", &[]);
    live.wait(async {
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let kind = lapin::ExchangeKind::Topic;
        live.channel.exchange_declare("events".into(), kind, options, FieldTable::default()).await.expect("a bus");
        let (queue, key) = (ShortString::from("customer-service"), ShortString::from("email.*"));
        let options = QueueBindOptions::default();
        live.channel.queue_bind(queue, "events".into(), key, options, FieldTable::default()).await.expect("a binding");
    });
    folder
}

#[test]
fn events_arrive_in_their_envelope_with_properties_that_mirror_it() {
    let Some(live) = broker("publish") else { return };
    let folder = bus(&live);
    let arguments = [
        "publish",
        "EmailClassified",
        "--data",
        "{\"id\":1}",
        "--count",
        "500",
        "--correlation-id",
        "c1",
        "-o",
        "json",
    ];
    let done = live.evbus(&arguments).within(folder.path()).done().ends_with(0);
    assert_eq!(done.summary()["published"], 500);
    let arrived = live.drain("customer-service");
    assert_eq!(arrived.len(), 500);
    for delivery in &arrived {
        let body: serde_json::Value = serde_json::from_slice(&delivery.data).expect("JSON");
        let p = &delivery.properties;
        let text = |short: &Option<ShortString>| short.as_ref().map(ToString::to_string);
        assert_eq!(body["event_id"].as_str(), text(p.message_id()).as_deref());
        assert_eq!((body["event_type"].as_str(), body["payload"]["id"].as_i64()), (Some("EmailClassified"), Some(1)));
        assert_eq!(text(p.correlation_id()).as_deref(), Some("c1"));
        assert_eq!(text(p.app_id()).as_deref(), Some("email-service"));
        assert_eq!((*p.delivery_mode(), text(p.content_type()).as_deref()), (Some(2), Some("application/json")));
    }
    let ids: std::collections::BTreeSet<_> = arrived.iter().map(|d| d.properties.message_id().clone()).collect();
    assert_eq!(ids.len(), 500, "each has an id of its own");
}

#[test]
fn a_payload_that_breaks_its_schema_is_told_of_in_full_and_nothing_is_sent() {
    let Some(live) = broker("publish-invalid") else { return };
    let folder = bus(&live);
    let done = live
        .evbus(&["publish", "EmailClassified", "--data", "{\"c\":\"B\"}"])
        .within(folder.path())
        .done()
        .ends_with(2);
    assert!(done.err().contains("2 places") && done.err().contains("/c:"), "{}", done.whole());
    let lines = "{\"id\":1}\n{\"id\":\"x\"}\n\nnot json\n";
    let done = live
        .evbus(&["publish", "EmailClassified", "--from", "-"])
        .within(folder.path())
        .input(lines)
        .done()
        .ends_with(2);
    assert!(done.err().contains("line 2: /id") && done.err().contains("line 4:"), "{}", done.whole());
    assert_eq!(live.ready("customer-service"), 0);
}

#[test]
fn a_route_to_nowhere_is_an_error_with_the_nearest_bound_key() {
    let Some(live) = broker("unroutable") else { return };
    let folder = bus(&live);
    let done = live
        .evbus(&["publish", "--key", "emails.classified", "--data", "x", "--raw"])
        .within(folder.path())
        .done()
        .ends_with(1);
    assert!(done.err().contains("did you mean email.*?"), "{}", done.whole());
    let lines = "{\"format\":\"evbus.message/1\",\"exchange\":\"events\",\"routing_key\":\"nowhere\"}\n{\"format\":\"evbus.message/1\",\"exchange\":\"events\",\"routing_key\":\"email.x\"}\n";
    let done =
        live.evbus(&["publish", "--from", "-", "-o", "json"]).within(folder.path()).input(lines).done().ends_with(3);
    let words: Vec<_> = done.json().iter().map(|line| line["event"].clone()).collect();
    assert_eq!(words, ["unroutable", "published", "summary"], "{}", done.whole());
}

#[test]
fn an_unknown_event_is_answered_with_the_one_that_was_meant() {
    let Some(live) = broker("unknown-event") else { return };
    let folder = bus(&live);
    let done = live.evbus(&["publish", "EmailClasified", "--data", "{}"]).within(folder.path()).done().ends_with(2);
    assert!(done.err().contains("did you mean EmailClassified?"), "{}", done.whole());
}

#[test]
fn a_rate_is_kept() {
    let Some(live) = broker("rate") else { return };
    let folder = bus(&live);
    let began = std::time::Instant::now();
    let arguments = ["publish", "EmailClassified", "--data", "{\"id\":1}", "--count", "21", "--rate", "20/s"];
    live.evbus(&arguments).within(folder.path()).done().ends_with(0);
    let took = began.elapsed().as_secs_f64();
    assert!(took >= 1.0, "21 at 20 a second take a second, and took {took}");
}

#[test]
fn properties_are_sent_up_to_the_last_byte_their_frame_has_room_for() {
    let Some(live) = broker("publish-frame") else { return };
    live.queue("q", &[]);
    // A frame of 131,072 bytes less 8 around its payload and 14 before the properties; the table, its only name and its only value
    // take 11 more than the text.
    let room = 131_072 - 8 - 14 - 11;
    for (bytes, code) in [(room, 0), (room + 1, 1)] {
        let header = "h".repeat(bytes);
        let record = serde_json::json!({ "format": "evbus.message/1", "exchange": "", "routing_key": "q", "redelivered": false,
            "properties": { "headers": { "h": header } }, "body": { "text": "" } });
        let done = live.evbus(&["publish", "--from", "-"]).input(record.to_string()).done().ends_with(code);
        assert_eq!(done.err().contains("the message's properties would take"), code != 0, "{}", done.whole());
    }
    assert_eq!(live.ready("q"), 1);
}
