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
    fs::write(folder.path().join("lines"), lines).expect("a file");
    let from = |name: &str| {
        let run = live.evbus(&["publish", "EmailClassified", "-o", "json", "--from", name]).within(folder.path());
        run.input(lines).done()
    };
    // A file is checked as a whole before anything is sent.
    let done = from("lines").ends_with(2);
    assert!(done.err().contains("line 2: /id") && done.err().contains("line 4:"), "{}", done.whole());
    let words: Vec<_> = done.json().iter().map(|line| (line["event"].clone(), line["line"].clone())).collect();
    assert_eq!(words[0], ("invalid".into(), 2.into()));
    assert_eq!(words[1], ("invalid".into(), 4.into()));
    assert_eq!((&done.summary()["invalid"], &done.summary()["published"]), (&2.into(), &0.into()));
    assert_eq!(live.ready("customer-service"), 0);
    // A pipe is sent as it comes, up to there.
    let done = from("-").ends_with(3);
    assert!(done.err().contains("line 2 of stdin breaks its schema"), "{}", done.whole());
    let sum = done.summary();
    assert_eq!(
        (&sum["invalid"], &sum["published"], &sum["not_sent"]),
        (&1.into(), &1.into(), &serde_json::Value::Null)
    );
    assert_eq!(live.ready("customer-service"), 1);
}

#[test]
fn a_record_is_held_against_the_schema_of_the_event_that_it_is() {
    let Some(live) = broker("publish-record") else { return };
    let folder = bus(&live);
    let record = |id: &str| {
        format!(
            "{{\"exchange\":\"events\",\"routing_key\":\"email.classified\",\"format\":\"evbus.message/1\",\"properties\":{{\"type\":\"EmailClassified\"}},\"body\":{{\"json\":{{\"event_id\":\"1\",\"event_type\":\"EmailClassified\",\"version\":\"1.0\",\"payload\":{{\"id\":{id}}}}}}}}}\n"
        )
    };
    let lines = format!("{}{}", record("1"), record("\"x\""));
    let done = live.evbus(&["publish", "--from", "-"]).within(folder.path()).input(lines).done().ends_with(3);
    assert!(done.err().contains("line 2 of stdin") && done.err().contains("/id:"), "{}", done.whole());
    assert_eq!(live.ready("customer-service"), 1, "the order of its fields does not matter");
}

#[test]
fn a_missing_exchange_ends_the_run_at_once_with_what_the_broker_says() {
    let Some(live) = broker("publish-404") else { return };
    let folder = bus(&live);
    let run = |arguments: &[&str]| {
        let run = live.evbus(&["publish", "EmailClassified", "--data", "{\"id\":1}", "-o", "json"]);
        let done = run.and(arguments).within(folder.path()).done();
        let error: serde_json::Value = serde_json::from_str(done.err().trim()).unwrap_or_default();
        (error["error"].clone(), done)
    };
    let (error, done) = run(&["--exchange", "evnts", "--count", "100000", "--rate", "50/s"]);
    assert_eq!((done.code(), &error["code"]), (Some(1), &"not_found".into()), "{}", done.whole());
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("did you mean events?")), "{error}");
    let sum = done.summary();
    let count = |name: &str| sum[name].as_u64().unwrap_or_default();
    assert_eq!((count("published"), count("unknown") + count("not_sent")), (0, 100_000), "{sum}");
    assert!(count("unknown") < 100 && count("unknown") > 0, "{sum}");

    // What was confirmed before is published, and what comes after is not sent.
    let record = |exchange: &str| {
        format!(
            "{{\"format\":\"evbus.message/1\",\"exchange\":\"{exchange}\",\"routing_key\":\"email.x\",\"body\":{{\"text\":\"x\"}}}}\n"
        )
    };
    fs::write(folder.path().join("f"), record("events").repeat(3) + &record("gone") + &record("events").repeat(90))
        .expect("a file");
    let done = live
        .evbus(&["publish", "--from", "f", "--rate", "20/s", "-o", "json"])
        .within(folder.path())
        .done()
        .ends_with(3);
    let sum = done.summary();
    assert_eq!(sum["published"], 3, "{}", done.whole());
    assert!(sum["not_sent"].as_u64().is_some_and(|left| left > 0), "{sum}");
    assert!(done.err().contains("no exchange 'gone'"), "{}", done.whole());
}

#[test]
fn a_missing_permission_is_named_with_the_command_that_gives_it() {
    let Some(live) = broker("publish-403") else { return };
    let folder = bus(&live);
    let user = format!("reader-{}", std::process::id());
    let password = serde_json::json!({ "password": "p", "tags": "" });
    live.api(reqwest::Method::PUT, &format!("users/{user}"), Some(password));
    let rights = serde_json::json!({ "configure": "", "write": "", "read": ".*" });
    live.api(reqwest::Method::PUT, &format!("permissions/{}/{user}", live.vhost), Some(rights));
    let url = live.url().replace("guest:guest@", &format!("{user}:p@"));
    let run = live.evbus(&["publish", "EmailClassified", "--data", "{\"id\":1}", "-o", "json"]).env("EVBUS_URL", url);
    let done = run.within(folder.path()).done();
    live.api(reqwest::Method::DELETE, &format!("users/{user}"), None);
    let error: serde_json::Value = serde_json::from_str(done.err().trim()).unwrap_or_default();
    assert_eq!((done.code(), &error["error"]["code"]), (Some(1), &"no_permission".into()), "{}", done.whole());
    assert!(done.err().contains("write") && done.err().contains("set_permissions -p"), "{}", done.whole());
}

#[test]
fn a_body_above_what_the_broker_takes_is_said_to_be_too_large() {
    let Some(live) = broker("publish-large") else { return };
    if live.version() < evbus::version::Version::new(4, 0, 0) {
        return;
    }
    let folder = bus(&live);
    fs::write(folder.path().join("large"), vec![b'x'; (16 << 20) + 1]).expect("a file");
    let done = live
        .evbus(&["publish", "--key", "email.x", "--raw", "--data", "@large", "-o", "json"])
        .within(folder.path())
        .done()
        .ends_with(1);
    assert!(done.err().contains("\"too_large\"") && done.err().contains("max_message_size"), "{}", done.whole());
}

#[test]
fn every_message_of_a_count_has_an_id_of_its_own_also_without_an_event() {
    let Some(live) = broker("publish-ids") else { return };
    let folder = bus(&live);
    live.evbus(&["publish", "--key", "email.x", "--data", "x", "--count", "20"])
        .within(folder.path())
        .done()
        .ends_with(0);
    let ids: std::collections::BTreeSet<_> = live.ids("customer-service").into_iter().collect();
    assert_eq!(ids.len(), 20);
}

#[test]
fn an_interrupt_settles_what_is_on_its_way_and_says_what_was_not_sent() {
    let Some(live) = broker("publish-interrupt") else { return };
    let folder = bus(&live);
    let arguments =
        ["publish", "--key", "email.x", "--data", "x", "--count", "100000", "--rate", "100/s", "-o", "json"];
    let child = live.evbus(&arguments).within(folder.path()).start();
    live.until("some have arrived", || live.ready("customer-service") > 3);
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it gets the signal");
    let output = crate::support::run::ended(child);
    assert_eq!(output.status.code(), Some(130));
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let sum: serde_json::Value =
        out.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    let count = |name: &str| sum[name].as_u64().unwrap_or_default();
    assert_eq!(sum["interrupted"], true, "{out}");
    assert_eq!((count("published") + count("not_sent"), count("unknown")), (100_000, 0), "{sum}");
    assert_eq!(u64::from(live.ready("customer-service")), count("published"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("interrupted"));
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
    let lines = "{\"format\":\"evbus.message/1\",\"exchange\":\"events\",\"routing_key\":\"nowhere\",\"body\":{\"text\":\"\"}}\n{\"format\":\"evbus.message/1\",\"exchange\":\"events\",\"routing_key\":\"email.x\",\"body\":{\"text\":\"\"}}\n";
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
