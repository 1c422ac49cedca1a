//! Looking at every kind of queue: it holds the same messages afterwards, however the look ends; or the look is refused, with the reason.
//!
//! `EVBUS_SOAK=N` makes it N looks at each kind for each ending.

use evbus::version::Version;
use lapin::{
    options::{BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{
    live::{Live, broker, dial, numbered},
    proxy::Proxy,
    run::{Done, ended},
};

/// Messages in each queue.
const COUNT: u32 = 12;

/// How many of them may be held at once where something could be at stake.
const WINDOW: u32 = 5;

/// How many looks go on side by side.
const AT_ONCE: usize = 4;

/// One kind of queue.
struct Kind {
    name: &'static str,
    arguments: Vec<(&'static str, Value)>,
    policy: Option<Value>,
    /// What a look at it says before it holds anything.
    warns: Option<&'static str>,
    /// A message that evbus held when it was killed or cut off has lost an attempt.
    is_at_stake: bool,
    /// A temporary policy lifts its limit while evbus looks.
    is_lifted: bool,
}

impl Kind {
    fn new(name: &'static str, kind: &str, arguments: &[(&'static str, Value)]) -> Kind {
        let arguments = [("x-queue-type", json!(kind))].into_iter().chain(arguments.iter().cloned()).collect();
        Kind { name, arguments, policy: None, warns: None, is_at_stake: false, is_lifted: false }
    }

    fn policy(self, policy: Value) -> Kind {
        Kind { policy: Some(policy), ..self }
    }

    fn warns(self, warns: &'static str) -> Kind {
        Kind { warns: Some(warns), ..self }
    }

    fn lifted(self) -> Kind {
        Kind { is_lifted: true, warns: Some("the delivery limit is lifted by the temporary policy"), ..self }
    }

    fn at_stake(self) -> Kind {
        Kind { is_at_stake: true, warns: Some("if evbus is killed or cut off"), ..self }
    }
}

/// Every kind that can be looked at on a broker of that version.
fn kinds(version: Version) -> Vec<Kind> {
    let (v4, v4_3) = (Version::new(4, 0, 0), Version::new(4, 3, 0));
    let expires = "the time runs on while they are looked at";
    let drops = "the queue drops its oldest messages when it is full";
    let mut kinds = vec![
        Kind::new("classic", "classic", &[]),
        Kind::new("classic-v2", "classic", &[("x-queue-version", json!(2))]),
        Kind::new("classic-priority", "classic", &[("x-max-priority", json!(5))]),
        Kind::new("classic-lazy", "classic", &[("x-queue-mode", json!("lazy"))]),
        Kind::new("classic-single", "classic", &[("x-single-active-consumer", json!(true))]),
        Kind::new("classic-expires", "classic", &[("x-expires", json!(3_600_000))]),
        Kind::new("classic-ttl", "classic", &[("x-message-ttl", json!(3_600_000))]).warns(expires),
        Kind::new("classic-drop-head", "classic", &[("x-max-length", json!(100))]).warns(drops),
        Kind::new(
            "classic-reject",
            "classic",
            &[("x-max-length", json!(100)), ("x-overflow", json!("reject-publish"))],
        ),
        Kind::new("limit-argument", "quorum", &[("x-delivery-limit", json!(200))]).at_stake(),
    ];
    if version < v4_3 {
        kinds.push(Kind::new("classic-v1", "classic", &[("x-queue-version", json!(1))]));
    }
    let unlimited = |name, arguments: &[(&'static str, Value)]| {
        let kind = Kind::new(name, "quorum", arguments);
        if version < v4 { kind } else { kind.policy(json!({ "delivery-limit": -1 })) }
    };
    kinds.extend([
        unlimited("quorum-unlimited", &[]),
        unlimited("quorum-single", &[("x-single-active-consumer", json!(true))]),
        unlimited("quorum-expires", &[("x-expires", json!(3_600_000))]),
        unlimited("quorum-reject", &[("x-max-length", json!(100)), ("x-overflow", json!("reject-publish"))]),
        unlimited("quorum-drop-head", &[("x-max-length", json!(100))]).warns(drops),
        Kind::new("limit-policy", "quorum", &[]).policy(json!({ "delivery-limit": 200 })).at_stake(),
        Kind::new("limit-lifted", "quorum", &[]).policy(json!({ "delivery-limit": 200 })).lifted(),
    ]);
    if version < v4 {
        kinds.push(Kind::new("quorum-default", "quorum", &[]));
    } else {
        kinds.push(Kind::new("quorum-default", "quorum", &[]).at_stake());
        kinds.push(unlimited("quorum-ttl", &[("x-message-ttl", json!(3_600_000))]).warns(expires));
    }
    if version >= v4_3 {
        let delayed = [("x-delayed-retry-type", json!("all")), ("x-delayed-retry-min", json!(500))];
        kinds.push(unlimited("delayed-retry", &delayed).warns("the queue delays what is returned to it"));
    }
    kinds
}

fn soak() -> Option<usize> {
    std::env::var("EVBUS_SOAK").ok().and_then(|looks| looks.parse().ok())
}

/// How a look ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ending {
    ByItself,
    Signal(Signal),
    Cut,
}

/// One look at that kind, ended in that way; then the queue has all its messages again. Says whether it was met in the middle.
fn look(live: &Live, kind: &Kind, ending: Ending) -> bool {
    // An expression that takes its time, so that the look can be met in the middle.
    let slow = ["--where", "[range(50000)] | length < 0"];
    let more: &[&str] = match ending {
        Ending::ByItself if kind.is_lifted => &["--where", "true"],
        Ending::ByItself => &[],
        Ending::Signal(_) | Ending::Cut => &slow,
    };
    let save = if kind.is_at_stake { "copy" } else { "auto" };
    let window = WINDOW.to_string();
    let run = live.evbus(&["dlq", "show", kind.name, "--limit", &window, "--window", &window, "-o", "json"]).and(more);
    let run = run.and(["--save", save]);
    let proxy = (ending == Ending::Cut).then(|| Proxy::before(live));
    let run = proxy.iter().fold(run, |run, proxy| run.env("EVBUS_URL", proxy.url(live)));
    let mut child = run.start();
    if ending != Ending::ByItself {
        live.until("it holds something, or has ended", || {
            live.ready(kind.name) < COUNT || child.try_wait().expect("a process").is_some()
        });
        let held = COUNT - live.ready(kind.name);
        assert!(held <= WINDOW || !kind.is_at_stake, "{}: {held} are held", kind.name);
    }
    if let Ending::Signal(signal) = ending {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, signal).expect("it gets the signal");
    }
    proxy.iter().for_each(Proxy::cut);
    let output = ended(child);
    let said = String::from_utf8_lossy(&output.stderr);
    let met = match ending {
        Ending::ByItself => None,
        Ending::Signal(Signal::KILL) => Some(None),
        Ending::Signal(_) => Some(Some(130)),
        Ending::Cut => Some(Some(1)),
    };
    // On a loaded machine a look may have ended before it is met.
    let code = output.status.code();
    assert!(code == Some(0) || met == Some(code), "{} {ending:?}: {code:?} {said}", kind.name);
    // It was met while it held something: what it had to say of the price stands there.
    match kind.warns {
        Some(warns) => assert!(said.contains(warns), "{} {ending:?}: {said}", kind.name),
        None => assert!(!said.contains("warning"), "{} {ending:?}: {said}", kind.name),
    }
    live.until(&format!("{} has all its messages after {ending:?}", kind.name), || live.ready(kind.name) == COUNT);
    met == Some(code)
}

/// Every message, in an empty queue.
fn fill(live: &Live, queue: &str) {
    let priority = |number: u32| u8::try_from(number % 3).unwrap_or_default();
    let message = |number| (numbered(number as usize).with_priority(priority(number)), b"{}".to_vec());
    live.publish(queue, (0..COUNT).map(message));
}

/// The ids of every message, sorted.
fn all_ids() -> Vec<String> {
    let mut ids: Vec<String> = (0..COUNT).map(|number| format!("m{number}")).collect();
    ids.sort();
    ids
}

/// Looks at each of these kinds, ended in every way. Says how many were to be met in the middle, and how many were.
fn look_again_and_again(live: &Live, kinds: &[Kind]) -> (usize, usize) {
    let in_order = [Signal::INT, Signal::TERM, Signal::HUP];
    let (mut wanted, mut met) = (0, 0);
    for (round, (number, kind)) in
        (0..soak().unwrap_or(1)).flat_map(|round| kinds.iter().enumerate().map(move |kind| (round, kind)))
    {
        if round > 0 && kind.is_at_stake {
            // Before one has lost all its attempts to looks that were killed or cut off, others take their places.
            let mut ids = live.ids(kind.name);
            ids.sort();
            assert_eq!(ids, all_ids(), "{}", kind.name);
            fill(live, kind.name);
        }
        // A single round asks each kind to stop in one of the three ways.
        let asked = in_order.iter().enumerate().filter(|(at, _)| soak().is_some() || (number + round) % 3 == *at);
        let endings = [Ending::ByItself, Ending::Cut, Ending::Signal(Signal::KILL)].into_iter();
        for ending in endings.chain(asked.map(|(_, signal)| Ending::Signal(*signal))) {
            wanted += usize::from(ending != Ending::ByItself);
            met += usize::from(look(live, kind, ending));
        }
    }
    (wanted, met)
}

#[test]
fn however_a_look_ends_every_kind_of_queue_holds_the_same_messages() {
    let Some(live) = broker("looking") else { return };
    let kinds = kinds(live.version());
    for kind in &kinds {
        if let Some(policy) = &kind.policy {
            let body = json!({ "pattern": format!("^{}$", kind.name), "apply-to": "queues", "definition": policy });
            live.api(Method::PUT, &format!("policies/{}/{}", live.vhost, kind.name), Some(body));
        }
        live.queue(kind.name, &kind.arguments);
        fill(&live, kind.name);
    }
    // Side by side: a look mostly waits.
    let (live, shares) = (&live, kinds.chunks(kinds.len().div_ceil(AT_ONCE)));
    let counts: Vec<(usize, usize)> = std::thread::scope(|scope| {
        let threads: Vec<_> = shares.map(|share| scope.spawn(move || look_again_and_again(live, share))).collect();
        threads.into_iter().map(|thread| thread.join().expect("every look is as it should be")).collect()
    });
    let (wanted, met) = counts.iter().fold((0, 0), |(wanted, met), one| (wanted + one.0, met + one.1));
    assert!(met * 2 > wanted, "only {met} of {wanted} were met in the middle");
    for kind in kinds {
        let all = live.consume(kind.name, COUNT as usize);
        let held = all.iter().filter(|delivery| delivery.redelivered).count();
        let id =
            |delivery: &lapin::message::Delivery| delivery.properties.message_id().as_ref().map(ToString::to_string);
        let mut ids: Vec<String> = all.iter().filter_map(id).collect();
        ids.sort();
        assert_eq!(ids, all_ids(), "{}", kind.name);
        // Where returned messages go behind the others, each look meets new ones.
        assert!(held > 0 && (!kind.is_at_stake || held <= WINDOW as usize), "{}: {held} were held", kind.name);
    }
    // What is killed cannot clear up: `evbus doctor` tells of it.
    let policies = live.api(Method::GET, &format!("policies/{}", live.vhost), None);
    let names = policies.as_array().into_iter().flatten().filter_map(|policy| policy["name"].as_str());
    let left = names.filter(|name| name.starts_with("evbus-tmp-")).count();
    assert!(left <= soak().unwrap_or(1), "{policies}");
    assert!(left == 0 || live.evbus(&["doctor"]).done().whole().contains("evbus-tmp-"));
}

/// A consumer that takes one message and keeps it.
fn consumer(live: &Live, queue: &str, exclusive: bool) -> (lapin::Connection, lapin::Channel, lapin::Consumer) {
    live.wait(async {
        let connection = dial(live.server_url(), &live.vhost).await;
        let channel = connection.create_channel().await.expect("a channel");
        channel.basic_qos(1, BasicQosOptions::default()).await.expect("a prefetch");
        let options = BasicConsumeOptions { exclusive, ..BasicConsumeOptions::default() };
        let consuming = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await;
        // Each of them ends with its handle.
        (connection, channel, consuming.expect("a consumer"))
    })
}

#[test]
fn what_cannot_be_looked_at_is_refused_with_the_reason() {
    let Some(live) = broker("looking-refused") else { return };
    let refused = |queue: &str, words: &[&str]| {
        for command in [&["dlq", "show", queue][..], &["dlq", "replay", queue, "--to", "queue:x", "--yes"]] {
            let done: Done = live.evbus(command).and(["-o", "json"]).done().ends_with(1);
            assert!(words.iter().all(|words| done.err().contains(words)), "{}", done.whole());
        }
    };
    live.queue("x", &[]);
    live.queue("stream", &[("x-queue-type", json!("stream"))]);
    live.fill("stream", 2);
    refused("stream", &["\"stream\"", "nothing can be taken from it", "evbus tail"]);
    for kind in ["classic", "quorum"] {
        let single = format!("{kind}-single");
        live.queue(&single, &[("x-queue-type", json!(kind)), ("x-single-active-consumer", json!(true))]);
        live.fill(&single, 3);
        let _active = consumer(&live, &single, false);
        live.until("it is served", || live.ready(&single) == 2);
        refused(&single, &["\"single_active\"", "stop its consumers first"]);
        assert_eq!(live.ready(&single), 2);
    }
    live.queue("alone", &[]);
    live.fill("alone", 3);
    let _alone = consumer(&live, "alone", true);
    live.until("it is served", || live.ready("alone") == 2);
    refused("alone", &["\"exclusive_consumer\"", "stop that consumer first"]);
    assert_eq!(live.ready("alone"), 2);
}

#[test]
fn letters_that_wait_for_their_target_are_left_alone() {
    let Some(live) = broker("looking-leftovers") else { return };
    let source = [
        ("x-queue-type", json!("quorum")),
        ("x-dead-letter-exchange", json!("")),
        ("x-dead-letter-routing-key", json!("nowhere")),
        ("x-dead-letter-strategy", json!("at-least-once")),
        ("x-overflow", json!("reject-publish")),
    ];
    live.queue("source", &source);
    live.queue("later", &[]);
    live.fill("source", 5);
    live.wait(async {
        for _ in 0..3 {
            let got = live.channel.basic_get("source".into(), lapin::options::BasicGetOptions::default()).await;
            let options = lapin::options::BasicRejectOptions { requeue: false };
            got.expect("a get").expect("a message").delivery.reject(options).await.expect("it is rejected");
        }
    });
    let waiting = || {
        let query = "disable_stats=true&enable_queue_totals=true";
        let all = live.api(Method::GET, &format!("queues/{}?{query}", live.vhost), None);
        let source = all.as_array().into_iter().flatten().find(|queue| queue["name"] == "source").cloned();
        source.and_then(|source| source["messages"].as_u64())
    };
    live.until("three wait for a target", || waiting() == Some(5) && live.ready("source") == 2);
    let done = live.evbus(&["dlq", "show", "source", "-o", "json"]).done().ends_with(0);
    assert_eq!(done.summary()["shown"], 2, "{}", done.whole());
    live.until("they are back", || live.ready("source") == 2);
    let done =
        live.evbus(&["dlq", "replay", "source", "--to", "queue:later", "--yes", "-o", "json"]).done().ends_with(0);
    assert_eq!(done.summary()["replayed"], 2, "{}", done.whole());
    live.until("the three still wait", || waiting() == Some(3));
    assert_eq!((live.ready("source"), live.ready("later")), (0, 2));
}

#[test]
fn a_message_of_amqp_1_0_is_put_back_as_it_was() {
    let Some(live) = broker("looking-amqp-1-0") else { return };
    live.pair("quorum", "work", "dead");
    // As brokers from 4.0 on show a body of AMQP 1.0 that is no plain data: its section, encoded, and a type that says so.
    let body = [0x00, 0x53, 0x77, 0xc1, 0x08, 0x02, 0xa1, 0x01, b'n', 0x54, 0x05, 0x00, 0xff];
    live.publish("work", [(numbered(0).with_type("amqp-1.0".into()), body.to_vec())]);
    live.reject_all("work", "dead");
    let shown = live.evbus(&["dlq", "show", "dead", "-o", "json"]).done().ends_with(0);
    assert_eq!(shown.json()[0]["properties"]["type"], "amqp-1.0", "{}", shown.whole());
    live.evbus(&["dlq", "replay", "dead", "--yes"]).done().ends_with(0);
    let back = live.drain("work").remove(0);
    assert_eq!(back.properties.kind().as_ref().map(ToString::to_string), Some("amqp-1.0".to_owned()));
    assert_eq!(back.data, body);
}
