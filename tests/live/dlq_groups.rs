//! What failed, how often, and each group by itself.

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, LongString, ShortString},
};
use serde_json::{Value, json};

use crate::{
    dlq_look::{exhaust, spent},
    support::{
        live::{Live, broker, numbered},
        run::ended,
        shop::Shop,
    },
};

/// The groups of a queue.
fn groups(live: &Live, queue: &str, more: &[&str]) -> Value {
    let done = live.evbus(&["dlq", "groups", queue, "-o", "json"]).and(more).done().ends_with(0);
    let mut lines = done.json();
    assert_eq!(lines.len(), 1, "{}", done.whole());
    let document = lines.remove(0);
    assert_eq!(document["format"], "evbus.groups/1");
    assert_eq!((&document["partial"], &document["read"]), (&json!(false), &document["depth"]), "{document}");
    document
}

/// The number and the id of the group with that value.
fn group<'a>(document: &'a Value, dimension: &str, value: &str) -> (u64, &'a str) {
    let is_it = |group: &&Value| group["by"][dimension] == value;
    let found = document["groups"].as_array().into_iter().flatten().find(is_it);
    let found = found.unwrap_or_else(|| panic!("no {dimension} {value} in {document}"));
    (found["count"].as_u64().unwrap_or_default(), found["id"].as_str().unwrap_or_default())
}

fn with(headers: &[(&str, &str)]) -> BasicProperties {
    let mut table = FieldTable::default();
    for (name, text) in headers {
        table.insert(ShortString::from(*name), AMQPValue::LongString(LongString::from(*text)));
    }
    BasicProperties::default().with_delivery_mode(2).with_headers(table)
}

#[test]
fn each_reason_is_a_group_and_each_group_can_be_had_alone() {
    let Some(live) = broker("groups") else { return };
    for kind in ["classic", "quorum"] {
        let name = |word: &str| format!("{kind}.{word}");
        let (dead, back) = (name("dead"), name("back"));
        live.queue(&dead, &[("x-queue-type", json!(kind))]);
        live.queue(&back, &[("x-queue-type", json!(kind))]);
        let dies = |queue: &str, more: &[(&str, Value)]| {
            let dies = [("x-dead-letter-exchange", json!("")), ("x-dead-letter-routing-key", json!(dead))];
            let arguments = [&[("x-queue-type", json!(kind))], &dies[..], more].concat();
            live.queue(&name(queue), &arguments);
        };
        dies("rejects", &[]);
        live.fill(&name("rejects"), 30);
        live.reject_all(&name("rejects"), &dead);
        dies("expires", &[("x-message-ttl", json!(1))]);
        live.fill(&name("expires"), 20);
        dies("overflows", &[("x-max-length", json!(5))]);
        live.fill(&name("overflows"), 15);
        let mut expected = vec![("rejected", 30), ("expired", 20), ("maxlen", 10)];
        let mut all = 60;
        live.until("all are dead", || live.ready(&dead) == all);
        if kind == "quorum" {
            dies("limited", &[("x-delivery-limit", json!(1))]);
            exhaust(&live, &name("limited"), &dead, 4);
            expected.push(("delivery_limit", 4));
            all += 4;
        }
        let found = groups(&live, &dead, &[]);
        let counts: Vec<_> = found["groups"].as_array().into_iter().flatten().map(|group| &group["count"]).collect();
        assert_eq!(json!(counts), json!(expected.iter().map(|(_, count)| count).collect::<Vec<_>>()), "{found}");
        for (reason, count) in &expected {
            assert_eq!(group(&found, "reason", reason).0, *count, "{found}");
        }
        let rejected = &found["groups"][0];
        assert_eq!(
            rejected["by"],
            json!({ "reason": "rejected", "queue": name("rejects"), "event": null, "exception": null })
        );
        assert_eq!(rejected["example"]["format"], "evbus.message/1", "{rejected}");
        assert!(rejected["first_seen_at"].is_string() && rejected["last_seen_at"].is_string(), "{rejected}");
        assert_eq!(live.ready(&dead), all, "a look");

        let (_, id) = group(&found, "reason", "expired");
        let show =
            live.evbus(&["dlq", "show", &dead, "--group", id, "--limit", "500", "-o", "json"]).done().ends_with(0);
        let shown: Vec<_> =
            show.json().iter().filter_map(|line| line["death"]["reason"].as_str().map(str::to_owned)).collect();
        assert_eq!(shown, vec!["expired"; 20], "{}", show.whole());
        let again = groups(&live, &dead, &["--group", id, "--by", "queue"]);
        assert_eq!((&again["selected"], group(&again, "queue", &name("expires")).0), (&json!(20), 20), "{again}");

        let to = format!("queue:{back}");
        let replay = live
            .evbus(&["dlq", "replay", &dead, "--group", id, "--to", &to, "--yes", "-o", "json"])
            .done()
            .ends_with(0);
        assert_eq!(
            (&replay.summary()["selected"], &replay.summary()["replayed"]),
            (&json!(20), &json!(20)),
            "{}",
            replay.whole()
        );
        assert_eq!(live.ready(&back), 20);
        let (_, other) = group(&found, "reason", "maxlen");
        let purge = ["dlq", "purge", &dead, "--group", id, "--group", other, "--no-archive", "--yes", "-o", "json"];
        let purge = live.evbus(&purge).done().ends_with(0);
        assert_eq!(
            (&purge.summary()["selected"], &purge.summary()["removed"]),
            (&json!(10), &json!(10)),
            "{}",
            purge.whole()
        );
        let left = groups(&live, &dead, &[]);
        assert_eq!(left["groups"].as_array().map(Vec::len), Some(expected.len() - 2), "{left}");
        assert_eq!(group(&left, "reason", "rejected"), (30, found["groups"][0]["id"].as_str().unwrap_or_default()));
        let none = live.evbus(&["dlq", "show", &dead, "--group", id]).done().ends_with(0);
        assert!(
            none.err().contains(&format!("no message that was read is in {id}; evbus dlq groups {dead}")),
            "{}",
            none.whole()
        );
    }
}

#[test]
fn a_group_goes_into_an_archive_and_comes_out_of_one() {
    let Some(live) = broker("groups-archive") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for (queue, count) in [("one", 12), ("two", 8)] {
        live.pair("classic", queue, "dead");
        live.fill(queue, count);
        live.reject_all(queue, "dead");
    }
    live.queue("back", &[]);
    let found = groups(&live, "dead", &["--by", "queue"]);
    let (_, id) = group(&found, "queue", "two");
    let of_two: Vec<_> = (0..8).map(|number| format!("m{number}")).collect();
    let (part, whole) = (folder.path().join("part.zst"), folder.path().join("whole.zst"));
    let export = live.evbus(&["dlq", "export", "dead", "--group", id]).arg("--out").arg(&part);
    let export = export.done().ends_with(0);
    assert_eq!(export.out(), format!("8 of 20 messages exported to {}\n", part.display()), "{}", export.whole());
    live.evbus(&["dlq", "export", "dead"]).arg("--out").arg(&whole).done().ends_with(0);
    // The eight of the one archive are the eight that the group is in the other.
    for archive in [&part, &whole] {
        let restore = live.evbus(&["dlq", "restore", "--group", id, "--to", "queue:back", "--yes", "-o", "json"]);
        let restore = restore.arg(archive).done().ends_with(0);
        let counts = ["selected", "replayed"].map(|word| restore.summary()[word].clone());
        assert_eq!(counts, [json!(8), json!(8)], "{}", restore.whole());
        assert_eq!(live.ids("back"), of_two, "{}", archive.display());
    }
    assert_eq!(live.ready("dead"), 20);
}

#[test]
fn what_frameworks_wrote_is_told_grouped_and_selected() {
    let Some(live) = broker("groups-failed") else { return };
    live.pair("classic", "tasks", "dead");
    live.queue("orders", &[]);
    let trace = "org.springframework.amqp.rabbit.support.ListenerExecutionFailedException: it threw\n\tat a.B\nCaused by: java.lang.IllegalStateException: no stock\n\tat c.D";
    let spring = [
        ("x-exception-stacktrace", trace),
        ("x-exception-message", "no stock"),
        ("x-original-exchange", ""),
        ("x-original-routingKey", "orders"),
    ];
    let masstransit = [
        ("MT-Reason", "fault"),
        ("MT-Fault-ExceptionType", "System.InvalidOperationException"),
        ("MT-Fault-Message", "no stock"),
        ("MT-Fault-InputAddress", "rabbitmq://localhost/shop/orders?durable=true"),
        ("MT-Fault-Timestamp", "2026-11-24T13:29:15.1234567Z"),
    ];
    let nservicebus = [
        ("NServiceBus.ExceptionInfo.ExceptionType", "System.TimeoutException"),
        ("NServiceBus.ExceptionInfo.Message", "too late"),
        ("NServiceBus.FailedQ", "orders"),
        ("NServiceBus.TimeOfFailure", "2026-11-24 13:29:15:123456 Z"),
    ];
    let body = || br#"{"event_id":"1","event_type":"OrderPlaced","payload":{"tenant":"acme"}}"#.to_vec();
    live.publish("tasks", [(with(&[("task", "shop.charge"), ("id", "1"), ("lang", "py")]), b"[[1],{},{}]".to_vec())]);
    live.reject_all("tasks", "dead");
    for (headers, count) in [(&spring[..], 5), (&masstransit, 4), (&nservicebus, 3)] {
        live.publish("dead", (0..count).map(|_| (with(headers), body())));
    }
    live.publish("dead", ["no order 7", "no order 8"].map(|text| (with(&[("x-error", text)]), body())));

    let found = groups(&live, "dead", &[]);
    for (exception, queue, count) in [
        (json!("java.lang.IllegalStateException"), json!("orders"), 5),
        (json!("System.InvalidOperationException"), json!("orders"), 4),
        (json!("System.TimeoutException"), json!("orders"), 3),
        (json!("no order #"), Value::Null, 2),
        (Value::Null, json!("tasks"), 1),
    ] {
        let event = if count == 1 { "shop.charge" } else { "OrderPlaced" };
        let reason = if count == 1 { json!("rejected") } else { Value::Null };
        let by = json!({ "reason": reason, "queue": queue, "event": event, "exception": exception });
        let same = |group: &&Value| group["by"] == by && group["count"] == count;
        assert_eq!(found["groups"].as_array().into_iter().flatten().filter(same).count(), 1, "{by} {found}");
    }
    let failed = |exception| {
        found["groups"].as_array().into_iter().flatten().find(|group| group["by"]["exception"] == exception)
    };
    let at = failed(json!("System.TimeoutException")).map(|group| group["first_seen_at"].clone());
    assert_eq!(at, Some(json!("2026-11-24T13:29:15Z")), "{found}");

    let page = live.evbus(&["dlq", "groups", "dead"]).env("COLUMNS", "80").done().ends_with(0);
    let first = found["groups"][0]["id"].as_str().unwrap_or_default();
    assert!(page.out().lines().all(|line| line.chars().count() <= 80), "{}", page.whole());
    let lines: Vec<String> = page.out().lines().map(str::to_owned).collect();
    assert_eq!(lines[0], "COUNT  GROUP            FIRST SEEN            LAST SEEN", "{}", page.whole());
    assert_eq!(lines[1], "       REASON · QUEUE · EVENT · EXCEPTION");
    assert_eq!(lines[3], "       - · orders · OrderPlaced · java.lang.IllegalStateException");
    assert!(page.err().contains("5 groups; 15 of 15 messages read; all of them are still there"), "{}", page.whole());
    assert!(page.err().contains(&format!("evbus dlq show dead --group {first}")), "{}", page.whole());

    let by_field =
        groups(&live, "dead", &["--by", "exception", "--field", ".body.json.payload.tenant", "--reason", "rejected"]);
    assert_eq!((&by_field["selected"], &by_field["groups"][0]["by"]["field"]), (&json!(1), &Value::Null), "{by_field}");
    let by_field = groups(&live, "dead", &["--by", "queue", "--field", ".body.json.payload.tenant"]);
    let (count, id) = group(&by_field, "field", "acme");
    let show = |more: &[&str]| {
        live.evbus(&["dlq", "show", "dead", "--limit", "99", "--group", id, "-o", "json"]).and(more).done()
    };
    assert_eq!(show(&["--field", ".body.json.payload.tenant"]).ends_with(0).summary()["shown"], count);
    assert!(show(&[]).ends_with(2).err().contains("--field JQ"));
    assert!(show(&["--field", ".queue"]).ends_with(2).err().contains("another expression"));

    let shown = live
        .evbus(&["dlq", "show", "dead", "--where", r#".failure.type == "System.TimeoutException""#])
        .done()
        .ends_with(0);
    assert_eq!(
        shown.out().matches("  failed with  System.TimeoutException: too late (NServiceBus)\n").count(),
        3,
        "{}",
        shown.whole()
    );
    assert!(shown.out().contains("  failed in    orders\n  failed at    2026-11-24T13:29:15Z\n"), "{}", shown.whole());
    let source = ["dlq", "replay", "dead", "--from-queue", "orders", "--yes", "-o", "json"];
    let replayed = live.evbus(&source).done().ends_with(0);
    assert_eq!(replayed.summary()["replayed"], 12, "{}", replayed.whole());
    assert_eq!(live.ready("orders"), 12, "each went to the queue it had failed in");
}

#[test]
fn twenty_five_groupings_leave_every_message_there() {
    let Some(live) = broker("groups-looks") else { return };
    spent(&live, 6);
    for look in 1..=25 {
        assert_eq!(groups(&live, "dead", &[])["selected"], 6, "look {look}");
    }
    // More than may be held at once without a policy that lifts the limit.
    live.queue("many", &[("x-queue-type", json!("quorum")), ("x-dead-letter-exchange", json!(""))]);
    live.fill("many", 120);
    assert_eq!(groups(&live, "many", &["--by", "key"])["groups"][0]["count"], 120);
    let policies = live.api(reqwest::Method::GET, &format!("policies/{}", live.vhost), None);
    assert_eq!(policies.as_array().map(Vec::len), Some(1), "no temporary policy is left: {policies}");
    for (queue, count) in [("dead", 6), ("many", 120)] {
        let mut ids = live.ids(queue);
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count, "{queue}");
    }
    // Where none can be set, a part is read, and that is said.
    live.queue("fixed", &[("x-queue-type", json!("quorum")), ("x-delivery-limit", json!(9))]);
    live.fill("fixed", 60);
    let part = live.evbus(&["dlq", "groups", "fixed", "-o", "json"]).done().ends_with(3);
    let document = &part.json()[0];
    assert_eq!((&document["partial"], &document["read"]), (&json!(true), &json!(50)), "{}", part.whole());
    live.until("they are back", || live.ready("fixed") == 60);
}

#[test]
fn an_interruption_ends_with_what_was_counted_so_far() {
    const COUNT: u32 = 400;
    let Some(live) = broker("groups-stopped") else { return };
    for kind in ["classic", "quorum"] {
        live.queue(kind, &[("x-queue-type", json!(kind))]);
        live.fill(kind, COUNT as usize);
        // An expression that takes its time, so that it can be met in the middle.
        let slow = ["dlq", "groups", kind, "--by", "key", "--where", "[range(20000)] | length > 0", "-o", "json"];
        let child = live.evbus(&slow).start();
        let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap_or(0)).expect("a process");
        live.until("it holds something", || live.ready(kind) < COUNT);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it takes a signal");
        let output = ended(child);
        assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
        let document: Value = serde_json::from_slice(&output.stdout).expect("a document");
        assert_eq!((&document["partial"], &document["interrupted"]), (&json!(true), &json!(true)), "{document}");
        assert!(document["read"].as_u64().is_some_and(|read| read < COUNT.into()), "{document}");
        let counted: u64 =
            document["groups"].as_array().into_iter().flatten().filter_map(|group| group["count"].as_u64()).sum();
        assert_eq!(Some(counted), document["read"].as_u64(), "{document}");
        assert_eq!(live.ready(kind), COUNT, "{kind}: all of it is back when it has ended");
    }
}

const BUS: &str = r#"
evbus: 1
name: groups
bus: { exchange: events }
events:
  OrderPlaced:
    routing_key: order.placed
    versions: { "1.0": OrderPlaced-1.0.json }
"#;

#[test]
fn what_the_catalog_says_groups_and_selects() {
    let Some(shop) = Shop::open("groups-valid", BUS) else { return };
    let schema = r#"{"type":"object","required":["total"],"properties":{"total":{"type":"number"}}}"#;
    std::fs::write(shop.folder.path().join("OrderPlaced-1.0.json"), schema).expect("it is written");
    shop.live.queue("dead", &[]);
    let placed =
        |payload: &str| format!(r#"{{"event_id":"1","event_type":"OrderPlaced","version":"1.0","payload":{payload}}}"#);
    let bodies = [placed(r#"{"total":1}"#), placed(r#"{"total":"1"}"#), placed("{}"), "hello".to_owned()];
    shop.live
        .publish("dead", bodies.into_iter().enumerate().map(|(number, body)| (numbered(number), body.into_bytes())));
    let done = shop.evbus(&["dlq", "groups", "dead", "--by", "event", "--valid", "-o", "json"]).done().ends_with(0);
    let found = done.json().remove(0);
    let shown = |flags: &[&str]| {
        let done = shop.evbus(&["dlq", "show", "dead", "-o", "json"]).and(flags).done().ends_with(0);
        let id = |line: &Value| line["properties"]["message_id"].as_str().map(str::to_owned);
        done.json().iter().filter_map(id).collect::<Vec<_>>()
    };
    for (word, ids) in [("valid", &["m0"][..]), ("invalid", &["m1", "m2"]), ("unknown", &["m3"])] {
        let (count, id) = group(&found, "valid", word);
        assert_eq!(count, ids.len() as u64, "{found}");
        assert_eq!(shown(&["--only", word]), ids, "{word}");
        assert_eq!(shown(&["--group", id]), ids, "{word}");
    }
    std::fs::write(shop.folder.path().join("OrderPlaced-1.0.json"), "{").expect("it is written");
    let broken = shop.evbus(&["dlq", "show", "dead", "--only", "valid"]).done().ends_with(2);
    assert!(broken.err().contains("OrderPlaced-1.0.json is not JSON"), "{}", broken.whole());
}
