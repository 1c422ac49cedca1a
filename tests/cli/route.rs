//! Where messages go, by the topology file alone.

use std::fs;

use crate::support::{
    run::{Done, evbus},
    snapshot::same_as,
};

const SHOP: &str = r#"evbus: 1
name: shop
bus: { exchange: shop }
events:
  OrderPlaced: { routing_key: order.placed }
  OrderPaid: { routing_key: order.paid }
  StockCounted: { routing_key: stock.counted }
services:
  billing: { subscribes: [OrderPlaced], retry: none }
  reporting: { subscribes: [{ key: "order.#" }], retry: none }
audit: { stream: shop.audit, keep: 30d }
exchanges:
  archive: { type: fanout }
  picky: { type: headers }
  strict: { type: direct }
  within: { type: fanout, internal: true }
queues: { papers: { type: classic }, rest: { type: classic } }
bindings:
  - { from: shop, to_exchange: archive, key: "paper.*" }
  - { from: archive, to: papers }
  - { from: picky, to: papers, arguments: { x-match: all, n: 1, kind: order } }
  - { from: strict, to: papers, key: paper }
  - { from: shop, to_exchange: partner, key: "partner.#" }
  - { from: within, to: rest }
policies: { rest: { pattern: "^strict$", apply_to: exchanges, definition: { alternate-exchange: within } } }
"#;

fn route(text: &str, arguments: &[&str]) -> Done {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("evbus.yaml"), text).expect("it is written");
    evbus(["route"]).and(arguments).within(folder.path()).done()
}

#[test]
fn every_way_is_told_with_its_bindings_and_what_nearly_took_it() {
    let mut whole = String::new();
    for arguments in [
        &["OrderPlaced"][..],
        &["order.placed"],
        &["order.plcaed"],
        &["stock.counted"],
        &["paper.daily"],
        &["partner.told"],
        &["paper", "--exchange", "strict"],
        &["other", "--exchange", "strict"],
        &["papr", "--exchange", "strict"],
        &["", "--exchange", "picky", "--headers", "n=1", "--headers", "kind=order"],
        &["", "--exchange", "picky", "--headers", "n=\"1\"", "--headers", "kind=order"],
        &["", "--exchange", "picky"],
        &["any", "--exchange", "within"],
        &["papers", "--exchange", ""],
        &["paper", "--exchange", ""],
        &["a", "--exchange", "amq.topic"],
        &["order.*"],
    ] {
        whole.push_str(&format!("$ evbus route {arguments:?}\n{}\n", route(SHOP, arguments).whole()));
    }
    same_as("tests/cli/snapshots/route.txt", &whole);
}

#[test]
fn as_json_it_has_the_promised_fields() {
    let ways = route(SHOP, &["OrderPlaced", "-o", "json"]).ends_with(0);
    let rest = route(SHOP, &["other", "--exchange", "strict", "-o", "json"]).ends_with(0);
    let near = route(SHOP, &["n", "--exchange", "picky", "--headers", "n=1", "-o", "json"]).ends_with(4);
    same_as("tests/cli/snapshots/route.json", &[ways.out(), rest.out(), near.out()].concat());
    assert!([ways, rest, near].iter().all(|done| done.err().is_empty()));
}

#[test]
fn a_script_can_tell_nowhere_from_no_answer() {
    route(SHOP, &["order.paid"]).ends_with(0);
    route(SHOP, &["other", "--exchange", "picky"]).ends_with(4);
    route(SHOP, &["order.paid", "--exchange", "nowhere"]).ends_with(1);
    route(SHOP, &["OrderPlacd"]).ends_with(2);
}

#[test]
fn what_cannot_be_answered_says_what_to_type() {
    let long = "k".repeat(256);
    let mut whole = String::new();
    for arguments in [
        &["OrderPlacd"][..],
        &["Elsewhere"],
        &["k", "--exchange", "archiv"],
        &["k", "--exchange", "zzz"],
        &["k", "--headers", "n"],
        &[&long],
        &["k", "--live", "--broker-version", "4.0"],
    ] {
        whole.push_str(&format!("$ evbus route {arguments:?}\n{}\n", route(SHOP, arguments).whole()));
    }
    let no_bus = "evbus: 1\nexchanges: {x: {type: topic}}\n";
    whole.push_str(&format!("without a bus\n{}\n", route(no_bus, &["k"]).whole()));
    let nowhere = tempfile::tempdir().expect("a folder");
    for arguments in [&["route", "k"][..], &["route", "k", "--live"]] {
        let done = evbus(arguments).within(nowhere.path()).done();
        whole.push_str(&format!("without a file: {arguments:?}\n{}\n", done.whole()));
    }
    let unknown = SHOP.replace("subscribes: [OrderPlaced]", "subscribes: [OrderPlacd]");
    whole.push_str(&format!("with an unknown subscription\n{}\n", route(&unknown, &["order.placed"]).whole()));
    same_as("tests/cli/snapshots/route_errors.txt", &whole);
}

#[test]
fn an_older_broker_compares_headers_in_its_own_way() {
    let asked = ["", "--exchange", "picky", "--headers", "n=1.0", "--headers", "kind=order"];
    route(SHOP, &asked).ends_with(4);
    let done = route(SHOP, &[&asked[..], &["--broker-version", "3.12"]].concat()).ends_with(0);
    assert!(done.out().contains("papers"), "{}", done.whole());
}
