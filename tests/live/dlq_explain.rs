//! What a run would do is told before it does anything, and it is what it does.

use lapin::{options::BasicConsumeOptions, types::FieldTable};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::live::{Live, broker};

/// A consumer that takes nothing, as long as it is kept.
fn read_by_somebody(live: &Live, queue: &str, exclusive: bool) -> lapin::Consumer {
    let options = BasicConsumeOptions { exclusive, ..BasicConsumeOptions::default() };
    let tag = format!("reader-of-{queue}");
    let consuming = live.channel.basic_consume(queue.into(), tag.as_str().into(), options, FieldTable::default());
    live.wait(consuming).expect("a consumer")
}

fn explained(live: &Live, command: &[&str]) -> Value {
    let done = live.evbus(command).and(["--explain", "-o", "json"]).done().ends_with(0);
    assert_eq!(done.err(), "");
    let [document] = &done.json()[..] else { panic!("not one document: {}", done.whole()) };
    assert_eq!(document["format"], "evbus.explain/1", "{document}");
    document.clone()
}

fn queues(live: &Live) -> [lapin::Consumer; 2] {
    let quorum = ("x-queue-type", json!("quorum"));
    // Before its queue: statistics that were told in between would not know it.
    let policy = json!({"pattern": "^by-policy$", "apply-to": "queues", "definition": {"delivery-limit": 4}});
    live.api(Method::PUT, &format!("policies/{}/few-tries", live.vhost), Some(policy));
    live.queue("plain", &[("x-queue-type", json!("classic"))]);
    live.queue("limited", &[quorum.clone(), ("x-delivery-limit", json!(3))]);
    live.queue("full", &[quorum.clone(), ("x-delivery-limit", json!(3)), ("x-max-length", json!(5))]);
    live.queue("by-policy", std::slice::from_ref(&quorum));
    live.queue("single", &[quorum, ("x-single-active-consumer", json!(true))]);
    live.queue("alone", &[]);
    live.queue("stream", &[("x-queue-type", json!("stream"))]);
    for queue in ["plain", "limited", "full", "by-policy"] {
        live.fill(queue, 3);
    }
    [read_by_somebody(live, "single", false), read_by_somebody(live, "alone", true)]
}

#[test]
fn what_a_run_would_do_is_what_it_does_and_telling_it_changes_nothing() {
    let Some(live) = broker("explain") else { return };
    let _readers = queues(&live);
    let replay = ["--to", "queue:plain", "--yes"];
    let commands: [(&[&str], &str, &str); 8] = [
        (&["dlq", "show", "plain"], "free", ""),
        (&["dlq", "show", "limited"], "when_found", ""),
        (&["dlq", "show", "by-policy"], "when_found", ""),
        (&["dlq", "purge", "by-policy", "--no-archive", "--yes", "--limit", "2"], "policy", ""),
        (&["dlq", "show", "full"], "", "could destroy messages"),
        (&["dlq", "show", "by-policy", "--save", "none"], "", "could destroy messages"),
        (&["dlq", "purge", "single", "--yes"], "", "single active consumer"),
        (&["dlq", "show", "stream"], "", "is a stream"),
    ];
    for (command, way, refused) in commands {
        let told = explained(&live, command);
        assert_eq!(told["way"].as_str().unwrap_or_default(), way, "{told}");
        let why = told["refused"]["message"].as_str().unwrap_or_default();
        assert!(why.contains(refused) && why.is_empty() == refused.is_empty(), "{told}");
    }
    let told = explained(&live, &["dlq", "replay", "by-policy", "--where", ".body.json.n > 0", "--to", "queue:plain"]);
    assert_eq!((&told["way"], &told["cut"], &told["reads"]), (&json!("policy"), &json!("attempt"), &json!(3)));
    assert_eq!(told["limits"]["delivery_limit"], json!({"value": 4, "from": "policy", "policy": "few-tries"}));
    // Who has a queue to itself is told with statistics.
    live.until("the exclusive consumer is known", || {
        explained(&live, &["dlq", "show", "alone"])["refused"]["message"]
            .as_str()
            .is_some_and(|why| why.contains("exclusive"))
    });

    let policies = live.api(Method::GET, &format!("policies/{}", live.vhost), None);
    assert_eq!(policies.as_array().map(Vec::len), Some(1), "{policies}");
    for queue in ["plain", "limited", "full", "by-policy"] {
        let all = live.drain(queue);
        assert_eq!((all.len(), all.iter().any(|delivery| delivery.redelivered)), (3, false), "{queue}");
        live.fill(queue, 3);
    }

    for (command, way, refused) in commands {
        let done = live.evbus(command).done().ends_with(i32::from(!refused.is_empty()));
        let err = done.err();
        assert!(err.contains(refused), "{}", done.whole());
        assert_eq!(err.contains("lifted by the temporary policy"), way == "policy", "{}", done.whole());
        assert_eq!(err.contains("the queue drops a message after"), way == "when_found", "{}", done.whole());
    }
    let done = live.evbus(&["dlq", "show", "alone"]).done().ends_with(1);
    assert!(done.err().contains("exclusive consumer") && done.err().contains("hint:"), "{}", done.whole());
    live.evbus(&["dlq", "replay", "limited"]).and(replay).done().ends_with(0);
}

#[test]
fn an_explanation_is_read_in_one_glance_at_eighty_columns() {
    let Some(live) = broker("explain-text") else { return };
    let _readers = queues(&live);
    let done = live.evbus(&["dlq", "replay", "by-policy", "--explain", "--window", "20"]).done().ends_with(0);
    let expected = format!(
        "\
queue      by-policy in vhost {}
type       quorum, on RabbitMQ {}
messages   3 ready, 0 held by others
limit      4 failed deliveries, by the policy few-tries
ttl        none
length     not limited
consumers  0
order      kept
reads      3 messages at most
holds      3 at once at most
saves      all of them: a temporary policy lifts the limit while it runs
if killed  (or cut off) each message that is held uses an attempt; none is lost
           while the temporary policy is there, which stays behind (evbus doctor
           shows it)
so         evbus dlq replay would go ahead
",
        live.vhost,
        live.version()
    );
    // What others hold is told with statistics.
    let shown = done.out().replace("messages   3 ready\n", "messages   3 ready, 0 held by others\n");
    assert_eq!(shown, expected);
    let refused = live.evbus(&["dlq", "show", "full", "--explain"]).done().ends_with(0).out();
    assert!(refused.lines().all(|line| line.len() <= 80), "{refused}");
    for words in ["would be refused", "not by a temporary policy: no policy", "not by copies: a copy might not fit"] {
        assert!(refused.contains(words), "{words:?} in {refused}");
    }
    let none = live.evbus(&["dlq", "show", "nowhere", "--explain"]).done().ends_with(1);
    assert!(none.err().contains("there is no queue nowhere"), "{}", none.whole());
}

#[test]
fn what_a_queue_delays_is_told_before_and_is_there_again_afterwards() {
    let Some(live) = broker("explain-delay") else { return };
    if live.version() < evbus::version::Version::new(4, 3, 0) {
        return;
    }
    let delay = [("x-delayed-retry-type", json!("all")), ("x-delayed-retry-min", json!(400))];
    live.queue("slow", &[&[("x-queue-type", json!("quorum"))][..], &delay].concat());
    live.fill("slow", 3);
    assert_eq!(explained(&live, &["dlq", "show", "slow"])["returns_delayed_s"], json!(0.4));
    let done = live.evbus(&["dlq", "show", "slow", "--limit", "2"]).done().ends_with(0);
    assert!(done.err().contains("out of sight for 400 ms"), "{}", done.whole());
    live.until("they are there again", || live.ready("slow") == 3);
    assert_eq!(live.ids("slow"), ["m0", "m1", "m2"]);
}
