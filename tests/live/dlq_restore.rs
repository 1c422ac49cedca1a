//! What comes back from an archive is what was meant, where it was meant to be, and each of it is accounted for.

use std::path::{Path, PathBuf};

use lapin::types::{AMQPValue, FieldTable};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{
    live::{Live, broker, numbered},
    run::{Done, ended},
};

/// So many messages that died in `work`, in an archive of `dead` and nowhere else.
pub(crate) fn purged(live: &Live, folder: &Path, count: usize, name: &str) -> PathBuf {
    live.pair("classic", "work", "dead");
    live.fill("work", count);
    live.reject_all("work", "dead");
    let file = folder.join(name);
    live.evbus(&["dlq", "purge", "dead", "--yes"]).arg("--archive").arg(&file).done().ends_with(0);
    assert_eq!(live.ready("dead"), 0);
    file
}

fn restore(live: &Live, file: &Path, more: &[&str]) -> Done {
    live.evbus(&["dlq", "restore", "-o", "json"]).arg(file).and(more).done()
}

/// What became of how many.
fn counts(done: &Done) -> [Value; 4] {
    let summary = done.summary();
    ["selected", "replayed", "skipped", "returned"].map(|name| summary[name].clone())
}

#[test]
fn any_subset_goes_back_to_where_it_was_or_to_where_it_is_wanted() {
    let Some(live) = broker("restore") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = purged(&live, folder.path(), 30, "a.ndjson.zst");
    let dry = restore(&live, &file, &["--dry-run", "--id", "m7"]).ends_with(0);
    assert_eq!(counts(&dry)[0], 1, "{}", dry.whole());
    let target = json!({"event": "target", "target": "queue dead", "messages": 1, "because": null});
    assert!(dry.json().contains(&target), "{}", dry.whole());
    assert_eq!(live.ready("dead"), 0);

    restore(&live, &file, &["--yes", "--where", ".body.json.n >= 10", "--limit", "5"]).ends_with(0);
    assert_eq!(live.ids("dead"), ["m10", "m11", "m12", "m13", "m14"], "in their order");

    live.queue("other", &[]);
    restore(&live, &file, &["--yes", "--to", "queue:other", "--id", "m1"]).ends_with(0);
    let other = live.drain("other");
    let headers = other[0].properties.headers().clone().unwrap_or_default();
    assert!(headers.inner().keys().any(|name| name.as_str() == "x-death"), "its history is with it: {headers:?}");

    let run = restore(&live, &file, &["--yes", "--to", "source", "--id", "m2"]).ends_with(0).summary()["run"].clone();
    let work = live.drain("work");
    let headers = work[0].properties.headers().clone().unwrap_or_default();
    let header =
        |name: &str| headers.inner().iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value.clone());
    let text = run.as_str().map(|run| AMQPValue::LongString(run.into()));
    assert_eq!((header("x-evbus-run"), header("x-death")), (text, None), "as a replay sends it");

    // What would be routed nowhere stays in the archive, and is told.
    live.wait(live.channel.exchange_declare(
        "nowhere".into(),
        lapin::ExchangeKind::Direct,
        lapin::options::ExchangeDeclareOptions::default(),
        FieldTable::default(),
    ))
    .expect("an exchange");
    let back = restore(&live, &file, &["--yes", "--to", "exchange:nowhere/k", "--limit", "3"]).ends_with(1);
    assert_eq!(counts(&back), [3, 0, 0, 3].map(Value::from), "{}", back.whole());
    let gone = restore(&live, &file, &["--yes", "--to", "queue:wrok"]).ends_with(1);
    assert!(
        gone.err().contains("there is no queue wrok") && gone.err().contains("did you mean work?"),
        "{}",
        gone.whole()
    );
    let gone = restore(&live, &file, &["--yes", "--to", "exchange:gone/k"]).ends_with(1);
    assert_eq!(counts(&gone), [30, 0, 30, 0].map(Value::from), "{}", gone.whole());
}

#[test]
fn a_question_comes_first_and_shows_what_goes_where() {
    let Some(live) = broker("restore-words") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = purged(&live, folder.path(), 3, "a.ndjson");
    let done = live.evbus(&["dlq", "restore", "--yes"]).arg(&file).done().ends_with(0);
    assert_eq!(done.out(), "3 restored\n");
    let said = done.err();
    assert!(said.contains(&format!("3 messages of queue dead in vhost {}, written at 20", live.vhost)), "{said}");
    assert!(said.lines().any(|line| line.split_whitespace().eq(["queue", "dead", "3"])), "{said}");
    let unasked = live.evbus(&["dlq", "restore"]).arg(&file).done().ends_with(2);
    assert!(unasked.err().contains("--yes"), "{}", unasked.whole());
    // Another run that works on the queue keeps it out.
    live.fill("dead", 500);
    let slow = ["dlq", "replay", "dead", "--to", "queue:work", "--where", "[range(20000)] | length < 0", "--yes"];
    let mut first = live.evbus(&slow).start();
    live.until("the first has begun", || live.ready("dead") < 500);
    let busy = restore(&live, &file, &["--yes"]).ends_with(1);
    assert!(first.try_wait().expect("a process").is_none(), "the first is still at work");
    assert!(busy.err().contains(r#""code":"busy""#), "{}", busy.whole());
    let _ = first.kill();
    let _ = first.wait();
}

#[test]
fn of_a_damaged_archive_what_can_be_read_comes_back_when_that_is_wanted() {
    let Some(live) = broker("restore-damage") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a.ndjson", "a.ndjson.zst"] {
        let file = purged(&live, folder.path(), 3000, name);
        let whole = std::fs::read(&file).expect("it is there");
        std::fs::write(&file, &whole[..whole.len() * 2 / 3]).expect("it is cut");
        let refused = restore(&live, &file, &["--yes"]).ends_with(1);
        let error: Value = serde_json::from_str(refused.err().lines().last().unwrap_or_default()).unwrap_or_default();
        assert_eq!(error["error"]["code"], "damaged", "{}", refused.whole());
        let message = error["error"]["message"].as_str().unwrap_or_default().to_owned();
        let readable: u64 = message
            .split_once("behind record ")
            .and_then(|(_, rest)| rest.split_once(','))
            .and_then(|(number, _)| number.parse().ok())
            .unwrap_or_else(|| panic!("no number: {message}"));
        assert!((1000..3000).contains(&readable) && message.contains("cut off"), "{message}");
        let hint = error["error"]["hint"].as_str().unwrap_or_default();
        assert!(hint.ends_with(&format!("evbus dlq restore {} --up-to-damage", file.display())), "{hint}");
        assert_eq!(live.ready("dead"), 0);
        let done = restore(&live, &file, &["--yes", "--up-to-damage"]).ends_with(0);
        assert_eq!(counts(&done)[1], readable, "{}", done.whole());
        let expected: Vec<String> = (0..readable).map(|number| format!("m{number}")).collect();
        assert_eq!(live.ids("dead"), expected);
    }
}

#[test]
fn a_restore_that_is_interrupted_says_how_much_is_there() {
    let Some(live) = broker("restore-interrupt") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = purged(&live, folder.path(), 2000, "a.ndjson.zst");
    // An expression that takes its time, so that it is met at work: it is worked out twice for each, first while the file is checked.
    let slow = ["dlq", "restore", "--yes", "-o", "json", "--where", "[range(5000)] | length > 0"];
    let child = live.evbus(&slow).arg(&file).start();
    live.until("some are there", || live.ready("dead") > 0);
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, Signal::INT).expect("it gets the signal");
    let output = ended(child);
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let summary: Value = said.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    assert_eq!((&summary["interrupted"], &summary["unknown"]), (&true.into(), &0.into()), "{summary}");
    assert_eq!(summary["replayed"], live.ready("dead"), "{summary}");
    assert!(summary["replayed"].as_u64().is_some_and(|count| count < 2000), "{summary}");
}

#[test]
fn what_would_expire_or_go_elsewhere_too_does_neither() {
    let Some(live) = broker("restore-travel") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    live.queue("dead", &[]);
    live.queue("elsewhere", &[]);
    let mut headers = FieldTable::default();
    headers.insert("CC".into(), AMQPValue::FieldArray(vec![AMQPValue::LongString("elsewhere".into())].into()));
    let properties = numbered(1).with_expiration("60000".into()).with_headers(headers);
    live.publish("dead", [(properties, b"null".to_vec())]);
    assert_eq!(live.drain("elsewhere").len(), 1);
    let file = folder.path().join("a.zst");
    live.evbus(&["dlq", "purge", "dead", "--yes"]).arg("--archive").arg(&file).done().ends_with(0);
    restore(&live, &file, &["--yes"]).ends_with(0);
    let back = live.drain("dead");
    assert_eq!((back[0].data.as_slice(), back[0].properties.expiration()), (&b"null"[..], &None));
    let headers = back[0].properties.headers().clone().unwrap_or_default();
    let kept = AMQPValue::LongString("60000".into());
    assert!(
        headers.inner().iter().any(|(name, value)| name.as_str() == "x-evbus-expiration" && *value == kept),
        "{headers:?}"
    );
    assert_eq!(live.ready("elsewhere"), 0);
}

#[test]
fn a_queue_that_drops_what_is_there_is_warned_of() {
    let Some(live) = broker("restore-limits") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = purged(&live, folder.path(), 2, "a");
    live.queue("small", &[("x-max-length", 1.into()), ("x-message-ttl", 60000.into())]);
    let done = restore(&live, &file, &["--yes", "--to", "queue:small"]).ends_with(0);
    assert!(
        done.err().contains("small drops its oldest messages") && done.err().contains("after 60000 ms"),
        "{}",
        done.whole()
    );
    let done = restore(&live, &file, &["--yes"]).ends_with(0);
    assert!(!done.err().contains("warning"), "{}", done.whole());
}
