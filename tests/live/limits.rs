//! What `queues --limits` says bounds a queue is what the broker does.

use std::fs;

use lapin::{BasicProperties, options::BasicPublishOptions, types::ShortString};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::live::{Live, broker};

fn look(live: &Live, arguments: &[&str]) -> Vec<Value> {
    let done = live.evbus(&["queues", "--limits", "-o", "json"]).and(arguments).done().ends_with(0);
    let shown = done.json().remove(0);
    assert_eq!(shown["format"], "evbus.queues/1");
    shown["queues"].as_array().cloned().unwrap_or_default()
}

fn one(live: &Live, name: &str) -> Value {
    look(live, &[]).into_iter().find(|queue| queue["name"] == name).unwrap_or_default()
}

/// A limit as it is shown: its value, who says so, and the policy.
fn limit(queue: &Value, name: &str) -> Value {
    let limit = &queue["limits"][name];
    let value = if limit["value_s"].is_null() { &limit["value"] } else { &limit["value_s"] };
    json!([value, limit["from"], limit["policy"]])
}

fn policy(live: &Live, kind: &str, name: &str, pattern: &str, definition: Value) {
    let body = json!({ "pattern": pattern, "apply-to": "queues", "definition": definition });
    let refused = live.api(Method::PUT, &format!("{kind}/{}/{name}", live.vhost), Some(body));
    assert!(refused.is_null(), "{refused}");
}

/// Publishes one message to a queue; whether the broker took it.
fn is_taken(live: &Live, queue: &str, body: &[u8]) -> bool {
    live.wait(async {
        let key = ShortString::from(queue);
        let properties = BasicProperties::default().with_delivery_mode(2);
        let sent = live.channel.basic_publish("".into(), key, BasicPublishOptions::default(), body, properties).await;
        sent.expect("it is sent").await.expect("the broker answers").is_ack()
    })
}

#[test]
fn of_argument_policy_and_operator_policy_the_shown_length_is_the_one_that_counts() {
    let Some(live) = broker("limits-length") else { return };
    policy(&live, "policies", "own", "^p", json!({ "max-length": 5 }));
    policy(&live, "operator-policies", "theirs", "^po", json!({ "max-length": 4, "max-length-bytes": 1_000_000 }));
    for kind in ["classic", "quorum"] {
        let cases = [
            ("argument", 3, json!([3, "argument", null])),
            ("p-policy", 7, json!([5, "policy", "own"])),
            ("po-operator", 7, json!([4, "operator", "theirs"])),
            ("po-argument", 3, json!([3, "argument", null])),
        ];
        for (name, argument, expected) in cases {
            let name = format!("{name}-{kind}");
            live.queue(&name, &[("x-queue-type", json!(kind)), ("x-max-length", json!(argument))]);
            // At once: the statistics know nothing of its policies yet.
            let queue = one(&live, &name);
            assert_eq!(limit(&queue, "max_length"), expected, "{name}: {queue:#}");
            assert_eq!(limit(&queue, "overflow"), json!(["drop-head", "broker", null]));
            assert_eq!((&queue["bounded"], &queue["limits"]["max_length"]["full"]), (&json!(true), &json!(false)));
            live.fill(&name, 10);
            let length = expected[0].as_u64().unwrap_or_default();
            live.until("it holds what it may", || u64::from(live.ready(&name)) == length);
            let queue = one(&live, &name);
            assert_eq!((&queue["limits"]["max_length"]["full"], &queue["ready"]), (&json!(true), &json!(length)));
        }
        assert_eq!(
            limit(&one(&live, &format!("po-operator-{kind}")), "max_length_bytes"),
            json!([1_000_000, "operator", "theirs"])
        );
    }
}

#[test]
fn the_shown_overflow_is_the_one_that_happens_and_the_shown_ttl_the_one_that_ends_messages() {
    let Some(live) = broker("limits-overflow") else { return };
    policy(&live, "policies", "own", "^p", json!({ "overflow": "reject-publish", "message-ttl": 60_000 }));
    let arguments =
        |kind: &str| [("x-queue-type", json!(kind)), ("x-max-length", json!(2)), ("x-overflow", json!("drop-head"))];
    live.queue("p-classic", &arguments("classic"));
    live.queue("p-quorum", &arguments("quorum"));
    assert_eq!(limit(&one(&live, "p-classic"), "overflow"), json!(["drop-head", "argument", null]));
    assert_eq!(limit(&one(&live, "p-quorum"), "overflow"), json!(["reject-publish", "policy", "own"]));
    for _ in 0..5 {
        assert!(is_taken(&live, "p-classic", b"x"), "the oldest goes");
    }
    assert_eq!(live.ready("p-classic"), 2);
    // A quorum queue takes some more than it should before it refuses.
    live.until("it refuses", || !is_taken(&live, "p-quorum", b"x"));

    let ttl = |millis: u64| [("x-queue-type", json!("classic")), ("x-message-ttl", json!(millis))];
    live.queue("p-short", &ttl(500));
    live.queue("p-long", &ttl(600_000));
    assert_eq!(limit(&one(&live, "p-short"), "message_ttl"), json!([0.5, "argument", null]));
    assert_eq!(limit(&one(&live, "p-long"), "message_ttl"), json!([60.0, "policy", "own"]));
    policy(&live, "operator-policies", "theirs", "^p-long$", json!({ "message-ttl": 500 }));
    live.until("the operator's is known", || {
        limit(&one(&live, "p-long"), "message_ttl") == json!([0.5, "operator", "theirs"])
    });
    for queue in ["p-short", "p-long"] {
        live.fill(queue, 1);
        live.until("it expires long before the other bound", || live.ready(queue) == 0);
    }
}

#[test]
fn what_a_stream_keeps_is_the_policys_even_where_the_argument_says_less() {
    let Some(live) = broker("limits-stream") else { return };
    policy(&live, "policies", "more", "^s-more$", json!({ "max-length-bytes": 100_000_000, "max-age": "2D" }));
    policy(&live, "policies", "useless", "^s-own$", json!({ "message-ttl": 1, "max-length": 1 }));
    let arguments = [
        ("x-queue-type", json!("stream")),
        ("x-max-age", json!("1D")),
        ("x-max-length-bytes", json!(200_000)),
        ("x-stream-max-segment-size-bytes", json!(100_000)),
    ];
    for (name, age, bytes) in [
        ("s-own", json!([86_400.0, "argument", null]), json!([200_000, "argument", null])),
        ("s-more", json!([172_800.0, "policy", "more"]), json!([100_000_000, "policy", "more"])),
    ] {
        live.queue(name, &arguments);
        let stream = one(&live, name);
        assert_eq!((limit(&stream, "max_age"), limit(&stream, "max_length_bytes")), (age, bytes), "{stream:#}");
        let others = ["message_ttl", "max_length", "overflow", "delivery_limit"];
        assert!(others.iter().all(|other| stream["limits"][other].is_null()), "a stream ignores them: {stream:#}");
        let size = &stream["limits"]["max_length_bytes"];
        assert_eq!((&size["full"], &size["full_in_s"], &size["holds_s"]), (&json!(null), &json!(null), &json!(null)));
    }
    live.queue("s-bare", &arguments[..1]);
    assert_eq!(one(&live, "s-bare")["bounded"], false);
    // The broker empties a stream when it begins another file: it is written to until that has been seen.
    let body = vec![b'x'; 20_000];
    let mut sent = 0;
    live.until("the one with the small bound loses its beginning", || {
        for name in ["s-own", "s-more"] {
            live.publish(name, (0..20).map(|_| (BasicProperties::default(), body.clone())));
        }
        sent += 20;
        live.ready("s-own") < sent / 2
    });
    live.until("the other has everything", || live.ready("s-more") >= sent);
}

#[test]
fn a_delivery_limit_is_shown_as_it_is_merged_and_without_any_as_the_brokers() {
    let Some(live) = broker("limits-deliveries") else { return };
    let is_limited = live.version() >= evbus::version::Version::new(4, 0, 0);
    policy(&live, "policies", "own", "^p-", json!({ "delivery-limit": 3 }));
    for (name, arguments) in [
        ("plain", &[][..]),
        ("p-low", &[("x-delivery-limit", json!(2))]),
        ("p-high", &[("x-delivery-limit", json!(9))]),
    ] {
        live.queue(name, &[&[("x-queue-type", json!("quorum"))], arguments].concat());
    }
    live.queue("p-classic", &[("x-queue-type", json!("classic"))]);
    let shown = |name: &str| limit(&one(&live, name), "delivery_limit");
    let default = if is_limited { json!([20, "broker", null]) } else { json!([null, null, null]) };
    assert_eq!(
        [shown("plain"), shown("p-low"), shown("p-high"), shown("p-classic")],
        [default, json!([2, "argument", null]), json!([3, "policy", "own"]), json!([null, null, null])]
    );
    assert_eq!(one(&live, "p-low")["bounded"], false, "it ends nothing that was never taken");
}

#[test]
fn what_a_length_means_in_time_follows_from_the_rates_and_without_rates_is_unknown() {
    let Some(live) = broker("limits-rates") else { return };
    live.queue("q", &[("x-queue-type", json!("classic")), ("x-max-length", json!(100_000))]);
    let length = |queue: &Value| queue["limits"]["max_length"].clone();
    let still = one(&live, "q");
    assert_eq!((&still["in_rate"], &still["net_rate"]), (&Value::Null, &Value::Null), "{still:#}");
    assert_eq!((&length(&still)["holds_s"], &length(&still)["full_in_s"]), (&Value::Null, &Value::Null));
    let mut busy = Value::Null;
    live.until("its rate is known", || {
        live.fill("q", 10);
        busy = one(&live, "q");
        busy["in_rate"].as_f64().is_some_and(|rate| rate > 0.0)
    });
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let near = |a: f64, b: f64| (a - b).abs() <= b.abs() * 1e-9;
    let (rate, net, ready) = (number(&busy["in_rate"]), number(&busy["net_rate"]), number(&busy["ready"]));
    assert!(near(net, rate), "nothing has gone out, and that is known: {busy:#}");
    assert!(near(number(&length(&busy)["holds_s"]), 100_000.0 / rate), "{busy:#}");
    assert!(near(number(&length(&busy)["full_in_s"]), (100_000.0 - ready) / net), "{busy:#}");
}

const BUS: &str = "evbus: 1
bus: { exchange: shop }
services:
  billing:
    subscribes: [{ key: \"order.#\" }]
    queue: { type: classic }
    retry: none
    dead_letters: { keep: 14d, max: 2 }
    alerts: { depth: 3 }
";

#[test]
fn what_the_file_says_is_too_much_is_shown_beside_what_bounds_and_stands_out() {
    let Some(live) = broker("limits-review") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("evbus.yaml"), BUS).expect("it is written");
    let run = |arguments: &[&str]| live.evbus(arguments).within(folder.path());
    run(&["apply", "--yes"]).done().ends_with(0);
    live.fill("billing", 5);
    let review = |arguments: &[&str]| -> Value {
        let done = run(&["queues", "--limits", "-o", "json"]).and(arguments).done().ends_with(0);
        let shown = done.json().remove(0);
        let queues = shown["queues"].as_array().cloned().unwrap_or_default();
        let ours = queues.into_iter().filter(|queue| queue["vhost"] == live.vhost.as_str());
        Value::Object(ours.map(|queue| (queue["name"].to_string().replace('"', ""), queue["review"].clone())).collect())
    };
    let before = review(&[]);
    assert_eq!((&before["billing"]["depth"]["value"], &before["billing"]["depth"]["over"]), (&json!(3), &json!(true)));
    let keep = json!({ "value_s": 1_209_600.0, "over": false });
    assert_eq!(before["billing.dlq"]["keep"], keep, "nothing in it is old");
    assert_eq!(before["billing.dlq"]["max"], json!({ "value": 2, "over": false, "over_in_s": null }));
    live.reject_all("billing", "billing.dlq");
    let after = review(&[]);
    assert_eq!(
        (&after["billing"]["depth"]["over"], &after["billing.dlq"]["max"]["over"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(after["billing.dlq"]["keep"]["over"], Value::Null, "only messages tell how old they are");

    let table = run(&["queues", "--limits", "--sort", "ready"]).done().ends_with(0);
    let lines: Vec<String> =
        table.out().lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "QUEUE BOUND FROM HOLDS FULL IN READY POLICY",
        "! billing.dlq UNBOUNDED 5",
        "! billing.dlq review max 2 file over 5",
        "billing.dlq review keep 14d file ? 5",
        "! billing UNBOUNDED 0",
    ];
    assert_eq!(lines[..5], expected);
    // When it would be too deep depends on whether its rates have been sampled.
    assert!(lines[5].starts_with("billing review depth 3 file") && lines.len() == 6, "{}", table.whole());
    assert!(table.err().contains("2 of 2 queues to look at (!)"), "{}", table.whole());
    let one = run(&["queues", "--limits", "*.dlq"]).done().ends_with(0);
    assert_eq!(one.out().lines().count(), 4, "{}", one.whole());

    // Of every virtual host the file is about one: its own, or the one that is meant otherwise.
    assert_eq!(review(&["--all-vhosts"])["billing.dlq"]["max"]["over"], true);
    fs::write(folder.path().join("evbus.yaml"), format!("{BUS}vhost: {}\n", live.vhost)).expect("it is written");
    assert_eq!(review(&["--all-vhosts"])["billing.dlq"]["max"]["over"], true);
    fs::write(folder.path().join("evbus.yaml"), format!("{BUS}vhost: elsewhere\n")).expect("it is written");
    let elsewhere = run(&["queues", "--limits"]).done().ends_with(0);
    assert!(
        !elsewhere.out().contains("review"),
        "a file for another virtual host says nothing here\n{}",
        elsewhere.whole()
    );
    fs::write(folder.path().join("evbus.yaml"), "evbus: 2\n").expect("it is written");
    let malformed = run(&["queues", "--limits"]).done().ends_with(0);
    assert!(malformed.err().contains("left out of account"), "{}", malformed.whole());
    run(&["queues", "--limits", "-f", "evbus.yaml"]).done().ends_with(2);
}

#[test]
fn at_a_terminal_names_stay_whole_and_lines_fit() {
    let Some(live) = broker("limits-narrow") else { return };
    let long = "customer-service.of.the.north.retry.10s";
    policy(&live, "policies", "a-policy-with-a-rather-long-name", "", json!({ "max-length": 1000 }));
    live.queue(long, &[("x-queue-type", json!("quorum")), ("x-expires", json!(86_400_000))]);
    live.queue("short", &[("x-queue-type", json!("classic")), ("x-message-ttl", json!(90_000))]);
    let mut command = std::process::Command::new(crate::support::run::program());
    command.args(["queues", "--limits", "--color", "never"]).env_clear().env("TERM", "xterm").env("COLUMNS", "80");
    command.env("EVBUS_URL", live.url()).env("EVBUS_MANAGEMENT_URL", live.management_url());
    let mut session = rexpect::session::spawn_command(command, Some(30_000)).expect("a terminal");
    let shown = session.exp_eof().expect("it ends");
    let rows: Vec<&str> = shown.lines().filter(|line| line.contains(long) || line.contains("short  ")).collect();
    assert!(rows.len() >= 6, "{shown}");
    assert!(shown.lines().all(|line| line.trim_end().chars().count() <= 80), "{shown}");
    assert!(shown.contains("left out") && shown.contains("length 1000") && shown.contains("expires 1d"), "{shown}");
}

#[test]
fn the_tag_management_is_enough_to_see_who_bounds_what() {
    let Some(live) = broker("limits-tag") else { return };
    policy(&live, "policies", "own", "^q$", json!({ "max-length": 5 }));
    policy(&live, "operator-policies", "theirs", "^q$", json!({ "max-length": 4 }));
    live.queue("q", &[("x-queue-type", json!("classic"))]);
    let name = format!("{}-viewer", live.vhost);
    let user = json!({ "password": "secret", "tags": "management" });
    live.api(Method::PUT, &format!("users/{name}"), Some(user));
    let none = json!({ "configure": "", "write": "", "read": "" });
    live.api(Method::PUT, &format!("permissions/{}/{name}", live.vhost), Some(none));
    let url = live.url().replacen("guest:guest@", &format!("{name}:secret@"), 1);
    let done = live.evbus(&["queues", "--limits", "-o", "json"]).env("EVBUS_URL", url).done();
    live.api(Method::DELETE, &format!("users/{name}"), None);
    let shown = done.ends_with(0).json().remove(0);
    assert_eq!(limit(&shown["queues"][0], "max_length"), json!([4, "operator", "theirs"]), "{shown:#}");
}
