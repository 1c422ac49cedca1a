//! An exchange that is made anew: no event that is confirmed is lost meanwhile, and every binding is there afterwards.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use lapin::{
    BasicProperties, Confirmation,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::ShortString,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{live::dial, shop::Shop};

/// The exchange in a file: one that others lead to, with two queues, one of them behind another exchange.
fn file(spec: &str) -> String {
    format!(
        "evbus: 1\nname: anew\nexchanges:\n  up: {{ type: topic }}\n  bus: {{ {spec} }}\n  down: {{ type: fanout }}\n  spare: {{ type: fanout }}\nqueues:\n  one: {{ type: classic }}\n  two: {{ type: classic }}\n  unrouted: {{ type: classic }}\nbindings:\n  - {{ from: up, to_exchange: bus, key: \"a.#\" }}\n  - {{ from: bus, to: one, key: a.b }}\n  - {{ from: bus, to_exchange: down, key: a.b }}\n  - {{ from: down, to: two }}\n  - {{ from: spare, to: unrouted }}\n"
    )
}

fn open(test: &str) -> Option<Shop> {
    let shop = Shop::open(test, &file("type: topic"))?;
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    // Somebody else has bound a queue too.
    shop.live.queue("theirs", &[]);
    let bound = json!({ "routing_key": "a.b", "arguments": { "theirs": true } });
    shop.live.api(Method::POST, &format!("bindings/{}/e/bus/q/theirs", shop.live.vhost), Some(bound));
    Some(shop)
}

fn bindings(shop: &Shop) -> Vec<Value> {
    let mut all = shop.list("bindings");
    for binding in &mut all {
        binding.as_object_mut().expect("a binding").remove("properties_key");
    }
    all.sort_by_key(Value::to_string);
    all
}

/// Publishes to an exchange, 500 a second, on a new channel whenever the broker closes it; counts what is confirmed and was routed.
fn publisher(
    shop: &Shop,
    exchange: &'static str,
    stop: &Arc<AtomicBool>,
    sent: &Arc<AtomicUsize>,
) -> std::thread::JoinHandle<()> {
    let (url, vhost) = (shop.live.server_url().to_owned(), shop.live.vhost.clone());
    let (stop, sent) = (Arc::clone(stop), Arc::clone(sent));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let connection = dial(&url, &vhost).await;
            let mut tick = tokio::time::interval(Duration::from_millis(2));
            while !stop.load(Ordering::SeqCst) {
                let channel = connection.create_channel().await.expect("a channel");
                channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
                while !stop.load(Ordering::SeqCst) {
                    tick.tick().await;
                    let number = sent.load(Ordering::SeqCst);
                    let properties = BasicProperties::default()
                        .with_message_id(ShortString::from(format!("{exchange}{number}").as_str()));
                    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
                    let sending = channel.basic_publish(exchange.into(), "a.b".into(), options, b"{}", properties);
                    match sending.await {
                        Ok(confirming) => match confirming.await {
                            Ok(Confirmation::Ack(None)) => sent.store(number + 1, Ordering::SeqCst),
                            Ok(other) => panic!("it went nowhere: {other:?}"),
                            Err(_closed) => break,
                        },
                        Err(_closed) => break,
                    }
                }
            }
        });
    })
}

/// Applies what a killed run has left undone, as soon as the broker has noticed that that one is gone.
#[track_caller]
fn finish(shop: &Shop) {
    shop.live.until("nobody else applies", || {
        let done = shop.evbus(&["apply", "--replace", "--yes"]).done();
        let is_done = !done.err().contains("somebody else applies");
        if is_done {
            done.ends_with(0);
        }
        is_done
    });
}

/// Every queue has every event, in order, those of each publisher for itself.
#[track_caller]
fn has_all(seen: &[String], exchange: &str, all: usize) {
    let mut next = 0;
    for number in seen.iter().filter_map(|id| id.strip_prefix(exchange)?.parse::<usize>().ok()) {
        assert!(number <= next, "{exchange}{next} is missing before {number}");
        next = next.max(number + 1);
    }
    assert!(next >= all, "{next} of {all}");
}

#[test]
fn an_exchange_changes_again_and_again_and_every_queue_gets_every_event() {
    let kills = 5 * std::env::var("EVBUS_SOAK").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    let Some(shop) = open("anew-exchange") else { return };
    let before = bindings(&shop);
    shop.write(&file("type: direct"));
    let refused = shop.evbus(&["apply", "--yes"]).done().ends_with(1);
    assert!(refused.err().contains("--replace makes it anew and keeps its bindings"), "{}", refused.whole());

    let (stop, sent) = (Arc::new(AtomicBool::new(false)), [(); 2].map(|()| Arc::new(AtomicUsize::new(0))));
    let publishers = [("up", &sent[0]), ("bus", &sent[1])].map(|(to, sent)| publisher(&shop, to, &stop, sent));
    // A fixed seed: the moments differ, and are the same in every run.
    let mut seed = 5_u64;
    let specs =
        ["type: direct", "type: topic, arguments: { alternate-exchange: spare }", "type: fanout", "type: topic"];
    let (mut killed, mut left) = (0, None);
    for (turn, spec) in specs.iter().cycle().take(200).enumerate() {
        shop.write(&file(spec));
        let mut child = shop.evbus(&["apply", "--replace", "--yes", "-q"]).start();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = Instant::now() + Duration::from_millis(50 + (seed >> 33) % 5_000);
        shop.live
            .until("its moment has come", || Instant::now() > moment || child.try_wait().expect("a process").is_some());
        if child.try_wait().expect("a process").is_none() {
            killed += 1;
        }
        let _ = child.kill();
        let _ = child.wait();
        if left.is_none() && shop.list("exchanges").iter().any(|exchange| exchange["name"] == "evbus.stand-in.bus") {
            left = Some(shop.evbus(&["doctor"]).done().whole());
        }
        if turn % 3 == 2 {
            finish(&shop);
            assert_eq!(bindings(&shop), before, "after {spec}");
        }
        if killed >= kills && turn >= specs.len() {
            break;
        }
    }
    assert!(killed >= kills, "only {killed} kills met it at work");
    let left = left.expect("one of them left a stand-in");
    assert!(left.contains("it stands in for an exchange, which was being made anew"), "{left}");
    shop.write(&file("type: topic"));
    finish(&shop);
    let over = sent[1].load(Ordering::SeqCst);
    shop.live.until("some more has come", || sent[1].load(Ordering::SeqCst) > over + 100);
    stop.store(true, Ordering::SeqCst);
    for publisher in publishers {
        publisher.join().expect("every event was routed");
    }
    assert_eq!(bindings(&shop), before);
    let ours =
        |what: &str| shop.list(what).iter().any(|object| object["name"].as_str().unwrap_or("").starts_with("evbus"));
    assert!(!ours("exchanges") && !ours("policies"));
    for queue in ["one", "two", "theirs"] {
        let seen = shop.live.ids(queue);
        for (exchange, sent) in ["up", "bus"].iter().zip(&sent) {
            has_all(&seen, exchange, sent.load(Ordering::SeqCst));
        }
    }
    shop.evbus(&["plan", "--replace", "--exit-code"]).done().ends_with(0);
}

#[test]
fn what_would_lose_dead_letters_or_change_the_meaning_of_bindings_is_refused() {
    let Some(shop) = open("anew-exchange-refused") else { return };
    for (spec, because) in
        [("type: headers", "its bindings mean something else"), ("type: direct", "dead letters of mortal")]
    {
        shop.write(&file(spec));
        if spec == "type: direct" {
            shop.live.queue("mortal", &[("x-dead-letter-exchange", json!("bus"))]);
        }
        let refused = shop.evbus(&["apply", "--replace", "--yes"]).done().ends_with(1);
        assert!(refused.whole().contains(because), "{}", refused.whole());
    }
    shop.live.delete("mortal");
    let sharing = json!({ "type": "topic", "arguments": { "alternate-exchange": "spare" } });
    shop.live.api(Method::PUT, &format!("exchanges/{}/sharing", shop.live.vhost), Some(sharing));
    shop.write(&file("type: topic, arguments: { alternate-exchange: spare }"));
    let refused = shop.evbus(&["apply", "--replace", "--yes"]).done().ends_with(1);
    assert!(refused.whole().contains("its alternate exchange spare gets events of sharing too"), "{}", refused.whole());
    shop.write(&file("type: direct"));
    let refused =
        shop.user("weak", "management", &["apply", "--replace", "--yes", "--state", "s.json"]).done().ends_with(1);
    assert!(refused.whole().contains("has not the tag policymaker"), "{}", refused.whole());
    shop.forget("weak");
    shop.write(&file("type: topic"));
    shop.evbus(&["plan", "--exit-code"]).done().ends_with(0);
}
