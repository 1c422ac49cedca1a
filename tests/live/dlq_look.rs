//! Looking spends nothing.

use serde_json::json;

use crate::support::live::{Live, broker};

/// Messages that died by delivery limit, in a quorum queue somebody declared with nothing but its type. From 4.3 on they arrive with
/// one attempt more than that queue allows: any return destroys them.
pub fn spent(live: &Live, count: u32) {
    live.pair("quorum", "work", "dead");
    exhaust(live, "work", "dead", count);
}

/// Fills a queue and gives every message back until all have died by delivery limit.
pub fn exhaust(live: &Live, work: &str, dead: &str, count: u32) {
    let before = live.ready(dead);
    live.api(
        reqwest::Method::PUT,
        &format!("policies/{}/limit", live.vhost),
        Some(json!({"pattern": format!("^{work}$"), "apply-to": "queues", "definition": {"delivery-limit": 20}})),
    );
    live.fill(work, count as usize);
    // Each return counts where returns are counted; a rejection counts on every series.
    live.until("they died", || {
        live.wait(async {
            while let Ok(Some(got)) =
                live.channel.basic_get(work.into(), lapin::options::BasicGetOptions::default()).await
            {
                let options = lapin::options::BasicRejectOptions { requeue: true };
                got.delivery.reject(options).await.expect("it goes back");
            }
        });
        live.ready(dead) == before + count
    });
}

#[test]
fn fifty_looks_at_a_foreign_quorum_queue_leave_the_same_messages_there() {
    let Some(live) = broker("looks") else { return };
    spent(&live, 6);
    for look in 1..=50 {
        let done = live.evbus(&["dlq", "show", "dead", "-o", "json"]).done().ends_with(0);
        let records = done.json().iter().filter(|line| line["format"] == "evbus.message/1").count();
        assert_eq!(records, 6, "look {look}\n{}", done.whole());
        if look == 1 && live.version() >= evbus::version::Version::new(4, 3, 0) {
            let counts = |line: &serde_json::Value| line["properties"]["headers"]["x-delivery-count"].as_i64();
            let spent = done.json().iter().filter(|line| counts(line).is_some_and(|count| count > 20)).count();
            assert_eq!(spent, 6, "none would survive being given back\n{}", done.whole());
        }
    }
    let policies = live.api(reqwest::Method::GET, &format!("policies/{}", live.vhost), None);
    assert_eq!(policies.as_array().map(Vec::len), Some(1), "no temporary policy is left: {policies}");
    // Draining is one more delivery, not a return: what is there can still be had.
    let mut ids = live.ids("dead");
    ids.sort();
    assert_eq!(ids, ["m0", "m1", "m2", "m3", "m4", "m5"]);
}

#[test]
fn a_user_who_may_not_set_policies_has_copies_put_in_place() {
    let Some(live) = broker("copies") else { return };
    spent(&live, 3);
    for look in 1..=25 {
        let done = live.evbus(&["dlq", "show", "dead", "-q", "-o", "json", "--save", "copy"]).done().ends_with(0);
        let records = done.json().iter().filter(|line| line["format"] == "evbus.message/1").count();
        assert_eq!(records, 3, "look {look}\n{}", done.whole());
        if look == 1 && live.version() >= evbus::version::Version::new(4, 3, 0) {
            assert_eq!(done.summary()["saved"], 3, "{}", done.whole());
            assert!(done.err().contains("3 messages were replaced"), "also with --quiet: {}", done.whole());
        }
    }
    let mut ids = live.ids("dead");
    ids.sort();
    assert_eq!(ids, ["m0", "m1", "m2"]);
}

#[test]
fn a_look_whose_copies_changed_the_order_says_so() {
    let Some(live) = broker("copies-order") else { return };
    spent(&live, 6);
    let show = ["dlq", "show", "dead", "--limit", "2", "--save", "copy", "-o", "json"];
    let summary = live.evbus(&show).done().ends_with(0).summary();
    let ids = live.ids("dead");
    let in_order = ids == ["m0", "m1", "m2", "m3", "m4", "m5"];
    assert_eq!(summary["order"] == "kept", in_order, "{ids:?} {summary}");
    let copied = live.version() >= evbus::version::Version::new(4, 3, 0);
    assert_eq!(summary["saved"] == 2, copied, "{summary}");
}

#[test]
fn a_purge_tells_of_the_copies_it_had_to_make_of_what_stays() {
    let Some(live) = broker("copies-purge") else { return };
    spent(&live, 4);
    let purge = ["dlq", "purge", "dead", "--id", "m1", "--no-archive", "--save", "copy", "--yes", "-q", "-o", "json"];
    let done = live.evbus(&purge).done().ends_with(0);
    let summary = done.summary();
    assert_eq!((&summary["removed"], &summary["left"]), (&1.into(), &3.into()), "{}", done.whole());
    if live.version() >= evbus::version::Version::new(4, 3, 0) {
        assert_eq!(summary["saved"], 3, "{}", done.whole());
        assert!(done.err().contains("3 messages were replaced by a confirmed copy"), "{}", done.whole());
    }
    let mut ids = live.ids("dead");
    ids.sort();
    assert_eq!(ids, ["m0", "m2", "m3"]);
}

#[test]
fn a_spent_message_that_its_target_refuses_stays_as_a_copy() {
    let Some(live) = broker("spent-refused") else { return };
    spent(&live, 5);
    let limits =
        [("x-queue-type", json!("classic")), ("x-max-length", json!(1)), ("x-overflow", json!("reject-publish"))];
    live.queue("full", &limits);
    live.fill("full", 1);
    let replay = ["dlq", "replay", "dead", "--to", "queue:full", "--save", "copy", "--yes", "-o", "json"];
    let done = live.evbus(&replay).done().ends_with(1);
    assert_eq!(done.summary()["refused"], 5, "{}", done.whole());
    let mut ids = live.ids("dead");
    ids.sort();
    assert_eq!(ids, ["m0", "m1", "m2", "m3", "m4"], "{}", done.whole());
}

#[test]
fn without_the_management_api_a_spent_message_that_stays_is_saved_too() {
    let Some(live) = broker("blind-spent") else { return };
    spent(&live, 5);
    let replay = ["dlq", "replay", "dead", "--to", "queue:nowhere", "--yes", "-o", "json"];
    let done = live.evbus(&replay).env("EVBUS_MANAGEMENT_URL", "http://127.0.0.1:1").done().ends_with(1);
    assert_eq!(done.summary()["skipped"], 5, "{}", done.whole());
    let mut ids = live.ids("dead");
    ids.sort();
    assert_eq!(ids, ["m0", "m1", "m2", "m3", "m4"], "{}", done.whole());
}

#[test]
fn where_saving_is_ruled_out_a_queue_that_could_need_it_is_not_looked_at() {
    let Some(live) = broker("ruled-out") else { return };
    live.queue("limited", &[("x-queue-type", json!("quorum")), ("x-delivery-limit", json!(3))]);
    live.fill("limited", 1);
    let done = live.evbus(&["dlq", "show", "limited", "--save", "none"]).done().ends_with(1);
    assert!(done.err().contains("could destroy messages"), "{}", done.whole());
}

#[test]
fn looks_killed_while_they_hold_everything_leave_a_queue_that_evbus_laid_out_as_it_was() {
    const COUNT: u32 = 200;
    let Some(live) = broker("killed-looks") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = "evbus: 1\nname: looks\nbus: { exchange: events }\nservices: { work: { retry: none } }\n";
    std::fs::write(folder.path().join("evbus.yaml"), file).expect("a topology file");
    live.evbus(&["apply", "--yes"]).within(folder.path()).done().ends_with(0);
    exhaust(&live, "work", "work.dlq", COUNT);
    let mut killed = 0;
    while killed < 50 {
        // An expression that takes its time, so that the look can be met in the middle.
        let slow = ["dlq", "show", "work.dlq", "--where", "[range(5000)] | length < 0"];
        let mut child = live.evbus(&slow).start();
        live.until("it holds something, or has ended", || {
            live.ready("work.dlq") < COUNT || child.try_wait().expect("a process").is_some()
        });
        let ended = child.try_wait().expect("a process").is_some();
        let _ = child.kill();
        let _ = child.wait();
        killed += u32::from(!ended);
        live.until("everything is back", || live.ready("work.dlq") == COUNT);
    }
    let mut ids = live.ids("work.dlq");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), COUNT as usize);
}

#[test]
fn without_the_management_api_nobody_looks_blindly() {
    let Some(live) = broker("blind") else { return };
    live.pair("classic", "work", "dead");
    live.fill("dead", 2);
    let blind = |more: &[&str]| {
        live.evbus(&["dlq", "show", "dead", "-o", "json"])
            .and(more)
            .env("EVBUS_MANAGEMENT_URL", "http://127.0.0.1:1")
            .done()
    };
    let refused = blind(&[]).ends_with(1);
    assert!(refused.err().contains("\"blind\"") && refused.err().contains("--assume"), "{}", refused.whole());
    assert_eq!(blind(&["--assume", "classic"]).ends_with(0).summary()["shown"], 2);
}

#[test]
fn a_summary_tells_of_a_look_that_was_cut_and_of_an_expression_that_failed() {
    let Some(live) = broker("cut") else { return };
    live.queue("limited", &[("x-queue-type", json!("quorum")), ("x-delivery-limit", json!(3))]);
    live.fill("limited", 6);
    let look = |more: &[&str]| {
        live.evbus(&["dlq", "show", "limited", "--save", "copy", "-o", "json"]).and(more).done().ends_with(0).summary()
    };
    let cut = look(&["--limit", "3", "--window", "1"]);
    assert_eq!((&cut["shown"], &cut["cut"], &cut["undecided"]), (&1.into(), &true.into(), &0.into()), "{cut}");
    let failed = look(&["--where", ".body.json.n | error"]);
    assert_eq!((&failed["cut"], &failed["undecided"]), (&false.into(), &6.into()), "{failed}");
}
