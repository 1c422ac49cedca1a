//! A run takes care of its targets: it goes slowly, waits while nobody reads, and stops when what it replayed comes back.

use std::{
    io::{BufRead, BufReader},
    process::Child,
    time::{Duration, Instant},
};

use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{
    live::{Live, broker, handler::Handler, numbered},
    run::ended,
};

const KINDS: [&str; 2] = ["classic", "quorum"];

/// A pair of queues of each kind, with so many dead letters.
fn dead(live: &Live, kind: &str, count: usize) -> (String, String) {
    let (work, dead) = (format!("{kind}.work"), format!("{kind}.dead"));
    live.pair(kind, &work, &dead);
    live.fill(&work, count);
    live.reject_all(&work, &dead);
    (work, dead)
}

/// Starts a replay, and waits until it pauses.
#[allow(clippy::zombie_processes, reason = "whoever asked waits for it")]
fn paused(live: &Live, queue: &str, flags: &[&str]) -> (Child, Value) {
    let mut child = live.evbus(&["dlq", "replay", queue, "--yes", "-o", "json"]).and(flags).start();
    let mut lines = BufReader::new(child.stdout.as_mut().expect("its stdout"));
    let mut line = String::new();
    loop {
        line.clear();
        assert_ne!(lines.read_line(&mut line).expect("a line"), 0, "it ended without a pause");
        let value: Value = serde_json::from_str(&line).expect("a line of JSON");
        if value["event"] == "paused" {
            assert!(lines.buffer().is_empty(), "nothing comes behind it");
            return (child, value);
        }
    }
}

fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, Signal::INT).expect("it is told");
}

/// The summary of a run that was started, and what it ended with.
fn summary(child: Child) -> (Option<i32>, Value) {
    let output = ended(child);
    let last = String::from_utf8_lossy(&output.stdout).lines().last().map(serde_json::from_str::<Value>);
    (output.status.code(), last.and_then(Result::ok).unwrap_or_default())
}

#[test]
fn a_rate_is_kept_and_no_more_is_held_than_goes_soon() {
    let Some(live) = broker("care-rate") else { return };
    for kind in KINDS {
        let (work, dead) = dead(&live, kind, 40);
        let replay = |rate| live.evbus(&["dlq", "replay", &dead, "--yes", "-o", "json", "--rate", rate]).start();
        let child = replay("20/s");
        live.until("the first has arrived", || live.ready(&work) > 0);
        let first = Instant::now();
        assert_eq!(summary(child).0, Some(0));
        assert!(first.elapsed() > Duration::from_secs(1), "{kind}: 39 more came within {:?}", first.elapsed());
        assert_eq!(live.ids(&work).len(), 40);
        live.fill(&work, 40);
        live.reject_all(&work, &dead);
        let child = replay("1/s");
        live.until("the first has arrived", || live.ready(&work) > 0);
        assert!(live.ready(&dead) >= 25, "{kind}: at most ten are held");
        interrupt(&child);
        let (code, sum) = summary(child);
        assert_eq!(code, Some(130), "{sum}");
        let moved = live.ready(&work);
        assert_eq!((sum["replayed"].as_u64(), live.ready(&dead)), (Some(moved.into()), 40 - moved), "{kind}");
    }
}

#[test]
fn a_target_is_never_filled_beyond_its_depth() {
    let Some(live) = broker("care-depth") else { return };
    for kind in KINDS {
        let (work, dead) = dead(&live, kind, 14);
        let (mut child, pause) = paused(&live, &dead, &["--max-depth", "5"]);
        let because = format!("queue {work} holds 5 messages, and 5 are to be enough");
        assert_eq!(pause["because"], because);
        let mut arrived = 0;
        live.until("everything has gone", || {
            let depth = live.ready(&work);
            assert!(depth <= 5, "{kind}: {depth} messages");
            if depth == 5 {
                arrived += live.drain(&work).len();
            }
            child.try_wait().expect("its state").is_some()
        });
        assert_eq!(summary(child).0, Some(0));
        assert_eq!(arrived + live.drain(&work).len(), 14, "{kind}");
    }
}

#[test]
fn a_run_that_is_gone_on_with_takes_the_same_care() {
    let Some(live) = broker("care-resumed") else { return };
    let (work, queue) = dead(&live, "classic", 40);
    let (child, _) = paused(&live, &queue, &["--max-depth", "10"]);
    interrupt(&child);
    let (code, told) = summary(child);
    assert_eq!((code, &told["replayed"]), (Some(130), &10.into()), "{told}");
    let run = told["run"].as_str().expect("an id");
    live.drain(&work);
    let (child, pause) = paused(&live, &queue, &["--resume", run]);
    assert!(pause["because"].as_str().is_some_and(|because| because.contains(&work)), "{pause}");
    interrupt(&child);
    let (_, told) = summary(child);
    assert_eq!((&told["replayed"], live.ready(&work)), (&10.into(), 10), "as deep as the first one: {told}");
    // Typed again, it is what was typed.
    let run = told["run"].as_str().expect("an id");
    let other = ["dlq", "replay", "--resume", run, "--yes", "-o", "json", "--max-depth", "100"];
    assert_eq!(live.evbus(&other).done().ends_with(0).summary()["replayed"], 20);
}

#[test]
fn while_nobody_reads_a_run_waits_with_empty_hands_and_then_goes_on() {
    let Some(live) = broker("care-consumers") else { return };
    let queues = KINDS.map(|kind| dead(&live, kind, 30));
    // One of three is not selected, and is met again in the second round.
    let flags = ["--require-consumers", "--where", ".body.json.n % 3 > 0"];
    let mut runs = Vec::new();
    for (work, dead) in &queues {
        let (child, pause) = paused(&live, dead, &flags);
        assert_eq!(pause["because"], format!("queue {work} has no consumers"));
        assert!(live.ready(dead) < 30, "it holds some");
        runs.push(child);
    }
    for (child, (work, dead)) in runs.into_iter().zip(&queues) {
        live.until("nothing is held", || live.ready(dead) == 30);
        live.handle(work, Handler::Takes);
        let (code, sum) = summary(child);
        assert_eq!((code, &sum["replayed"], &sum["left"]), (Some(0), &20.into(), &10.into()), "{sum}");
        live.until("all are handled", || live.ready(work) == 0);
    }
    let (child, _) = paused(&live, "classic.dead", &["--require-consumers=2"]);
    interrupt(&child);
    let (code, sum) = summary(child);
    assert_eq!((code, &sum["left"], &sum["replayed"]), (Some(130), &10.into(), &0.into()), "{sum}");
}

#[test]
fn what_came_back_too_often_stays_or_is_put_aside() {
    let Some(live) = broker("care-replays") else { return };
    let replayed = |number: usize, replays: i64| {
        let mut headers = FieldTable::default();
        if replays > 0 {
            let run = AMQPValue::LongString(LongString::from("20260101T000000Z-000000"));
            headers.insert(ShortString::from("x-evbus-run"), run);
        }
        if replays > 1 {
            headers.insert(ShortString::from("x-evbus-replays"), AMQPValue::LongLongInt(replays));
        }
        (numbered(number).with_headers(headers), b"x".to_vec())
    };
    for kind in KINDS {
        let (work, dead, aside) = (format!("{kind}.work"), format!("{kind}.dead"), format!("{kind}.aside"));
        live.pair(kind, &work, &dead);
        live.queue(&aside, &[]);
        live.publish(&work, [replayed(0, 0), replayed(1, 1), replayed(2, 2), replayed(3, 5)]);
        live.reject_all(&work, &dead);
        let replay = ["dlq", "replay", &dead, "--yes", "-o", "json", "--max-replays", "2"];
        let done = live.evbus(&replay).done().ends_with(3);
        let sum = done.summary();
        assert_eq!((&sum["replayed"], &sum["skipped"]), (&2.into(), &2.into()), "{}", done.whole());
        assert!(done.out().contains("it has been replayed 5 times already"), "{}", done.whole());
        assert_eq!((live.ids(&work).join(" "), live.ready(&dead)), ("m0 m1".to_owned(), 2));
        let done = live.evbus(&replay).and(["--park", &format!("{kind}.asid")]).done().ends_with(1);
        assert!(done.err().contains(&format!("did you mean {aside}?")), "{}", done.whole());
        let done = live.evbus(&replay).and(["--park", &aside]).done().ends_with(0);
        let sum = done.summary();
        assert_eq!((&sum["parked"], &sum["replayed"], &sum["left"]), (&2.into(), &0.into(), &0.into()));
        // A later replay finds their way home.
        let done = live.evbus(&["dlq", "replay", &aside, "--yes", "-o", "json"]).done().ends_with(0);
        assert_eq!((done.summary()["replayed"].as_u64(), live.ids(&work).join(" ")), (Some(2), "m2 m3".to_owned()));
    }
}

#[test]
fn a_canary_that_comes_back_stops_the_run() {
    let Some(live) = broker("care-canary") else { return };
    for kind in KINDS {
        let (work, dead) = dead(&live, kind, 20);
        live.handle(&work, Handler::Rejects);
        let flags = ["--canary", "2,5", "--canary-wait", "1s"];
        let done = live.evbus(&["dlq", "replay", &dead, "--yes", "-o", "json"]).and(flags).done().ends_with(3);
        let sum = done.summary();
        assert_eq!((&sum["replayed"], &sum["bounced"], &sum["left"]), (&2.into(), &2.into(), &20.into()), "{sum}");
        assert!(done.err().contains("2 of the 2 messages replayed came back"), "{}", done.whole());
        let runs = |all: Vec<lapin::message::Delivery>| {
            let ran = |delivery: &&lapin::message::Delivery| {
                delivery.properties.headers().as_ref().is_some_and(|headers| headers.contains_key("x-evbus-run"))
            };
            all.iter().filter(ran).count()
        };
        assert_eq!(runs(live.drain(&dead)), 2, "{kind}: the rest was not touched");
    }
}

#[test]
fn what_waits_to_be_tried_again_counts_as_come_back() {
    let Some(live) = broker("care-ladder") else { return };
    for kind in KINDS {
        let (work, dead) = dead(&live, kind, 20);
        // From now on what fails is tried again in a minute.
        let retry = format!("{kind}.retry");
        let leads_to = |queue: &str, more: &[(&'static str, Value)]| {
            let mut arguments = vec![("x-queue-type", Value::from(kind)), ("x-dead-letter-exchange", "".into())];
            arguments.push(("x-dead-letter-routing-key", queue.into()));
            arguments.extend_from_slice(more);
            arguments
        };
        live.delete(&work);
        live.queue(&work, &leads_to(&retry, &[]));
        live.queue(&retry, &leads_to(&work, &[("x-message-ttl", 60_000.into())]));
        live.fill(&retry, 3);
        live.handle(&work, Handler::Rejects);
        let flags = ["--canary", "2,5", "--canary-wait", "1s"];
        let done = live.evbus(&["dlq", "replay", &dead, "--yes", "-o", "json"]).and(flags).done().ends_with(3);
        let sum = done.summary();
        assert_eq!((&sum["replayed"], &sum["bounced"], &sum["left"]), (&2.into(), &2.into(), &18.into()), "{sum}");
        assert!(done.err().contains("2 of the 2 messages replayed came back"), "{}", done.whole());
        assert_eq!(live.ready(&retry), 5, "and all that waits there waits on");
    }
}

#[test]
fn a_canary_is_not_held_to_account_for_what_others_fail_on() {
    let Some(live) = broker("care-others") else { return };
    for kind in KINDS {
        let (work, dead) = dead(&live, kind, 20);
        let (child, pause) = paused(&live, &dead, &["--canary", "1,5", "--canary-wait", "1s"]);
        assert!(pause["because"].as_str().is_some_and(|why| why.starts_with("1 replayed so far")), "{pause}");
        assert_eq!((live.ready(&work), live.ready(&dead)), (1, 19), "{kind}: nothing is held");
        // Two more die meanwhile, and they are somebody else's.
        live.publish(&dead, [(numbered(100), b"x".to_vec()), (numbered(101), b"x".to_vec())]);
        let (code, sum) = summary(child);
        assert_eq!((code, &sum["replayed"], &sum["bounced"]), (Some(0), &20.into(), &0.into()), "{sum}");
        let ids: Vec<String> = (0..20).map(|number| format!("m{number}")).collect();
        assert_eq!((live.ids(&work), live.ids(&dead).join(" ")), (ids, "m100 m101".to_owned()), "{kind}");
    }
}
