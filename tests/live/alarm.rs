//! A broker in alarm takes no messages. Nothing is lost by it, nothing waits for ever, and everybody is told why.

use std::{
    io::{BufRead, BufReader},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::own::own;

#[test]
fn a_doctor_does_not_call_it_usable_and_waits_for_its_end() {
    let Some(own) = own("alarm-doctor") else { return };
    let live = own.live("alarm-doctor");
    live.evbus(&["doctor"]).done().ends_with(0);
    own.raise_alarm();
    let doctor = || live.evbus(&["doctor", "-o", "json"]).done();
    live.until("the alarm is seen", || doctor().code() == Some(1));
    let found: Value = doctor().json().pop().unwrap_or_default();
    let failed = |check: &Value| check["check"] == "alarms" && check["state"] == "failed";
    assert!(
        found["usable"] == false && found["checks"].as_array().is_some_and(|all| all.iter().any(failed)),
        "{found}"
    );
    let mut waiting = live.evbus(&["doctor", "--wait", "60s"]).start();
    let mut line = String::new();
    BufReader::new(waiting.stderr.take().expect("its stderr")).read_line(&mut line).expect("a line");
    assert!(line.contains("an alarm is in effect"), "{line:?}");
    own.end_alarm();
    assert_eq!(waiting.wait().expect("it ends").code(), Some(0));
}

#[test]
fn publishing_ends_with_the_reason_and_nothing_is_sent_afterwards() {
    let Some(own) = own("alarm-publish") else { return };
    let live = own.live("alarm-publish");
    live.queue("q", &[]);
    own.raise_alarm();
    let started = Instant::now();
    let run = live.evbus(&["publish", "--exchange", "", "--key", "q", "--data", "1", "--count", "500", "-o", "json"]);
    let done = run.and(["--timeout", "2s"]).done();
    assert!(started.elapsed() < Duration::from_secs(15), "it took {:?}", started.elapsed());
    assert!(matches!(done.code(), Some(1 | 3)), "{}", done.whole());
    let error: Value = done.err().lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    assert_eq!(error["error"]["code"], "blocked", "{}", done.whole());
    // One message alone is on its way before the broker says so.
    let one = live.evbus(&["publish", "--exchange", "", "--key", "other", "--data", "1", "--timeout", "2s"]).done();
    assert!(one.err().contains("takes no messages for now"), "{}", one.whole());
    assert!(!one.err().contains("did not come in time"), "{}", one.whole());
    own.end_alarm();
    // Its connection is gone: what it did not confirm may be there, and no more than what it called unknown.
    let summary = done.summary();
    let count = |key: &str| summary[key].as_u64().unwrap_or_default();
    live.until("the broker takes messages again", || live.evbus(&["doctor"]).done().code() == Some(0));
    let there = u64::from(live.ready("q"));
    assert!(there >= count("published") && there <= count("published") + count("unknown"), "{there}: {summary}");
}

#[test]
fn a_replay_waits_and_goes_on_and_every_message_arrives_once() {
    let Some(own) = own("alarm-replay") else { return };
    let live = own.live("alarm-replay");
    live.pair("quorum", "work", "dead");
    live.fill("work", 3000);
    live.reject_all("work", "dead");
    own.raise_alarm();
    let mut child = live.evbus(&["dlq", "replay", "dead", "--yes"]).start();
    let mut talk = BufReader::new(child.stderr.take().expect("its stderr"));
    let mut said = String::new();
    while !said.contains("takes no messages") && !said.contains("blocked") {
        assert_ne!(talk.read_line(&mut said).expect("a line"), 0, "it ended: {said}");
    }
    own.end_alarm();
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{said}");
    let mut ids = live.ids("work");
    ids.sort();
    let mut all: Vec<_> = (0..3000).map(|number| format!("m{number}")).collect();
    all.sort();
    assert_eq!(ids, all, "each arrived, and once");
    assert_eq!(live.ready("dead"), 0);
}

#[test]
fn a_replay_that_is_interrupted_while_it_waits_ends_at_once_and_loses_nothing() {
    let Some(own) = own("alarm-interrupt") else { return };
    let live = own.live("alarm-interrupt");
    live.pair("quorum", "work", "dead");
    live.fill("work", 1000);
    live.reject_all("work", "dead");
    own.raise_alarm();
    let mut child = live.evbus(&["dlq", "replay", "dead", "--yes"]).start();
    let mut talk = BufReader::new(child.stderr.take().expect("its stderr"));
    let mut said = String::new();
    while !said.contains("takes no messages") && !said.contains("blocked") {
        assert_ne!(talk.read_line(&mut said).expect("a line"), 0, "it ended: {said}");
    }
    let started = Instant::now();
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, Signal::INT).expect("it gets the signal");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{said}");
    assert!(started.elapsed() < Duration::from_secs(10), "it took {:?}", started.elapsed());
    own.end_alarm();
    live.until("the broker takes messages again", || live.evbus(&["doctor"]).done().code() == Some(0));
    live.until("all are there", || live.ready("dead") + live.ready("work") >= 1000);
    let mut ids = live.ids("dead");
    ids.extend(live.ids("work"));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1000, "none is lost");
}

#[test]
fn a_restore_waits_and_goes_on_and_counts_every_message_once() {
    let Some(own) = own("alarm-restore") else { return };
    let live = own.live("alarm-restore");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.ndjson.zst");
    live.pair("quorum", "work", "dead");
    live.fill("dead", 3000);
    live.evbus(&["dlq", "purge", "dead", "--yes"]).arg("--archive").arg(&file).done().ends_with(0);
    own.raise_alarm();
    let mut child = live.evbus(&["dlq", "restore", "--yes"]).arg(&file).start();
    let mut talk = BufReader::new(child.stderr.take().expect("its stderr"));
    let mut said = String::new();
    while !said.contains("takes no messages") && !said.contains("blocked") {
        assert_ne!(talk.read_line(&mut said).expect("a line"), 0, "it ended: {said}");
    }
    own.end_alarm();
    let output = crate::support::run::ended(child);
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"3000 restored\n"[..]), "{said}");
    assert_eq!(live.ready("dead"), 3000);
}
