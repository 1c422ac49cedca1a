//! What apply does for a user who may not do everything: what can be made is made, the rest is told, and the code says which it was.

use std::{collections::BTreeSet, fs};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    live::{Live, broker},
    run::{Done, Run},
};

const BUS: &str = r#"evbus: 1
bus: { exchange: shop }
services:
  shop.billing: { subscribes: [ { key: "order.#" } ], retry: { delays: [1s] } }
  other.legacy: { subscribes: [ { key: "order.#" } ], queue: { type: classic }, retry: none }
queues: { shop.reports: { type: classic }, other.reports: { type: classic } }
bindings: [ { from: shop, to: shop.reports, key: r }, { from: shop, to: other.reports, key: r } ]
"#;

/// A broker, a folder with a topology file, and a user who may do something.
struct Clerk {
    live: Live,
    folder: tempfile::TempDir,
    name: String,
}

impl Clerk {
    /// With this tag, and permission to configure what matches.
    fn of(test: &str, text: &str, tag: &str, configure: &str) -> Option<Clerk> {
        let live = broker(test)?;
        let name = format!("{}-clerk", live.vhost);
        let clerk = Clerk { live, folder: tempfile::tempdir().expect("a folder"), name };
        clerk.write(text);
        let user = json!({ "password": "secret", "tags": tag });
        clerk.live.api(Method::PUT, &format!("users/{}", clerk.name), Some(user));
        clerk.may(configure, ".*");
        Some(clerk)
    }

    fn may(&self, configure: &str, write: &str) {
        let permissions = json!({ "configure": configure, "write": write, "read": ".*" });
        self.live.api(Method::PUT, &format!("permissions/{}/{}", self.live.vhost, self.name), Some(permissions));
    }

    fn write(&self, text: &str) {
        fs::write(self.folder.path().join("evbus.yaml"), text).expect("the file is written");
    }

    /// evbus as this user.
    fn evbus(&self, arguments: &[&str]) -> Run {
        let url = self.live.url().replacen("guest:guest@", &format!("{}:secret@", self.name), 1);
        self.live.evbus(arguments).within(self.folder.path()).env("EVBUS_URL", url)
    }

    /// Everything that is there and that a file can have made, as apply names it.
    fn there(&self) -> BTreeSet<String> {
        let list = |what: &str| {
            let path = format!("{what}/{}", self.live.vhost);
            self.live.api(Method::GET, &path, None).as_array().cloned().unwrap_or_default()
        };
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let exchanges = list("exchanges").into_iter().map(|found| text(&found, "name"));
        let exchanges = exchanges.filter(|name| !name.is_empty() && !name.starts_with("amq."));
        let bindings = list("bindings").into_iter().filter(|found| found["source"] != "");
        let all = exchanges
            .map(|name| format!("exchange {name}"))
            .chain(list("queues").into_iter().map(|found| format!("queue {}", text(&found, "name"))))
            .chain(list("policies").into_iter().map(|found| format!("policy {}", text(&found, "name"))))
            .chain(bindings.map(|found| {
                let [from, to, key] = ["source", "destination", "routing_key"].map(|part| text(&found, part));
                format!("binding {from} -> {to} ({key})")
            }));
        all.collect()
    }

    /// The file as a user who may do everything makes it, and that then nothing differs.
    fn finished_by_another(&self) {
        let all = self.live.evbus(&["apply", "--yes"]).within(self.folder.path());
        all.done().ends_with(0);
        self.live.evbus(&["plan", "--exit-code"]).within(self.folder.path()).done().ends_with(0);
    }
}

impl Drop for Clerk {
    fn drop(&mut self) {
        self.live.api(Method::DELETE, &format!("users/{}", self.name), None);
    }
}

/// What was told of each change with this word.
fn told(done: &Done, word: &str) -> BTreeSet<String> {
    let lines = done.json();
    let of = lines.iter().filter(|line| line["event"] == word);
    of.map(|line| format!("{} {}", line["kind"], line["name"]).replace('"', "")).collect()
}

/// The sum is that of the lines.
fn assert_sum(done: &Done) {
    let summary = done.summary();
    for word in ["applied", "failed", "skipped"] {
        assert_eq!(summary[word], told(done, word).len(), "{word}\n{}", done.whole());
    }
}

/// Each reason that was told of a change with this word.
fn reasons(done: &Done, word: &str) -> Vec<String> {
    let lines = done.json();
    lines.iter().filter(|line| line["event"] == word).map(|line| line["error"].to_string()).collect()
}

#[test]
fn with_half_of_the_names_half_is_made_and_nothing_stands_that_would_lose_messages() {
    let Some(clerk) = Clerk::of("apply-half", BUS, "policymaker", "^shop") else { return };
    let done = clerk.evbus(&["apply", "--yes", "-o", "json"]).done().ends_with(3);
    assert_sum(&done);
    assert_eq!(clerk.there(), told(&done, "applied"), "what is told to be made is what is there\n{}", done.whole());
    let failed = told(&done, "failed");
    assert_eq!(failed, ["queue other.legacy.dlq", "queue other.reports"].map(str::to_owned).into(), "{}", done.whole());
    assert!(reasons(&done, "failed").iter().all(|reason| reason.contains("ACCESS_REFUSED")), "{}", done.whole());
    let skipped = told(&done, "skipped");
    for needs in ["queue other.legacy", "binding shop -> other.legacy (order.#)", "binding shop -> other.reports (r)"] {
        assert!(skipped.contains(needs), "{needs}: without its dead letter queue it would lose them\n{}", done.whole());
    }
    assert!(clerk.there().contains("binding shop -> shop.billing (order.#)"), "the other half works");
    clerk.finished_by_another();
}

#[test]
fn where_nothing_was_applied_that_is_a_failure_and_not_a_part() {
    let Some(clerk) = Clerk::of("apply-none", BUS, "policymaker", "^$") else { return };
    // The policy is the one thing that no permission is asked for.
    let plain = BUS
        .replace("other.legacy:", "shop.legacy:")
        .replace("shop.billing: {", "shop.billing: { queue: { type: classic },");
    clerk.write(&plain);
    let done = clerk.evbus(&["apply", "--yes", "-o", "json"]).done().ends_with(1);
    assert_sum(&done);
    assert_eq!((clerk.there(), told(&done, "applied")), (BTreeSet::new(), BTreeSet::new()), "{}", done.whole());
    let shown = clerk.evbus(&["apply", "--yes"]).done().ends_with(1);
    assert!(shown.out().contains("0 applied, "), "{}", shown.whole());

    // Also where the rest is as wanted already: this run did nothing.
    clerk.finished_by_another();
    clerk.evbus(&["apply", "--yes"]).done().ends_with(0);
    clerk.write(&plain.replace("other.reports", "other.ledger"));
    let again = clerk.evbus(&["apply", "--yes", "-o", "json"]).done().ends_with(1);
    assert_sum(&again);
    assert_eq!(told(&again, "failed"), ["queue other.ledger".to_owned()].into(), "{}", again.whole());
    assert!(again.summary()["unchanged"].as_u64().is_some_and(|unchanged| unchanged > 0), "{}", again.whole());
}

#[test]
fn a_binding_that_may_not_be_made_is_told_and_stops_nothing_else() {
    let Some(clerk) = Clerk::of("apply-write", BUS, "policymaker", ".*") else { return };
    clerk.may(".*", "^(?!other.reports$)");
    let done = clerk.evbus(&["apply", "--yes", "-o", "json"]).done().ends_with(3);
    assert_sum(&done);
    assert_eq!(told(&done, "failed"), ["binding shop -> other.reports (r)".to_owned()].into(), "{}", done.whole());
    assert!(told(&done, "skipped").is_empty(), "{}", done.whole());
    assert_eq!(clerk.there(), told(&done, "applied"), "{}", done.whole());
    clerk.finished_by_another();
}

#[test]
fn without_the_tag_management_half_of_the_names_is_half_all_the_same() {
    let Some(clerk) = Clerk::of("apply-blind", BUS, "", "^shop") else { return };
    for _ in 0..2 {
        // The second run cannot see that there is nothing left to do, and says so.
        let done = clerk.evbus(&["apply", "--yes", "-o", "json"]).done().ends_with(3);
        assert_sum(&done);
        assert!(done.err().contains("cannot be compared"), "{}", done.whole());
        assert_eq!((&done.summary()["blind"], &done.summary()["unchanged"]), (&json!(true), &Value::Null));
        assert_eq!(clerk.there(), told(&done, "applied"), "{}", done.whole());
        let failed = told(&done, "failed");
        assert_eq!(failed, ["queue other.legacy.dlq", "queue other.reports"].map(str::to_owned).into());
    }
    clerk.may("^$", ".*");
    let none = clerk.evbus(&["apply", "--yes", "-o", "json"]).done().ends_with(1);
    assert!(told(&none, "applied").is_empty() && !told(&none, "failed").is_empty(), "{}", none.whole());
    clerk.finished_by_another();
}

#[test]
fn without_the_tag_policymaker_policies_alone_are_nothing_done() {
    let policies = "evbus: 1\npolicies: { short: { pattern: \"^q$\", definition: { max-length: 5 } }, long: { pattern: \"^r$\", definition: { max-length: 9 } } }\n";
    let Some(clerk) = Clerk::of("apply-policies", policies, "management", ".*") else { return };
    let done = clerk.evbus(&["apply", "--yes", "-o", "json"]).done().ends_with(1);
    assert_sum(&done);
    assert_eq!(told(&done, "skipped"), ["policy long", "policy short"].map(str::to_owned).into(), "{}", done.whole());
    assert!(reasons(&done, "skipped").iter().all(|reason| reason.contains("policymaker")), "{}", done.whole());
    assert!(clerk.there().is_empty());
    clerk.write(&format!("{policies}queues: {{ q: {{ type: classic }} }}\n"));
    let part = clerk.evbus(&["apply", "--yes", "-o", "json"]).done().ends_with(3);
    assert_eq!(clerk.there(), ["queue q".to_owned()].into(), "{}", part.whole());
    assert_eq!(told(&part, "applied"), clerk.there());
    // A policy that is there and differs is not changed either.
    clerk.finished_by_another();
    clerk.write(&policies.replace("max-length: 5", "max-length: 6"));
    let update = clerk.evbus(&["apply", "--yes", "-o", "json"]).done().ends_with(1);
    assert!(told(&update, "applied").is_empty(), "{}", update.whole());
    let path = format!("policies/{}/short", clerk.live.vhost);
    assert_eq!(clerk.live.api(Method::GET, &path, None)["definition"], json!({ "max-length": 5 }));
}
