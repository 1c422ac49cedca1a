//! What a run writes down, and what it does where it cannot.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Stdio};

use serde_json::Value;

use crate::support::{
    live::{Live, broker},
    run::{ended, program},
};

/// The lines of the only journal in a state folder.
pub(crate) fn lines(state: &Path) -> Vec<Value> {
    let mut found = fs::read_dir(state.join("runs")).expect("a folder of journals").flatten();
    let journal = found.next().expect("a journal").path();
    assert!(found.next().is_none(), "and no other");
    let text = fs::read_to_string(journal).expect("its text");
    text.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect()
}

/// How many numbers the lines of that kind have.
pub(crate) fn numbers(lines: &[Value], event: &str) -> u64 {
    let ranges = lines.iter().filter(|line| line["event"] == event).filter_map(|line| line["n"].as_array());
    ranges.flatten().map(|range| range[1].as_u64().unwrap_or(0) + 1 - range[0].as_u64().unwrap_or(0)).sum()
}

#[test]
fn every_replay_keeps_a_journal_and_one_that_moves_nothing_keeps_none() {
    let Some(live) = broker("journal") else { return };
    live.pair("quorum", "work", "dead");
    live.fill("work", 700);
    live.reject_all("work", "dead");
    live.fill("dead", 1);
    let state = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| live.evbus(arguments).env("EVBUS_STATE_DIR", state.path()).done();
    run(&["dlq", "replay", "dead", "--dry-run"]).ends_with(3);
    assert!(!state.path().join("runs").exists(), "nothing is written where nothing is moved");
    let summary = run(&["dlq", "replay", "dead", "--where", ".body.json.n >= 0", "--yes", "-o", "json"]).summary();
    assert_eq!((&summary["replayed"], &summary["skipped"]), (&700.into(), &1.into()), "{summary}");
    let lines = lines(state.path());
    let begin = &lines[0];
    assert_eq!((&begin["format"], &begin["run"]), (&"evbus.journal/1".into(), &summary["run"]), "{begin}");
    assert_eq!((&begin["queue"], &begin["to"], &begin["set"]), (&"dead".into(), &"source".into(), &701.into()));
    assert_eq!(begin["selectors"]["expression"], ".body.json.n >= 0");
    let intents: usize = lines.iter().filter_map(|line| line["ids"].as_array()).map(Vec::len).sum();
    assert_eq!((intents, numbers(&lines, "safe"), numbers(&lines, "gone")), (700, 700, 700));
    let end = lines.last().expect("a last line");
    assert_eq!(
        (&end["event"], &end["replayed"], &end["complete"]),
        (&"end".into(), &700.into(), &true.into()),
        "{end}"
    );
}

#[test]
fn a_run_that_can_keep_no_journal_holds_nothing() {
    let Some(live) = broker("no-journal") else { return };
    live.pair("classic", "work", "dead");
    live.fill("dead", 3);
    let state = tempfile::NamedTempFile::new().expect("a file, where a folder is wanted");
    let replay = ["dlq", "replay", "dead", "--to", "queue:work", "--yes", "-o", "json"];
    let done = live.evbus(&replay).env("EVBUS_STATE_DIR", state.path()).done().ends_with(1);
    let error: Value = serde_json::from_str(done.err().trim()).expect("one error");
    assert_eq!(error["error"]["code"], "no_journal", "{error}");
    assert!(error["error"]["hint"].as_str().is_some_and(|hint| hint.contains("EVBUS_STATE_DIR")), "{error}");
    assert!(live.drain("dead").iter().all(|delivery| !delivery.redelivered), "none was held");
}

/// A run none of whose files may have more than so many blocks of 512 bytes, and which ends with 3: its summary, and its error.
pub(crate) fn with_little_room(live: &Live, state: &Path, blocks: u32, arguments: &str) -> (Value, Value) {
    let limit = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$PROGRAM\" {arguments}");
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", &limit]).env_clear().env("PATH", "/usr/bin:/bin").env("PROGRAM", program());
    command.env("EVBUS_URL", live.url()).env("EVBUS_MANAGEMENT_URL", live.management_url());
    command.env("EVBUS_STATE_DIR", state).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = ended(command.spawn().expect("a shell"));
    let last = |text: &[u8]| -> Value {
        String::from_utf8_lossy(text)
            .lines()
            .last()
            .and_then(|line| serde_json::from_str(line).ok())
            .unwrap_or_default()
    };
    let (summary, error) = (last(&output.stdout), last(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{summary} {error}");
    (summary, error)
}

#[test]
fn a_disk_that_gets_full_stops_it_in_order() {
    const COUNT: u32 = 3000;
    let Some(live) = broker("journal-full") else { return };
    live.pair("classic", "work", "dead");
    live.fill("dead", COUNT as usize);
    let state = tempfile::tempdir().expect("a folder");
    // Of the journal that is about 800 messages.
    let (summary, error) = with_little_room(&live, state.path(), 64, "dlq replay dead --to queue:work --yes -o json");
    assert_eq!(error["error"]["code"], "journal", "{error}");
    let told = |key: &str| summary[key].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or_default();
    let (arrived, left) = (live.ready("work"), live.ready("dead"));
    assert!(told("replayed") > 0 && told("replayed") < COUNT, "{summary}");
    assert_eq!((told("replayed") + left, told("left")), (COUNT, left), "what is called replayed is gone: {summary}");
    assert_eq!((arrived, told("unknown")), (told("replayed"), 0), "nothing is in two places: {summary}");
    let journal = lines(state.path());
    assert!(numbers(&journal, "safe") >= u64::from(told("replayed")), "all of it was written down first");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&state.path().join("runs")), 0o700);
}

/// The SHA-256 of a file, as the system's own tool has it.
fn sha256(path: impl AsRef<Path>) -> String {
    let output = std::process::Command::new("sha256sum").arg(path.as_ref()).output().expect("sha256sum");
    String::from_utf8_lossy(&output.stdout).split_whitespace().next().expect("a digest").to_owned()
}

#[test]
fn a_receipt_says_who_did_what_and_proves_it() {
    let Some(live) = broker("receipt") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    live.pair("quorum", "work", "dead");
    live.fill("work", 12);
    live.reject_all("work", "dead");
    let run = |arguments: &[&str]| live.evbus(arguments).env("EVBUS_STATE_DIR", &state).within(folder.path()).done();
    let receipt = |name: &str| -> Value {
        let path = folder.path().join(name);
        assert_eq!(fs::metadata(&path).expect("a receipt").permissions().mode() & 0o777, 0o600);
        serde_json::from_str(&fs::read_to_string(path).expect("its text")).expect("one object")
    };

    let replay =
        ["dlq", "replay", "dead", "--where", ".body.json.n < 9", "--yes", "-o", "json", "--receipt", "replay.json"];
    let done = run(&replay).ends_with(0);
    let told = receipt("replay.json");
    assert_eq!(told, done.summary(), "the same as the last line");
    for (key, value) in [
        ("command", Value::from("dlq replay")),
        ("queue", "dead".into()),
        ("to", "source".into()),
        ("user", "guest".into()),
        ("replayed", 9.into()),
        ("left", 3.into()),
        ("selectors", serde_json::json!({"expression": ".body.json.n < 9"})),
        ("journal_sha256", sha256(told["journal"].as_str().expect("a path")).into()),
    ] {
        assert_eq!(told[key], value, "{key}: {told}");
    }
    assert!(told["owner"].as_str().is_some_and(|owner| owner.starts_with("tester@")), "{told}");
    assert!(told["started_at"].as_str() <= told["ended_at"].as_str() && told["ended_at"].is_string(), "{told}");

    let again = run(&replay).ends_with(2);
    assert!(again.err().contains("the receipt replay.json cannot be begun"), "{}", again.whole());
    assert_eq!((live.ready("dead"), live.ready("work")), (3, 9), "and nothing was moved");

    let purge = ["dlq", "purge", "dead", "--yes", "-o", "json", "--archive", "a.ndjson", "--receipt", "purge.json"];
    run(&purge).ends_with(0);
    let told = receipt("purge.json");
    let archive = fs::read_to_string(folder.path().join("a.ndjson")).expect("an archive");
    let last: Value = archive.lines().last().and_then(|line| serde_json::from_str(line).ok()).expect("a last line");
    assert_eq!((&told["archive_sha256"], &told["removed"]), (&last["sha256"], &3.into()), "{told}");
    let archive = told["archive"].as_str().map(Path::new).expect("a path");
    assert!(archive.is_absolute() && archive.ends_with("a.ndjson") && archive.exists(), "wherever it is read: {told}");

    run(&["dlq", "restore", "a.ndjson", "--yes", "-o", "json", "--receipt", "restore.json"]).ends_with(0);
    let told = receipt("restore.json");
    assert_eq!((&told["archive_sha256"], &told["replayed"]), (&last["sha256"], &3.into()), "{told}");
    assert_eq!(
        (&told["to"], &told["archive"].as_str().is_some_and(|path| path.ends_with("/a.ndjson"))),
        (&"queue:dead".into(), &true)
    );

    run(&["dlq", "purge", "no-such-queue", "--yes", "--receipt", "none.json"]).ends_with(1);
    assert!(!folder.path().join("none.json").exists(), "where nothing was done there is none");
}
