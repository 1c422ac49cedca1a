//! Replaying reaches who it should, and nobody else.

use lapin::{
    BasicProperties,
    options::{ExchangeDeclareOptions, QueueBindOptions},
    types::{AMQPValue, FieldArray, FieldTable, LongString, ShortString},
};

use crate::support::live::{Live, broker, numbered};

fn fanout(live: &Live, queues: &[&str]) {
    live.wait(async {
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let kind = lapin::ExchangeKind::Fanout;
        live.channel.exchange_declare("all".into(), kind, options, FieldTable::default()).await.expect("an exchange");
        for queue in queues {
            let (name, options) = (ShortString::from(*queue), QueueBindOptions::default());
            live.channel
                .queue_bind(name, "all".into(), "".into(), options, FieldTable::default())
                .await
                .expect("a binding");
        }
    });
}

fn headers(fields: impl IntoIterator<Item = (&'static str, AMQPValue)>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in fields {
        table.insert(ShortString::from(name), value);
    }
    table
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(text))
}

#[test]
fn the_queue_that_failed_gets_it_and_a_second_subscriber_does_not() {
    let Some(live) = broker("source") else { return };
    for kind in ["classic", "quorum"] {
        let names = [format!("{kind}.work"), format!("{kind}.dead"), format!("{kind}.other")];
        let [work, dead, other] = [names[0].as_str(), names[1].as_str(), names[2].as_str()];
        live.pair(kind, work, dead);
        live.queue(other, &[]);
        fanout(&live, &[work, other]);
        live.publish_to("all", "k", (0..10).map(|number| (numbered(number), b"x".to_vec())));
        live.reject_all(work, dead);
        let done = live.evbus(&["dlq", "replay", dead, "--yes", "-o", "json"]).done().ends_with(0);
        let summary = done.summary();
        assert_eq!((&summary["replayed"], &summary["left"]), (&10.into(), &0.into()), "{}", done.whole());
        assert_eq!(live.ids(work).len(), 10);
        assert_eq!(live.ready(other), 10, "the other subscriber has what it had");
        live.delete(work);
        live.delete(other);
    }
}

#[test]
fn messages_that_would_stray_be_refused_or_expire_arrive_at_their_source() {
    let Some(live) = broker("odd") else { return };
    for queue in ["cc", "elsewhere"] {
        live.queue(queue, &[]);
    }
    for kind in ["classic", "quorum"] {
        let (work, dead) = (format!("{kind}.work"), format!("{kind}.dead"));
        live.pair(kind, &work, &dead);
        let copies = AMQPValue::FieldArray(FieldArray::from(vec![text("cc")]));
        let large = AMQPValue::LongString(LongString::from(vec![b'h'; 60 << 10]));
        let odd: Vec<(&str, BasicProperties, Vec<u8>)> = vec![
            ("copies", numbered(0).with_headers(headers([("CC", copies)])), b"a".to_vec()),
            ("user", numbered(1).with_user_id("guest".into()), b"b".to_vec()),
            ("expiring", numbered(2).with_expiration("600000".into()), b"c".to_vec()),
            ("no time", numbered(3).with_timestamp(0), b"d".to_vec()),
            ("large body", numbered(4), vec![b'e'; 15 << 20]),
            ("large header", numbered(5).with_headers(headers([("large", large)])), b"f".to_vec()),
            (
                "ladder",
                numbered(6).with_headers(headers([
                    ("x-evbus-exchange", text("events")),
                    ("x-evbus-routing-key", text("email.classified")),
                    ("x-evbus-attempt", AMQPValue::LongLongInt(6)),
                ])),
                b"g".to_vec(),
            ),
        ];
        let count = odd.len();
        live.publish(&work, odd.into_iter().map(|(_, properties, body)| (properties, body)));
        live.drain("cc");
        live.reject_all(&work, &dead);
        let done = live.evbus(&["dlq", "replay", &dead, "--yes", "-o", "json"]).done().ends_with(0);
        assert_eq!(done.summary()["replayed"], count, "{kind}\n{}", done.whole());
        let arrived = live.drain(&work);
        let ids: Vec<_> =
            arrived.iter().filter_map(|d| d.properties.message_id().as_ref().map(ToString::to_string)).collect();
        assert_eq!(ids, ["m0", "m1", "m2", "m3", "m4", "m5", "m6"], "{kind}");
        assert_eq!(arrived[4].data.len(), 15 << 20);
        assert_eq!(*arrived[3].properties.timestamp(), Some(0));
        assert_eq!(arrived[2].properties.expiration(), &None);
        let has = |at: usize, name: &str| {
            arrived[at].properties.headers().as_ref().is_some_and(|headers| headers.contains_key(name))
        };
        assert!(has(5, "large") && has(6, "x-evbus-exchange") && !has(6, "x-evbus-attempt") && !has(0, "CC"));
        assert_eq!(live.ready("cc"), 0, "nobody else got a copy");
    }
}

/// Properties with one header of that many bytes.
fn large(number: usize, bytes: usize) -> BasicProperties {
    numbered(number).with_headers(headers([("h", AMQPValue::LongString(LongString::from(vec![b'h'; bytes])))]))
}

#[test]
fn a_message_whose_properties_would_not_fit_their_frame_any_more_stays_and_stops_nobody() {
    let Some(live) = broker("frame") else { return };
    live.pair("classic", "work", "dead");
    live.publish("dead", (0..5).map(|number| (large(number, if number == 2 { 131_000 } else { 10 }), vec![])));
    let replay = ["dlq", "replay", "dead", "--to", "queue:work", "--yes", "-o", "json"];
    let done = live.evbus(&replay).done().ends_with(3);
    let summary = done.summary();
    assert_eq!((&summary["replayed"], &summary["skipped"]), (&4.into(), &1.into()), "{}", done.err());
    assert!(done.out().contains("the message's properties would take"), "{}", done.err());
    assert_eq!((live.ids("work").join(" "), live.ids("dead").join(" ")), ("m0 m1 m3 m4".to_owned(), "m2".to_owned()));
}

#[test]
fn a_message_that_is_larger_than_the_broker_itself_allows_is_told_with_what_to_do() {
    let Some(live) = broker("large-frame") else { return };
    live.pair("classic", "work", "dead");
    // What the broker adds when it dies makes its properties larger than a frame, and brokers send them all the same.
    live.publish("work", [(large(0, 131_000), vec![])]);
    live.reject_all("work", "dead");
    let done = live.evbus(&["dlq", "replay", "dead", "--yes"]).done().ends_with(1);
    assert!(done.err().contains("larger than a frame may be") && done.err().contains("frame_max"), "{}", done.whole());
    live.until("it is back", || live.ready("dead") == 1);
}

#[test]
fn somebody_elses_user_id_does_not_stop_a_run() {
    let Some(live) = broker("user-id") else { return };
    let user = format!("operator-{}", live.vhost);
    live.api(
        reqwest::Method::PUT,
        &format!("users/{user}"),
        Some(serde_json::json!({"password": "p", "tags": "management"})),
    );
    live.api(
        reqwest::Method::PUT,
        &format!("permissions/{}/{user}", live.vhost),
        Some(serde_json::json!({"configure": ".*", "write": ".*", "read": ".*"})),
    );
    live.pair("classic", "work", "dead");
    let owned = |number| numbered(number).with_user_id("guest".into());
    live.publish("work", (0..5).map(|number| (if number == 2 { owned(number) } else { numbered(number) }, vec![])));
    live.reject_all("work", "dead");
    let url = live.url().replace("guest:guest@", &format!("{user}:p@"));
    let done = live.evbus(&["dlq", "replay", "dead", "--yes", "-o", "json"]).env("EVBUS_URL", url).done().ends_with(0);
    assert_eq!(done.summary()["replayed"], 5, "{}", done.whole());
    assert_eq!(live.ids("work"), ["m0", "m1", "m2", "m3", "m4"]);
    live.api(reqwest::Method::DELETE, &format!("users/{user}"), None);
}

#[test]
fn messages_without_history_stay_and_are_reported() {
    let Some(live) = broker("no-history") else { return };
    live.pair("quorum", "work", "dead");
    live.fill("dead", 3);
    let done = live.evbus(&["dlq", "replay", "dead", "--yes", "-o", "json"]).done().ends_with(1);
    let summary = done.summary();
    assert_eq!((&summary["skipped"], &summary["left"]), (&3.into(), &3.into()), "{}", done.whole());
    assert!(done.json()[0]["because"].as_str().is_some_and(|why| why.contains("no history")), "{}", done.whole());
    assert_eq!(live.ready("dead"), 3);
}

#[test]
fn of_many_in_flight_exactly_those_that_were_routed_nowhere_stay() {
    const COUNT: usize = 7000;
    let Some(live) = broker("returned") else { return };
    live.queue("arrived", &[]);
    live.wait(async {
        let (options, kind) = (ExchangeDeclareOptions::default(), lapin::ExchangeKind::Topic);
        live.channel.exchange_declare("bus".into(), kind, options, FieldTable::default()).await.expect("an exchange");
        let (queue, options) = (ShortString::from("arrived"), QueueBindOptions::default());
        live.channel
            .queue_bind(queue, "bus".into(), "there.#".into(), options, FieldTable::default())
            .await
            .expect("a binding");
    });
    for kind in ["classic", "quorum"] {
        let dead = format!("{kind}.dead");
        live.queue(&dead, &[("x-queue-type", serde_json::json!(kind))]);
        let lost = |number: usize| number % 7 == 3 || (3000..3100).contains(&number);
        live.publish(
            &dead,
            (0..COUNT).map(|number| {
                let key = if lost(number) { format!("nowhere.{}", number % 5) } else { "there.x".to_owned() };
                let address = headers([("x-evbus-exchange", text("bus")), ("x-evbus-routing-key", text(&key))]);
                // Bodies repeat, so that only whole messages tell one from another.
                (numbered(number).with_headers(address), vec![b'x'; number % 3])
            }),
        );
        let run = live.evbus(&["dlq", "replay", &dead, "--to", "exchange", "--yes", "-o", "json"]).done().ends_with(3);
        let returned: Vec<String> =
            (0..COUNT).filter(|number| lost(*number)).map(|number| format!("m{number}")).collect();
        let summary = run.summary();
        assert_eq!(
            (&summary["returned"], &summary["replayed"], &summary["left"]),
            (&returned.len().into(), &(COUNT - returned.len()).into(), &returned.len().into()),
            "{kind}: {summary}"
        );
        let mut left = live.ids(&dead);
        left.sort_by_key(|id| id[1..].parse::<usize>().unwrap_or(0));
        assert_eq!(left, returned, "{kind}");
        assert_eq!(live.ids("arrived").len(), COUNT - returned.len(), "{kind}");
    }
}

#[test]
fn what_dies_again_during_a_run_is_not_replayed_again() {
    let Some(live) = broker("again") else { return };
    live.pair("classic", "work", "dead");
    live.fill("work", 50);
    live.reject_all("work", "dead");
    // The source rejects at once whatever comes back to it: it expires there.
    live.api(
        reqwest::Method::PUT,
        &format!("policies/{}/ttl", live.vhost),
        Some(serde_json::json!({"pattern": "^work$", "apply-to": "queues", "definition": {"message-ttl": 0}})),
    );
    let done = live.evbus(&["dlq", "replay", "dead", "--yes", "-o", "json"]).done().ends_with(0);
    assert_eq!(done.summary()["replayed"], 50, "{}", done.whole());
    live.until("all died again", || live.ready("dead") == 50);
}

#[test]
fn a_dry_run_counts_and_moves_nothing() {
    let Some(live) = broker("dry") else { return };
    live.pair("quorum", "work", "dead");
    live.fill("work", 30);
    live.reject_all("work", "dead");
    let done = live
        .evbus(&["dlq", "replay", "dead", "--dry-run", "-o", "json", "--where", ".body.json.n < 7"])
        .done()
        .ends_with(0);
    assert_eq!(done.summary()["selected"], 7, "{}", done.whole());
    assert_eq!((live.ready("dead"), live.ready("work")), (30, 0));
}

#[test]
fn a_selection_moves_and_the_rest_stays() {
    let Some(live) = broker("selection") else { return };
    for kind in ["classic", "quorum"] {
        let (work, dead) = (format!("{kind}.work"), format!("{kind}.dead"));
        live.pair(kind, &work, &dead);
        live.fill(&work, 3000);
        live.reject_all(&work, &dead);
        let chosen = ["--where", ".body.json.n % 100 == 0", "--limit", "20"];
        let done = live.evbus(&["dlq", "replay", &dead, "--yes", "-o", "json"]).and(chosen).done().ends_with(0);
        let summary = done.summary();
        assert_eq!((&summary["replayed"], &summary["left"]), (&20.into(), &2980.into()), "{kind}\n{}", done.whole());
        let expected: Vec<String> = (0..20).map(|number| format!("m{}", number * 100)).collect();
        assert_eq!(live.ids(&work), expected, "in the order of the queue");
    }
}

#[test]
fn nothing_moves_unasked_though_its_first_match_lies_far_behind() {
    let Some(live) = broker("consent-far") else { return };
    live.pair("classic", "work", "dead");
    live.fill("work", 3000);
    live.reject_all("work", "dead");
    for (answer, moved) in [("n", 0), ("y", 1)] {
        let mut command = std::process::Command::new(crate::support::run::program());
        command
            .args(["dlq", "replay", "dead", "--where", ".body.json.n == 2900"])
            .env_clear()
            .env("TERM", "xterm")
            .env("EVBUS_STATE_DIR", crate::support::run::STATE);
        command.env("EVBUS_URL", live.url()).env("EVBUS_MANAGEMENT_URL", live.management_url());
        let mut session = rexpect::session::spawn_command(command, Some(30_000)).expect("a terminal");
        session.exp_string("replay?").expect("it asks");
        session.send_line(answer).expect("it hears");
        session.exp_eof().expect("it ends");
        assert_eq!(live.ready("work"), moved, "after {answer}");
    }
}

#[test]
fn a_second_operator_is_told_who_is_at_work() {
    let Some(live) = broker("lock") else { return };
    live.pair("classic", "work", "dead");
    live.fill("dead", 500);
    // An expression that takes its time, so that the first run is met at work.
    let slow = ["dlq", "replay", "dead", "--to", "queue:work", "--where", "[range(20000)] | length < 0", "--yes"];
    let mut first = live.evbus(&slow).start();
    live.until("the first has begun", || live.ready("dead") < 500);
    for command in [&["dlq", "replay", "dead", "--to", "queue:work"][..], &["dlq", "purge", "dead", "--no-archive"]] {
        let second = live.evbus(command).and(["--yes", "-o", "json"]).done().ends_with(1);
        assert!(first.try_wait().expect("a process").is_none(), "the first is still at work");
        let error: serde_json::Value = serde_json::from_str(second.err().lines().last().unwrap_or_default())
            .unwrap_or_else(|error| panic!("{error}: {}", second.whole()));
        assert_eq!(error["error"]["code"], "busy", "{error}");
        let told = error["error"]["causes"].to_string();
        assert!(told.contains('@') && told.contains("run 20") && told.contains("since 20"), "{told}");
    }
    let _ = first.kill();
    let _ = first.wait();
    live.until("everything is back", || live.ready("dead") == 500);
    let third = ["dlq", "replay", "dead", "--to", "queue:work", "--yes", "-o", "json"];
    live.until("the lock went with its connection", || {
        let done = live.evbus(&third).done();
        done.code() == Some(0) && done.summary()["replayed"] == 500
    });
}

#[test]
fn what_died_after_its_retries_goes_to_its_queue_and_begins_anew() {
    let Some(live) = broker("ladder") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = "evbus: 1\nname: shop\nbus: { exchange: shop }\nevents: { OrderPlaced: { routing_key: order.placed } }\n\
        services:\n  billing: { subscribes: [OrderPlaced], retry: { delays: [1s, 1s] } }\n  \
        mail: { subscribes: [OrderPlaced], retry: none }\n";
    std::fs::write(folder.path().join("evbus.yaml"), file).expect("a topology file");
    live.evbus(&["apply", "--yes"]).within(folder.path()).done().ends_with(0);
    // What a service sends up the ladder when it fails, as the README tells it to.
    let failed = |attempt: i64| {
        numbered(7).with_headers(headers([
            ("x-evbus-exchange", text("shop")),
            ("x-evbus-routing-key", text("order.placed")),
            ("x-evbus-attempt", AMQPValue::LongLongInt(attempt)),
        ]))
    };
    for step in 1..=2 {
        live.publish_to("shop.retry", &format!("billing.{step}"), [(failed(step), b"{}".to_vec())]);
        live.until("it comes back", || live.ready("billing") == 1);
        if step == 1 {
            live.drain("billing");
        }
    }
    live.reject_all("billing", "billing.dlq");
    let done = live.evbus(&["dlq", "replay", "billing.dlq", "--yes", "-o", "json"]).done().ends_with(0);
    assert_eq!(done.summary()["replayed"], 1, "{}", done.whole());
    assert_eq!(done.json()[0]["target"], "queue billing", "not a queue of the ladder: {}", done.whole());
    let arrived = live.drain("billing");
    let carried = arrived[0].properties.headers().clone().unwrap_or_default();
    assert!(carried.contains_key("x-evbus-exchange") && !carried.contains_key("x-evbus-attempt"), "{carried:?}");
    assert_eq!((arrived.len(), live.ready("mail"), live.ready("billing.dlq")), (1, 0, 0), "nobody else gets it");
}

#[test]
fn what_would_expire_or_be_copied_does_not_although_it_never_died() {
    let Some(live) = broker("by-hand") else { return };
    live.pair("classic", "work", "dead");
    live.queue("cc", &[]);
    // Put there by hand: what dies by itself has lost its expiration already.
    let copies = AMQPValue::FieldArray(FieldArray::from(vec![text("cc")]));
    live.publish(
        "dead",
        [(numbered(0).with_expiration("600000".into()).with_headers(headers([("CC", copies)])), vec![])],
    );
    assert_eq!(live.drain("cc").len(), 1, "the header does that");
    live.evbus(&["dlq", "replay", "dead", "--to", "queue:work", "--yes"]).done().ends_with(0);
    let arrived = live.drain("work");
    let carried = arrived[0].properties.headers().clone().unwrap_or_default();
    assert_eq!(arrived[0].properties.expiration(), &None);
    assert_eq!(carried.inner().get("x-evbus-expiration"), Some(&text("600000")));
    assert!(carried.contains_key("x-evbus-cc") && !carried.contains_key("CC"), "{carried:?}");
    assert_eq!(live.ready("cc"), 0, "nobody else got a copy");
}
