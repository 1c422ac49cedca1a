//! Nothing is lost: not when targets vanish, evbus is killed, or the broker goes down in the middle.
//!
//! `EVBUS_SOAK=N` makes every test here N times as long.

use std::collections::BTreeSet;

use evbus::sandbox::Sandbox;
use serde_json::Value;

use crate::support::{
    live::{Live, broker, options},
    own::{Own, own},
};

fn soak() -> usize {
    std::env::var("EVBUS_SOAK").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// Every message is in one of these queues; how many are in more than one place.
#[track_caller]
fn all_there(live: &Live, count: usize, queues: &[&str]) -> usize {
    let ids: Vec<String> = queues.iter().flat_map(|queue| live.ids(queue)).collect();
    let distinct: BTreeSet<&String> = ids.iter().collect();
    let missing: Vec<String> = (0..count).map(|n| format!("m{n}")).filter(|id| !distinct.contains(id)).collect();
    assert!(missing.is_empty(), "{} lost, the first is {}", missing.len(), missing[0]);
    assert_eq!(distinct.len(), count, "nothing that was not sent");
    ids.len() - distinct.len()
}

#[test]
fn a_target_that_is_missing_from_the_start_costs_nothing() {
    let Some(live) = broker("no-target") else { return };
    live.pair("quorum", "one", "dead");
    live.pair("quorum", "two", "dead");
    live.fill("one", 2500);
    live.reject_all("one", "dead");
    live.fill("two", 2500);
    live.reject_all("two", "dead");
    live.delete("two");
    let done = live.evbus(&["dlq", "replay", "dead", "--yes", "-o", "json"]).done().ends_with(3);
    let summary = done.summary();
    let counts = (&summary["replayed"], &summary["skipped"], &summary["left"]);
    assert_eq!(counts, (&2500.into(), &2500.into(), &2500.into()), "{}", done.whole());
    assert_eq!((live.ready("one"), live.ready("dead")), (2500, 2500));
    let all_refused = live.evbus(&["dlq", "replay", "dead", "--yes", "-o", "json"]).done().ends_with(1);
    assert_eq!(all_refused.summary()["left"], 2500);
}

#[test]
fn a_target_deleted_in_the_middle_keeps_what_it_did_not_get_in_the_queue() {
    let Some(live) = broker("target-gone") else { return };
    for (kind, round) in ["classic", "quorum"].iter().flat_map(|kind| (0..2 * soak()).map(move |round| (kind, round))) {
        let (work, dead) = (format!("{kind}{round}.work"), format!("{kind}{round}.dead"));
        live.pair(kind, &work, &dead);
        live.fill(&work, 5000);
        live.reject_all(&work, &dead);
        // Quorum queues of 3.10 never confirm what they were about to take when they were deleted.
        let child = live.evbus(&["dlq", "replay", &dead, "--yes", "-o", "json", "--timeout", "5s"]).start();
        live.until("it is under way", || live.ready(&work) > 300);
        // What the target had is gone with it, so it is counted on the way out.
        let deleted = live.wait(async {
            live.channel
                .queue_delete(work.as_str().into(), lapin::options::QueueDeleteOptions::default())
                .await
                .expect("it goes")
        });
        let output = crate::support::run::ended(child);
        let text = String::from_utf8_lossy(&output.stdout);
        let summary: serde_json::Value =
            text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
        let left = live.ready(&dead);
        assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(summary["left"], left, "{summary}");
        // What is called replayed is gone here and had arrived there, message for message.
        assert_eq!(summary["replayed"], 5000 - left, "{summary}");
        assert!(
            summary["replayed"].as_u64().is_some_and(|replayed| replayed <= deleted.into()),
            "{deleted}: {summary}"
        );
        // What was on its way into the dying queue may be counted there and still be here: twice, never not at all.
        assert!(deleted + left >= 5000, "{} messages are in neither: {summary}", 5000 - deleted - left);
    }
}

#[test]
fn evbus_killed_again_and_again_loses_nothing() {
    const COUNT: u32 = 20_000;
    /// What evbus may have read and not yet acknowledged: its prefetch.
    const IN_FLIGHT: u32 = 3000;
    let Some(live) = broker("kills") else { return };
    for kind in ["classic", "quorum"] {
        let (work, dead) = (format!("{kind}.work"), format!("{kind}.dead"));
        live.pair(kind, &work, &dead);
        live.fill(&work, COUNT as usize);
        live.reject_all(&work, &dead);
        // A fixed seed: the moments differ, and are the same in every run.
        let mut seed = 7_u64;
        let (mut in_the_middle, mut all) = (0, COUNT);
        for _ in 0..10 * soak() {
            if live.ready(&dead) < COUNT / 2 {
                live.reject_all(&work, &dead);
            }
            let (before, full) = (live.ready(&work), live.ready(&dead));
            let mut child = live.evbus(&["dlq", "replay", &dead, "--yes", "-q"]).start();
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // From the first delivery on, at any number of messages moved.
            let moved = u32::try_from((seed >> 33) % u64::from(full)).unwrap_or(0);
            live.until("it has come so far, or has ended", || {
                (live.ready(&work) >= before + moved && live.ready(&dead) < full)
                    || child.try_wait().expect("a process").is_some()
            });
            in_the_middle += usize::from(child.try_wait().expect("a process").is_none());
            let _ = child.kill();
            let _ = child.wait();
            // Quorum queues of 3.10 take back what it held one by one.
            let (mut now, mut steady) = (0, 0);
            live.until("what it held is back", || {
                let seen = live.ready(&dead) + live.ready(&work);
                steady = if seen == now && seen >= all { steady + 1 } else { 0 };
                now = seen;
                steady >= 5
            });
            assert!(now <= all + IN_FLIGHT, "{} doubles by one kill", now - all);
            all = now;
        }
        assert!(in_the_middle * 2 > 10 * soak(), "only {in_the_middle} kills met it at work");
        let done = live.evbus(&["dlq", "replay", &dead, "--yes", "-o", "json"]).done().ends_with(0);
        assert_eq!(done.summary()["left"], 0, "{}", done.err());
        all_there(&live, COUNT as usize, &[&work, &dead]);
    }
}

/// A replay of so many messages, a broker that goes down in the middle of it and comes back, and what is there then.
fn through_a_restart(own: &mut Own, test: &str, kind: &str, restart: impl FnOnce(&mut Own)) {
    const COUNT: u32 = 20_000;
    let mut live = own.live(test);
    live.pair(kind, "work", "dead");
    // Broker fact (4.3.6): a quorum queue that was declared seconds before a crash can come back empty, whatever it confirmed. An
    // orderly restart writes the declaration down.
    own.restart();
    live.reconnect("dead");
    // Published and confirmed, so that the broker owes us each: dead-lettering is not confirmed to anybody.
    live.fill("dead", COUNT as usize);
    let replay = ["dlq", "replay", "dead", "--to", "queue:work", "--yes", "-o", "json"];
    let child = live.evbus(&replay).start();
    live.until("it is under way", || live.ready("work") > 300);
    restart(own);
    let output = crate::support::run::ended(child);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let last = |text: &str| -> Value {
        text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default()
    };
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert_eq!(last(&err)["error"]["code"], "connection_lost", "{err}");
    let summary = last(&out);
    live.reconnect("dead");
    let told = |key: &str| summary[key].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or_default();
    // What it calls replayed has arrived; what it calls unknown may have. What the connection held comes back when the
    // broker has noticed that it is gone, on quorum queues some seconds after a crash.
    let at_least = COUNT - told("replayed") - told("unknown");
    live.until("what cannot have arrived is back", || live.ready("dead") >= at_least);
    let arrived = live.ready("work");
    assert!(
        arrived >= told("replayed") && arrived <= told("replayed") + told("unknown"),
        "{arrived} arrived: {summary}"
    );
    // A run takes what is there when it begins: what comes back behind it is for the next.
    let mut ids = BTreeSet::new();
    live.until("every message has arrived, and none is left", || {
        let there = live.ready("dead") > 0;
        if there {
            live.evbus(&replay).done().ends_with(0);
        }
        ids.extend(live.ids("work"));
        !there && (0..COUNT).all(|n| ids.contains(&format!("m{n}")))
    });
    assert_eq!(ids.len(), COUNT as usize, "nothing that was not sent");
}

#[test]
fn a_broker_that_restarts_in_the_middle_loses_nothing() {
    for kind in ["classic", "quorum"] {
        let test = format!("restart-{kind}");
        let Some(mut own) = own(&test) else { return };
        through_a_restart(&mut own, &test, kind, |own| own.restart());
    }
}

#[test]
fn a_broker_that_crashes_in_the_middle_and_comes_back_has_lost_nothing() {
    for kind in ["classic", "quorum"] {
        let test = format!("crash-{kind}");
        let Some(mut own) = own(&test) else { return };
        through_a_restart(&mut own, &test, kind, Own::crash_and_restart);
    }
}

#[test]
fn a_broker_that_dies_in_the_middle_is_told_of_in_order() {
    if broker("dies").is_none() {
        return;
    }
    let Ok(sandbox) = Sandbox::start(&options(), || false) else { return };
    let live = Live::at(&sandbox.url(), &sandbox.management_url(), "dies");
    live.pair("classic", "work", "dead");
    live.fill("work", 20_000);
    live.reject_all("work", "dead");
    let child = live.evbus(&["dlq", "replay", "dead", "--yes", "-o", "json"]).start();
    live.until("it is under way", || live.ready("work") > 300);
    drop(sandbox);
    let output = crate::support::run::ended(child);
    let text = String::from_utf8_lossy(&output.stdout);
    let summary: serde_json::Value =
        text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((&summary["event"], &summary["left"]), (&"summary".into(), &serde_json::Value::Null), "{summary}");
    std::mem::forget(live);
}

#[test]
fn ctrl_c_settles_what_is_on_its_way() {
    let Some(live) = broker("interrupt") else { return };
    live.pair("classic", "work", "dead");
    live.fill("work", 20_000);
    live.reject_all("work", "dead");
    let child = live.evbus(&["dlq", "replay", "dead", "--yes", "-o", "json"]).start();
    live.until("it is under way", || live.ready("work") > 300);
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap_or(0)).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it can be interrupted");
    let output = crate::support::run::ended(child);
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let summary: serde_json::Value =
        text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    let (work, dead) = (live.ready("work"), live.ready("dead"));
    assert_eq!((&summary["replayed"], &summary["left"]), (&work.into(), &dead.into()), "{summary}");
    assert_eq!(work + dead, 20_000, "nothing twice, nothing lost");
}
