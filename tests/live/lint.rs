//! What lint says of what a broker really has, and whether the broker does as the rules say it does.

use std::fs;

use evbus::topology::{argument::QueueType, policy};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::live::{Live, broker};

fn found(live: &Live, arguments: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let done = live.evbus(&["lint", "--live", "-o", "json"]).and(arguments).within(folder.path()).done();
    done.json()[0]["findings"].as_array().cloned().unwrap_or_else(|| panic!("{}", done.whole()))
}

fn rules(findings: &[Value]) -> Vec<String> {
    let named = |it: &Value| {
        format!("{} {}", it["rule"].as_str().unwrap_or_default(), it["object"].as_str().unwrap_or_default())
    };
    let mut rules: Vec<String> = findings.iter().map(named).collect();
    rules.sort();
    rules
}

/// A virtual host in which dead letters are lost in two ways, and more is odd.
fn shop(live: &Live) {
    let put = |path: &str, body: Value| {
        let answer = live.api(Method::PUT, &path.replacen("VHOST", &live.vhost, 1), Some(body));
        assert!(answer.is_null(), "{path}: {answer}");
    };
    put("exchanges/VHOST/dlx", json!({ "type": "direct", "durable": true }));
    live.queue("work", &[("x-dead-letter-exchange", json!("dlx")), ("x-dead-letter-routing-key", json!("k"))]);
    live.queue("lost", &[("x-dead-letter-exchange", json!("gone")), ("x-max-retries", json!(3))]);
    live.queue("prices", &[("x-message-ttl", json!(1000))]);
    let definition = json!({ "max-length": 5, "overflow": "reject-publish" });
    put(
        "policies/VHOST/all",
        json!({ "pattern": ".*", "apply-to": "queues", "priority": 0, "definition": definition }),
    );
}

#[test]
fn what_a_broker_has_is_looked_at_by_the_same_rules_and_named_instead_of_placed() {
    let Some(live) = broker("lint-live") else { return };
    shop(&live);
    let findings = found(&live, &[]);
    assert_eq!(
        rules(&findings),
        [
            "catch-all-policy all",
            "dead-letters-go-nowhere lost",
            "dead-letters-go-nowhere work",
            "expires-without-dead-letters prices",
            "some-without-dead-letters prices",
            "unbound-exchange dlx",
            "unknown-argument lost",
        ],
        "{findings:#?}"
    );
    for finding in &findings {
        assert!([&finding["file"], &finding["line"], &finding["column"]].iter().all(|it| it.is_null()), "{finding:#}");
        assert_eq!(finding["vhost"], live.vhost.as_str());
    }
    // A broker is told of as a whole: what it does not have, nobody else has either.
    let lost = findings.iter().find(|it| it["object"] == "lost" && it["rule"] == "dead-letters-go-nowhere");
    assert_eq!(lost.map(|it| &it["level"]), Some(&json!("error")));
    let table = live.evbus(&["lint", "--live"]).within(std::env::temp_dir()).done().ends_with(4);
    assert!(table.out().contains("queue work") && !table.out().contains(":1:"), "{}", table.whole());
    let sarif = live.evbus(&["lint", "--live", "--format", "sarif"]).within(std::env::temp_dir()).done().ends_with(4);
    let location = &sarif.json()[0]["runs"][0]["results"][0]["locations"][0];
    assert!(location["logicalLocations"][0]["name"].is_string() && location.get("physicalLocation").is_none());
}

#[test]
fn what_the_broker_exports_is_found_to_be_what_the_broker_has() {
    let Some(live) = broker("lint-export") else { return };
    shop(&live);
    let exported = live.api(Method::GET, &format!("definitions/{}", live.vhost), None);
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("export.json"), format!("{exported:#}")).expect("it is written");
    let done = live.evbus(&["lint", "export.json", "-o", "json"]).within(folder.path()).done().ends_with(4);
    let offline = done.json()[0]["findings"].as_array().cloned().unwrap_or_default();
    assert_eq!(rules(&offline), rules(&found(&live, &[])), "{}", done.whole());
    assert!(offline.iter().all(|it| it["line"].as_u64().is_some_and(|line| line > 1)), "{offline:#?}");
}

#[test]
fn a_topology_file_silences_live_findings_too_and_what_evbus_made_is_right() {
    let Some(live) = broker("lint-made") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let text = "evbus: 1
events: { OrderPlaced: { routing_key: order.placed } }
services:
  billing: { subscribes: [OrderPlaced], retry: { delays: [1s, 10s] } }
audit: { stream: log, keep: 1d }
queues: { prices: { type: classic, message_ttl: 1s } }
lint: { ignore: [{ rule: expires-without-dead-letters, object: prices, because: old ones are worth nothing }, { rule: some-without-dead-letters, object: prices, because: as above }] }
";
    fs::write(folder.path().join("evbus.yaml"), text).expect("it is written");
    live.evbus(&["apply", "--yes"]).within(folder.path()).done().ends_with(0);
    let look = |arguments: &[&str]| {
        live.evbus(&["lint", "--live", "--level", "warning"]).and(arguments).within(folder.path()).done()
    };
    look(&[]).ends_with(0);
    let elsewhere = tempfile::tempdir().expect("a folder");
    let alone = live.evbus(&["lint", "--live", "--level", "warning"]).within(elsewhere.path()).done().ends_with(4);
    assert!(alone.out().contains("expires-without-dead-letters"), "{}", alone.whole());
}

#[test]
fn policies_have_the_keys_and_are_passed_over_as_the_rules_say() {
    let Some(live) = broker("lint-policies") else { return };
    let version = live.version();
    let kinds = [QueueType::Classic, QueueType::Quorum, QueueType::Stream];
    for kind in kinds {
        live.queue(kind.word(), &[("x-queue-type", json!(kind.word()))]);
    }
    let path = format!("policies/{}/tried", live.vhost);
    let set = |key: &str, value: &Value| {
        let body = json!({ "pattern": ".*", "apply-to": "queues", "definition": { key: value } });
        live.api(Method::PUT, &path, Some(body)).is_null()
    };
    for (key, value) in [
        ("message-ttl", json!(1_000_000)),
        ("delivery-limit", json!(5)),
        ("queue-mode", json!("lazy")),
        ("queue-master-locator", json!("min-masters")),
        ("consumer-timeout", json!(60_000)),
        ("target-group-size", json!(3)),
        ("delayed-retry-min", json!(100)),
        ("stream-filter-size-bytes", json!(32)),
        ("max-priority", json!(5)),
        ("single-active-consumer", json!(true)),
        ("x-queue-type", json!("quorum")),
        ("ha-mode", json!("all")),
    ] {
        assert_eq!(set(key, &value), policy::is_known(key, version), "{key} on {version}");
    }
    for (key, value) in
        [("max-length-bytes", json!(9_000_000)), ("delivery-limit", json!(5)), ("queue-mode", json!("lazy"))]
    {
        assert!(set(key, &value));
        for kind in kinds {
            let expected = !policy::is_passed_over(key, kind);
            let what = format!("{key} on a {kind} queue");
            // The broker tells of it with its next statistics.
            live.until(&what, || {
                let queue = live.api(Method::GET, &format!("queues/{}/{}", live.vhost, kind.word()), None);
                let in_force = queue["policy"] == "tried";
                in_force == expected && (!expected || queue["effective_policy_definition"].get(key) == Some(&value))
            });
        }
    }
}
