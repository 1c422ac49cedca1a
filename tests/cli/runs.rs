//! The runs of this machine, without a broker.

use std::{fs, path::Path};

use crate::support::run::{Run, evbus};

/// A journal of a run that was cut off: one message is at its target, one may be.
const CUT_OFF: &str = r#"{"format":"evbus.journal/1","event":"begin","run":"RUN","command":"dlq replay","queue":"orders.dlq","vhost":"shop","host":"mq.internal:5672","user":"ops","owner":"me@here","to":"source","selectors":{},"travel":{},"limit":null,"set":10,"started_at":"2026-01-02T03:04:05Z","as_of":"2026-01-02T03:04:05Z","resumes":[]}
{"event":"target","to":0,"name":"queue orders"}
{"event":"intent","n":1,"to":0,"ids":["00000000000000000000000000000001","00000000000000000000000000000002"]}
{"event":"safe","n":[[1,1]]}
"#;

const RUN: &str = "20260102T030405Z-abcdef";

fn journal(state: &Path, run: &str, more: &str) {
    let folder = state.join("runs");
    fs::create_dir_all(&folder).expect("a folder");
    let text = CUT_OFF.replacen("RUN", run, 1) + more;
    fs::write(folder.join(format!("{run}.journal")), text).expect("it is written");
}

fn with(state: &Path, arguments: &[&str]) -> Run {
    evbus(arguments).env("EVBUS_STATE_DIR", state).env("EVBUS_URL", "amqp://127.0.0.1:1/shop")
}

#[test]
fn every_run_is_listed_with_how_far_it_came() {
    let state = tempfile::tempdir().expect("a folder");
    let none = with(state.path(), &["dlq", "runs"]).done().ends_with(0);
    assert_eq!((none.out().as_str(), none.err().trim()), ("", "no runs are known on this machine"));
    journal(state.path(), RUN, "{\"event\":\"gone\",\"n\":[[1,");
    journal(state.path(), "20260102T030405Z-000000", "{\"event\":\"gone\",\"n\":[[7,7]]}\n");
    let done = with(state.path(), &["dlq", "runs"]).done().ends_with(0);
    let lines: Vec<String> = done
        .out()
        .lines()
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join("|"))
        .collect();
    assert_eq!(lines[0], "RUN|QUEUE|STATE|MOVED|OPEN|AGE|COMMAND|BROKER");
    assert!(lines[1].starts_with(&format!("{RUN}|orders.dlq|cut off|1|2|")), "{}", lines[1]);
    assert!(lines[1].ends_with("|dlq replay|mq.internal:5672 vhost shop as ops"), "{}", lines[1]);
    assert_eq!(lines.len(), 2);
    assert!(done.err().contains("line 5 of the journal") && done.err().contains("message 7"), "{}", done.err());
    let listed = &with(state.path(), &["dlq", "runs", "orders.dlq", "-o", "json"]).done().ends_with(0).json()[0];
    let run = &listed["runs"][0];
    assert_eq!(
        (&listed["format"], &run["run"], &run["state"]),
        (&"evbus.runs/1".into(), &RUN.into(), &"cut off".into())
    );
    assert_eq!(
        (&run["moved"], &run["open"], &run["set"], &run["ended_at"]),
        (&1.into(), &2.into(), &10.into(), &().into())
    );
    let other = &with(state.path(), &["dlq", "runs", "other", "-o", "json"]).done().ends_with(0).json()[0];
    assert_eq!(other["runs"], serde_json::json!([]));
}

#[test]
fn a_run_that_cannot_be_gone_on_with_is_one_error_with_what_to_do() {
    let state = tempfile::tempdir().expect("a folder");
    journal(state.path(), RUN, "");
    journal(state.path(), "20260102T030405Z-111111", "{\"event\":\"resumed\",\"by\":\"20260102T030405Z-222222\"}\n");
    let resume = |run: &str, more: &[&str]| {
        with(state.path(), &["dlq", "replay", "--resume", run, "--yes", "-o", "json"]).and(more).done()
    };
    for (run, code, hint) in [
        ("20260102T030405Z-abcdee", "no_run", "did you mean 20260102T030405Z-abcdef?"),
        ("../../etc/passwd", "no_run", "evbus dlq runs"),
        ("20260102T030405Z-111111", "resumed", "--resume 20260102T030405Z-222222"),
        (RUN, "refused", "evbus"),
    ] {
        let done = resume(run, &[]).ends_with(1);
        let text = done.err();
        let error: serde_json::Value =
            serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_default();
        assert_eq!(error["error"]["code"], code, "{}", done.whole());
        assert!(error["error"]["hint"].as_str().is_some_and(|text| text.contains(hint)), "{error}");
    }
    for wrong in [
        &["--to", "exchange"][..],
        &["--event", "X"],
        &["--strip", "x"],
        &["--limit", "3"],
        &["other.dlq"],
        &["--vhost", "/"],
    ] {
        resume(RUN, wrong).ends_with(2);
    }
    with(state.path(), &["dlq", "replay", "q", "--in-doubt", "replay", "--yes"]).done().ends_with(2);
    with(state.path(), &["dlq", "replay", "--yes"]).done().ends_with(2);
}

#[test]
fn where_nothing_can_be_kept_is_told_before_anything_is_asked() {
    let run = evbus(["dlq", "replay", "q", "--yes"]).env("EVBUS_STATE_DIR", "").env("EVBUS_URL", "amqp://127.0.0.1:1");
    let done = run.done().ends_with(2);
    assert!(done.err().contains("neither EVBUS_STATE_DIR nor XDG_STATE_HOME nor HOME"), "{}", done.whole());
}
