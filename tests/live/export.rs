//! What export writes is what the broker has: applied to an empty virtual host it makes the same, and against the one it is from there is
//! nothing to do.

use std::{fmt::Write as _, fs, path::Path};

use evbus::version::Version;
use lapin::{
    options::{QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldArray, FieldTable, ShortString},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::live::{Live, broker};

/// Everything the broker has that a file is for, one object a line, as its own export of definitions and its lists have it.
fn everything(live: &Live) -> Vec<String> {
    let definitions = live.api(Method::GET, &format!("definitions/{}", live.vhost), None);
    let mut lines = Vec::new();
    for section in ["exchanges", "bindings", "policies"] {
        let objects = definitions[section].as_array().cloned().unwrap_or_default();
        lines.extend(objects.into_iter().map(|object| format!("{section} {}", plain(object))));
    }
    let queues = live.api(Method::GET, &format!("queues/{}?disable_stats=true", live.vhost), None);
    for queue in queues.as_array().cloned().unwrap_or_default() {
        let field = |key: &str| queue[key].clone();
        let is_amq = queue["name"].as_str().is_some_and(|name| name.starts_with("amq."));
        if queue["exclusive"] == json!(true) || is_amq {
            continue;
        }
        let said = ["name", "type", "durable", "auto_delete", "arguments"].map(|key| (key.to_owned(), field(key)));
        lines.push(format!("queues {}", plain(Value::Object(said.into_iter().collect()))));
    }
    lines.sort();
    lines
}

/// An object without what differs between two virtual hosts, and without the argument that says the type: old brokers keep it only
/// where it was said.
fn plain(mut object: Value) -> Value {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                let mut entries: Vec<_> = map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                Value::Object(entries.into_iter().collect())
            }
            Value::Array(items) => items.iter().map(sorted).collect(),
            other => other.clone(),
        }
    }
    if let Some(map) = object.as_object_mut() {
        map.remove("vhost");
        // Of what a file of definitions did not say, 4.0 says "undefined", or nothing at all; an exchange behaves as if it said no.
        map.values_mut().filter(|value| **value == json!("undefined")).for_each(|value| *value = json!(false));
        if map.contains_key("internal") {
            map.entry("auto_delete").or_insert(json!(false));
        }
        if let Some(Value::Object(arguments)) = map.get_mut("arguments") {
            arguments.remove("x-queue-type");
        }
    }
    sorted(&object)
}

/// Exports, checks that both round trips hold, and answers the file: against where it came from there is nothing to do, and applied
/// elsewhere it makes the same.
fn round_trip(live: &Live, flags: &[&str], left_out: impl Fn(&str, &str) -> bool) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let done = live.evbus(&["export"]).and(flags).within(folder.path()).done().ends_with(0);
    let text = done.out();
    let file = folder.path().join("exported.yaml");
    fs::write(&file, done.bytes()).expect("it is written");
    let again = live.evbus(&["export"]).and(flags).within(folder.path()).done().ends_with(0);
    assert_eq!(text, again.out(), "the order is the same every time");

    let plan = live.evbus(&["plan", "exported.yaml", "--exit-code"]).within(folder.path()).done();
    assert_eq!(plan.code(), Some(0), "against itself\n{}\n{text}", plan.whole());
    assert!(plan.out().starts_with("nothing to do"), "{}\n{text}", plan.whole());

    let copy = Live::at(live.server_url(), live.management_url(), &format!("copy-of-{}", live.vhost));
    let apply = copy.evbus(&["apply", "exported.yaml", "--yes", "--vhost", &copy.vhost]).within(folder.path()).done();
    assert_eq!(apply.code(), Some(0), "elsewhere\n{}\n{text}", apply.whole());
    let expected: Vec<String> = everything(live).into_iter().filter(|line| !is_left_out(line, &left_out)).collect();
    assert_eq!(everything(&copy), expected, "{text}");

    let json = live.evbus(&["export", "-o", "json"]).and(flags).done().ends_with(0);
    fs::write(&file, json.bytes()).expect("it is written");
    let plan = live.evbus(&["plan", "exported.yaml", "--exit-code"]).within(folder.path()).done().ends_with(0);
    assert!(plan.out().starts_with("nothing to do"), "as JSON: {}", plan.whole());
    text
}

fn is_left_out(line: &str, left_out: impl Fn(&str, &str) -> bool) -> bool {
    let (section, object) = line.split_once(' ').unwrap_or_default();
    let object: Value = serde_json::from_str(object).expect("an object");
    let name = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
    let leads = || {
        left_out("exchanges", &name("source"))
            || left_out(&format!("{}s", name("destination_type")), &name("destination"))
    };
    if section == "bindings" { leads() } else { left_out(section, &name("name")) }
}

fn import(live: &Live, definitions: Value) -> Result<(), String> {
    let answer = live.api(Method::POST, &format!("definitions/{}", live.vhost), Some(definitions));
    if answer.is_null() { Ok(()) } else { Err(answer["reason"].to_string()) }
}

const NAMES: [&str; 24] = [
    "/",
    "a b",
    " lead",
    "trail ",
    "é漢字🐇",
    "\"q\" 'q'",
    "#",
    "#a",
    "-dash",
    "- dash",
    "yes",
    "null",
    "~",
    "true",
    "1e3",
    "0x1f",
    "12:30",
    "<<",
    "*",
    "&a",
    "{a: b}",
    "a\\nb",
    "%2F",
    "\u{202e}x",
];

#[test]
fn whatever_a_broker_has_comes_back() {
    let Some(live) = broker("export") else { return };
    let version = live.version();
    let long = "x".repeat(255);
    let names: Vec<&str> = NAMES.iter().copied().chain([long.as_str()]).collect();
    let values = json!({
        "int": 5, "float": 5.5, "whole": 5.0, "yes": true, "no": false, "text": "1e3", "empty": "", "list": [1, "a", [true], {"k": -1}],
        "table": {"deep": {"er": [1.5]}}, "past": 9_007_199_254_740_993_i64, "max": i64::MAX, "min": i64::MIN, "small": 1e-300, "<<": "x",
        "a b": "line\nend\ttab \u{7}", "x-match": "any",
    });
    let exchange = |name: &str, kind: &str, arguments: Value| json!({"name": name, "type": kind, "durable": true, "auto_delete": false, "internal": false, "arguments": arguments});
    let queue = |name: &str, arguments: Value| json!({"name": name, "durable": true, "auto_delete": false, "arguments": arguments});
    let mut exchanges: Vec<Value> = names.iter().map(|name| exchange(name, "topic", json!({}))).collect();
    exchanges.extend([
        exchange("heads", "headers", json!({"alternate-exchange": "yes", "x-own": [1, {"a": 2.5}]})),
        exchange("rest", "fanout", json!({})),
        json!({"name": "inner", "type": "direct", "durable": true, "auto_delete": false, "internal": true, "arguments": {}}),
        json!({"name": "fleeting", "type": "direct", "durable": false, "auto_delete": true, "internal": false, "arguments": {}}),
    ]);
    let mut queues: Vec<Value> = names.iter().map(|name| queue(name, json!({"x-queue-type": "classic"}))).collect();
    let (delivery, stored) =
        (json!({"x-queue-type": "quorum", "x-delivery-limit": 7}), if version < Version::new(4, 3, 0) { 1 } else { 2 });
    queues.extend([
        queue("priorities", json!({"x-max-priority": 10, "x-queue-type": "classic"})),
        queue("quorum", delivery),
        queue("stream", json!({"x-queue-type": "stream", "x-max-age": "7D", "x-max-length-bytes": 1_000_000, "x-stream-max-segment-size-bytes": 500_000})),
        queue("odd-stream", json!({"x-queue-type": "stream", "x-max-age": "48h"})),
        queue("limits", json!({"x-queue-type": "classic", "x-message-ttl": 5_400_001, "x-expires": 86_400_000, "x-max-length": 0, "x-max-length-bytes": 5, "x-overflow": "reject-publish-dlx", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "yes", "x-single-active-consumer": true, "x-queue-version": stored, "x-queue-mode": "lazy"})),
        queue("none", json!({"x-queue-type": "classic", "x-message-ttl": 0})),
        queue("own", json!({"x-queue-type": "classic", "values": values})),
        queue("ring\u{7}bell", json!({"x-queue-type": "classic"})),
        json!({"name": "brief", "durable": false, "auto_delete": true, "arguments": {"x-queue-type": "classic"}}),
    ]);
    let binding = |source: &str, destination: &str, kind: &str, key: &str, arguments: Value| json!({"source": source, "destination": destination, "destination_type": kind, "routing_key": key, "arguments": arguments});
    let mut bindings: Vec<Value> =
        names.iter().zip(names.iter().skip(1)).map(|(from, to)| binding(from, to, "queue", to, json!({}))).collect();
    bindings
        .extend(names.iter().zip(names.iter().skip(2)).map(|(from, to)| binding(from, to, "exchange", "", json!({}))));
    bindings.extend([
        binding("heads", "quorum", "queue", "", values.clone()),
        binding("heads", "quorum", "queue", "", json!({"n": 5, "x-match": "all"})),
        binding("heads", "quorum", "queue", "", json!({"n": 5.0, "x-match": "all"})),
        binding("heads", "quorum", "queue", "", json!({"n": "5", "x-match": "all"})),
        binding("rest", "ring\u{7}bell", "queue", "", json!({})),
        binding("amq.topic", "inner", "exchange", "a.#", json!({})),
        binding("inner", "quorum", "queue", "with\u{7}\u{85}\nall", json!({})),
    ]);
    let policy = |name: &str, pattern: &str, to: &str, priority: i32, definition: Value| json!({"name": name, "pattern": pattern, "apply-to": to, "priority": priority, "definition": definition});
    let policies = [
        policy("everything", "", "all", -1, json!({"max-length": 100_000})),
        policy("1e3", "^(yes|no)$", "queues", 7, json!({"max-length": 5, "overflow": "reject-publish"})),
        policy("/ a\"b", r"^\Qa b\E$|\d+", "exchanges", 0, json!({"alternate-exchange": "rest"})),
        policy("nowhere", "^there is no such queue$", "queues", 0, json!({"expires": 86_400_000})),
        policy("behind", "^yes$", "queues", 3, json!({"message-ttl": 1000})),
    ];
    import(&live, json!({"exchanges": exchanges, "queues": queues, "bindings": bindings, "policies": policies}))
        .expect("the broker takes it");
    // What no JSON can say: types of AMQP, and a queue that belongs to a connection.
    let mut typed = FieldTable::default();
    let mut list = FieldArray::default();
    list.push(AMQPValue::ShortInt(-3));
    for (key, value) in [
        ("small", AMQPValue::ShortShortUInt(200)),
        ("float", AMQPValue::Float(0.1)),
        ("time", AMQPValue::Timestamp(1_700_000_000)),
        ("list", AMQPValue::FieldArray(list)),
    ] {
        typed.insert(ShortString::from(key), value);
    }
    live.wait(async {
        let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
        live.channel.queue_declare("mine".into(), options, FieldTable::default()).await.expect("it is declared");
        let options = QueueBindOptions::default();
        live.channel
            .queue_bind("mine".into(), "rest".into(), "".into(), options, FieldTable::default())
            .await
            .expect("it is bound");
        live.channel
            .queue_bind("quorum".into(), "amq.headers".into(), "".into(), options, typed.clone())
            .await
            .expect("it is bound");
        live.channel
            .queue_declare(
                "".into(),
                QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() },
                FieldTable::default(),
            )
            .await
            .expect("it is declared");
    });
    let path = format!("operator-policies/{}/ceiling", live.vhost);
    live.api(
        Method::PUT,
        &path,
        Some(json!({"pattern": "^quorum$", "definition": {"max-length": 9}, "apply-to": "queues"})),
    );

    let gone = ["mine", "ring\u{7}bell"];
    let text = round_trip(&live, &[], |section, name| section == "queues" && gone.contains(&name));
    let _ = live.api(Method::DELETE, &path, None);
    for line in [
        "# - queue mine: it is exclusive, and goes with its connection",
        "# - queue \"ring\\x07bell\": the name of a queue has a control character in it",
        "# - binding \"rest -> mine ()\": it leads from or to what is not exported",
        "# - operator policy ceiling: operator policies are the administrator's",
        "  # without effect: it matches nothing\n  nowhere:",
        "  # without effect: wherever it matches, \"1e3\" is in force\n  behind:",
        "      # RabbitMQ knows no argument values: it is stored and ignored\n",
        "      # a headers exchange knows no argument x-own: it is stored and ignored\n",
        "  stream: { type: stream, max_age: 7d,",
        "  odd-stream: { type: stream, arguments: { x-max-age: 48h } }",
        "  \"1e3\": { type: classic }",
        "  - { from: amq.topic, to_exchange: inner, key: \"a.#\" }",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(text.contains("# - queue amq.gen-"), "{text}");
    assert_eq!(
        text.contains("# without effect from 3.12 on\n    queue_mode: lazy"),
        version >= Version::new(3, 12, 0),
        "{text}"
    );
}

#[test]
fn a_bus_comes_back_as_services() {
    let Some(live) = broker("export-services") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let bus = r##"evbus: 1
bus: { exchange: shop }
events: { OrderPlaced: { routing_key: order.placed } }
services:
  billing: { subscribes: [OrderPlaced], retry: { delays: [1s, 2s, 1s] } }
  shipping: { subscribes: [OrderPlaced, { key: "order.#" }], queue: { name: parcels, single_active_consumer: true } }
  legacy: { queue: { type: classic }, retry: none, dead_letters: { keep: 2d, max: 5, enforce: true } }
audit: { stream: shop.audit, keep: 30d }
exchanges: { old: { type: fanout }, shop: { alternate_exchange: old } }
queues: { reports: { type: classic } }
bindings: [{ from: old, to: reports }, { from: shop, to: reports, key: "#" }, { from: old, to: billing }]
"##;
    fs::write(folder.path().join("evbus.yaml"), bus).expect("it is written");
    live.evbus(&["apply", "--yes"]).within(folder.path()).done().ends_with(0);
    let text = round_trip(&live, &["--services"], |_, _| false);
    let (head, sections) = text.split_once("\nvhost: ").expect("it names its virtual host");
    assert!(head.starts_with("# The virtual host evbus-test-export-services"), "{text}");
    let (_, sections) = sections.split_once('\n').expect("more follows");
    assert_eq!(
        sections,
        r##"bus: { exchange: shop }

services:
  billing: { subscribes: [{ key: order.placed }], retry: { delays: [1s, 2s, 1s] } }
  legacy:
    queue: { type: classic }
    dead_letters: { keep: 2d, max: 5, enforce: true }
    retry: none
  parcels:
    subscribes: [{ key: "order.#" }, { key: order.placed }]
    queue: { single_active_consumer: true }
    retry: { delays: [1s, 2s, 4s, 8s, 16s, 32s] }
audit: { stream: shop.audit, keep: 30d }

exchanges:
  old: { type: fanout }
  shop: { type: topic, alternate_exchange: old }

queues:
  reports: { type: classic }

bindings:
  - { from: old, to: billing }
  - { from: old, to: reports }
  - { from: shop, to: reports, key: "#" }
"##
    );
    // Without the policy of its dead letter queues, from 4.0 on, a plan would have something to do with quorum services.
    if live.version() >= Version::new(4, 0, 0) {
        live.api(Method::DELETE, &format!("policies/{}/evbus-shop-dlq", live.vhost), None);
        let text = round_trip(&live, &["--services"], |_, _| false);
        assert!(text.contains("services:\n  legacy:") && text.contains("\n  billing:\n    type: quorum\n"), "{text}");
        let done = live.evbus(&["export", "--services"]).done().ends_with(0);
        assert!(done.err().contains("2 more queues have the shape of a service"), "{}", done.whole());
    }
}

#[test]
fn what_init_and_demo_write_comes_back_as_services() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ops/demo");
    for (name, services) in [("init", 3), ("demo", 7)] {
        let Some(live) = broker(&format!("export-{name}")) else { return };
        let folder = tempfile::tempdir().expect("a folder");
        if name == "init" {
            live.evbus(&["init"]).within(folder.path()).done().ends_with(0);
        } else {
            fs::copy(demo.join("order-bus.yaml"), folder.path().join("evbus.yaml")).expect("it is copied");
        }
        live.evbus(&["apply", "--yes", "--vhost", &live.vhost]).within(folder.path()).done().ends_with(0);
        let text = round_trip(&live, &["--services"], |_, _| false);
        for raw in ["\nqueues:", "\nbindings:", "\nexchanges:", "\npolicies:"] {
            assert!(!text.contains(raw), "{name}: {raw}\n{text}");
        }
        let done = live.evbus(&["export", "--services"]).done().ends_with(0);
        assert!(done.err().contains(&format!("{services} services")), "{}", done.whole());
    }
}

#[test]
fn a_user_with_the_management_tag_alone_exports_everything_it_may_see() {
    let Some(live) = broker("export-user") else { return };
    live.queue("reports", &[("x-queue-type", json!("classic"))]);
    let user = format!("{}-looks", live.vhost);
    live.api(Method::PUT, &format!("users/{user}"), Some(json!({"password": "secret", "tags": "management"})));
    let none = json!({"configure": "", "write": "", "read": ""});
    live.api(Method::PUT, &format!("permissions/{}/{user}", live.vhost), Some(none));
    let url = live.url().replacen("guest:guest@", &format!("{user}:secret@"), 1);
    let done = live.evbus(&["export"]).env("EVBUS_URL", url).done();
    live.api(Method::DELETE, &format!("users/{user}"), None);
    let done = done.ends_with(0);
    assert!(done.out().contains("reports: { type: classic }"), "{}", done.whole());
    let unknown = "parameters: unknown: this user may not see whether there are any";
    assert!(done.out().contains(&format!("# - {unknown}")) && done.err().contains(unknown), "{}", done.whole());
}

#[test]
fn a_file_that_exists_is_written_over_only_where_that_is_said() {
    let Some(live) = broker("export-out") else { return };
    live.queue("reports", &[("x-queue-type", json!("classic"))]);
    let folder = tempfile::tempdir().expect("a folder");
    let export =
        |arguments: &[&str]| live.evbus(&["export", "--out", "bus.yaml"]).and(arguments).within(folder.path()).done();
    let first = export(&[]).ends_with(0);
    assert!(first.out().is_empty() && first.err().contains("wrote bus.yaml"), "{}", first.whole());
    let path = folder.path().join("bus.yaml");
    let written = fs::read_to_string(&path).expect("it is written");
    assert_eq!(written, live.evbus(&["export"]).done().ends_with(0).out());
    fs::write(&path, "mine, and longer than what is going to be written: ".repeat(100)).expect("it is written");
    export(&[]).ends_with(2);
    assert!(fs::read_to_string(&path).is_ok_and(|text| text.starts_with("mine")));
    export(&["--force"]).ends_with(0);
    assert_eq!(fs::read_to_string(&path).ok(), Some(written));
}

#[test]
fn definitions_that_people_have_written_come_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/topologies");
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!("SKIPPED definitions that people have written: {} is not there", folder.display());
        return;
    };
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "json"));
    files.sort();
    let (mut taken, mut told) = (0, String::new());
    for path in files {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let Ok(definitions) = serde_json::from_slice(&fs::read(&path).expect("it can be read")) else {
            let _ = writeln!(told, "{name}: is no JSON");
            continue;
        };
        let Some(live) = broker(&format!("definitions-{name}")) else { return };
        if let Err(because) = import(&live, definitions) {
            let _ = writeln!(told, "{name}: the broker refuses it: {because}");
            continue;
        }
        taken += 1;
        let text = round_trip(&live, &[], |_, _| false);
        text.lines().filter(|line| line.starts_with("# - ")).for_each(|line| {
            let _ = writeln!(told, "{name}: {line}");
        });
        let services = live.evbus(&["export", "--services"]).done().ends_with(0);
        let plan = live.evbus(&["plan", "-", "--exit-code"]).input(services.bytes()).done();
        assert_eq!(plan.code(), Some(0), "{name} with services\n{}\n{}", plan.whole(), services.whole());
    }
    eprintln!("{taken} definitions came back\n{told}");
    assert!(taken > 30, "{told}");
}
