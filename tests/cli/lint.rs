//! What lint says of definitions files, in every format, what it is told to keep to itself, and what its rules mean.

use std::{fs, path::Path};

use serde_json::Value;

use crate::support::{
    run::{Run, evbus},
    snapshot::same_as,
};

/// Definitions of two virtual hosts, with much wrong.
const DEFINITIONS: &str = r#"{
  "rabbit_version": "3.12",
  "users": [
    { "name": "shop", "password": "correct-horse", "tags": "" },
    { "name": "guest", "password_hash": "c29tZXRoaW5n" }
  ],
  "vhosts": [{ "name": "shop" }, { "name": "lab" }],
  "permissions": [{ "user": "shop", "vhost": "shop", "configure": "", "write": ".*", "read": ".*" }],
  "policies": [
    { "vhost": "shop", "name": "all", "pattern": ".*", "apply-to": "queues", "priority": 1,
      "definition": { "ha-mode": "all", "queue-mode": "lazy", "max-length": 5000 } },
    { "vhost": "shop", "name": "orders", "pattern": "^orders", "definition": { "message-ttl": 60000 } }
  ],
  "exchanges": [
    { "name": "shop", "vhost": "shop", "type": "topic", "durable": true },
    { "name": "dlx", "vhost": "shop", "type": "direct", "durable": true, "arguments": {} }
  ],
  "queues": [
    { "name": "orders", "vhost": "shop", "durable": true,
      "arguments": { "x-queue-type": "quorum", "x-dead-letter-exchange": "dlx", "x-max-priority": 5 } },
    { "name": "orders.dlq", "vhost": "shop", "durable": true, "arguments": null },
    { "name": "a:b, 100%", "vhost": "lab", "durable": false, "arguments": { "x-max-retries": 3 } }
  ],
  "bindings": [
    { "source": "shop", "vhost": "shop", "destination": "orders", "destination_type": "queue", "routing_key": "order.#" },
    { "source": "dlx", "vhost": "shop", "destination": "orders.dlq", "destination_type": "queue", "routing_key": "order.*" },
    { "source": "shop", "vhost": "shop", "destination": "mails", "destination_type": "queue" }
  ]
}
"#;

const SILENT: &str = "evbus: 1
queues:
  prices: { type: classic, message_ttl: 1s }
  visits: { type: classic, message_ttl: 1s }
lint:
  ignore:
    - { rule: expires-without-dead-letters, object: prices, because: an old price is worth nothing }
    - { rule: unbound-queue, because: nothing is bound here }
";

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("it is written");
    }
    folder
}

fn lint(folder: &Path, arguments: &[&str]) -> Run {
    evbus(["lint"]).and(arguments).within(folder)
}

#[test]
fn definitions_are_told_from_a_topology_by_what_is_in_them_and_read_with_their_places() {
    let folder = folder(&[("export", DEFINITIONS)]);
    let formats = [("table", "txt"), ("json", "json"), ("sarif", "sarif.json"), ("github", "github.txt")];
    for (format, end) in formats {
        let done = lint(folder.path(), &["export", "--format", format]).done().ends_with(4);
        let shown = if end.ends_with("json") { format!("{:#}\n", done.json()[0]) } else { done.whole() };
        assert!(!done.whole().contains("correct-horse") && !done.whole().contains("c29tZXRoaW5n"), "a secret is shown");
        same_as(&format!("tests/cli/snapshots/lint-definitions.{end}"), &shown);
    }
    let ours = lint(folder.path(), &["export", "-o", "json"]).done().ends_with(4);
    assert_eq!(ours.out(), lint(folder.path(), &["export", "--format", "json"]).done().out());
}

#[test]
fn sarif_holds_what_its_readers_ask_for() {
    let folder = folder(&[("evbus.yaml", SILENT)]);
    let done = lint(folder.path(), &["--format", "sarif"]).done().ends_with(0);
    let document = &done.json()[0];
    assert_eq!(
        (&document["version"], &document["runs"][0]["tool"]["driver"]["name"]),
        (&"2.1.0".into(), &"evbus".into())
    );
    let run = &document["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    let results = run["results"].as_array().expect("results");
    for result in results {
        let index = result["ruleIndex"].as_u64().and_then(|index| usize::try_from(index).ok()).expect("an index");
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["note", "warning", "error"].contains(&result["level"].as_str().unwrap_or_default()), "{result:#}");
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "evbus.yaml");
        assert!(place["region"]["startLine"].is_u64() && place["region"]["startColumn"].is_u64(), "{result:#}");
        assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()), "{result:#}");
    }
    let silenced: Vec<&Value> = results.iter().filter(|result| result.get("suppressions").is_some()).collect();
    assert_eq!(silenced.len(), 1, "{results:#?}");
    assert_eq!(silenced[0]["suppressions"][0]["justification"], "an old price is worth nothing");
}

#[test]
fn what_is_silenced_is_counted_and_what_silences_nothing_is_told() {
    let folder = folder(&[("evbus.yaml", SILENT)]);
    let done = lint(folder.path(), &["--level", "warning"]).done().ends_with(4);
    same_as("tests/cli/snapshots/lint-silenced.txt", &done.whole());
    let json = lint(folder.path(), &["-o", "json"]).done().ends_with(0);
    assert_eq!(json.json()[0]["silenced"][0]["because"], "an old price is worth nothing");
}

#[test]
fn what_is_silenced_does_not_end_with_4() {
    let text = SILENT
        .replace("object: prices, ", "")
        .replace("    - { rule: unbound-queue, because: nothing is bound here }\n", "");
    let folder = folder(&[("evbus.yaml", &text)]);
    let done = lint(folder.path(), &["--level", "info"]).done().ends_with(0);
    assert_eq!((done.out().as_str(), done.err().trim()), ("nothing found\n", "2 silenced"));
}

#[test]
fn definitions_that_are_no_json_are_malformed_and_shown_where() {
    let comma = DEFINITIONS.replace("\"name\": \"lab\" }]", "\"name\": \"lab\" },]");
    let list = r#"{ "vhosts": [], "queues": { "q": {} }, "bindings": ["a"] }"#;
    let template = "{ \"rabbit_version\": \"3.12\", \"users\": [{ \"name\": ${USER} }] }";
    let folder = folder(&[("comma.json", &comma), ("list.json", list), ("template.json", template)]);
    let told = |name: &str| lint(folder.path(), &[name]).done().ends_with(2).err().clone();
    let comma = told("comma.json");
    assert!(comma.contains("comma.json:7:52") && comma.contains("trailing comma"), "{comma}");
    let list = told("list.json");
    assert!(list.contains("`queues` of a definitions file is a list") && list.contains("is a map"), "{list}");
    assert!(list.contains("a binding is described by an object"), "{list}");
    let template = told("template.json");
    assert!(template.contains("template.json:1:49") && template.contains("fill it in first"), "{template}");
}

#[test]
fn a_topology_may_be_json_too_and_definitions_stand_alone() {
    let topology = r#"{ "evbus": 1, "queues": { "q": {} } }"#;
    let folder = folder(&[("topology.json", topology), ("definitions.json", DEFINITIONS)]);
    assert_eq!(lint(folder.path(), &["topology.json"]).done().ends_with(0).out(), "nothing found\n");
    fs::write(folder.path().join("mixed.json"), r#"{ "evbus": 1, "vhosts": [] }"#).expect("it is written");
    let mixed = lint(folder.path(), &["mixed.json"]).done().ends_with(2);
    assert!(mixed.err().contains("vhosts"), "what says evbus is a topology, and has no such key\n{}", mixed.whole());
    let both = lint(folder.path(), &["-f", "topology.json", "definitions.json"]).done().ends_with(2);
    assert!(
        both.err().contains("definitions.json is a definitions file, and stands beside others"),
        "{}",
        both.whole()
    );
}

#[test]
fn what_one_virtual_host_exports_needs_to_name_none() {
    let text = r#"{ "rabbit_version": "3.10.8", "queues": [{ "name": "q", "durable": true, "arguments": {} }],
        "policies": [{ "vhost": "v", "name": "p", "pattern": "^q", "definition": { "max-length-bytes": 9, "overflow": "reject-publish" } }] }"#;
    let folder = folder(&[("one.json", text)]);
    assert_eq!(lint(folder.path(), &["one.json", "--level", "info"]).done().ends_with(0).out(), "nothing found\n");
}

#[test]
fn a_silence_needs_a_rule_that_there_is_and_a_reason() {
    let entry = |entry: &str| format!("evbus: 1\nlint: {{ ignore: [{entry}] }}\n");
    for (text, told) in [
        (entry("{ rule: at-most-once }"), "`because` is missing"),
        (entry("{ rule: at-most-once, because: \"\" }"), "needs a reason"),
        (entry("{ rule: at-most-one, because: x }"), "did you mean `at-most-once`?"),
        (entry("{ rule: at-most-once, because: x, queue: q }"), "queue"),
    ] {
        let folder = folder(&[("evbus.yaml", &text)]);
        let done = lint(folder.path(), &[]).done().ends_with(2);
        assert!(done.err().contains(told) && done.err().contains("evbus.yaml:2:"), "{told}: {}", done.whole());
    }
}

#[test]
fn a_rule_is_explained_and_one_that_does_not_exist_is_guessed() {
    let folder = folder(&[]);
    let done = lint(folder.path(), &["--explain", "dead-letters-go-nowhere"]).done().ends_with(0);
    same_as("tests/cli/snapshots/lint-explain.txt", &done.whole());
    let json = lint(folder.path(), &["--explain", "guest-user", "-o", "json"]).done().ends_with(0);
    let rule = &json.json()[0];
    assert_eq!((&rule["format"], &rule["level"]), (&"evbus.rule/1".into(), &"warning".into()));
    let wrong = lint(folder.path(), &["--explain", "dead-letter-go-nowhere"]).done().ends_with(2);
    assert!(wrong.err().contains("did you mean dead-letters-go-nowhere?"), "{}", wrong.whole());
}

#[test]
fn a_live_look_takes_no_file_and_needs_a_broker() {
    let folder = folder(&[("evbus.yaml", SILENT)]);
    let both = lint(folder.path(), &["--live", "evbus.yaml"]).done().ends_with(2);
    assert!(both.err().contains("--live"), "{}", both.whole());
    let nobody = lint(folder.path(), &["--live"]).env("EVBUS_URL", "amqp://127.0.0.1:1").done().ends_with(1);
    assert!(nobody.out().is_empty(), "{}", nobody.whole());
}
