//! What plan and apply do to a broker.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{live::broker, run::program, shop::Shop};

const BUS: &str = r#"evbus: 1
name: shop
bus: { exchange: shop }
events:
  OrderPlaced: { routing_key: order.placed }
  OrderPaid: { routing_key: order.paid }
services:
  billing: { subscribes: [OrderPlaced], retry: { delays: [1s, 2s, 1s] } }
  legacy: { subscribes: [ { key: "order.#" } ], queue: { type: classic }, retry: none }
audit: { stream: shop.audit, keep: 30d }
exchanges: { old: { type: fanout, alternate_exchange: shop } }
queues: { reports: { type: classic, message_ttl: 1h, arguments: { x-max-priority: 5, x-team: red } } }
bindings:
  - { from: old, to: reports }
  - { from: shop, to_exchange: old, key: "report.*" }
policies: { short: { pattern: "^reports$", apply_to: queues, priority: 1, definition: { max-length: 1000 } } }
"#;

/// A queue's arguments as text, sorted: `x-max-age="30D" x-queue-type="stream"`.
fn arguments(object: &Value) -> String {
    let mut arguments: Vec<String> =
        object["arguments"].as_object().into_iter().flatten().map(|(name, value)| format!("{name}={value}")).collect();
    arguments.sort();
    arguments.join(" ")
}

#[test]
fn a_topology_is_made_as_it_is_written_and_then_there_is_nothing_to_do() {
    let Some(shop) = Shop::open("apply", BUS) else { return };
    let before = shop.evbus(&["plan", "--exit-code", "-o", "json"]).done().ends_with(4);
    let plan = &before.json()[0];
    let policies = if shop.is_before_4() { 1 } else { 2 };
    let objects = 4 + 8 + 12 + policies;
    assert_eq!((&plan["format"], &plan["summary"]["create"]), (&json!("evbus.plan/1"), &json!(objects)), "{plan:#}");
    assert!(shop.list("queues").is_empty(), "plan makes nothing");

    let done = shop.evbus(&["apply", "--yes", "-o", "json"]).done().ends_with(0);
    assert_eq!(done.summary()["applied"], objects, "{}", done.whole());

    let mut exchanges: Vec<String> = shop
        .list("exchanges")
        .iter()
        .filter(|exchange| exchange["name"].as_str().is_some_and(|name| !name.is_empty() && !name.starts_with("amq.")))
        .map(|exchange| {
            let [name, kind] = ["name", "type"].map(|key| exchange[key].as_str().unwrap_or_default().to_owned());
            format!("{kind} {name} durable={} {}", exchange["durable"], arguments(exchange))
        })
        .collect();
    exchanges.sort();
    assert_eq!(
        exchanges,
        [
            "fanout old durable=true alternate-exchange=\"shop\"",
            "topic shop durable=true ",
            "topic shop.dlx durable=true ",
            "topic shop.retry durable=true ",
        ]
    );
    let mut queues: Vec<String> = shop
        .list("queues")
        .iter()
        .map(|queue| {
            format!("{} durable={} {}", queue["name"].as_str().unwrap_or_default(), queue["durable"], arguments(queue))
        })
        .collect();
    queues.sort();
    let quorum = "x-overflow=\"reject-publish\" x-queue-type=\"quorum\"";
    let once = "x-dead-letter-strategy=\"at-least-once\"";
    assert_eq!(
        queues,
        [
            format!("billing durable=true x-dead-letter-exchange=\"shop.dlx\" x-dead-letter-routing-key=\"billing\" {once} {quorum}"),
            "billing.dlq durable=true x-queue-type=\"quorum\"".to_owned(),
            format!("billing.retry.1s durable=true x-dead-letter-exchange=\"\" x-dead-letter-routing-key=\"billing\" {once} x-message-ttl=1000 {quorum}"),
            format!("billing.retry.2s durable=true x-dead-letter-exchange=\"\" x-dead-letter-routing-key=\"billing\" {once} x-message-ttl=2000 {quorum}"),
            "legacy durable=true x-dead-letter-exchange=\"shop.dlx\" x-dead-letter-routing-key=\"legacy\" x-queue-type=\"classic\"".to_owned(),
            "legacy.dlq durable=true x-queue-type=\"classic\"".to_owned(),
            "reports durable=true x-max-priority=5 x-message-ttl=3600000 x-queue-type=\"classic\" x-team=\"red\"".to_owned(),
            "shop.audit durable=true x-max-age=\"30D\" x-queue-type=\"stream\"".to_owned(),
        ]
    );
    let mut bindings: Vec<String> = shop
        .list("bindings")
        .iter()
        .map(|binding| {
            ["source", "routing_key", "destination"].map(|key| binding[key].as_str().unwrap_or_default()).join(" ")
        })
        .filter(|binding| !binding.starts_with(' '))
        .collect();
    bindings.sort();
    assert_eq!(
        bindings,
        [
            "old  reports",
            "shop # shop.audit",
            "shop order.# legacy",
            "shop order.placed billing",
            "shop report.* old",
            "shop.dlx # shop.audit",
            "shop.dlx billing billing.dlq",
            "shop.dlx legacy legacy.dlq",
            "shop.retry # shop.audit",
            "shop.retry billing.1 billing.retry.1s",
            "shop.retry billing.2 billing.retry.2s",
            "shop.retry billing.3 billing.retry.1s",
        ]
    );
    let mut policies: Vec<String> = shop
        .list("policies")
        .iter()
        .map(|policy| {
            format!("{} {} {} {}", policy["name"], policy["pattern"], policy["apply-to"], policy["definition"])
        })
        .collect();
    policies.sort();
    let ours = r#""evbus-shop-dlq" "^billing\\.dlq$" "quorum_queues" {"delivery-limit":-1}"#.to_owned();
    let listed = r#""short" "^reports$" "queues" {"max-length":1000}"#.to_owned();
    assert_eq!(policies, if shop.is_before_4() { vec![listed] } else { vec![ours, listed] });

    let after = shop.evbus(&["plan", "--exit-code"]).done().ends_with(0);
    assert_eq!(after.out(), format!("nothing to do, {objects} as wanted\n"));
    let again = shop.evbus(&["apply", "--yes", "-o", "json"]).done().ends_with(0);
    assert_eq!((&again.summary()["applied"], &again.summary()["unchanged"]), (&json!(0), &json!(objects)));
    assert!(again.err().contains("vhost evbus-test-apply"), "the header says where: {}", again.whole());
}

#[test]
fn what_init_writes_can_be_applied() {
    let Some(live) = broker("init") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    live.evbus(&["init"]).within(folder.path()).done().ends_with(0);
    live.evbus(&["apply", "--yes"]).within(folder.path()).done().ends_with(0);
    live.evbus(&["plan", "--exit-code"]).within(folder.path()).done().ends_with(0);
}

#[test]
fn a_dead_letter_and_a_retry_reach_the_queue_they_are_for_and_the_audit_stream_sees_them() {
    let Some(shop) = Shop::open("flow", BUS) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.live.publish_to("shop", "order.placed", (0..10).map(|n| (crate::support::live::numbered(n), b"{}".to_vec())));
    assert_eq!((shop.live.ready("billing"), shop.live.ready("legacy")), (10, 10));
    shop.live.reject_all("billing", "billing.dlq");
    assert_eq!((shop.live.ready("billing.dlq"), shop.live.ready("legacy.dlq")), (10, 0));
    shop.live.publish_to("shop.retry", "billing.2", [(crate::support::live::numbered(99), b"{}".to_vec())]);
    shop.live.until("the retry comes back", || shop.live.ready("billing") == 1);
    assert_eq!(shop.live.ids("billing"), ["m99"]);
    // Ten events, ten deaths, one retry.
    shop.live.until("the stream has them all", || shop.live.ready("shop.audit") >= 21);
}

#[test]
fn a_dead_letter_queue_that_evbus_laid_out_has_no_delivery_limit() {
    let Some(shop) = Shop::open("limit", BUS) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    if shop.is_before_4() {
        return;
    }
    let path = format!("queues/{}/billing.dlq", shop.live.vhost);
    shop.live.until("the policy is in force", || {
        shop.live.api(Method::GET, &path, None)["effective_policy_definition"]["delivery-limit"] == -1
    });
}

#[test]
fn an_object_that_exists_differently_is_told_with_both_values_and_nothing_else_is_harmed() {
    let Some(shop) = Shop::open("conflict", BUS) else { return };
    shop.live.queue("billing.dlq", &[("x-queue-type", json!("quorum")), ("x-max-length", json!(5))]);
    shop.live.queue("mine", &[("x-queue-type", json!("classic"))]);
    shop.live.fill("billing.dlq", 3);
    let plan = shop.evbus(&["plan", "-o", "json"]).done().ends_with(0);
    let changes = plan.json()[0]["changes"].as_array().cloned().unwrap_or_default();
    let conflict = changes.iter().find(|change| change["name"] == "billing.dlq").expect("it differs");
    assert_eq!((&conflict["action"], &conflict["kind"]), (&json!("replace"), &json!("queue")));
    assert_eq!(conflict["differences"], json!([{ "what": "x-max-length", "found": "5", "wanted": null }]));
    assert!(conflict["blocked"].is_string());

    let done = shop.evbus(&["apply", "--yes", "-o", "json"]).done().ends_with(3);
    let lines = done.json();
    let event = |name: &str| {
        let line = lines.iter().find(|line| line["name"] == name);
        line.map(|line| line["event"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
    };
    for skipped in ["billing.dlq", "shop.dlx -> billing.dlq (billing)", "billing", "shop -> billing (order.placed)"] {
        assert_eq!(event(skipped), "skipped", "{skipped}: without it dead letters would be lost\n{}", done.whole());
    }
    for applied in ["legacy", "legacy.dlq", "shop -> legacy (order.#)", "reports", "shop.audit"] {
        assert_eq!(event(applied), "applied", "{applied}\n{}", done.whole());
    }
    assert_eq!(shop.live.ready("billing.dlq"), 3, "what was there is there");
    let names: Vec<Value> = shop.list("queues").iter().map(|queue| queue["name"].clone()).collect();
    assert!(names.contains(&json!("mine")) && !names.contains(&json!("billing")), "{names:?}");
    shop.evbus(&["plan", "--exit-code"]).done().ends_with(4);

    shop.live.delete("billing.dlq");
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.evbus(&["plan", "--exit-code"]).done().ends_with(0);
}

#[test]
fn every_kind_of_difference_that_the_broker_would_refuse_is_seen_before() {
    let text = "evbus: 1\nexchanges: { e: { type: topic } }\nqueues: { q: { type: classic, max_length: 5 }, r: { type: quorum } }\npolicies: { p: { pattern: \"^q$\", definition: { max-length: 5 } } }\n";
    let Some(shop) = Shop::open("differences", text) else { return };
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    let changed = "evbus: 1\nexchanges: { e: { type: topic, alternate_exchange: f } }\nqueues: { q: { type: classic, max_length: 6 }, r: { type: classic } }\npolicies: { p: { pattern: \"^q$\", definition: { max-length: 6 } } }\n";
    shop.write(changed);
    let done = shop.evbus(&["plan", "-o", "json"]).done().ends_with(0);
    let plan = &done.json()[0];
    let found: Vec<String> = plan["changes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|change| {
            let difference = &change["differences"][0];
            format!(
                "{} {} {}: {} {}",
                change["action"], change["name"], difference["what"], difference["found"], difference["wanted"]
            )
            .replace('"', "")
        })
        .collect();
    assert_eq!(
        found,
        [
            "replace e alternate-exchange: null \\f\\",
            "update p max-length: 5 6",
            "replace q x-max-length: 5 6",
            "replace r x-queue-type: quorum classic",
        ]
    );
    assert_eq!((&plan["summary"]["blocked"], &plan["summary"]["create"]), (&json!(4), &json!(0)));
    let apply = shop.evbus(&["apply", "--yes"]).done();
    assert_eq!(apply.code(), Some(1), "nothing could be done\n{}", apply.whole());
    // The broker itself refuses the same: what cannot be seen is not changed either.
    let blind = shop.evbus(&["apply", "--yes"]).env("EVBUS_MANAGEMENT_URL", "http://127.0.0.1:1").done().ends_with(1);
    assert!(blind.out().contains("inequivalent arg 'x-max-length'"), "{}", blind.whole());
}

#[test]
fn with_amqp_alone_apply_declares_and_says_what_it_cannot_see() {
    let Some(shop) = Shop::open("blind", &BUS.replace("policies:", "# policies:")) else { return };
    let blind = |arguments: &[&str]| shop.evbus(arguments).env("EVBUS_MANAGEMENT_URL", "http://127.0.0.1:1").done();
    let plan = blind(&["plan"]).ends_with(1);
    assert!(plan.err().contains("evbus apply works with AMQP alone"), "{}", plan.whole());
    let done = blind(&["apply", "--yes"]).ends_with(0);
    assert!(done.err().contains("cannot be compared"), "{}", done.whole());
    if !shop.is_before_4() {
        assert!(done.err().contains("the policy evbus-shop-dlq is not set"), "{}", done.whole());
    }
    assert_eq!(shop.list("queues").len(), 8);
    let spared = u64::from(!shop.is_before_4());
    let words =
        if spared == 0 { "0 skipped, what was" } else { "1 skipped (1 that the topology does without), what was" };
    for done in [done, blind(&["apply", "--yes"]).ends_with(0)] {
        assert!(done.out().contains("declared queue billing\n") && !done.out().contains("created"), "{}", done.whole());
        assert!(done.out().contains(words) && !done.out().contains("wanted before"), "{}", done.whole());
    }
    let json = blind(&["apply", "--yes", "-o", "json"]).ends_with(0).summary();
    assert_eq!((&json["blind"], &json["unchanged"], &json["spared"]), (&json!(true), &json!(null), &json!(spared)));
    let untagged = shop.user("untagged", "", &["apply", "--yes"]).done().ends_with(0);
    assert!(untagged.err().contains("cannot be compared"), "a user whom the API does not let in: {}", untagged.whole());
    shop.forget("untagged");
    shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    shop.evbus(&["plan", "--exit-code"]).done().ends_with(0);
}

#[test]
fn without_the_tag_policymaker_everything_but_the_policy_is_made_and_that_is_a_warning() {
    let Some(shop) = Shop::open("tag", &BUS.replace("policies:", "# policies:")) else { return };
    let done = shop.user("plain", "management", &["apply", "--yes"]).done().ends_with(0);
    let warned =
        done.err().contains("warning: the policy evbus-shop-dlq is not set: the user has not the tag policymaker");
    assert_eq!(warned, !shop.is_before_4(), "{}", done.whole());
    assert!(!done.whole().contains("secret"), "{}", done.whole());
    assert_eq!(shop.list("queues").len(), 8);
    shop.user("plain", "management", &["plan", "--exit-code"]).done().ends_with(0);
    shop.write(BUS);
    let listed = shop.user("plain", "management", &["apply", "--yes"]).done().ends_with(1);
    assert!(
        listed.out().contains("skipped policy short"),
        "a policy that the file lists is missed\n{}",
        listed.whole()
    );
    shop.forget("plain");
}

#[test]
fn a_user_who_may_not_configure_is_told_which_permission_is_missing() {
    let Some(shop) = Shop::open("permission", BUS) else { return };
    let run = shop.user("reader", "management", &["apply", "--yes"]);
    let only = json!({ "configure": "^shop", "write": ".*", "read": ".*" });
    let name = format!("{}-reader", shop.live.vhost);
    shop.live.api(Method::PUT, &format!("permissions/{}/{name}", shop.live.vhost), Some(only));
    let done = run.done().ends_with(3);
    assert!(
        done.out().contains("created exchange shop\n") && done.out().contains("failed queue billing.dlq"),
        "{}",
        done.whole()
    );
    assert!(done.out().contains("ACCESS_REFUSED") && done.out().contains("skipped queue billing:"), "{}", done.whole());
    shop.forget("reader");
}

#[test]
fn a_declaration_that_ends_the_connection_stops_nothing_beside_it() {
    let queues = |numbers: std::ops::Range<u32>| -> String {
        numbers.map(|n| format!("  q{n:02}: {{ type: classic }}\n")).collect()
    };
    let (before, behind) = (queues(0..15), queues(15..30));
    let fatal = "  fatal: { type: classic, queue_master_locator: client-local }\n";
    let text = format!("evbus: 1\nqueues:\n{before}{fatal}{behind}");
    let Some(shop) = Shop::open("fatal", &text) else { return };
    let refused = shop.live.version() >= evbus::version::Version::new(4, 3, 0);
    let done = shop.evbus(&["apply", "--yes", "-o", "json"]).done().ends_with(if refused { 3 } else { 0 });
    assert_eq!(done.summary()["applied"], if refused { 30 } else { 31 }, "{}", done.whole());
    assert_eq!(done.summary()["failed"], u32::from(refused), "{}", done.whole());
}

#[test]
fn an_interrupted_apply_stops_in_order_and_a_second_one_finishes() {
    let services: String = (0..30).map(|n| format!("  s{n}: {{ subscribes: [ {{ key: \"a.#\" }} ] }}\n")).collect();
    let Some(shop) = Shop::open("interrupt", &format!("evbus: 1\nservices:\n{services}")) else { return };
    let child = shop.evbus(&["apply", "--yes", "-q", "-o", "json"]).start();
    shop.live.until("it has begun", || !shop.list("queues").is_empty());
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap_or(0)).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it takes a signal");
    let output = crate::support::run::ended(child);
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let last: Value = out.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    assert_eq!((output.status.code(), &last["event"]), (Some(130), &json!("summary")), "{out}");
    let made = out.lines().filter(|line| line.contains("\"applied\"") && !line.contains("summary")).count();
    assert_eq!(last["applied"], made);
    let rest = shop.evbus(&["apply", "--yes", "-o", "json"]).done().ends_with(0);
    assert_eq!(rest.summary()["unchanged"], made, "what was told to be made was made\n{}", rest.err());
    shop.evbus(&["plan", "--exit-code"]).done().ends_with(0);
}

#[test]
fn an_apply_that_was_killed_is_finished_by_the_next() {
    let services: String = (0..20).map(|n| format!("  s{n}: {{ subscribes: [ {{ key: \"a.#\" }} ] }}\n")).collect();
    let Some(shop) = Shop::open("killed", &format!("evbus: 1\nservices:\n{services}")) else { return };
    let mut child = shop.evbus(&["apply", "--yes"]).start();
    shop.live.until("it has begun", || shop.list("queues").len() > 20);
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    // Its lock goes when the broker notices.
    shop.live.until("it is over", || shop.evbus(&["apply", "--yes"]).done().code() == Some(0));
    shop.evbus(&["plan", "--exit-code"]).done().ends_with(0);
}

#[test]
fn a_dry_run_makes_nothing_and_shows_the_plan() {
    let Some(shop) = Shop::open("dry", BUS) else { return };
    let dry = shop.evbus(&["apply", "--dry-run", "-o", "json"]).done().ends_with(0);
    let plan = shop.evbus(&["plan", "-o", "json"]).done().ends_with(0);
    assert_eq!(dry.json()[0]["changes"], plan.json()[0]["changes"]);
    assert!(shop.list("queues").is_empty());
}

#[test]
fn a_file_for_another_virtual_host_is_not_applied_to_this_one() {
    let Some(shop) = Shop::open("vhost", "evbus: 1\nvhost: elsewhere\nqueues: { q: {} }\n") else { return };
    let done = shop.evbus(&["apply", "--yes"]).done();
    assert_eq!(done.code(), Some(2), "{}", done.whole());
    assert!(shop.list("queues").is_empty());
    let vhost = shop.live.vhost.clone();
    shop.evbus(&["apply", "--yes", "--vhost", &vhost]).done().ends_with(0);
    assert_eq!(shop.list("queues").len(), 1, "--vhost settles it");
}

#[test]
fn foreign_names_are_exact_in_a_pipe() {
    let text = "evbus: 1\nqueues: { \"a b/c%ü\": { type: classic } }\nexchanges: { \"x y\": {} }\nbindings: [ { from: \"x y\", to: \"a b/c%ü\", key: \"k k\" } ]\n";
    let Some(shop) = Shop::open("foreign", text) else { return };
    let done = shop.evbus(&["apply", "--yes"]).done().ends_with(0);
    assert!(done.out().contains("created queue a b/c%ü\n"), "{}", done.whole());
    shop.evbus(&["plan", "--exit-code"]).done().ends_with(0);
}

#[test]
fn on_a_terminal_apply_asks_and_a_no_changes_nothing() {
    let Some(shop) = Shop::open("consent", BUS) else { return };
    for (answer, queues, code) in [("n", 0, 2), ("y", 8, 0)] {
        let mut command = std::process::Command::new(program());
        command.arg("apply").env_clear().env("TERM", "xterm").current_dir(shop.folder.path());
        command.env("EVBUS_URL", shop.live.url()).env("EVBUS_MANAGEMENT_URL", shop.live.management_url());
        let mut session = rexpect::session::spawn_command(command, Some(30_000)).expect("a terminal");
        session.exp_string("apply this?").expect("it asks");
        session.send_line(answer).expect("it hears");
        let shown = session.exp_eof().expect("it ends");
        let status = format!("{:?}", session.process().wait());
        assert!(status.ends_with(&format!(", {code}))")), "{answer}: {status}");
        assert_eq!(shop.list("queues").len(), queues);
        // What was done is written where the bar was, and not behind it.
        assert_eq!(shown.contains(" ETA "), answer == "y", "{shown}");
        let left = shown.split('\n').map(|line| line.rsplit("\u{1b}[2K").next().unwrap_or(line));
        assert_eq!(left.filter(|line| line.contains(" ETA ")).count(), 0, "{shown}");
    }
}
