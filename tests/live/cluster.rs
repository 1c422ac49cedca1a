//! Nodes of a cluster are down: what is possible is done, what is not is said, and no queue is made anew for it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    cluster::{Cluster, cluster, has_running},
    live::numbered,
    run::Done,
    shop::Shop,
};

/// A service, whose queues are on all nodes.
const SERVICE: &str = "evbus: 1\nname: cluster\nbus: { exchange: events }\nservices: { orders: { subscribes: [ { key: \"order.#\" } ], retry: none } }\n";

/// A queue that is on one node alone.
const FAR: &str = "far: { type: classic, dead_letter_exchange: \"\", dead_letter_routing_key: orders.dlq }";
const TO_FAR: &str = "{ from: events, to: far, key: \"order.*\" }";

/// A queue that is made while that node is down.
const NEW: &str = "new: { type: quorum }";
const TO_NEW: &str = "{ from: events, to: new, key: \"new.*\" }";

fn file(queues: &[&str], bindings: &[&str]) -> String {
    let queues: String = queues.iter().map(|queue| format!("  {queue}\n")).collect();
    let bindings: String = bindings.iter().map(|binding| format!("  - {binding}\n")).collect();
    format!("{SERVICE}queues:\n{queues}bindings:\n{bindings}")
}

/// A cluster and its file.
struct Bus {
    shop: Shop,
    cluster: Cluster,
}

impl Bus {
    /// What evbus comes to with that file over the first node; no answer is waited for longer than five seconds.
    fn evbus(&self, file: &str, arguments: &[&str]) -> Done {
        self.shop.write(file);
        let begun = Instant::now();
        let done = self.shop.evbus(&[arguments, &["--timeout", "5s"]].concat()).done();
        assert!(begun.elapsed() < Duration::from_secs(90), "{arguments:?} took {:?}", begun.elapsed());
        done
    }

    /// The queues by name, as they were declared.
    fn queues(&self) -> BTreeMap<String, Value> {
        let path = format!("queues/{}?disable_stats=true", self.shop.live.vhost);
        let all = self.shop.live.api(Method::GET, &path, None);
        let all = all.as_array().cloned().unwrap_or_default().into_iter();
        all.map(|queue| (queue["name"].as_str().unwrap_or_default().to_owned(), queue))
            .filter(|(name, _)| name != "evbus.lock.")
            .collect()
    }

    fn definitions(&self) -> BTreeMap<String, Value> {
        let definition = |queue: Value| json!([queue["type"], queue["durable"], queue["arguments"]]);
        self.queues().into_iter().map(|(name, queue)| (name, definition(queue))).collect()
    }

    /// Waits until a queue has so many nodes running, and somebody to lead them where those are most.
    fn has_online(&self, queue: &str, count: usize) {
        self.shop.live.until(&format!("{queue} is on {count} running nodes"), || {
            let queue = &self.queues()[queue];
            let online = queue["online"].as_array().map_or(usize::from(queue["state"] != "down"), Vec::len);
            online == count && (queue["state"] != "down" || count == 0)
        });
    }

    /// Waits until its nodes have agreed who leads it.
    fn is_led(&self, queue: &str) {
        self.shop.live.until(&format!("{queue} is led"), || self.queues()[queue]["leader"].is_string());
    }

    fn is_before(&self, major: u16, minor: u16) -> bool {
        self.shop.live.version() < evbus::version::Version::new(major, minor, 0)
    }
}

/// It ended with that code and said all that.
#[track_caller]
fn says(done: Done, code: i32, all: &[&str]) {
    let done = done.ends_with(code);
    // A table breaks its lines where it likes.
    let said = done.whole().split_whitespace().collect::<Vec<_>>().join(" ");
    for words in all {
        assert!(said.contains(words), "{words:?} is not said\n{}", done.whole());
    }
    assert!(!said.contains("deleted queue"), "{}", done.whole());
    assert!(!said.contains("--prune-non-empty"), "what cannot be read cannot be archived\n{}", done.whole());
}

const PRUNE: [&str; 4] = ["apply", "--prune", "--prune-non-empty", "--yes"];

#[test]
fn with_nodes_down_what_is_possible_is_done_and_no_queue_is_made_anew() {
    let Some(cluster) = cluster("cluster") else { return };
    let shop = Shop { live: cluster.live("cluster"), folder: tempfile::tempdir().expect("a folder") };
    let mut bus = Bus { shop, cluster };
    all_are_up(&bus);
    bus.cluster.crash(1);
    has_running(&bus.shop.live, 2);
    for (queue, count) in [("far", 0), ("orders", 2), ("orders.dlq", 2)] {
        bus.has_online(queue, count);
    }
    bus.is_led("orders");
    bus.is_led("orders.dlq");
    depths_are_known(&bus, &[("far", None), ("orders", Some(5)), ("orders.dlq", Some(1))]);
    what_is_elsewhere_is_made(&bus);
    the_queue_of_the_node_stays_as_it_is(&bus);
    what_most_nodes_have_can_be_read(&bus);
    let before = bus.definitions();
    bus.cluster.crash(2);
    has_running(&bus.shop.live, 1);
    for queue in ["orders", "orders.dlq", "new"] {
        bus.has_online(queue, 1);
    }
    depths_are_known(&bus, &[("far", None), ("orders", None), ("orders.dlq", None), ("new", None)]);
    nothing_is_done_where_most_nodes_are_missing(&bus);
    for node in [1, 2] {
        bus.cluster.start_again(node);
    }
    has_running(&bus.shop.live, 3);
    for (queue, count) in [("far", 1), ("orders", 3), ("orders.dlq", 3), ("new", 3)] {
        bus.has_online(queue, count);
    }
    assert_eq!(bus.definitions(), before);
    all_is_as_it_was(&bus);
}

fn all_are_up(bus: &Bus) {
    let Bus { shop, cluster } = bus;
    shop.write(&file(&[FAR], &[TO_FAR]));
    cluster.at(1, &shop.live, shop.evbus(&["apply", "--yes"])).done().ends_with(0);
    assert_eq!(bus.queues()["far"]["node"], "n1@localhost");
    says(bus.evbus(&file(&[FAR], &[TO_FAR]), &["plan", "--exit-code"]), 0, &["nothing to do"]);
    let messages = (0..5).map(|number| (numbered(number), b"{}".to_vec()));
    shop.live.publish_to("events", "order.placed", messages);
    shop.live.fill("orders.dlq", 1);
}

/// Each of these queues is listed, with how many are ready; a queue that cannot be used says so, and not that it is empty.
fn depths_are_known(bus: &Bus, depths: &[(&str, Option<u64>)]) {
    let queues = bus.evbus(SERVICE, &["queues", "-o", "json"]).ends_with(0);
    let dead = bus.evbus(SERVICE, &["dlq", "list", "-o", "json"]).ends_with(0);
    for (name, ready) in depths {
        let lines = [&queues, &dead].map(|done| {
            let listed = done.json().remove(0)["queues"].take();
            listed.as_array().into_iter().flatten().find(|line| line["name"] == **name).cloned()
        });
        let queue = lines[0].as_ref().unwrap_or_else(|| panic!("{name} is not listed\n{}", queues.whole()));
        let is_unusable = ["down", "minority"].contains(&queue["state"].as_str().unwrap_or_default());
        assert_eq!((queue["ready"].as_u64(), is_unusable), (*ready, ready.is_none()), "{queue}");
        if *name == "orders.dlq" {
            let dead = lines[1].as_ref().unwrap_or_else(|| panic!("{name} is not listed\n{}", dead.whole()));
            assert_eq!(dead["ready"].as_u64(), *ready, "{dead}");
        }
    }
}

fn what_is_elsewhere_is_made(bus: &Bus) {
    let unusable = "warning: far cannot be used: nodes are down that it needs, and it comes back with them";
    for arguments in [&["plan", "--exit-code"][..], &["apply", "--yes"]] {
        says(bus.evbus(&file(&[FAR], &[TO_FAR]), arguments), 0, &[unusable, "nothing to do"]);
    }
    let made = ["created queue new", "created binding events -> new (new.*)", unusable];
    says(bus.evbus(&file(&[FAR, NEW], &[TO_FAR, TO_NEW]), &["apply", "--yes"]), 0, &made);
    let more = file(&[FAR, NEW], &[TO_FAR, TO_NEW, "{ from: events, to: far, key: \"more.*\" }"]);
    if bus.is_before(4, 0) {
        let untold = "skipped binding events -> far (more.*): the node of far is down, and the broker does not tell what leads there";
        says(bus.evbus(&more, &["apply", "--yes"]), 1, &[untold]);
    } else {
        says(bus.evbus(&more, &["apply", "--yes"]), 0, &["created binding events -> far (more.*)"]);
    }
}

fn the_queue_of_the_node_stays_as_it_is(bus: &Bus) {
    let before = bus.definitions();
    // Wanted differently, in two ways, beside something that can be done and beside nothing.
    let limited = FAR.replace("classic", "classic, max_length: 9");
    let other = file(&[&limited, NEW], &[TO_FAR, TO_NEW, "{ from: events, to: new, key: \"other.*\" }"]);
    let unreadable = "its node is down: nobody can get at its messages";
    let replace = [&PRUNE[..], &["--replace"]].concat();
    says(bus.evbus(&other, &replace), 3, &["skipped queue far", unreadable, "created binding events -> new (other.*)"]);
    let quorum = file(&[&FAR.replace("classic", "quorum"), NEW], &[TO_FAR, TO_NEW]);
    says(bus.evbus(&quorum, &["apply", "--replace", "--yes"]), 1, &["skipped queue far", unreadable]);
    // No longer wanted.
    let without = file(&[NEW], &[TO_NEW]);
    let unknown = "its node is down: nobody knows what is in it, and it comes back with what it had";
    says(bus.evbus(&without, &["plan", "--prune"]), 0, &["delete (blocked) queue far", unknown]);
    says(bus.evbus(&without, &PRUNE), 3, &["skipped queue far", unknown, "deleted binding events -> new (other.*)"]);
    assert_eq!(bus.definitions(), before);
    says(bus.evbus(&file(&[FAR, NEW], &[TO_FAR, TO_NEW]), &["apply", "--yes"]), 0, &["far cannot be used"]);
}

fn what_most_nodes_have_can_be_read(bus: &Bus) {
    let live = &bus.shop.live;
    live.publish("orders", [(numbered(5), b"{}".to_vec())]);
    assert_eq!(live.ready("orders"), 6);
    let shown = bus.evbus(SERVICE, &["dlq", "show", "orders.dlq"]).ends_with(0);
    assert!(shown.err().contains("1 shown of 1"), "{}", shown.whole());
}

fn nothing_is_done_where_most_nodes_are_missing(bus: &Bus) {
    let before = bus.definitions();
    let whole = file(&[FAR, NEW], &[TO_FAR, TO_NEW]);
    let all =
        "orders.dlq, new, orders, far cannot be used: nodes are down that they need, and they come back with them";
    says(bus.evbus(&whole, &["plan", "--exit-code"]), 0, &[all, "nothing to do"]);
    // From 4.3 on nothing at all can be declared or deleted without most of the nodes, nor can another apply be kept out.
    let is_deaf = !bus.is_before(4, 3);
    let fails = |done: Done, words: &[&str]| {
        says(
            done,
            1,
            if is_deaf { &["error: the broker's answer did not come in time", "evbus doctor"] } else { words },
        );
    };
    let unreadable = "most of its nodes are down: nobody can get at its messages";
    let classic = file(&[FAR, &NEW.replace("quorum", "classic")], &[TO_FAR, TO_NEW]);
    says(bus.evbus(&classic, &["plan", "--replace"]), 0, &["replace (blocked) queue new", unreadable]);
    fails(bus.evbus(&classic, &["apply", "--replace", "--yes"]), &["skipped queue new", unreadable]);
    // Their bindings stay wanted, and so nothing else is to be done.
    let without = file(&[], &[TO_FAR, TO_NEW]).replace("queues:\n", "");
    let unknown = "most of its nodes are down: nobody knows what is in it, and it comes back with what it had";
    let plan = [&["plan"][..], &PRUNE[1..3]].concat();
    says(bus.evbus(&without, &plan), 0, &["delete (blocked) queue new", "delete (blocked) queue far", unknown]);
    fails(bus.evbus(&without, &PRUNE), &["skipped queue new", "skipped queue far", unknown]);
    assert!(bus.evbus(SERVICE, &["doctor"]).out().contains("down: n1@localhost, n2@localhost"));
    assert_eq!(bus.definitions(), before);
}

fn all_is_as_it_was(bus: &Bus) {
    let whole = file(&[FAR, NEW], &[TO_FAR, TO_NEW]);
    says(bus.evbus(&whole, &["plan", "--prune", "--exit-code"]), 0, &["nothing to do, 1"]);
    // That nobody saw the binding for a time has not made it somebody else's.
    let unbound = bus.evbus(&file(&[FAR, NEW], &[TO_NEW]), &["plan", "--prune"]);
    says(unbound, 0, &["delete binding events -> far (order.*)", "1 to delete"]);
    let ids = |count: usize| (0..count).map(|number| format!("m{number}")).collect::<Vec<_>>();
    for (queue, count) in [("far", 5), ("orders", 6), ("orders.dlq", 1), ("new", 0)] {
        assert_eq!(bus.shop.live.ids(queue), ids(count), "{queue}");
    }
}
