//! Topology files: what is wrong with them, what lint finds, and what needs no broker.

use std::{fs, io::Write, path::Path, time::Instant};

use crate::support::{run::evbus, snapshot::same_as};

const MALFORMED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/malformed");

fn malformed() -> Vec<String> {
    let entries = fs::read_dir(MALFORMED).expect("the folder is there");
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    names
}

#[test]
fn every_malformed_file_is_told_with_its_places_and_nothing_panics() {
    let names = malformed();
    assert!(names.len() >= 40, "{} files", names.len());
    for name in names {
        let started = Instant::now();
        let done = evbus(["lint", &name]).within(MALFORMED).done().ends_with(2);
        assert!(started.elapsed().as_secs() < 10, "{name} took {:?}", started.elapsed());
        let place = format!("--> {name}:");
        assert!(done.err().contains(&place), "{name} has no place\n{}", done.whole());
        assert!(done.out().is_empty() && !done.err().contains("panicked"), "{}", done.whole());
        same_as(&format!("tests/cli/snapshots/malformed/{name}.txt"), &done.whole());
    }
}

#[test]
fn a_malformed_file_stops_every_command_that_reads_it_before_any_broker_is_asked() {
    for command in ["plan", "apply"] {
        let done = evbus([command, "unknown-keys.yaml", "--yes"]).within(MALFORMED).done().ends_with(2);
        assert!(done.err().contains("did you mean `subscribes`?"), "{}", done.whole());
    }
}

#[test]
fn what_is_wrong_is_json_where_json_is_wanted() {
    let done = evbus(["lint", "two-documents.yaml", "-o", "json"]).within(MALFORMED).done().ends_with(2);
    let error: serde_json::Value = serde_json::from_str(&done.err()).expect("one JSON object");
    assert_eq!(error["error"]["code"], "topology_file");
    assert!(error["error"]["causes"][0].as_str().is_some_and(|cause| cause.contains("two-documents.yaml:3:1")));
}

#[test]
fn a_file_of_fifty_megabytes_is_refused_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.yaml");
    let mut file = fs::File::create(&path).expect("a file");
    let line = b"# a line of a file that is no topology, again and again and again\n";
    for _ in 0..50 {
        file.write_all(&line.repeat((1 << 20) / line.len() + 1)).expect("it is written");
    }
    let started = Instant::now();
    let done = evbus(["lint", "large.yaml"]).within(folder.path()).done().ends_with(2);
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    assert!(done.err().contains("more than the 16 MiB"), "{}", done.whole());
}

#[test]
fn a_file_of_noise_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut seed = 1_u64;
    let mut noise = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        seed.to_be_bytes()[0]
    };
    for number in 0..20 {
        let bytes: Vec<u8> = (0..2000).map(|_| noise()).collect();
        fs::write(folder.path().join("noise"), bytes).expect("it is written");
        let done = evbus(["lint", "noise"]).within(folder.path()).done().ends_with(2);
        assert!(done.err().contains("--> noise:"), "{number}: {}", done.whole());
    }
}

#[test]
fn no_file_at_all_says_how_to_begin() {
    let folder = tempfile::tempdir().expect("a folder");
    let done = evbus(["plan"]).within(folder.path()).done().ends_with(2);
    assert!(
        done.err().contains("there is no file evbus.yaml") && done.err().contains("evbus init"),
        "{}",
        done.whole()
    );
    let done = evbus(["lint", "-f", "nowhere.yaml"]).within(folder.path()).done().ends_with(2);
    assert!(done.err().contains("there is no file nowhere.yaml"), "{}", done.whole());
    let done = evbus(["lint", "."]).within(folder.path()).done().ends_with(2);
    assert!(done.err().contains("cannot read ."), "{}", done.whole());
}

#[test]
fn init_writes_a_file_that_lint_has_nothing_against_and_never_overwrites_one() {
    let folder = tempfile::tempdir().expect("a folder");
    evbus(["init"]).within(folder.path()).done().ends_with(0);
    let done = evbus(["lint", "--level", "info"]).within(folder.path()).done().ends_with(0);
    assert_eq!(done.out(), "nothing found\n");
    fs::write(folder.path().join("evbus.yaml"), "mine").expect("it is written");
    let done = evbus(["init"]).within(folder.path()).done().ends_with(2);
    assert!(done.err().contains("evbus.yaml exists"), "{}", done.whole());
    assert_eq!(fs::read_to_string(folder.path().join("evbus.yaml")).ok().as_deref(), Some("mine"));
    evbus(["init", "other.yaml"]).within(folder.path()).done().ends_with(0);
    assert!(folder.path().join("other.yaml").exists());
}

#[test]
fn several_files_are_one_topology() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("it is written");
    write("events.yaml", "evbus: 1\nevents: { A: { routing_key: a } }\n");
    write("services.yaml", "evbus: 1\nservices: { s: { subscribes: [A] } }\n");
    write("more.yaml", "evbus: 1\nservices: { s: {} }\n");
    let lint = |files: &[&str]| {
        let arguments = files.iter().flat_map(|file| ["-f", file]);
        evbus(["lint"]).and(arguments).within(folder.path()).done()
    };
    lint(&["events.yaml", "services.yaml"]).ends_with(0);
    let alone = lint(&["services.yaml"]).ends_with(4);
    assert!(alone.out().contains("unknown-event"), "{}", alone.whole());
    let twice = lint(&["events.yaml", "services.yaml", "more.yaml"]).ends_with(2);
    assert!(twice.err().contains("more.yaml:2:13") && twice.err().contains("services.yaml:2:13"), "{}", twice.whole());
}

const FINDINGS: &str = "evbus: 1
events:
  OrderPlaced: { routing_key: order.placed }
  OrderLost: { routing_key: order.lost }
services:
  billing: { subscribes: [OrderPlacd], queue: { name: orders } }
  shipping: { subscribes: [OrderPlaced], queue: { name: orders } }
  mail: { subscribes: [{ key: \"mail.#\" }], queue: { type: classic }, dead_letters: { max: 5, enforce: true } }
exchanges:
  dlx: { type: direct }
queues:
  work: { dead_letter_exchange: dlx, dead_letter_routing_key: work.dead }
  grave: { dead_letter_exchange: dlx, dead_letter_routing_key: grave, max_priority: 5, arguments: { x-max-retries: 3 } }
bindings:
  - { from: dlx, to: grave, key: grave }
  - { from: dlx, to: work, key: \"work.#\" }
";

#[test]
fn lint_shows_its_findings_as_a_table_and_as_json() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("evbus.yaml"), FINDINGS).expect("it is written");
    let table = evbus(["lint"]).within(folder.path()).done().ends_with(4);
    same_as("tests/cli/snapshots/lint.txt", &table.whole());
    let json = evbus(["lint", "-o", "json"]).within(folder.path()).done().ends_with(4);
    let document = &json.json()[0];
    same_as("tests/cli/snapshots/lint.json", &format!("{document:#}\n"));
    assert_eq!(document["format"], "evbus.lint/1");
    let mut rules: Vec<&str> =
        document["findings"].as_array().into_iter().flatten().filter_map(|finding| finding["rule"].as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    assert_eq!(
        rules,
        [
            "at-most-once",
            "dead-letters-go-nowhere",
            "enforced-dead-letters",
            "refused-argument",
            "self-dead-lettering",
            "shared-queue",
            "unheard-event",
            "unknown-argument",
            "unknown-event",
            "unmatched-subscription",
            "wildcard-on-direct",
        ]
    );
}

#[test]
fn schemas_that_publish_could_not_use_are_found_where_they_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("it is written");
    write("right.json", r#"{"type":"object"}"#);
    write("text.json", "type: object");
    write("thing.json", r#"{"type":"thing"}"#);
    write("outside.json", r#"{"$ref":"https://example.org/x.json"}"#);
    write(
        "evbus.yaml",
        "evbus: 1
events:
  OrderPlaced:
    routing_key: a
    versions:
      1.0: right.json
      1.1: gone.json
      1.2: text.json
      1.3: thing.json
      1.4: outside.json
services: { s: { subscribes: [OrderPlaced] } }
",
    );
    let done = evbus(["lint", "-o", "json"]).within(folder.path()).done().ends_with(4);
    let document = &done.json()[0];
    let found: Vec<_> = document["findings"].as_array().into_iter().flatten().collect();
    let told: Vec<_> = found.iter().map(|finding| (&finding["rule"], &finding["line"], &finding["column"])).collect();
    let of = |rule: &str, line: u64| (rule.into(), line.into(), 12.into());
    let wanted: Vec<(serde_json::Value, serde_json::Value, serde_json::Value)> =
        vec![of("unreadable-schema", 7), of("invalid-schema", 8), of("invalid-schema", 9), of("invalid-schema", 10)];
    assert_eq!(
        told,
        wanted.iter().map(|(rule, line, column)| (rule, line, column)).collect::<Vec<_>>(),
        "{document:#}"
    );
    for (finding, cause) in found.iter().zip(["No such file", "expected ident", "thing", "example.org"]) {
        let message = finding["message"].as_str().unwrap_or_default();
        assert!(message.contains(cause) && finding["level"] == "error" && finding["fix"] != "", "{cause}: {finding:#}");
    }
}

#[test]
fn lint_ends_with_4_from_the_level_that_was_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "evbus: 1\nservices: { s: { queue: { type: classic } } }\n";
    fs::write(folder.path().join("evbus.yaml"), text).expect("it is written");
    evbus(["lint"]).within(folder.path()).done().ends_with(0);
    evbus(["lint", "--level", "warning"]).within(folder.path()).done().ends_with(4);
}

#[test]
fn lint_knows_the_series_it_is_asked_about() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "evbus: 1\nqueues: { q: { type: classic, consumer_timeout: 1h } }\n";
    fs::write(folder.path().join("evbus.yaml"), text).expect("it is written");
    evbus(["lint"]).within(folder.path()).done().ends_with(4);
    evbus(["lint", "--broker-version", "4.0"]).within(folder.path()).done().ends_with(0);
    let wrong = evbus(["lint", "--broker-version", "four"]).within(folder.path()).done().ends_with(2);
    assert!(wrong.err().contains("is not a version"), "{}", wrong.whole());
}

#[test]
fn apply_asks_and_without_anybody_to_ask_refuses() {
    let folder = tempfile::tempdir().expect("a folder");
    evbus(["init"]).within(folder.path()).done().ends_with(0);
    let done = evbus(["apply"]).within(folder.path()).env("EVBUS_URL", "amqp://127.0.0.1:1").done().ends_with(2);
    assert!(done.err().contains("--yes") && done.err().contains("--dry-run"), "{}", done.whole());
}

#[test]
fn an_apply_that_ends_before_its_broker_is_asked_writes_its_summary_too() {
    let folder = tempfile::tempdir().expect("a folder");
    evbus(["init"]).within(folder.path()).done().ends_with(0);
    let basis = r#""prune": false, "prune_non_empty": false, "state": null, "vhost": "/", "cluster": null, "seen": {}, "changes": []"#;
    let files = r#"[{ "path": "evbus.yaml", "sha256": "what it was" }]"#;
    let plan = format!(r#"{{ "format": "evbus.plan/1", "basis": {{ "files": {files}, {basis} }} }}"#);
    fs::write(folder.path().join("p.json"), plan).expect("it is written");
    let run = |arguments: &[&str]| evbus(["apply", "-o", "json"]).and(arguments).within(folder.path()).done();
    let moved = run(&["p.json", "--yes"]).ends_with(1);
    assert!(moved.err().contains("evbus.yaml is not as it was"), "{}", moved.whole());
    for done in [moved, run(&[]).ends_with(2)] {
        assert_eq!(done.summary()["applied"], 0, "{}", done.whole());
    }
}

#[test]
fn a_subscription_that_cannot_be_made_stops_plan_and_apply_in_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("evbus.yaml"), FINDINGS).expect("it is written");
    let done = evbus(["apply", "--yes"]).within(folder.path()).env("EVBUS_URL", "amqp://127.0.0.1:1").done();
    assert_eq!(done.code(), Some(2), "the file is wrong whatever the broker is\n{}", done.whole());
    assert!(
        done.err().contains("evbus.yaml:6:27") && done.err().contains("did you mean `OrderPlaced`?"),
        "{}",
        done.whole()
    );
}

#[test]
fn the_schema_for_editors_is_the_one_that_the_reader_checks_against() {
    let schema = format!("{:#}\n", evbus::topology::file::schema());
    same_as("completions/evbus.schema.json", &schema);
    let starter = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands/starter.yaml"));
    assert!(starter.is_ok_and(|text| text.contains("evbus: 1")));
}

#[test]
fn a_key_that_only_the_audit_stream_hears_is_warned_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = "evbus: 1\nevents: { QuoteCreated: { routing_key: quote.created } }\nservices:\n  cache: { subscribes: [QuoteCreated] }\n  \
        mail: { subscribes: [ { key: \"mail.#\" } ] }\naudit: { stream: events.audit }\n";
    std::fs::write(folder.path().join("evbus.yaml"), file).expect("it is written");
    let publish = |arguments: &[&str]| {
        let run = evbus(["publish", "--data", "{}", "--dry-run"]).and(arguments).within(folder.path());
        run.done().ends_with(0).err().clone()
    };
    let warned = publish(&["--key", "quote.craeted"]);
    assert!(warned.contains("only the audit stream gets it; did you mean quote.created?"), "{warned}");
    for heard in [&["--key", "quote.created"][..], &["--key", "mail.sent"], &["--key", "x", "--exchange", "other"]] {
        let silent = publish(heard);
        assert!(!silent.contains("audit stream"), "{heard:?}: {silent}");
    }
}
