//! No more is held than may be, and nothing is held that could not go back.

use reqwest::Method;
use serde_json::json;

use crate::support::{
    live::{Live, broker},
    run::Run,
};

/// A user of this test's virtual host, with these tags and permissions.
struct User<'a> {
    live: &'a Live,
    name: String,
}

impl<'a> User<'a> {
    fn new(live: &'a Live, tags: &str, write: &str) -> User<'a> {
        let name = format!("{}-user", live.vhost);
        live.api(Method::PUT, &format!("users/{name}"), Some(json!({ "password": "p", "tags": tags })));
        let only = json!({ "configure": ".*", "write": write, "read": ".*" });
        live.api(Method::PUT, &format!("permissions/{}/{name}", live.vhost), Some(only));
        User { live, name }
    }

    fn evbus(&self, arguments: &[&str]) -> Run {
        let url = self.live.url().replace("guest:guest", &format!("{}:p", self.name));
        self.live.evbus(arguments).env("EVBUS_URL", &url)
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        self.live.api(Method::DELETE, &format!("users/{}", self.name), None);
    }
}

/// How many messages of a queue somebody has held before, and which there are, in order; the queue is empty afterwards.
fn touched(live: &Live, queue: &str) -> (usize, Vec<String>) {
    let all = live.drain(queue);
    let id = |delivery: &lapin::message::Delivery| delivery.properties.message_id().as_ref().map(ToString::to_string);
    (all.iter().filter(|delivery| delivery.redelivered).count(), all.iter().filter_map(id).collect())
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("m{n}")).collect()
}

#[test]
fn a_look_holds_no_more_than_it_was_asked_for() {
    let Some(live) = broker("hold-limit") else { return };
    for kind in ["classic", "quorum"] {
        live.queue(kind, &[("x-queue-type", json!(kind))]);
        live.fill(kind, 60);
        live.evbus(&["dlq", "show", kind, "--limit", "20", "-o", "json"]).done().ends_with(0);
        let (held, mut ids) = touched(&live, kind);
        assert_eq!(held, 20, "{kind}");
        ids.sort_by_key(|id| id[1..].parse::<u32>().ok());
        assert_eq!(ids, numbered(60), "{kind}");
    }
}

#[test]
fn what_many_consumers_held_goes_back_in_order() {
    let Some(live) = broker("hold-order") else { return };
    for kind in ["classic", "quorum"] {
        live.queue(kind, &[("x-queue-type", json!(kind))]);
        live.fill(kind, 4000);
        let done = live.evbus(&["dlq", "show", kind, "--limit", "3500", "-o", "json"]).done().ends_with(0);
        assert_eq!(done.summary()["shown"], 3500, "{}", done.err());
        let rotated = done.summary()["order"] == "rotated";
        let mut expected = numbered(4000);
        expected.rotate_left(if rotated { 3500 } else { 0 });
        let (_, ids) = touched(&live, kind);
        assert!(ids == expected, "{kind}: the first out of place is {:?}", out_of_place(&ids));
        // A narrow window makes one consumer after the other: more than ten, whose tags do not sort as their numbers do.
        live.fill(kind, 200);
        let nothing = ["--where", "false", "--window", "8", "--to", "queue:nowhere", "--yes", "-o", "json"];
        live.evbus(&["dlq", "replay", kind]).and(nothing).done().ends_with(0);
        let (_, ids) = touched(&live, kind);
        assert!(ids == numbered(200), "{kind}: the first out of place is {:?}", out_of_place(&ids));
    }
}

fn out_of_place(ids: &[String]) -> Option<(usize, &String)> {
    let number = |id: &String| id[1..].parse::<u32>().ok();
    ids.iter().enumerate().skip(1).find(|(at, id)| number(id) != number(&ids[at - 1]).map(|before| before + 1))
}

#[test]
fn where_nothing_could_be_saved_nothing_is_held() {
    let Some(live) = broker("hold-refused") else { return };
    live.queue("limited", &[("x-queue-type", json!("quorum")), ("x-delivery-limit", json!(3))]);
    live.fill("limited", 5);
    let reader = User::new(&live, "management", "^$");
    for command in [
        &["dlq", "show", "limited"][..],
        &["dlq", "replay", "limited", "--to", "exchange:amq.topic/key", "--dry-run"],
        &["dlq", "purge", "limited", "--dry-run"],
    ] {
        let done = reader.evbus(command).and(["-o", "json"]).done().ends_with(1);
        assert!(done.err().contains("\"would_spend\"") && done.err().contains("ACCESS_REFUSED"), "{}", done.whole());
    }
    assert_eq!(touched(&live, "limited"), (0, numbered(5)));
}

#[test]
fn a_copy_is_not_relied_on_where_it_might_not_fit() {
    let Some(live) = broker("hold-bounded") else { return };
    let limits = [("x-queue-type", json!("quorum")), ("x-delivery-limit", json!(3)), ("x-max-length", json!(5))];
    live.queue("limited", &limits);
    live.fill("limited", 5);
    let done = live.evbus(&["dlq", "show", "limited", "-o", "json"]).done().ends_with(1);
    assert!(done.err().contains("\"would_spend\"") && done.err().contains("might not fit"), "{}", done.whole());
    assert_eq!(touched(&live, "limited"), (0, numbered(5)));
}

#[test]
fn a_run_holds_no_more_than_may_be_at_stake_and_says_when_that_ends_it() {
    let Some(live) = broker("hold-window") else { return };
    for command in ["replay", "purge"] {
        live.queue(command, &[("x-queue-type", json!("quorum")), ("x-delivery-limit", json!(5))]);
        live.fill(command, 300);
        let nothing = ["--where", ".body.json.n >= 1000", "--window", "40", "--yes", "-o", "json"];
        let to: &[&str] = if command == "replay" { &["--to", "queue:nowhere"] } else { &["--no-archive"] };
        let done = live.evbus(&["dlq", command, command]).and(nothing).and(to).done().ends_with(1);
        assert!(done.err().contains("\"full\"") && done.err().contains("--window"), "{}", done.whole());
        let (held, mut ids) = touched(&live, command);
        assert_eq!(held, 40, "{command}");
        ids.sort_by_key(|id| id[1..].parse::<u32>().ok());
        assert_eq!(ids, numbered(300), "{command}");
        live.delete(command);
    }
}

#[test]
fn a_narrow_window_moves_everything_all_the_same() {
    let Some(live) = broker("hold-narrow") else { return };
    for (kind, limit) in [("classic", None), ("quorum", Some(5))] {
        let (work, dead) = (format!("{kind}.work"), format!("{kind}.dead"));
        let limit = limit.map(|limit| ("x-delivery-limit", json!(limit)));
        live.queue(&dead, &[("x-queue-type", json!(kind))].into_iter().chain(limit).collect::<Vec<_>>());
        live.queue(&work, &[("x-queue-type", json!(kind))]);
        live.fill(&dead, 400);
        let to = format!("queue:{work}");
        let run = live.evbus(&["dlq", "replay", &dead, "--to", &to, "--window", "7", "--yes", "-o", "json"]);
        let done = run.and(["--timeout", "5s"]).done().ends_with(0);
        assert_eq!(done.summary()["replayed"], 400, "{}", done.whole());
        assert_eq!(live.ids(&work), numbered(400), "{kind}");
        // What stays fills the window of a classic queue again and again; it is never short of room for what goes.
        live.fill(&dead, 400);
        let even = ["--where", ".body.json.n % 2 == 0", "--window", "7", "--no-archive", "--yes", "-o", "json"];
        let done = live.evbus(&["dlq", "purge", &dead]).and(even).done();
        if kind == "classic" {
            assert_eq!(done.ends_with(0).summary()["removed"], 200);
        } else {
            let summary = done.ends_with(3).summary();
            let left = live.ready(&dead);
            assert_eq!((&summary["removed"], &summary["left"]), (&(400 - left).into(), &left.into()), "{summary}");
            assert!(left > 380, "seven that stay are all that may be held: {left}");
        }
    }
}

#[test]
fn a_target_that_may_not_be_written_to_ends_the_run_with_the_brokers_reason() {
    let Some(live) = broker("hold-forbidden") else { return };
    live.queue("dead", &[("x-queue-type", json!("classic"))]);
    live.queue("work", &[]);
    live.fill("dead", 5000);
    let reader = User::new(&live, "management", "^evbus");
    let replay = ["dlq", "replay", "dead", "--yes", "-o", "json"];
    for to in [&["--to", "queue:work"][..], &["--to", "queue:work", "--dry-run"]] {
        let done = reader.evbus(&[&replay[..], to].concat()).done().ends_with(1);
        assert!(done.err().contains("\"no_permission\"") && done.err().contains("ACCESS_REFUSED"), "{}", done.whole());
        assert!(!done.out().contains("\"event\":\"unknown\""), "nothing was sent: {}", done.whole());
    }
    // Another exchange can only be tried; what the channel had in it when it ended is unknown.
    let done = reader.evbus(&replay).and(["--to", "exchange:amq.topic/key"]).done().ends_with(3);
    assert!(done.err().contains("\"no_permission\"") && done.err().contains("ACCESS_REFUSED"), "{}", done.whole());
    assert!(!done.out().contains("has ended") && !done.out().contains("was lost"), "{}", done.whole());
    let summary = done.summary();
    assert_eq!((&summary["replayed"], &summary["left"]), (&0.into(), &5000.into()), "{summary}");
    assert!(summary["unknown"].as_u64().is_some_and(|unknown| unknown < 5000), "it stops: {summary}");
    assert_eq!((live.ready("work"), live.ready("dead")), (0, 5000));
}

#[test]
fn a_policy_is_known_before_statistics_tell_of_it() {
    let Some(live) = broker("fresh-policy") else { return };
    let policy = |name: &str, definition: serde_json::Value| {
        let body = json!({ "pattern": format!("^{name}$"), "apply-to": "queues", "definition": definition });
        live.api(Method::PUT, &format!("policies/{}/{name}", live.vhost), Some(body));
    };
    policy("limited", json!({ "delivery-limit": 7 }));
    policy("work", json!({ "dead-letter-exchange": "", "dead-letter-routing-key": "limited" }));
    for queue in ["limited", "work"] {
        live.queue(queue, &[("x-queue-type", json!("quorum"))]);
    }
    live.fill("limited", 1);
    // At once: statistics need seconds.
    let look = live.evbus(&["dlq", "show", "limited"]).done().ends_with(0);
    assert!(look.err().contains("after 7 failed deliveries"), "{}", look.whole());
    let list = live.evbus(&["dlq", "list", "-o", "json"]).done().ends_with(0);
    let found = &list.json()[0]["queues"][0];
    assert_eq!((&found["name"], &found["owners"]), (&json!("limited"), &json!(["work"])), "{}", list.whole());
}

#[test]
fn a_policy_that_is_gone_is_not_believed_in_because_statistics_still_tell_of_it() {
    let Some(live) = broker("stale-policy") else { return };
    live.queue("limited", &[("x-queue-type", json!("quorum")), ("x-delivery-limit", json!(9))]);
    live.fill("limited", 1);
    let path = format!("policies/{}/lifted", live.vhost);
    let policy = json!({ "pattern": "^limited$", "apply-to": "queues", "definition": { "delivery-limit": 3 } });
    live.api(Method::PUT, &path, Some(policy));
    let told = || live.api(Method::GET, &format!("queues/{}/limited", live.vhost), None);
    live.until("statistics tell of it", || told()["effective_policy_definition"]["delivery-limit"] == 3);
    live.api(Method::DELETE, &path, None);
    let look = live.evbus(&["dlq", "show", "limited"]).done().ends_with(0);
    assert!(look.err().contains("after 9 failed deliveries"), "{}", look.whole());
}

#[test]
fn what_lies_behind_the_limit_of_a_run_is_not_touched_where_that_would_destroy_it() {
    let Some(live) = broker("hold-behind") else { return };
    for (round, command) in [
        &["replay", "--to", "queue:work", "--yes"][..],
        &["replay", "--to", "queue:work", "--dry-run"],
        &["purge", "--no-archive", "--yes"],
        &["purge", "--dry-run"],
        &["replay", "--to", "queue:work", "--window", "1", "--yes"],
    ]
    .iter()
    .enumerate()
    {
        let dead = format!("dead{round}");
        live.queue(&dead, &[("x-queue-type", json!("quorum")), ("x-delivery-limit", json!(1))]);
        live.queue("work", &[("x-queue-type", json!("quorum"))]);
        live.fill(&dead, 12);
        // Each has been returned once: where returns count, none has an attempt left.
        let gets = json!({ "count": 12, "ackmode": "ack_requeue_true", "encoding": "auto" });
        live.api(Method::POST, &format!("queues/{}/{dead}/get", live.vhost), Some(gets));
        live.until("they are back", || live.ready(&dead) == 12);
        let run = live.evbus(&["dlq", command[0], &dead, "--limit", "3", "-o", "json"]).and(&command[1..]);
        let summary = run.done().ends_with(0).summary();
        live.until("what was held is back", || {
            let gone = summary["replayed"].as_u64().zip(summary["removed"].as_u64()).map(|(a, b)| a + b);
            Some(12 - u64::from(live.ready(&dead))) == gone
        });
        let mut ids: Vec<String> = live.ids(&dead);
        ids.extend(live.ids("work"));
        ids.sort();
        ids.dedup();
        // Three that were purged are gone; which ones depends on the order the first look left.
        let there = if summary["removed"] == 3 { 9 } else { 12 };
        assert_eq!(ids.len(), there, "{command:?}: {ids:?} {summary}");
        live.delete("work");
    }
}
