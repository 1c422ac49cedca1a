//! What is said of topology files that are right, and of those that are wrong.

use std::{path::Path, time::Duration};

use super::*;
use crate::topology::argument::QueueType;

fn read(text: &str) -> Result<File, Malformed> {
    File::read(vec![("evbus.yaml".to_owned(), Path::new("shop"), text.as_bytes().to_vec())])
}

fn messages(text: &str) -> Vec<String> {
    match read(text) {
        Ok(_) => Vec::new(),
        Err(malformed) => malformed.problems.iter().map(|problem| problem.message.clone()).collect(),
    }
}

const WHOLE: &str = r#"
evbus: 1
name: order-bus
vhost: /
bus: { exchange: events }
events:
  EmailClassified:
    routing_key: email.classified
    publisher: email-service
    versions: { "1.0": schemas/EmailClassified-1.0.json }
  QuoteCreated: { routing_key: quote.created, publisher: quote-service }
services:
  customer-service:
    subscribes: [EmailClassified, { key: "stock.#" }]
    retry: { first: 1s, factor: 2, max: 5m, attempts: 6 }
    dead_letters: { keep: 14d, max: 100000 }
    alerts: { depth: 1000, age: 5m, consumers: 1, dead: 0 }
  inventory-service: { subscribes: [QuoteCreated] }
  stock-service: { queue: { name: stock, type: classic, message_ttl: 1d }, retry: none }
audit: { stream: events.audit, keep: 30d }
defaults: { queue: { type: quorum }, retry: { delays: [1s, 10s, 1m] } }
exchanges: { legacy: { type: fanout } }
queues: { reports: { type: classic, message_ttl: 1h, arguments: { x-max-priority: 5 } } }
bindings: [ { from: legacy, to: reports } ]
policies: { ha: { pattern: "^reports$", apply_to: queues, priority: 1, definition: { max-length: 1000 } } }
"#;

#[test]
fn the_whole_format_is_read() {
    let topology = read(WHOLE).expect("the file is right").topology;
    assert_eq!(topology.bus(), "events");
    let event = topology.event("EmailClassified").expect("it is in the catalog");
    assert_eq!(*event.versions[0].schema, Path::new("shop/schemas/EmailClassified-1.0.json"));
    let customer = topology.service("customer-service").expect("it is there");
    let seconds: Vec<u64> = customer.retry.iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [1, 2, 4, 8, 16, 32]);
    assert_eq!(customer.dead_letters.keep, Some(Duration::from_secs(14 * 86400)));
    assert_eq!((customer.alerts.depth, customer.alerts.dead), (Some(1000), Some(0)));
    let inventory = topology.service("inventory-service").expect("it is there");
    assert_eq!(inventory.retry.len(), 3, "the defaults hold where a service says nothing");
    let stock = topology.service("stock-service").expect("it is there");
    assert_eq!((stock.queue.as_str(), stock.kind.value), ("stock", QueueType::Classic));
    assert!(stock.retry.is_empty());
    assert_eq!(stock.arguments[0].value, crate::message::Field::I64(86_400_000));
    assert_eq!(topology.queues[0].arguments.len(), 2);
    assert_eq!(topology.policies[0].spec.definition["max-length"], 1000);
}

#[test]
fn json_is_a_topology_file_too() {
    let text = r#"{"evbus": 1, "events": {"A": {"routing_key": "a"}}, "services": {"s": {"subscribes": ["A"], "retry": "none"}}}"#;
    assert_eq!(read(text).expect("JSON is YAML").topology.services.len(), 1);
}

#[test]
fn a_byte_order_mark_and_line_ends_of_windows_are_nothing_wrong() {
    let text = format!("\u{feff}{}", WHOLE.replace('\n', "\r\n"));
    assert!(read(&text).is_ok());
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = "evbus: 2\nnmae: x\nevents:\n  A: {}\nservices:\n  s:\n    subscribs: [A]\n    retry: {first: 5x, attempts: 0}\n";
    assert_eq!(
        messages(text),
        [
            "`evbus` takes the number 1",
            "a topology file has no key `nmae`",
            "an event needs `routing_key`",
            "a service has no key `subscribs`",
            "`first` takes a length of time, like 500ms, 10s, 2m, 1h30m or 14d",
            "`attempts` takes a whole number from 1 to 100",
        ]
    );
}

#[test]
fn a_word_that_looks_like_yes_is_not_true() {
    for word in ["yes", "on", "\"true\"", "1"] {
        let text = format!("evbus: 1\nqueues: {{ q: {{ type: classic, durable: {word} }} }}\n");
        assert_eq!(messages(&text), ["`durable` takes true or false"], "{word}");
    }
}

#[test]
fn names_that_the_broker_would_not_take_are_refused_with_the_reason() {
    let long = "x".repeat(256);
    for (name, part) in
        [("\"\"", "cannot be empty"), ("amq.x", "begin with `amq.`"), (long.as_str(), "256"), ("\"a\\nb\"", "control")]
    {
        let found = messages(&format!("evbus: 1\nqueues: {{ {name}: {{ type: classic }} }}\n"));
        assert!(found.iter().any(|message| message.contains(part)), "{name}: {found:?}");
    }
    let long_service = "s".repeat(252);
    let found = messages(&format!("evbus: 1\nservices: {{ {long_service}: {{ retry: none }} }}\n"));
    assert!(found.iter().any(|message| message.contains("256")), "the DLQ's name is what is too long: {found:?}");
}

#[test]
fn two_things_of_one_name_are_told_with_both_places() {
    let malformed = read("evbus: 1\nservices:\n  a: { retry: none }\nqueues:\n  a.dlq: {}\n").expect_err("they clash");
    assert_eq!(malformed.problems.len(), 1);
    let text = malformed.sources.explain(&malformed.problems);
    assert!(text.contains("two things would be the queue `a.dlq`"), "{text}");
    assert!(text.contains("dead letters of a") && text.contains("listed"), "{text}");
}

#[test]
fn several_files_are_one_topology_and_say_nothing_twice() {
    let files = |second: &str| {
        File::read(vec![
            ("a.yaml".to_owned(), Path::new(""), b"evbus: 1\nname: x\nevents: { A: { routing_key: a } }\n".to_vec()),
            ("b.yaml".to_owned(), Path::new(""), second.as_bytes().to_vec()),
        ])
    };
    let both = files("evbus: 1\nservices: { s: { subscribes: [A] } }\n").expect("they fit");
    assert_eq!((both.topology.events.len(), both.topology.services.len()), (1, 1));
    let clash = files("evbus: 1\nname: y\nevents: { A: { routing_key: b } }\n").expect_err("they do not");
    let text = clash.sources.explain(&clash.problems);
    assert_eq!(clash.problems.len(), 2, "{text}");
    assert!(text.contains("b.yaml:2:1") && text.contains("a.yaml:2:1"), "{text}");
    assert!(text.contains("b.yaml:3:11") && text.contains("a.yaml:3:11"), "{text}");
}

#[test]
fn what_is_no_text_is_one_problem() {
    for (bytes, part) in [
        (&b"\xff\xfee\0v\0"[..], "UTF-16"),
        (b"evbus: 1\nname: \xff\xfe\n", "byte 15"),
        (b"\x7fELF\x02\x01\x01\0\0", "control character"),
        (b"", "empty"),
        (b"# nothing but a comment\n", "empty"),
    ] {
        let malformed = File::read(vec![("f".to_owned(), Path::new(""), bytes.to_vec())]).expect_err("no topology");
        assert_eq!(malformed.problems.len(), 1, "{:?}", malformed.problems);
        assert!(malformed.problems[0].message.contains(part), "{:?}", malformed.problems);
        assert!(!malformed.sources.explain(&malformed.problems).is_empty());
    }
}

#[test]
fn the_schema_takes_what_the_reader_takes_and_refuses_wrong_shapes() {
    let schema = jsonschema::validator_for(&schema()).expect("it is a schema");
    let right = serde_json::json!({ "evbus": 1, "services": { "s": { "subscribes": ["A", { "key": "#" }], "retry": "none" }, "t": null },
        "queues": { "q": { "type": "classic", "message_ttl": "1h", "max_length_bytes": "10MB" } } });
    assert!(
        schema.is_valid(&right),
        "{:?}",
        schema.iter_errors(&right).map(|error| error.to_string()).collect::<Vec<_>>()
    );
    for wrong in [
        serde_json::json!({}),
        serde_json::json!({ "evbus": 1, "nmae": "x" }),
        serde_json::json!({ "evbus": 1, "queues": { "q": { "message_ttl": 5 } } }),
        serde_json::json!({ "evbus": 1, "queues": { "amq.q": {} } }),
        serde_json::json!({ "evbus": 1, "services": { "s": { "retry": "never" } } }),
    ] {
        assert!(!schema.is_valid(&wrong), "{wrong} was taken");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}") {
        if let Err(malformed) = read(&text) {
            let _ = malformed.sources.explain(&malformed.problems);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        if let Err(malformed) = File::read(vec![("f".to_owned(), Path::new(""), bytes)]) {
            let _ = malformed.sources.explain(&malformed.problems);
        }
    }

    #[test]
    fn no_damage_to_a_right_file_makes_the_reader_panic(at in 0..WHOLE.len(), length in 0..40_usize, with in "[\\[\\]{}:,&*#!|>'\" \t\n-]{0,3}") {
        let end = (at + length).min(WHOLE.len());
        let text = format!("{}{with}{}", &WHOLE[..at], &WHOLE[end..]);
        if let Err(malformed) = read(&text) {
            assert!(!malformed.problems.is_empty());
            let _ = malformed.sources.explain(&malformed.problems);
        }
    }
}
