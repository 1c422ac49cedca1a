//! What is made in place by a policy: it is in force on the broker, the queue stays as it is, and nothing else is hit or hidden.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{live::numbered, shop::Shop};

/// Two queues of the services, one of which has a name that a pattern has to escape, and where dead letters can go.
fn file(classic: &str, quorum: &str) -> String {
    format!(
        "evbus: 1\nname: place\nexchanges: {{ events: {{}} }}\nqueues:\n  \"a.b+ (c)/ü\": {{ type: classic, {classic} }}\n  aXb: {{ type: classic, message_ttl: 1h }}\n  q: {{ type: quorum, {quorum} }}\n  dead: {{ type: quorum }}\nbindings:\n  - {{ from: events, to: \"a.b+ (c)/ü\", key: k }}\n  - {{ from: events, to: q, key: k }}\n"
    )
}

const ODD: &str = "a.b+ (c)/ü";
const LONG: &str = "message_ttl: 1h";
const SHORT: &str = "message_ttl: 1s, dead_letter_exchange: \"\", dead_letter_routing_key: dead";

fn arguments(shop: &Shop, queue: &str) -> Value {
    let queues = shop.list("queues");
    let found = queues.iter().find(|found| found["name"] == queue).unwrap_or_else(|| panic!("there is no {queue}"));
    found["arguments"].clone()
}

fn policies(shop: &Shop) -> Vec<Value> {
    let mut all = shop.list("policies");
    all.retain(|policy| policy["name"].as_str().is_some_and(|name| name.starts_with("evbus.in-place.")));
    all
}

#[test]
fn a_policy_makes_up_for_what_queues_were_declared_with_until_nothing_is_to_be_made_up_for() {
    let before = file(LONG, LONG);
    let Some(shop) = Shop::open("place", &before) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    let as_declared = [arguments(&shop, ODD), arguments(&shop, "q")];
    shop.live.publish_to("", "aXb", [(numbered(1), b"{}".to_vec())]);

    shop.write(&file(SHORT, SHORT));
    let refused = shop.evbus(&["apply", "--yes"]).done().ends_with(1);
    let words = "--in-place sets it by a policy, --replace makes it anew and keeps its messages";
    assert_eq!(refused.out().matches(words).count(), 2, "{}", refused.whole());
    assert!(policies(&shop).is_empty());

    let planned = shop.evbus(&["plan", "--in-place", "--out", "saved.json"]).done().ends_with(0);
    let shown = planned.out().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("1 to create") && shown.contains("keeps the time it came with"), "{}", planned.whole());
    shop.evbus(&["apply", "saved.json", "--yes"]).done().ends_with(0);
    let set = policies(&shop);
    assert_eq!(set.len(), 1, "queues of which the same is wanted share a policy: {set:?}");
    assert_eq!([arguments(&shop, ODD), arguments(&shop, "q")], as_declared, "the queues are the same");

    // What comes dies where the file says, and only in these queues.
    shop.live.publish_to("events", "k", [(numbered(2), b"{}".to_vec())]);
    shop.live.until("all of it is dead", || shop.live.ready("dead") == 2);
    assert_eq!((shop.live.ready(ODD), shop.live.ready("q"), shop.live.ready("aXb")), (0, 0, 1));
    for arguments in
        [&["plan", "--exit-code"][..], &["plan", "--exit-code", "--in-place"], &["plan", "--exit-code", "--replace"]]
    {
        let quiet = shop.evbus(arguments).done().ends_with(0);
        assert!(quiet.out().contains("makes up for it"), "{}", quiet.whole());
    }

    // Back to what they were declared with: then no policy may hide it, and none stays behind.
    shop.write(&before);
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    assert!(policies(&shop).is_empty());
    shop.evbus(&["plan", "--exit-code"]).done().ends_with(0);
    shop.live.publish_to("events", "k", [(numbered(3), b"{}".to_vec())]);
    let in_force = |queue: &Value| queue["policy"].is_string();
    shop.live.until("no policy is in force", || !shop.list("queues").iter().any(in_force));
    assert_eq!((shop.live.ready(ODD), shop.live.ready("q"), shop.live.ready("dead")), (1, 1, 2));
}

/// The broker takes patterns of at most 1,024 bytes from 4.3 on.
#[test]
fn queues_too_many_for_one_pattern_share_several_policies() {
    let names: Vec<String> = (1..=200_u32).map(|n| format!("{:08x}.q", n.wrapping_mul(2_654_435_761))).collect();
    let file = |time: &str, other: &str| {
        let queues: String =
            names.iter().map(|name| format!("  {name}: {{ type: classic, message_ttl: {time} }}\n")).collect();
        format!("evbus: 1\nname: place\nqueues:\n{queues}  other.q: {{ type: classic, message_ttl: {other} }}\n")
    };
    let Some(shop) = Shop::open("place-many", &file("1h", "1h")) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.write(&file("30m", "1h"));
    shop.evbus(&["apply", "--in-place", "--yes"]).done().ends_with(0);
    let set = policies(&shop).len();
    assert!((2..20).contains(&set), "{set} policies");
    let in_force = |queue: &&Value| queue["policy"].as_str().is_some_and(|name| name.starts_with("evbus.in-place."));
    shop.live.until("they are in force", || shop.list("queues").iter().filter(in_force).count() == names.len());
    shop.evbus(&["plan", "--exit-code", "--in-place"]).done().ends_with(0);

    // One more: a new policy takes the place of the one that it belongs to, before that goes; the others stay.
    shop.write(&file("30m", "30m"));
    let more = shop.evbus(&["apply", "--in-place", "--yes"]).done().ends_with(0);
    let (created, deleted) = (more.out().find("created policy"), more.out().find("deleted policy"));
    assert!(created.is_some() && created < deleted, "{}", more.whole());
    assert!(!more.out().contains("updated") && !more.err().contains("warning"), "{}", more.whole());
    let [made, gone] = ["created policy", "deleted policy"].map(|word| more.out().matches(word).count());
    assert!((1..=2).contains(&made) && gone == 1, "{}", more.whole());
    shop.evbus(&["plan", "--exit-code", "--in-place"]).done().ends_with(0);

    shop.write(&file("1h", "1h"));
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    assert!(policies(&shop).is_empty());
}

#[test]
fn what_is_made_anew_needs_no_policy_any_more() {
    let Some(shop) = Shop::open("place-anew", &file(LONG, LONG)) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.live.publish_to("events", "k", (0..5).map(|n| (numbered(n), b"{}".to_vec())));
    let shorter = "message_ttl: 30m";
    shop.write(&file(shorter, shorter));
    shop.evbus(&["apply", "--in-place", "--yes"]).done().ends_with(0);
    assert_eq!(policies(&shop)[0]["pattern"], json!(r"^(?:a\.b\+ \(c\)\/ü|q)$"));
    // One of them is to have more than a policy can say.
    shop.write(&file("message_ttl: 30m, arguments: { x-max-priority: 3 }", shorter));
    let refused = shop.evbus(&["apply", "--in-place", "--yes"]).done().ends_with(1);
    assert!(refused.out().contains("--replace makes it anew"), "{}", refused.whole());
    assert_eq!(
        policies(&shop)[0]["pattern"],
        json!(r"^(?:a\.b\+ \(c\)\/ü|q)$"),
        "its policy stays in force until then"
    );
    let done = shop.evbus(&["apply", "--replace", "--yes"]).done().ends_with(0);
    assert_eq!(policies(&shop)[0]["pattern"], json!("^q$"), "{}", done.whole());
    assert_eq!(arguments(&shop, ODD)["x-message-ttl"], 1_800_000);
    assert_eq!(shop.live.ids(ODD).len(), 5);
    shop.evbus(&["plan", "--exit-code"]).done().ends_with(0);
}

#[test]
fn a_quorum_queue_does_what_a_policy_says_of_its_overflow_and_its_dead_letters() {
    let text = |more: &str| {
        format!(
            "evbus: 1\nname: place\nqueues:\n  q: {{ type: quorum, max_length: 3{more} }}\n  dead: {{ type: quorum }}\n"
        )
    };
    let Some(shop) = Shop::open("place-quorum", &text(", overflow: drop-head")) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.live.publish_to("", "q", (0..9).map(|n| (numbered(n), b"{}".to_vec())));
    shop.live.until("it drops what is beyond", || shop.live.ready("q") == 3);

    let letters = ", overflow: reject-publish, dead_letter_exchange: \"\", dead_letter_routing_key: dead, dead_letter_strategy: at-least-once";
    shop.write(&text(letters));
    shop.evbus(&["apply", "--in-place", "--yes"]).done().ends_with(0);
    assert_eq!(arguments(&shop, "q")["x-overflow"], "drop-head");
    let publish = ["publish", "--raw", "--exchange", "", "--key", "q", "--data", "{}", "--count", "9", "-o", "json"];
    let refused = || shop.evbus(&publish).done().summary()["refused"].as_u64();
    shop.live.until("what is beyond is refused", || refused() > Some(0));
    shop.live.reject_all("q", "dead");
    assert_eq!(shop.live.ready("q"), 0);
    shop.evbus(&["plan", "--exit-code"]).done().ends_with(0);
}

#[test]
fn a_policy_of_somebody_else_stays_in_force_and_a_user_who_may_not_set_one_is_told() {
    let Some(shop) = Shop::open("place-not", &file(LONG, LONG)) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    let policy = json!({ "pattern": "^q$", "apply-to": "queues", "priority": 0, "definition": { "max-length": 9 } });
    shop.live.api(Method::PUT, &format!("policies/{}/ops", shop.live.vhost), Some(policy));
    shop.write(&file("message_ttl: 30m", "message_ttl: 30m"));
    let done = shop.evbus(&["apply", "--in-place", "--yes"]).done().ends_with(3);
    let line = "skipped queue q: x-message-ttl is 3600000, and the file wants 1800000; it cannot be made so in place: only one policy is in force on it, and that is ops: set message-ttl there; --replace makes it anew and keeps its messages";
    let line = line.replacen("x-message-ttl", "exists differently: x-message-ttl", 1);
    assert!(done.out().lines().any(|found| found == line), "{}", done.whole());
    assert_eq!(policies(&shop)[0]["pattern"], json!(r"^a\.b\+ \(c\)\/ü$"));

    shop.write(&file("message_ttl: 20m", "message_ttl: 1h"));
    shop.evbus(&["apply", "--yes", "--state", "state.json"]).done().ends_with(1);
    let told = shop.user("clerk", "management", &["apply", "--in-place", "--yes", "--state", "state.json"]).done();
    assert!(told.whole().contains("the user has not the tag policymaker"), "{}", told.ends_with(1).whole());
    shop.forget("clerk");
}
