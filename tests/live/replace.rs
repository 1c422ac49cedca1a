//! A queue that is made anew: nothing in it is lost, whatever happens meanwhile.
//!
//! `EVBUS_SOAK=N` makes the test with kills N times as long.

use std::{
    collections::{BTreeMap, HashSet},
    io::{BufRead, BufReader},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use lapin::{
    BasicProperties,
    options::{BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use serde_json::{Value, json};

use crate::support::{
    live::{dial, numbered},
    shop::Shop,
};

fn file(kind: &str) -> String {
    format!(
        "evbus: 1\nname: anew\nexchanges: {{ events: {{}}, side: {{ type: headers }} }}\nqueues:\n  work: {{ type: {kind}, dead_letter_exchange: \"\", dead_letter_routing_key: dead }}\n  dead: {{ type: quorum }}\nbindings:\n  - {{ from: events, to: work, key: \"a.#\" }}\n  - {{ from: side, to: work, arguments: {{ x-match: all, kind: pdf }} }}\n"
    )
}

/// Publishes numbered messages to the exchange, each with a key of its own.
fn publish(shop: &Shop, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let headers = FieldTable::from(BTreeMap::from([(
            ShortString::from("CC"),
            AMQPValue::FieldArray(vec![AMQPValue::LongString("nobody".into())].into()),
        )]));
        let properties = numbered(number).with_headers(headers).with_priority(3);
        shop.live.publish_to("events", &format!("a.{number}"), [(properties, b"{}".to_vec())]);
    }
}

fn kind(shop: &Shop, queue: &str) -> String {
    let queues = shop.list("queues");
    let found = queues.iter().find(|found| found["name"] == queue).unwrap_or_else(|| panic!("there is no {queue}"));
    found["type"].as_str().or(found["arguments"]["x-queue-type"].as_str()).unwrap_or("classic").to_owned()
}

/// Nothing of ours is left, and nothing is to be done.
#[track_caller]
fn is_settled(shop: &Shop) {
    for what in ["queues", "exchanges"] {
        let ours: Vec<String> = shop
            .list(what)
            .iter()
            .filter_map(|object| object["name"].as_str().map(str::to_owned))
            .filter(|name| name.starts_with("evbus."))
            .collect();
        assert!(ours.is_empty(), "{ours:?} are left");
    }
    shop.evbus(&["plan", "--replace", "--exit-code"]).done().ends_with(0);
}

#[test]
fn a_queue_becomes_of_another_type_with_all_that_is_in_it_and_leads_to_it() {
    let Some(shop) = Shop::open("anew", &file("classic")) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    // Somebody else has bound it too.
    let bound = json!({ "routing_key": "b.*", "arguments": {} });
    shop.live.api(reqwest::Method::POST, &format!("bindings/{}/e/events/q/work", shop.live.vhost), Some(bound));
    let bindings = || -> Vec<Value> {
        let mut all = shop.list("bindings");
        for binding in &mut all {
            binding.as_object_mut().expect("a binding").remove("properties_key");
        }
        all.sort_by_key(Value::to_string);
        all
    };
    let before = bindings();
    publish(&shop, 0..300);
    for to in ["quorum", "classic"] {
        shop.write(&file(to));
        let refused = shop.evbus(&["apply", "--yes"]).done().ends_with(1);
        assert!(refused.err().contains("--replace makes it anew"), "{}", refused.whole());
        assert_eq!(shop.live.ready("work"), 300, "nothing happens unasked");

        let done = shop.evbus(&["apply", "--replace", "--yes"]).done().ends_with(0);
        assert_eq!(kind(&shop, "work"), to, "{}", done.whole());
        assert_eq!(bindings(), before);
        is_settled(&shop);
    }
    publish(&shop, 300..310);
    let all = shop.live.drain("work");
    let seen: Vec<(String, String)> = all
        .iter()
        .map(|delivery| {
            let id = delivery.properties.message_id().clone().unwrap_or_default();
            (id.as_str().to_owned(), delivery.routing_key.as_str().to_owned())
        })
        .collect();
    let expected: Vec<(String, String)> = (0..310).map(|n| (format!("m{n}"), format!("a.{n}"))).collect();
    assert_eq!(seen, expected, "in order, each once, with its key");
    let headers = all[0].properties.headers().clone().expect("it keeps its headers");
    assert_eq!(headers.inner().keys().map(ShortString::as_str).collect::<Vec<_>>(), ["CC"]);
    assert_eq!(*all[0].properties.priority(), Some(3));
}

#[test]
fn services_whose_type_changes_keep_their_messages_dead_letters_and_retries() {
    let file = |kind: &str| {
        format!(
            "evbus: 1\nname: anew\nevents: {{ A: {{ routing_key: a }} }}\nservices: {{ s: {{ subscribes: [A], retry: {{ delays: [1h] }} }} }}\ndefaults: {{ queue: {{ type: {kind} }} }}\n"
        )
    };
    let Some(shop) = Shop::open("anew-services", &file("classic")) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.live.publish_to("events", "a", (0..50).map(|n| (numbered(n), b"{}".to_vec())));
    shop.live.reject_all("s", "s.dlq");
    shop.live.publish_to("events", "a", (50..80).map(|n| (numbered(n), b"{}".to_vec())));
    shop.write(&file("quorum"));
    // What waits for its retry goes to the queue by its name.
    shop.live.publish_to("events.retry", "s.1", [(numbered(80), b"{}".to_vec())]);
    let kept = shop.evbus(&["apply", "--replace", "--yes"]).done().ends_with(3);
    assert!(kept.whole().contains("messages of s.retry.1h go to it by its name"), "{}", kept.whole());
    assert_eq!(["s", "s.dlq", "s.retry.1h"].map(|queue| kind(&shop, queue)), ["classic", "quorum", "quorum"]);
    assert_eq!(["s", "s.dlq", "s.retry.1h"].map(|queue| shop.live.ready(queue)), [30, 50, 1]);

    assert_eq!(shop.live.ids("s.retry.1h"), ["m80"]);
    // Broker fact: what a quorum queue holds in all is known up to ten seconds late.
    shop.evbus(&["apply", "--replace", "--wait", "1m", "--yes"]).done().ends_with(0);
    assert_eq!(kind(&shop, "s"), "quorum");
    assert_eq!(shop.live.ids("s"), (50..80).map(|n| format!("m{n}")).collect::<Vec<_>>());
    // A dead letter still knows where it died.
    let listed = shop.evbus(&["dlq", "replay", "s.dlq", "--yes", "-o", "json"]).done().ends_with(0);
    assert_eq!(listed.summary()["replayed"], 50, "{}", listed.whole());
    assert_eq!(shop.live.ids("s"), (0..50).map(|n| format!("m{n}")).collect::<Vec<_>>());
    is_settled(&shop);
}

#[test]
fn a_stream_and_a_bound_that_would_drop_messages_are_refused() {
    let queue = |spec: &str| format!("evbus: 1\nname: anew\nqueues: {{ work: {spec} }}\n");
    let Some(shop) = Shop::open("anew-refused", &queue("{ type: classic }")) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.live.fill("work", 20);
    for (spec, because) in [
        ("{ type: stream }", "a stream is not made anew"),
        ("{ type: quorum, max_length: 10 }", "would drop all but 10"),
    ] {
        shop.write(&queue(spec));
        let refused = shop.evbus(&["apply", "--replace", "--yes"]).done().ends_with(1);
        assert!(refused.whole().contains(because), "{}", refused.whole());
        assert_eq!((shop.live.ready("work"), kind(&shop, "work").as_str()), (20, "classic"));
    }
    shop.write(&queue("{ type: classic }"));
    is_settled(&shop);
}

#[test]
fn what_somebody_holds_is_waited_for_or_nothing_is_done() {
    let Some(shop) = Shop::open("anew-held", &file("classic")) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    publish(&shop, 0..20);
    let get = lapin::options::BasicGetOptions { no_ack: false };
    let held = shop.live.wait(shop.live.channel.basic_get("work".into(), get)).expect("a get").expect("a message");
    shop.write(&file("quorum"));
    let refused = shop.evbus(&["apply", "--replace", "--yes"]).done().ends_with(1);
    assert!(refused.whole().contains("consumers hold messages of it (1): --wait"), "{}", refused.whole());
    assert_eq!((shop.live.ready("work"), kind(&shop, "work").as_str()), (19, "classic"));

    // In vain: then all is as it was, with what came meanwhile.
    let child = shop.evbus(&["apply", "--replace", "--wait", "2s", "--yes"]).start();
    let is_held = || shop.list("queues").iter().any(|queue| queue["name"] == "evbus.hold.work");
    shop.live.until("it has begun", is_held);
    let leads = |queue: &str| {
        let leads = |b: &Value| b["source"] == "events" && b["destination"] == queue;
        shop.list("bindings").iter().any(leads)
    };
    shop.live.until("what comes goes elsewhere", || leads("evbus.hold.work") && !leads("work"));
    publish(&shop, 20..25);
    let output = crate::support::run::ended(child);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((shop.live.ready("work"), kind(&shop, "work").as_str()), (24, "classic"));
    assert!(!is_held() && leads("work"));

    shop.write(&file("quorum").replace("events: {},", "events: {}, first: {},"));
    let mut child = shop.evbus(&["apply", "--replace", "--wait", "60s", "--yes", "-o", "json"]).start();
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    lines.read_line(&mut line).expect("a line");
    assert!(line.contains("\"first\""), "what is done already is told in a pipe while the rest still waits: {line}");
    shop.live.until("it has begun", is_held);
    let told = shop.evbus(&["doctor"]).done();
    assert!(told.out().contains("messages wait in it for their queue"), "{}", told.whole());
    let exported = shop.evbus(&["export"]).done().ends_with(0);
    assert!(!exported.out().contains("\n  evbus.hold"), "{}", exported.whole());
    assert!(exported.err().contains("evbus.hold.work: it is there while something is made anew"), "{}", exported.err());
    shop.live.wait(held.ack(BasicAckOptions::default())).expect("it is acknowledged");
    let output = crate::support::run::ended(child);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(shop.live.ids("work"), (1..25).map(|n| format!("m{n}")).collect::<Vec<_>>());
    is_settled(&shop);
}

/// A connection, and a channel of it with confirms.
async fn confirming(url: &str, vhost: &str) -> (lapin::Connection, lapin::Channel) {
    let connection = dial(url, vhost).await;
    let channel = connection.create_channel().await.expect("a channel");
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
    (connection, channel)
}

/// Publishes 500 messages a second, each confirmed and routed, until it is told to stop; counts them. What was not confirmed when a
/// connection ended it sends again: brokers of 4.0 now and then end one with an internal error when a queue goes.
fn publisher(shop: &Shop, stop: &Arc<AtomicBool>, sent: &Arc<AtomicUsize>) -> std::thread::JoinHandle<()> {
    let (url, vhost) = (shop.live.server_url().to_owned(), shop.live.vhost.clone());
    let (stop, sent) = (Arc::clone(stop), Arc::clone(sent));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let (mut connection, mut channel) = confirming(&url, &vhost).await;
            let mut tick = tokio::time::interval(Duration::from_millis(2));
            while !stop.load(Ordering::SeqCst) {
                tick.tick().await;
                let number = sent.load(Ordering::SeqCst);
                let properties = BasicProperties::default()
                    .with_delivery_mode(2)
                    .with_message_id(ShortString::from(format!("p{number}").as_str()));
                let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
                let sending = channel.basic_publish("events".into(), "a.b".into(), options, b"{}", properties);
                let confirmed = match sending.await {
                    Ok(confirm) => confirm.await,
                    Err(error) => Err(error),
                };
                match confirmed {
                    Ok(confirmed) => {
                        assert!(matches!(confirmed, lapin::Confirmation::Ack(None)), "a gap: {confirmed:?}");
                        sent.store(number + 1, Ordering::SeqCst);
                    }
                    Err(error) => {
                        assert!(!connection.status().connected(), "only a connection ends: {error}");
                        (connection, channel) = confirming(&url, &vhost).await;
                    }
                }
            }
        });
    })
}

/// Reads the queue, again whenever it has gone, until it is told to stop; writes down what it saw, in order.
fn consumer(shop: &Shop, stop: &Arc<AtomicBool>, seen: &Arc<Mutex<Vec<String>>>) -> std::thread::JoinHandle<()> {
    let (url, vhost) = (shop.live.server_url().to_owned(), shop.live.vhost.clone());
    let (stop, seen) = (Arc::clone(stop), Arc::clone(seen));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let mut connection = dial(&url, &vhost).await;
            while !stop.load(Ordering::SeqCst) {
                let Ok(channel) = connection.create_channel().await else {
                    connection = dial(&url, &vhost).await;
                    continue;
                };
                let options = BasicConsumeOptions::default();
                let subscribed = match channel.basic_qos(50, BasicQosOptions::default()).await {
                    Ok(()) => channel.basic_consume("work".into(), "".into(), options, FieldTable::default()).await,
                    Err(error) => Err(error),
                };
                let Ok(mut deliveries) = subscribed else { continue };
                while !stop.load(Ordering::SeqCst) {
                    match tokio::time::timeout(Duration::from_millis(100), deliveries.next()).await {
                        Err(_silent) => (),
                        Ok(Some(Ok(delivery))) => {
                            let id = delivery.properties.message_id().clone().unwrap_or_default();
                            seen.lock().expect("a list").push(id.as_str().to_owned());
                            let _ = delivery.ack(BasicAckOptions::default()).await;
                        }
                        Ok(_gone) => break,
                    }
                }
                let _ = channel.close(200, "done".into()).await;
            }
        });
    })
}

/// How many messages of one origin came, each counted once, and by how many numbers one came too late at most.
fn lateness(seen: &[String], origin: char, from: usize) -> (usize, usize) {
    let mut first = HashSet::new();
    let (mut newest, mut latest) = (0, 0);
    for number in seen.iter().filter_map(|id| id.strip_prefix(origin)?.parse::<usize>().ok()) {
        if number < from || !first.insert(number) {
            continue;
        }
        latest = latest.max(newest.max(number) - number);
        newest = newest.max(number);
    }
    (first.len(), latest)
}

#[test]
fn killed_again_and_again_with_a_publisher_and_a_consumer_every_message_comes() {
    const BEFORE: usize = 20_000;
    let kills = 5 * std::env::var("EVBUS_SOAK").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    let Some(shop) = Shop::open("anew-kills", &file("classic")) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.live.fill("work", BEFORE);
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let threads = [publisher(&shop, &stop, &sent), consumer(&shop, &stop, &seen)];
    // A fixed seed: the moments differ, and are the same in every run.
    let mut seed = 11_u64;
    let (mut to, mut in_the_middle, mut tries) = ("quorum", 0, 0);
    // Since when, in messages, no run has come to its end, and how many came until one did, at most.
    let (mut killed_at, mut longest) = (None, 0);
    while in_the_middle < kills {
        tries += 1;
        assert!(tries < 4 * kills, "only {in_the_middle} kills met it at work");
        shop.write(&file(to));
        let mut child = shop.evbus(&["apply", "--replace", "--wait", "2m", "--yes", "-q"]).start();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = Instant::now() + Duration::from_millis(200 + (seed >> 33) % 12_000);
        shop.live
            .until("its moment has come", || Instant::now() > moment || child.try_wait().expect("a process").is_some());
        if let Some(status) = child.try_wait().expect("a process") {
            assert_eq!(status.code(), Some(0), "it ends as it should");
            assert_eq!(kind(&shop, "work"), to);
            to = if to == "quorum" { "classic" } else { "quorum" };
            longest = longest.max(killed_at.take().map_or(0, |from| sent.load(Ordering::SeqCst) - from));
        } else {
            in_the_middle += 1;
            killed_at.get_or_insert_with(|| sent.load(Ordering::SeqCst));
            let _ = child.kill();
            let _ = child.wait();
        }
    }
    shop.write(&file(to));
    shop.evbus(&["apply", "--replace", "--wait", "2m", "--yes"]).done().ends_with(0);
    let over = sent.load(Ordering::SeqCst);
    longest = longest.max(killed_at.map_or(0, |from| over - from));
    shop.live.until("some more has come", || sent.load(Ordering::SeqCst) > over + 500);
    stop_when_all_came(&shop, &stop, &sent, &seen, threads);
    let (all, seen) = (sent.load(Ordering::SeqCst), seen.lock().expect("a list"));
    assert_eq!(lateness(&seen, 'm', 0), (BEFORE, 0), "what was there before comes in order");
    let (came, late) = lateness(&seen, 'p', 0);
    assert_eq!(came, all);
    // Where what waited and what comes meet they overlap: by half a second, and what was under way when it was killed there comes when
    // the next run has brought it back.
    assert!(late < longest + 250, "one came {late} messages late, and {longest} came between a kill and the end");
    assert_eq!(lateness(&seen, 'p', over), (all - over, 0), "what came after it comes in order");
    is_settled(&shop);
}

/// Ends the publisher, and then the consumer when it has seen every message.
fn stop_when_all_came(
    shop: &Shop,
    stop: &AtomicBool,
    sent: &AtomicUsize,
    seen: &Mutex<Vec<String>>,
    [publisher, consumer]: [std::thread::JoinHandle<()>; 2],
) {
    shop.live.until("the last one has come", || {
        let last = format!("p{}", sent.load(Ordering::SeqCst).saturating_sub(50));
        shop.live.ready("work") < 50 && seen.lock().expect("a list").contains(&last)
    });
    stop.store(true, Ordering::SeqCst);
    publisher.join().expect("every message was routed and confirmed");
    consumer.join().expect("the consumer ends");
    // What came after it had stopped.
    seen.lock().expect("a list").extend(shop.live.ids("work"));
}
