//! Nothing is lost: not when targets vanish, evbus is killed, or the broker goes down in the middle.
//!
//! `EVBUS_SOAK=N` makes every test here N times as long.

use std::{collections::BTreeSet, time::Duration};

use evbus::sandbox::Sandbox;

use crate::support::live::{Live, broker, options};

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
    live.fill("one", 200);
    live.reject_all("one", "dead");
    live.fill("two", 200);
    live.reject_all("two", "dead");
    live.delete("two");
    let done = live.evbus(&["dlq", "replay", "dead", "--yes", "-o", "json"]).done().ends_with(3);
    let summary = done.summary();
    let counts = (&summary["replayed"], &summary["skipped"], &summary["left"]);
    assert_eq!(counts, (&200.into(), &200.into(), &200.into()), "{}", done.whole());
    assert_eq!((live.ready("one"), live.ready("dead")), (200, 200));
    let all_refused = live.evbus(&["dlq", "replay", "dead", "--yes", "-o", "json"]).done().ends_with(1);
    assert_eq!(all_refused.summary()["left"], 200);
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
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&output.stdout);
        let summary: serde_json::Value =
            text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
        let left = live.ready(&dead);
        assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(summary["left"], left, "{summary}");
        // What was on its way into the dying queue may be counted there and still be here: twice, never not at all.
        assert!(deleted + left >= 5000, "{} messages are in neither: {summary}", 5000 - deleted - left);
    }
}

#[test]
fn evbus_killed_again_and_again_loses_nothing() {
    const COUNT: usize = 20_000;
    let Some(live) = broker("kills") else { return };
    for kind in ["classic", "quorum"] {
        let (work, dead) = (format!("{kind}.work"), format!("{kind}.dead"));
        live.pair(kind, &work, &dead);
        live.fill(&work, COUNT);
        live.reject_all(&work, &dead);
        // A fixed seed: the moments differ, and are the same in every run.
        let mut seed = 7_u64;
        for _ in 0..10 * soak() {
            let mut child = live.evbus(&["dlq", "replay", &dead, "--yes", "-q", "--limit", "1500"]).start();
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            std::thread::sleep(Duration::from_millis(20 + (seed >> 33) % 200));
            let _ = child.kill();
            let _ = child.wait();
        }
        live.until("what it held is back", || {
            live.ready(&dead) + live.ready(&work) >= u32::try_from(COUNT).unwrap_or(0)
        });
        let done = live.evbus(&["dlq", "replay", &dead, "--yes", "-o", "json"]).done().ends_with(0);
        assert_eq!(done.summary()["left"], 0, "{}", done.err());
        let doubles = all_there(&live, COUNT, &[&work, &dead]);
        // At most what was published and not yet acknowledged at each kill.
        assert!(doubles <= 10 * soak() * 2000, "{doubles} doubles");
    }
}

#[test]
fn a_broker_that_restarts_in_the_middle_loses_nothing() {
    // A broker of its own: the others go on with theirs. Killing its processes is a crash, and the keeper cannot restart it, so
    // the node is told to close every connection, which is what a restart looks like from here.
    let Some(live) = broker("cut") else { return };
    live.pair("quorum", "work", "dead");
    live.fill("work", 8000);
    live.reject_all("work", "dead");
    let child = live.evbus(&["dlq", "replay", "dead", "--yes", "-o", "json"]).start();
    live.until("it is under way", || live.ready("work") > 300);
    let connections =
        live.api(reqwest::Method::GET, "connections?columns=name,client_properties.connection_name", None);
    let _ = connections;
    live.until("its connections are known and cut", || {
        let connections = live.api(reqwest::Method::GET, &format!("vhosts/{}/connections", live.vhost), None);
        let ours: Vec<String> = connections
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter()
            .filter(|c| c["client_properties"]["connection_name"].as_str().is_some_and(|n| n.starts_with("evbus dlq")))
            .filter_map(|c| c["name"].as_str().map(str::to_owned))
            .collect();
        for name in &ours {
            live.api(
                reqwest::Method::DELETE,
                &format!("connections/{}", name.replace(' ', "%20").replace('>', "%3E")),
                None,
            );
        }
        !ours.is_empty() || live.ready("dead") == 0
    });
    let output = child.wait_with_output().expect("it ends");
    let code = output.status.code();
    assert!(code == Some(3) || code == Some(0), "{code:?} {}", String::from_utf8_lossy(&output.stderr));
    live.until("what it held is back", || live.ready("dead") + live.ready("work") >= 8000);
    all_there(&live, 8000, &["work", "dead"]);
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
    let output = child.wait_with_output().expect("it ends");
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
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let summary: serde_json::Value =
        text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    let (work, dead) = (live.ready("work"), live.ready("dead"));
    assert_eq!((&summary["replayed"], &summary["left"]), (&work.into(), &dead.into()), "{summary}");
    assert_eq!(work + dead, 20_000, "nothing twice, nothing lost");
}
