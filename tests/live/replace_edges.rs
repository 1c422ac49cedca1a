//! A queue that is made anew while somebody does what nobody expects: nothing is lost.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lapin::{
    options::{BasicAckOptions, BasicGetOptions, BasicNackOptions, QueueBindOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    live::{dial, numbered},
    shop::Shop,
};

fn file(spec: &str) -> String {
    format!(
        "evbus: 1\nname: edges\nexchanges: {{ events: {{}} }}\nqueues: {{ work: {{ {spec} }} }}\nbindings: [ {{ from: events, to: work, key: \"a.#\" }} ]\n"
    )
}

/// How many messages of our queue there are, wherever they wait.
fn everywhere(shop: &Shop) -> u32 {
    ["work", "evbus.hold.work"].iter().filter(|queue| is_there(shop, queue)).map(|queue| shop.live.ready(queue)).sum()
}

fn is_there(shop: &Shop, queue: &str) -> bool {
    shop.list("queues").iter().any(|found| found["name"] == queue)
}

fn leads(shop: &Shop, key: &str, queue: &str) -> bool {
    let leads = |b: &Value| b["source"] == "events" && b["routing_key"] == key && b["destination"] == queue;
    shop.list("bindings").iter().any(leads)
}

/// Takes the first message of the queue, and holds it.
fn take(shop: &Shop) -> lapin::message::Delivery {
    let get = BasicGetOptions { no_ack: false };
    let got = shop.live.wait(shop.live.channel.basic_get("work".into(), get)).expect("a get").expect("a message");
    got.delivery
}

/// A queue of 20 messages, of which somebody holds one, and an apply that waits for that one.
fn waiting(shop: &Shop, to: &str) -> (lapin::message::Delivery, std::process::Child) {
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.live.publish_to("events", "a.b", (0..20).map(|n| (numbered(n), b"{}".to_vec())));
    let held = take(shop);
    shop.write(&file(to));
    let child = shop.evbus(&["apply", "--replace", "--wait", "60s", "--yes"]).start();
    shop.live
        .until("what comes goes elsewhere", || leads(shop, "a.#", "evbus.hold.work") && !leads(shop, "a.#", "work"));
    (held, child)
}

/// Takes messages of the queue and gives them back a moment later, until it is told to stop.
fn peeker(shop: &Shop, stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let (url, vhost, stop) = (shop.live.server_url().to_owned(), shop.live.vhost.clone(), Arc::clone(stop));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let connection = dial(&url, &vhost).await;
            while !stop.load(Ordering::SeqCst) {
                let channel = connection.create_channel().await.expect("a channel");
                let mut tick = tokio::time::interval(Duration::from_millis(4));
                while !stop.load(Ordering::SeqCst) {
                    let get = channel.basic_get("work".into(), BasicGetOptions { no_ack: false });
                    let Ok(got) = get.await else { break };
                    tick.tick().await;
                    let Some(got) = got else { continue };
                    let back = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
                    if got.delivery.nack(back).await.is_err() {
                        break;
                    }
                }
            }
        });
    })
}

#[test]
fn a_message_that_somebody_takes_and_gives_back_again_and_again_is_not_deleted_with_the_queue() {
    let of = |most: u32| file(&format!("type: classic, max_length: {most}"));
    let Some(shop) = Shop::open("edges-peeker", &of(1000)) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.live.publish_to("events", "a.b", [(numbered(0), b"{}".to_vec())]);
    for round in 0..4 {
        let stop = Arc::new(AtomicBool::new(false));
        let peeker = peeker(&shop, &stop);
        shop.write(&of(1001 + round));
        let done = shop.evbus(&["apply", "--replace", "--wait", "5s", "--yes"]).done();
        stop.store(true, Ordering::SeqCst);
        peeker.join().expect("it ends");
        shop.live.until("nobody holds anything", || {
            let queues = shop.list("queues");
            queues.iter().all(|queue| queue["messages_unacknowledged"].as_u64().unwrap_or(0) == 0)
        });
        assert_eq!(everywhere(&shop), 1, "round {round}: {}", done.whole());
    }
}

#[test]
fn a_binding_that_somebody_makes_meanwhile_leads_to_the_new_queue() {
    let Some(shop) = Shop::open("edges-bound", &file("type: classic")) else { return };
    let (held, child) = waiting(&shop, "type: classic, max_length: 1000");
    let bound = json!({ "routing_key": "new.#", "arguments": {} });
    shop.live.api(Method::POST, &format!("bindings/{}/e/events/q/work", shop.live.vhost), Some(bound));
    shop.live.publish_to("events", "new.x", (20..23).map(|n| (numbered(n), b"{}".to_vec())));
    shop.live.wait(held.ack(BasicAckOptions::default())).expect("it is acknowledged");
    let output = crate::support::run::ended(child);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(leads(&shop, "new.#", "work") && leads(&shop, "a.#", "work"));
    assert_eq!(everywhere(&shop), 22);
}

#[test]
fn a_binding_that_cannot_be_taken_away_leaves_all_as_it_was() {
    let Some(shop) = Shop::open("edges-width", &file("type: classic")) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    let arguments = FieldTable::from(BTreeMap::from([(ShortString::from("version"), AMQPValue::LongInt(5))]));
    let options = QueueBindOptions::default();
    let binding = shop.live.channel.queue_bind("work".into(), "events".into(), "n".into(), options, arguments);
    shop.live.wait(binding).expect("it is bound");
    shop.live.publish_to("events", "a.b", (0..20).map(|n| (numbered(n), b"{}".to_vec())));
    let before = shop.list("bindings").len();
    shop.write(&file("type: classic, max_length: 1000"));
    let kept = shop.evbus(&["apply", "--replace", "--yes"]).done().ends_with(1);
    assert!(kept.whole().contains("events (n) to it cannot be taken away"), "{}", kept.whole());
    assert!(kept.whole().contains("it is as it was"), "{}", kept.whole());
    assert_eq!((everywhere(&shop), shop.list("bindings").len()), (20, before));
    assert!(!is_there(&shop, "evbus.hold.work"));
}

#[test]
fn what_came_meanwhile_is_counted_against_the_bounds_of_the_new_queue() {
    let Some(shop) = Shop::open("edges-room", &file("type: classic")) else { return };
    let (held, child) = waiting(&shop, "type: classic, max_length: 30");
    shop.live.publish_to("events", "a.b", (20..40).map(|n| (numbered(n), b"{}".to_vec())));
    shop.live.wait(held.ack(BasicAckOptions::default())).expect("it is acknowledged");
    let output = crate::support::run::ended(child);
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("39 messages wait, 39 of them in evbus.hold.work, and it would drop all but 30"), "{said}");
    assert_eq!(shop.live.ready("work"), 39);
    assert!(!is_there(&shop, "evbus.hold.work"));
}

#[test]
fn a_bound_that_a_policy_sets_on_the_other_type_is_seen_before_the_queue_goes() {
    let Some(shop) = Shop::open("edges-policy", &file("type: quorum")) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    // Broker fact: one key that a type of queue does not take makes the broker pass over the whole policy there.
    let definition = json!({ "max-length": 10, "queue-mode": "lazy" });
    let policy = json!({ "pattern": "^work$", "definition": definition, "apply-to": "queues" });
    shop.live.api(Method::PUT, &format!("policies/{}/small", shop.live.vhost), Some(policy));
    shop.live.publish_to("events", "a.b", (0..20).map(|n| (numbered(n), b"{}".to_vec())));
    shop.write(&file("type: classic"));
    let kept = shop.evbus(&["apply", "--replace", "--wait", "60s", "--yes"]).done().ends_with(1);
    assert!(kept.whole().contains("20 messages wait, and it would drop all but 10"), "{}", kept.whole());
    assert_eq!(everywhere(&shop), 20);
}

#[test]
fn messages_that_a_kill_could_spend_are_moved_only_where_their_dead_letters_go_somewhere() {
    let Some(shop) = Shop::open("edges-limit", &file("type: quorum, delivery_limit: 1")) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.live.publish_to("events", "a.b", (0..5).map(|n| (numbered(n), b"{}".to_vec())));
    shop.write(&file("type: classic"));
    let apply = ["apply", "--replace", "--wait", "60s", "--yes"];
    let kept = shop.evbus(&apply).done().ends_with(1);
    assert!(kept.whole().contains("Give work a dead letter exchange by a policy"), "{}", kept.whole());
    assert!(kept.whole().contains("it is as it was"), "{}", kept.whole());
    assert_eq!((shop.live.ready("work"), is_there(&shop, "evbus.hold.work")), (5, false));

    let definition = json!({ "dead-letter-exchange": "", "dead-letter-routing-key": "graves" });
    let policy = json!({ "pattern": "^work$", "definition": definition, "apply-to": "queues" });
    shop.live.api(Method::PUT, &format!("policies/{}/graves", shop.live.vhost), Some(policy));
    shop.evbus(&apply).done().ends_with(0);
    assert_eq!(shop.live.ids("work"), (0..5).map(|n| format!("m{n}")).collect::<Vec<_>>());
}

#[test]
fn who_may_not_go_back_does_not_go() {
    let Some(shop) = Shop::open("edges-back", &file("type: classic")) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.live.publish_to("events", "a.b", (0..5).map(|n| (numbered(n), b"{}".to_vec())));
    let before = shop.list("bindings").len();
    shop.write(&file("type: classic, max_length: 1000"));
    for (may, which) in [("configure", "configure"), ("write", "write")] {
        let run = shop.user("half", "management,policymaker", &["apply", "--replace", "--yes"]);
        let mut permissions = json!({ "configure": ".*", "write": ".*", "read": ".*" });
        permissions[may] = json!("^(?!evbus\\.back\\.).*$");
        let path = format!("permissions/{}/{}-half", shop.live.vhost, shop.live.vhost);
        shop.live.api(Method::PUT, &path, Some(permissions));
        let refused = run.done().ends_with(1);
        assert!(refused.whole().contains(which) && refused.whole().contains("evbus.back.work"), "{}", refused.whole());
        assert_eq!((shop.live.ready("work"), shop.list("bindings").len()), (5, before), "{}", refused.whole());
        assert!(!is_there(&shop, "evbus.hold.work"));
    }
    shop.forget("half");
}

#[test]
fn what_a_killed_run_has_led_away_comes_back_where_the_next_one_does_not_begin() {
    let Some(shop) = Shop::open("edges-refused", &file("type: classic")) else { return };
    let (held, mut child) = waiting(&shop, "type: classic, max_length: 1000");
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    shop.live.publish_to("events", "a.b", (20..25).map(|n| (numbered(n), b"{}".to_vec())));
    shop.live.until("nobody else applies", || {
        let refused = shop.evbus(&["apply", "--replace", "--yes"]).done();
        let is_ours = !refused.err().contains("somebody else applies");
        if is_ours {
            let refused = refused.ends_with(1);
            assert!(refused.whole().contains("--wait gives them time"), "{}", refused.whole());
        }
        is_ours
    });
    assert!(leads(&shop, "a.#", "work") && !is_there(&shop, "evbus.hold.work"));
    shop.live.wait(held.nack(BasicNackOptions { requeue: true, ..BasicNackOptions::default() })).expect("it goes back");
    shop.live.until("all are there", || shop.live.ready("work") == 25);
}
