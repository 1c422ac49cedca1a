//! What belongs to a file, what may go, and what is left alone.

use std::{collections::BTreeSet, fs};

use lapin::{
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::shop::Shop;

const FIRST: &str = r#"evbus: 1
name: shop
events: { OrderPlaced: { routing_key: order.placed }, OrderPaid: { routing_key: order.paid } }
services:
  billing: { subscribes: [OrderPlaced], retry: { delays: [1s, 2s] } }
  stock: { subscribes: [OrderPlaced, OrderPaid], retry: none }
  legacy: { subscribes: [ { key: "order.#" } ], queue: { type: classic }, retry: none }
audit: { stream: audit, keep: 30d }
exchanges: { old: { type: fanout, alternate_exchange: events }, side: { type: headers }, plain: { type: direct } }
queues: { reports: { type: classic, message_ttl: 1h } }
bindings:
  - { from: old, to: reports }
  - { from: events, to_exchange: old, key: "report.*" }
  - { from: side, to: reports, arguments: { x-match: all, kind: pdf } }
  - { from: plain, to: reports, key: "a.b" }
policies:
  short: { pattern: "^reports$", apply_to: queues, priority: 1, definition: { max-length: 1000 } }
  long: { pattern: "^legacy$", apply_to: queues, priority: 1, definition: { max-length: 9000 } }
"#;

/// Everything that can be changed is: subscriptions, a ladder, bindings, policies, services, and the types and arguments of queues and
/// exchanges.
const SECOND: &str = r#"evbus: 1
name: shop
events: { OrderPlaced: { routing_key: order.placed }, OrderPaid: { routing_key: order.paid } }
services:
  billing: { subscribes: [OrderPaid, { key: "refund.#" }], retry: { delays: [2s, 4s, 8s] } }
  stock: { subscribes: [OrderPaid], retry: none }
  legacy: { subscribes: [ { key: "order.*" } ], retry: none }
  fresh: { subscribes: [OrderPlaced], retry: none }
audit: { stream: audit, keep: 30d }
exchanges: { old: { type: fanout, alternate_exchange: events }, side: { type: headers }, plain: { type: topic } }
queues: { reports: { type: classic, message_ttl: 2h } }
bindings:
  - { from: events, to_exchange: old, key: "report.#" }
  - { from: side, to: reports, arguments: { x-match: any, kind: pdf, size: 4 } }
  - { from: plain, to: reports, key: "a.*" }
policies:
  short: { pattern: "^reports$", apply_to: queues, priority: 7, definition: { max-length: 2000, max-length-bytes: 5 } }
"#;

/// Half of it is gone.
const THIRD: &str = r"evbus: 1
name: shop
events: { OrderPaid: { routing_key: order.paid } }
services:
  billing: { subscribes: [OrderPaid], retry: { delays: [2s] } }
audit: { stream: audit, keep: 30d }
queues: { reports: { type: classic, message_ttl: 2h } }
";

/// All that a virtual host has, but for what every one has.
fn definitions(shop: &Shop) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let parts =
        |object: &Value, keys: &[&str]| keys.iter().map(|key| object[*key].to_string()).collect::<Vec<_>>().join(" ");
    for (what, keys) in [
        ("exchanges", &["name", "type", "durable", "auto_delete", "internal", "arguments"][..]),
        ("queues", &["name", "durable", "auto_delete", "arguments"]),
        ("bindings", &["source", "destination_type", "destination", "routing_key", "arguments"]),
        ("policies", &["name", "pattern", "apply-to", "priority", "definition"]),
    ] {
        let own = |object: &&Value| {
            let name = object["name"].as_str().or(object["source"].as_str()).unwrap_or_default();
            !name.is_empty() && !name.starts_with("amq.")
        };
        all.extend(shop.list(what).iter().filter(own).map(|object| format!("{what} {}", parts(object, keys))));
    }
    all
}

/// The names of what is listed, sorted.
fn names(shop: &Shop, what: &str) -> Vec<String> {
    let name = |object: &Value| object["name"].as_str().unwrap_or_default().to_owned();
    shop.list(what).iter().map(name).collect::<BTreeSet<_>>().into_iter().collect()
}

/// What a file makes of an empty virtual host.
fn fresh(test: &str, text: &str) -> BTreeSet<String> {
    let shop = Shop::open(test, text).expect("there is a broker");
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    definitions(&shop)
}

fn blocked<'a>(plan: &'a Value, name: &str) -> &'a str {
    let changes = plan["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = changes.iter().find(|change| change["name"] == name);
    found.and_then(|change| change["blocked"].as_str()).unwrap_or_default()
}

#[test]
fn each_step_of_a_topologys_life_leaves_exactly_what_its_file_says() {
    let Some(shop) = Shop::open("life", FIRST) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    assert_eq!(definitions(&shop), fresh("life-first", FIRST));
    shop.evbus(&["plan", "--exit-code"]).done().ends_with(0);

    shop.write(SECOND);
    let unasked = shop.evbus(&["plan", "-o", "json", "--prune"]).done().ends_with(0).json()[0].clone();
    for name in ["legacy", "reports", "plain"] {
        assert!(blocked(&unasked, name).contains("--replace makes it anew"), "{name}: {unasked}");
    }
    shop.evbus(&["apply", "--yes", "--prune", "--replace"]).done().ends_with(0);
    assert_eq!(definitions(&shop), fresh("life-second", SECOND));
    shop.evbus(&["plan", "--exit-code", "--prune", "--replace"]).done().ends_with(0);

    shop.write(THIRD);
    let kept = shop.evbus(&["plan", "-o", "json"]).done().ends_with(0);
    let summary = kept.json()[0]["summary"].clone();
    assert_eq!(
        (&summary["delete"], &summary["create"]),
        (&json!(0), &json!(0)),
        "without --prune all stays: {summary}"
    );
    assert!(summary["keep"].as_u64().is_some_and(|keep| keep > 20), "{summary}");
    shop.evbus(&["apply", "--yes", "--prune"]).done().ends_with(0);
    assert_eq!(definitions(&shop), fresh("life-third", THIRD));
    shop.evbus(&["plan", "--exit-code", "--prune"]).done().ends_with(0);
    assert!(shop.evbus(&["apply", "--yes", "--prune"]).done().ends_with(0).out().starts_with("nothing to do"));
}

#[test]
fn two_files_never_touch_each_others_objects() {
    let Some(shop) = Shop::open("two", "evbus: 1\nname: one\nexchanges: {x: {}}\nqueues: {a: {}, b: {}}\n") else {
        return;
    };
    // Somebody's own, which both leave alone.
    shop.live.queue("theirs", &[]);
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    let other =
        "evbus: 1\nname: two\nqueues: {c: {}, theirs: {type: classic}}\nbindings: [{from: amq.topic, to: a, key: k}]\n";
    fs::write(shop.folder.path().join("two.yaml"), other).expect("the file is written");
    shop.evbus(&["apply", "two.yaml", "--yes"]).done().ends_with(0);

    let claim = "evbus: 1\nname: two\nqueues: {a: {}, b: {}, c: {}}\n";
    fs::write(shop.folder.path().join("claim.yaml"), claim).expect("the file is written");
    for command in
        [&["plan", "claim.yaml", "-o", "json"][..], &["apply", "claim.yaml", "--yes", "--prune", "-o", "json"]]
    {
        let done = shop.evbus(command).done().ends_with(1);
        assert!(
            done.err().contains("\"claimed\"") && done.err().contains("the queue a belongs to one"),
            "{}",
            done.whole()
        );
    }
    // `two` wants nothing any more: what it made goes, and nothing else.
    shop.write("evbus: 1\nname: two\n");
    shop.evbus(&["apply", "--yes", "--prune"]).done().ends_with(0);
    assert_eq!(names(&shop, "queues"), ["a", "b", "theirs"]);
    assert!(!shop.list("bindings").iter().any(|binding| binding["source"] == "amq.topic"), "its binding is gone");
    // A file without a name owns nothing and claims nothing, and cannot prune.
    shop.write("evbus: 1\nexchanges: {x: {}}\nqueues: {a: {}, b: {}}\n");
    shop.evbus(&["plan", "--exit-code"]).done().ends_with(0);
    shop.write("evbus: 1\n");
    let done = shop.evbus(&["apply", "--yes", "--prune"]).done().ends_with(2);
    assert!(done.err().contains("the file has no name"), "{}", done.whole());
}

#[test]
fn a_queue_with_messages_goes_only_when_they_are_archived() {
    let Some(shop) =
        Shop::open("full", "evbus: 1\nname: shop\nqueues: {q: {}, c: {type: classic}, s: {type: stream}, e: {}}\n")
    else {
        return;
    };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    for queue in ["q", "c", "s"] {
        shop.live.fill(queue, 30);
    }
    shop.write("evbus: 1\nname: shop\n");
    let plan = shop.evbus(&["plan", "--prune", "-o", "json"]).done().ends_with(0);
    assert!(
        blocked(&plan.json()[0], "q").starts_with("it has 30 messages: --prune-non-empty archives"),
        "{}",
        plan.whole()
    );
    let done = shop.evbus(&["apply", "--prune", "--yes", "-o", "json"]).done().ends_with(3);
    assert_eq!((&done.summary()["applied"], &done.summary()["skipped"]), (&json!(1), &json!(3)), "{}", done.whole());
    assert_eq!([shop.live.ready("q"), shop.live.ready("c")], [30, 30]);

    let done = shop.evbus(&["apply", "--prune", "--prune-non-empty", "--yes", "-o", "json"]).done().ends_with(3);
    assert_eq!((&done.summary()["applied"], &done.summary()["skipped"]), (&json!(2), &json!(1)), "{}", done.whole());
    assert_eq!(names(&shop, "queues"), ["s"], "evbus archives no streams");
    for line in done.json().iter().filter(|line| line["event"] == "applied") {
        assert_eq!(line["messages"], 30, "{line}");
        let archive = shop.folder.path().join(line["archive"].as_str().expect("a file"));
        let mut reader = evbus::ops::dlq::archive::Reader::open(&archive).expect("an archive");
        while reader.next_message().expect("it is whole").is_some() {}
        assert_eq!(reader.end().map(|end| (end.count, end.complete)), Some((30, true)));
    }
}

#[test]
fn a_queue_that_somebody_reads_stays_and_what_it_holds_is_never_lost() {
    let Some(shop) = Shop::open("read", "evbus: 1\nname: shop\nqueues: {q: {}}\n") else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.live.fill("q", 5);
    shop.write("evbus: 1\nname: shop\n");
    let held = shop.live.wait(async {
        let got = shop.live.channel.basic_get("q".into(), lapin::options::BasicGetOptions::default()).await;
        got.expect("a get").expect("a message")
    });
    let done = shop.evbus(&["apply", "--prune", "--prune-non-empty", "--yes"]).done().ends_with(1);
    assert!(done.out().contains("consumers hold 1 of its messages"), "{}", done.whole());
    assert_eq!(shop.live.ready("q"), 4);
    drop(held);
}

#[test]
fn what_a_killed_apply_made_is_its_own() {
    let services: String = (0..40).map(|n| format!("  s{n}: {{ subscribes: [ {{ key: \"a.#\" }} ] }}\n")).collect();
    let Some(shop) = Shop::open("owned-killed", &format!("evbus: 1\nname: shop\nservices:\n{services}")) else {
        return;
    };
    let mut child = shop.evbus(&["apply", "--yes"]).start();
    shop.live.until("it has begun", || shop.list("queues").len() > 20);
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    shop.write("evbus: 1\nname: shop\n");
    // Its lock goes when the broker notices.
    shop.live.until("it is over", || shop.evbus(&["apply", "--prune", "--yes"]).done().code() == Some(0));
    assert_eq!(definitions(&shop), BTreeSet::new());
}

#[test]
fn who_may_not_see_the_record_prunes_nothing_and_a_file_takes_its_place() {
    let Some(shop) = Shop::open("state", "evbus: 1\nname: shop\nqueues: {a: {}, b: {}}\n") else { return };
    let as_user = |arguments: &[&str]| shop.user("plain", "management", arguments).done();
    let done = as_user(&["apply", "--yes"]).ends_with(0);
    assert!(done.err().contains("policymaker") && done.err().contains("--state FILE"), "{}", done.whole());
    let refused = as_user(&["apply", "--prune", "--yes"]).ends_with(2);
    assert!(refused.err().contains("nothing can be pruned"), "{}", refused.whole());

    shop.write("evbus: 1\nname: shop\nqueues: {a: {}, b: {}, c: {}}\n");
    as_user(&["apply", "--yes", "--state", "state.json"]).ends_with(0);
    shop.write("evbus: 1\nname: shop\nqueues: {a: {}}\n");
    as_user(&["apply", "--yes", "--prune", "--state", "state.json"]).ends_with(0);
    assert_eq!(names(&shop, "queues"), ["a", "b"], "only c was made with the file at hand");
    shop.write("evbus: 1\nname: other\n");
    let foreign = as_user(&["plan", "--state", "state.json"]).ends_with(2);
    assert!(foreign.err().contains("is that of shop"), "{}", foreign.whole());
    shop.forget("plain");
}

#[test]
fn two_applies_at_the_same_time_exclude_each_other() {
    let Some(shop) = Shop::open("busy", "evbus: 1\nname: shop\nqueues: {a: {}}\n") else { return };
    let channel = shop.live.wait(async {
        let connection = crate::support::live::dial(shop.live.server_url(), &shop.live.vhost).await;
        let channel = connection.create_channel().await.expect("a channel");
        let mut arguments = FieldTable::default();
        for (name, value) in [("x-evbus-run", "20261125T010203Z-abcdef"), ("x-evbus-owner", "ann@desk")] {
            arguments.insert(name.into(), AMQPValue::LongString(value.into()));
        }
        let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        channel.queue_declare("evbus.lock.".into(), options, arguments).await.expect("it locks");
        (connection, channel)
    });
    let done = shop.evbus(&["apply", "--yes", "-o", "json"]).done().ends_with(1);
    assert!(done.err().contains("\"busy\"") && done.err().contains("ann@desk"), "{}", done.whole());
    shop.evbus(&["plan"]).done().ends_with(0);
    shop.evbus(&["apply", "--dry-run"]).done().ends_with(0);
    shop.live.wait(async { channel.0.close(200, "done".into()).await.expect("it closes") });
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
}

#[test]
fn what_was_changed_by_hand_is_shown_and_set_right() {
    let text =
        "evbus: 1\nname: shop\nqueues: {q: {}, r: {}}\npolicies: {p: {pattern: ^q$, definition: {max-length: 5}}}\n";
    let Some(shop) = Shop::open("drift", text) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.live.delete("q");
    let policy = json!({ "pattern": "^q$", "definition": { "max-length": 6 } });
    shop.live.api(Method::PUT, &format!("policies/{}/p", shop.live.vhost), Some(policy));
    let plan = shop.evbus(&["plan", "-o", "json"]).done().ends_with(0).json().remove(0);
    let changes: Vec<_> =
        plan["changes"].as_array().into_iter().flatten().map(|c| (&c["name"], &c["action"], &c["drift"])).collect();
    assert_eq!(
        changes,
        [
            (&json!("p"), &json!("update"), &json!("somebody changed it")),
            (&json!("q"), &json!("create"), &json!("somebody deleted it"))
        ]
    );
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.evbus(&["plan", "--exit-code"]).done().ends_with(0);
}

#[test]
fn a_saved_plan_is_carried_out_as_it_was_shown_or_not_at_all() {
    let text = "evbus: 1\nname: shop\nqueues: {a: {}, b: {}}\n";
    let Some(shop) = Shop::open("saved", text) else { return };
    let shown = shop.evbus(&["plan", "--out", "p.json", "-o", "json"]).done().ends_with(0).json().remove(0);
    let refused = |word: &str| {
        let done = shop.evbus(&["apply", "p.json", "--yes", "-o", "json"]).done().ends_with(1);
        assert!(done.err().contains("\"moved\"") && done.err().contains(word), "{}", done.whole());
        assert_eq!(done.summary()["applied"], 0);
    };
    shop.live.queue("a", &[]);
    refused("queue a is there now");
    shop.live.delete("a");
    shop.write(&format!("{text}# changed\n"));
    refused("evbus.yaml is not as it was");
    shop.write(text);
    let flagged = shop.evbus(&["apply", "p.json", "--yes", "--prune"]).done().ends_with(2);
    assert!(flagged.err().contains("a saved plan says itself how far it goes"), "{}", flagged.whole());
    let dry = shop.evbus(&["apply", "p.json", "--dry-run", "-o", "json"]).done().ends_with(0).json().remove(0);
    assert_eq!(dry["changes"], shown["changes"]);
    shop.evbus(&["apply", "p.json", "--yes"]).done().ends_with(0);
    assert_eq!(names(&shop, "queues"), ["a", "b"]);
    refused("queue a is there now");
    // What it may do is part of it.
    shop.write("evbus: 1\nname: shop\nqueues: {a: {}}\n");
    shop.evbus(&["plan", "--prune", "--out", "p.json"]).done().ends_with(0);
    shop.evbus(&["apply", "p.json", "--yes"]).done().ends_with(0);
    assert_eq!(names(&shop, "queues"), ["a"]);
}

#[test]
fn a_saved_plan_does_nothing_that_it_said_it_would_not() {
    let Some(shop) = Shop::open("saved-full", "evbus: 1\nname: shop\nqueues: {q: {type: classic}}\n") else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.live.fill("q", 1);
    shop.write("evbus: 1\nname: shop\n");
    shop.evbus(&["plan", "--prune", "--out", "p.json"]).done().ends_with(0);
    shop.live.drain("q");
    let done = shop.evbus(&["apply", "p.json", "--yes"]).done().ends_with(1);
    assert!(done.err().contains("it would be: delete queue q"), "{}", done.whole());
    assert_eq!(names(&shop, "queues"), ["q"]);
}

#[test]
fn a_record_that_cannot_be_read_is_not_written_over_and_stops_nobody_else() {
    let Some(shop) = Shop::open("records", "evbus: 1\nname: shop\nqueues: {q: {}}\n") else { return };
    let put = |vhost: &str, name: &str, value: Value| {
        shop.live.api(Method::PUT, &format!("global-parameters/evbus.{vhost}.{name}"), Some(json!({ "value": value })));
    };
    let newer = json!({ "format": "evbus.owned/2", "name": "shop" });
    put(&shop.live.vhost, "shop", newer.clone());
    let done = shop.evbus(&["apply", "--yes"]).done().ends_with(2);
    assert!(done.err().contains("holds no record that can be read"), "{}", done.whole());
    let path = format!("global-parameters/evbus.{}.shop", shop.live.vhost);
    assert_eq!(shop.live.api(Method::GET, &path, None)["value"], newer);
    shop.live.api(Method::DELETE, &path, None);
    put(&shop.live.vhost, "other", json!({ "format": "evbus.owned/1" }));
    put("elsewhere-of-records", "x", json!({ "format": "evbus.owned/1" }));
    let done = shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    assert!(done.err().contains(".other cannot be read") && !done.err().contains("elsewhere"), "{}", done.whole());
    shop.live.api(Method::DELETE, "global-parameters/evbus.elsewhere-of-records.x", None);
}

#[test]
fn what_somebody_takes_while_a_queue_is_archived_keeps_it_there() {
    let Some(shop) = Shop::open("taken", "evbus: 1\nname: shop\nqueues: {q: {type: classic}}\n") else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.live.fill("q", 5000);
    shop.write("evbus: 1\nname: shop\n");
    let child = shop.evbus(&["apply", "--prune", "--prune-non-empty", "--yes"]).start();
    shop.live.until("the archive has begun", || shop.live.ready("q") < 5000);
    let mut held = Vec::new();
    while held.len() < 20 {
        let got = shop.live.wait(async {
            shop.live.channel.basic_get("q".into(), lapin::options::BasicGetOptions::default()).await.expect("a get")
        });
        match got {
            Some(got) => held.push(got),
            None if shop.live.ready("q") == 0 => break,
            None => (),
        }
    }
    let output = crate::support::run::ended(child);
    let out = String::from_utf8_lossy(&output.stdout);
    if held.is_empty() {
        // It was quicker than we were: everything is archived.
        assert!(out.contains("its 5000 messages are in"), "{out}");
        return;
    }
    assert!(out.contains("failed queue q: consumers hold") && out.contains("messages are in evbus-prune"), "{out}");
    assert_eq!(names(&shop, "queues"), ["q"]);
}
