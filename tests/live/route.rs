//! Where messages go, as a broker has it.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::live::{Live, broker};

/// What `route --live` says; the queues that the broker gives such a message are asked of the broker itself.
fn told(live: &Live, key: &str, exchange: &str, headers: &[(&str, Value)]) -> (Vec<String>, Value) {
    let typed: Vec<String> = headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let flags = typed.iter().flat_map(|header| ["--headers", header.as_str()]);
    let arguments: Vec<&str> =
        ["route", key, "--live", "--exchange", exchange, "-o", "json"].into_iter().chain(flags).collect();
    let done = live.evbus(&arguments).done();
    let shown = done.json().pop().unwrap_or_else(|| panic!("{}", done.whole()));
    let queues = shown["queues"].as_array().into_iter().flatten();
    let names: Vec<String> = queues.map(|queue| queue["name"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(done.code(), Some(if names.is_empty() { 4 } else { 0 }), "{}", done.whole());
    let properties = json!({ "headers": headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<serde_json::Map<_, _>>() });
    let sent = json!({ "properties": properties, "routing_key": key, "payload": "", "payload_encoding": "string" });
    let answer = live.api(Method::POST, &format!("exchanges/{}/{exchange}/publish", live.vhost), Some(sent));
    assert_eq!(answer["routed"], !names.is_empty(), "the broker routes it otherwise\n{}", done.whole());
    (names, shown)
}

fn stage(test: &str) -> Option<Live> {
    let live = broker(test)?;
    let put = |path: &str, body: Value| live.api(Method::PUT, &path.replace('%', &live.vhost), Some(body));
    let post = |path: &str, body: Value| live.api(Method::POST, &path.replace('%', &live.vhost), Some(body));
    for (name, kind) in
        [("bus", "topic"), ("onward", "direct"), ("picky", "headers"), ("rest", "fanout"), ("last", "fanout")]
    {
        put(&format!("exchanges/%/{name}"), json!({ "type": kind }));
    }
    put("exchanges/%/own", json!({ "type": "direct", "arguments": { "alternate-exchange": "last" } }));
    for queue in ["a", "b", "lost", "last"] {
        live.queue(queue, &[]);
    }
    post("bindings/%/e/bus/q/a", json!({ "routing_key": "order.#" }));
    post("bindings/%/e/bus/e/onward", json!({ "routing_key": "*.paid" }));
    post("bindings/%/e/onward/q/b", json!({ "routing_key": "order.paid" }));
    post(
        "bindings/%/e/picky/q/a",
        json!({ "routing_key": "", "arguments": { "x-match": "any", "n": 1, "f": 1.5, "b": true } }),
    );
    post("bindings/%/e/picky/q/b", json!({ "routing_key": "", "arguments": { "n": "1", "x-h": 7 } }));
    post("bindings/%/e/rest/q/lost", json!({ "routing_key": "" }));
    post("bindings/%/e/last/q/last", json!({ "routing_key": "" }));
    let alternate = json!({ "pattern": "^(bus|own)$", "apply-to": "exchanges", "priority": 5, "definition": { "alternate-exchange": "rest" } });
    put("policies/%/rest", alternate);
    put(
        "policies/%/hidden",
        json!({ "pattern": ".*", "apply-to": "all", "priority": 1, "definition": { "alternate-exchange": "last" } }),
    );
    Some(live)
}

#[test]
fn bindings_exchanges_and_policies_are_those_of_the_broker() {
    let Some(live) = stage("route") else { return };
    let (queues, shown) = told(&live, "order.paid", "bus", &[]);
    assert_eq!(queues, ["a", "b"]);
    let hop =
        |exchange: &str, key: &str| json!({ "exchange": exchange, "key": key, "alternate": false, "arguments": {} });
    assert_eq!(shown["queues"][1]["via"], json!([[hop("bus", "*.paid"), hop("onward", "order.paid")]]));
    let (queues, shown) = told(&live, "stock.counted", "bus", &[]);
    assert_eq!(queues, ["lost"], "by the policy in force, and not by the one it hides");
    assert_eq!(shown["queues"][0]["via"][0][0]["alternate"], true);
    assert_eq!(told(&live, "k", "own", &[]).0, ["last"], "an argument beats a policy");
    let (queues, shown) = told(&live, "order.payd", "onward", &[]);
    assert_eq!(queues, ["last"], "the policy for everything has the rest");
    assert_eq!(shown["near"][0]["queue"], "b");
    // What nobody was meant to get came where it was told to come.
    assert_eq!((live.ready("lost"), live.ready("last"), live.ready("a"), live.ready("b")), (1, 2, 1, 1));
}

#[test]
fn headers_are_compared_as_the_broker_compares_them() {
    let Some(live) = stage("route-headers") else { return };
    live.api(Method::DELETE, &format!("policies/{}/hidden", live.vhost), None);
    let older = live.version() < "3.13".parse().expect("a version");
    let queues = |headers: &[(&str, Value)]| told(&live, "", "picky", headers).0;
    assert_eq!(queues(&[("n", json!(1))]), ["a"]);
    assert_eq!(queues(&[("n", json!("1"))]), ["b"], "a text is no number");
    assert_eq!(queues(&[("f", json!(1.5))]), ["a"]);
    assert_eq!(queues(&[("b", json!("true"))]), Vec::<String>::new(), "a text is no flag");
    assert_eq!(queues(&[("b", json!(true)), ("n", json!("1"))]), ["a", "b"]);
    let expected: &[&str] = if older { &["a"] } else { &[] };
    assert_eq!(queues(&[("n", json!(1.0))]), expected, "1 is 1.0 up to 3.12");
}

#[test]
fn the_file_tells_the_event_and_the_broker_where_it_goes() {
    let Some(live) = stage("route-event") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let text = "evbus: 1\nbus: {exchange: bus}\nevents: {OrderPaid: {routing_key: order.paid}}\nexchanges: {planned: {type: topic}}\n";
    fs::write(folder.path().join("evbus.yaml"), text).expect("it is written");
    let route = |arguments: &[&str]| live.evbus(&["route", "--live"]).and(arguments).within(folder.path()).done();
    let done = route(&["OrderPaid"]).ends_with(0);
    assert_eq!(
        done.out(),
        "QUEUE  THROUGH\na      bus with order.#\nb      bus with *.paid > onward with order.paid\n"
    );
    assert!(done.err().contains(&format!("vhost {} as guest", live.vhost)), "{}", done.whole());
    let done = route(&["k", "--exchange", "planned"]).ends_with(1);
    assert!(done.err().contains("evbus apply makes it"), "{}", done.whole());
    let done = route(&["k", "--exchange", "onwrad"]).ends_with(1);
    assert!(done.err().contains("did you mean onward?"), "{}", done.whole());
    let done = route(&["k", "--exchange", "last", "--management-url", "http://127.0.0.1:1"]).ends_with(1);
    assert!(done.err().contains("127.0.0.1:1") && done.out().is_empty(), "{}", done.whole());
}

#[test]
fn what_the_file_says_is_what_the_broker_does_once_it_is_applied() {
    let Some(live) = broker("route-applied") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let text = r#"evbus: 1
bus: { exchange: shop }
events: { OrderPaid: { routing_key: order.paid } }
services: { billing: { subscribes: [OrderPaid, { key: "order.#" }], retry: { delays: [1s] } } }
audit: { stream: shop.audit, keep: 1d }
exchanges: { picky: { type: headers }, strict: { type: direct }, rest: { type: fanout, internal: true } }
queues: { papers: { type: classic }, lost: { type: classic } }
bindings:
  - { from: shop, to_exchange: picky, key: "*.paid" }
  - { from: picky, to: papers, arguments: { x-match: any, n: 1, f: 1.5, b: true, kind: order } }
  - { from: strict, to: papers, key: paper }
  - { from: rest, to: lost }
  - { from: amq.topic, to: lost, key: "a.*" }
policies: { rest: { pattern: "^(strict|picky)$", apply_to: exchanges, priority: 1, definition: { alternate-exchange: rest } } }
"#;
    fs::write(folder.path().join("evbus.yaml"), text).expect("it is written");
    live.evbus(&["apply", "--yes", "-q"]).within(folder.path()).done().ends_with(0);
    let version = live.version().to_string();
    for asked in [
        &["OrderPaid"][..],
        &["order.paid", "--headers", "n=1"],
        &["order.plcaed"],
        &["other", "--exchange", "strict"],
        &["papr", "--exchange", "strict"],
        &["", "--exchange", "picky", "--headers", "f=1.5"],
        &["", "--exchange", "picky", "--headers", "b=true"],
        &["", "--exchange", "picky", "--headers", "n=2", "--headers", "kind=\"Order\""],
        &["a.b", "--exchange", "amq.topic"],
        &["billing", "--exchange", "shop.dlx"],
        &["billing.1", "--exchange", "shop.retry"],
        &["billing.dlq", "--exchange", ""],
    ] {
        let route = |how: &[&str]| {
            let done = live.evbus(&["route", "-o", "json"]).and(asked).and(how).within(folder.path()).done();
            (done.code(), done.out())
        };
        let offline = route(&["--broker-version", &version]);
        assert_eq!(offline, route(&["--live"]), "{asked:?}");
        assert!(offline.1.contains("evbus.route/1"), "{offline:?}");
    }
}
