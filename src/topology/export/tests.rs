//! What is exported is what comes back, whatever a broker has.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    message::{Field, Table},
    topology::{
        argument::ARGUMENTS,
        spec::{BindingSpec, ExchangeSpec, PolicySpec, QueueSpec},
    },
};

const V3: Version = Version::new(3, 10, 8);
const V4: Version = Version::new(4, 3, 6);

fn observed(text: &str, version: Version) -> Observed {
    let text = format!("evbus: 1\n{text}");
    let file = File::read(vec![("f".to_owned(), Path::new(""), text.into_bytes())]).expect("a right file");
    Observed::of(&expand(&file.topology, version).0)
}

fn exported(observed: &Observed, version: Version, services: bool) -> Export {
    export(observed, Request { vhost: "v", version, services })
}

/// What a file becomes.
fn back(text: &str, version: Version) -> Observed {
    let file = File::read(vec![("f".to_owned(), Path::new(""), text.as_bytes().to_vec())]);
    let file = file.unwrap_or_else(|malformed| panic!("{:?}\n{text}", malformed.problems));
    Observed::of(&expand(&file.topology, version).0)
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "c", "yes", "1e3", "<<", "#", "-x", "a b", "é"]).prop_map(str::to_owned),
        1 => any::<String>().prop_filter("a broker has no such name", |name| !name.is_empty() && name.len() < 256),
        1 => prop::sample::select(vec!["amq.mine", "amq.topic", "ring\u{7}", "evbus-tmp-1"]).prop_map(str::to_owned),
    ]
}

fn fields() -> impl Strategy<Value = Field> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Field::Bool),
        any::<i64>().prop_map(Field::I64),
        (-3_i64..400_000_000).prop_map(Field::I64),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Field::F64),
        any::<String>().prop_map(Field::text),
        prop::sample::select(vec!["7D", "48h", "90m", "1s", "0h", "07D", "drop-head", "lazy", "none"])
            .prop_map(Field::text),
        Just(Field::Void),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Field::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(Field::Table),
        ]
    })
}

fn arguments() -> impl Strategy<Value = Table> {
    let known: Vec<&str> = ARGUMENTS.iter().map(|argument| argument.name).chain(["alternate-exchange"]).collect();
    let name = prop_oneof![2 => prop::sample::select(known).prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::btree_map(name, fields(), 0..3)
}

prop_compose! {
    fn brokers()(
        exchanges in prop::collection::vec((names(), "[a-z]{1,8}", any::<[bool; 3]>(), arguments()), 0..6),
        queues in prop::collection::vec((names(), 0..4_usize, any::<[bool; 3]>(), arguments()), 0..6),
        bindings in prop::collection::vec((names(), names(), any::<bool>(), names(), arguments()), 0..10),
        policies in prop::collection::vec((names(), any::<String>(), 0..7_usize, any::<i32>(), any::<f64>()), 0..4),
    ) -> Observed {
        let mut observed = Observed::default();
        for (name, kind, [durable, auto_delete, internal], arguments) in exchanges {
            observed.exchanges.insert(name.clone(), ExchangeSpec { name, kind, durable, auto_delete, internal, arguments });
        }
        for (name, kind, [durable, auto_delete, exclusive], mut arguments) in queues {
            let kind = ["classic", "quorum", "stream", "rabbit_mqtt_qos0_queue"][kind];
            arguments.insert("x-queue-type".to_owned(), Field::text(kind));
            let (durable, auto_delete) = if kind == "classic" { (durable, auto_delete) } else { (true, false) };
            observed.queues.insert(name.clone(), QueueSpec { name, durable, exclusive, auto_delete, arguments });
        }
        for (source, destination, to_queue, key, arguments) in bindings {
            let destination = if to_queue { observed.queues.keys().next() } else { observed.exchanges.keys().next() }.cloned().unwrap_or(destination);
            let source = observed.exchanges.keys().next_back().cloned().unwrap_or(source);
            observed.bind(BindingSpec { source, destination, to_queue, key, arguments });
        }
        for (name, pattern, to, priority, number) in policies {
            let apply_to = ["all", "queues", "exchanges", "classic_queues", "quorum_queues", "streams", "moons"][to].to_owned();
            let definition = json!({"max-length": priority, "x": [number, {"a": pattern}]}).as_object().cloned().unwrap_or_default();
            observed.policies.insert(name.clone(), PolicySpec { name, pattern, apply_to, priority: priority.into(), definition });
        }
        observed
    }
}

/// Names of services. What begins with `amq.` is the broker's own, so `amq` is none: its dead letter queue could not be declared.
fn service_names() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9 ]{0,4}".prop_filter("the broker's own", |name| name != "amq")
}

proptest! {
    #[test]
    fn everything_comes_back_or_is_told(observed in brokers()) {
        let export = exported(&observed, V4, false);
        let (yaml, json) = (export.yaml("a\nb"), export.json());
        let found = back(&yaml, V4);
        prop_assert!(back(&json, V4).is_same(&found), "{}\n{}", yaml, json);
        prop_assert!(observed.includes(&found), "{}", yaml);
        let told = |kind: &str, name: &str| export.left_out.iter().any(|left_out| left_out.kind == kind && left_out.name == name);
        let given = |name: &str| ["amq.topic"].contains(&name);
        for name in observed.exchanges.keys().filter(|name| !given(name)) {
            prop_assert!(found.exchanges.contains_key(name) != told("exchange", name), "{name:?}\n{}", yaml);
        }
        for name in observed.queues.keys() {
            prop_assert!(found.queues.contains_key(name) != told("queue", name), "{name:?}\n{}", yaml);
        }
        for name in observed.policies.keys() {
            prop_assert!(found.policies.contains_key(name) != told("policy", name), "{name:?}\n{}", yaml);
        }
        for binding in observed.bindings() {
            let name = format!("{} -> {} ({})", binding.source, binding.destination, binding.key);
            prop_assert!(found.has(binding) || told("binding", &name), "{name:?}\n{}", yaml);
        }
    }

    #[test]
    fn services_come_back_as_services(
        services in prop::collection::btree_map(service_names(), ("[a-z#*. ]{0,6}", 0..3_usize, any::<bool>(), any::<bool>(), any::<bool>()), 1..6),
        audit in any::<bool>(),
        alternate in any::<bool>(),
        old in any::<bool>(),
    ) {
        let version = if old { V3 } else { V4 };
        let written: Vec<String> = services.iter().map(|(name, (key, ladder, classic, more, enforce))| {
            let ladder = ["none", "{ delays: [1s, 10s, 1s] }", "{ first: 1500ms, attempts: 3 }"][*ladder];
            let kind = if *classic { "classic" } else { "quorum" };
            let more = if *more { ", single_active_consumer: true, arguments: { x-team: red }" } else { "" };
            let enforce = if *enforce { ", dead_letters: { keep: 2d, max: 9, enforce: true }" } else { "" };
            format!("  {name:?}: {{ subscribes: [{{ key: {key:?} }}, {{ key: own }}], retry: {ladder}, queue: {{ type: {kind}{more} }}{enforce} }}\n")
        }).collect();
        let audit = if audit { "audit: { stream: log, keep: 30d, max_length_bytes: 1GB }\n" } else { "" };
        let alternate = if alternate { "exchanges: { rest: { type: fanout }, shop: { alternate_exchange: rest } }\n" } else { "" };
        let observed = observed(&format!("bus: {{ exchange: shop }}\nservices:\n{}{audit}{alternate}", written.concat()), version);
        let export = exported(&observed, version, true);
        let yaml = export.yaml("");
        prop_assert_eq!((export.services, export.without_services), (services.len(), None), "{}", yaml);
        prop_assert!(back(&yaml, version).is_same(&observed), "{}", yaml);
        prop_assert!(!yaml.contains("\nqueues:") && !yaml.contains("\nbindings:") && !yaml.contains("\npolicies:"), "{}", yaml);
    }
}

const BUS: &str = "services:\n  a: { subscribes: [{ key: x.y }], retry: { delays: [1s, 2s] } }\n  b: { retry: none }\naudit: { stream: log, keep: 30d }\n";

/// What somebody did to a broker by hand.
type Change = Box<dyn FnOnce(&mut Observed)>;

#[test]
fn what_is_not_exactly_a_service_is_listed_and_nothing_is_lost() {
    let whole = observed(BUS, V3);
    assert_eq!(exported(&whole, V3, true).services, 2);
    let set = |name: &'static str, argument: &'static str, value: Field| {
        move |observed: &mut Observed| {
            let queue = observed.queues.get_mut(name).expect("it is there");
            queue.arguments.insert(argument.to_owned(), value);
        }
    };
    let unbind =
        |key: &'static str| move |observed: &mut Observed| observed.keep_bindings(|binding| binding.key != key);
    let mut changes: Vec<(&str, Change)> = vec![
        (
            "a limit of its dead letter queue that no service has",
            Box::new(set("a.dlq", "x-max-length-bytes", Field::I64(5))),
        ),
        ("another strategy", Box::new(set("a", "x-dead-letter-strategy", Field::text("at-most-once")))),
        ("another key for its dead letters", Box::new(set("a", "x-dead-letter-routing-key", Field::text("b")))),
        ("a rung that leads elsewhere", Box::new(set("a.retry.2s", "x-dead-letter-routing-key", Field::text("b")))),
        ("a rung that waits longer than its name says", Box::new(set("a.retry.2s", "x-message-ttl", Field::I64(2001)))),
        ("a rung of another type", Box::new(set("a.retry.2s", "x-queue-type", Field::text("classic")))),
        ("no binding for its dead letters", Box::new(unbind("a"))),
        (
            "a queue that deletes itself",
            Box::new(|observed| {
                observed
                    .queues
                    .values_mut()
                    .filter(|queue| queue.name == "a")
                    .for_each(|queue| queue.auto_delete = true);
            }),
        ),
    ];
    changes.push(("no dead letter queue", Box::new(|observed| drop(observed.queues.remove("a.dlq")))));
    for (what, change) in changes {
        let mut observed = whole.clone();
        change(&mut observed);
        let export = exported(&observed, V3, true);
        let yaml = export.yaml("");
        assert_eq!(export.services, 1, "{what}\n{yaml}");
        assert!(observed.includes(&back(&yaml, V3)), "{what}\n{yaml}");
        assert_eq!(
            observed.queues.len(),
            back(&yaml, V3).queues.len() + export.left_out.iter().filter(|left_out| left_out.kind == "queue").count(),
            "{what}\n{yaml}"
        );
    }
    // A rung behind a gap is no rung: what is before it is the ladder, and the rest is listed.
    let mut gap = whole.clone();
    gap.keep_bindings(|binding| binding.key != "a.1");
    let export = exported(&gap, V3, true);
    assert!(back(&export.yaml(""), V3).is_same(&gap), "{}", export.yaml(""));
    assert!(
        export.yaml("").contains("a: { subscribes: [{ key: x.y }], retry: none }") || export.services == 2,
        "{}",
        export.yaml("")
    );
}

#[test]
fn without_the_policy_of_the_dead_letter_queues_nothing_is_a_service() {
    let mut observed = observed(BUS, V4);
    assert_eq!(exported(&observed, V4, true).services, 2);
    for policy in observed.policies.values_mut() {
        policy.priority = 5;
    }
    let export = exported(&observed, V4, true);
    assert!(export.without_services.is_some_and(|why| why.contains("policy")), "{export:?}");
    assert!(back(&export.yaml(""), V4).is_same(&observed));
    observed.policies.clear();
    assert!(exported(&observed, V4, true).without_services.is_some());
}

#[test]
fn a_service_that_left_its_file_and_is_still_there_keeps_no_other_from_being_one() {
    let mut all = observed(BUS, V4);
    let rest = observed(&BUS.replace("  b: { retry: none }\n", ""), V4);
    all.policies.clone_from(&rest.policies);
    let export = exported(&all, V4, true);
    let yaml = export.yaml("");
    assert_eq!((export.services, export.uncovered), (1, 1), "{yaml}");
    assert!(back(&yaml, V4).is_same(&all) && yaml.contains("\n  b.dlq: { type: quorum }\n"), "{yaml}");
}

#[test]
fn what_is_without_effect_is_said_above_it() {
    let text = "queues:\n  q: { type: classic, queue_mode: lazy, arguments: { x-team: red } }\n  r: { type: quorum, delayed_retry_min: 1s }\npolicies:\n  low: { pattern: '^q$', definition: { expires: 5 } }\n  high: { pattern: q, priority: 1, apply_to: queues, definition: { expires: 6 } }\n  none: { pattern: '^x', definition: { expires: 7 } }\n  kind: { pattern: r, apply_to: classic_queues, definition: { expires: 8 } }\n";
    let observed = observed(text, V4);
    let comments = |version| {
        let yaml = exported(&observed, version, false).yaml("");
        let lines: Vec<String> = yaml
            .lines()
            .skip(1)
            .collect::<Vec<_>>()
            .windows(2)
            .filter(|pair| pair[0].contains("# "))
            .map(|pair| format!("{} / {}", pair[0].trim(), pair[1].trim().split(':').next().unwrap_or_default()))
            .collect();
        lines
    };
    let both = [
        "# RabbitMQ knows no argument x-team: it is stored and ignored / x-team",
        "# without effect: it matches nothing / kind",
        "# without effect: wherever it matches, high is in force / low",
        "# without effect: it matches nothing / none",
    ];
    let new = [&["# without effect from 3.12 on / queue_mode"][..], &both].concat();
    assert_eq!(comments(V4), new);
    let old = [&both[..1], &["# without effect before 4.3 / delayed_retry_min"], &both[1..]].concat();
    assert_eq!(comments(V3), old);
}

#[test]
fn what_units_do_not_say_exactly_is_written_as_it_is_and_what_is_left_out_has_its_reason() {
    let text = "exchanges: { heads: { type: headers } }\nqueues:\n  s: { type: stream, arguments: { x-max-age: 48h } }\n  t: { type: stream, max_age: 2d }\n  u: { type: classic, arguments: { x-message-ttl: 0 } }\n  mine: { type: classic }\nbindings:\n  - { from: heads, to: u, arguments: { nr: 5 } }\n  - { from: heads, to: u, arguments: { nr: 5.0 } }\n  - { from: heads, to: mine }\n";
    let mut observed = observed(text, V4);
    observed.queues.values_mut().filter(|queue| queue.name == "mine").for_each(|queue| queue.exclusive = true);
    let large = Table::from([("nr".to_owned(), Field::F64(1e20))]);
    observed.bind(BindingSpec {
        source: "heads".into(),
        destination: "u".into(),
        to_queue: true,
        key: "k".into(),
        arguments: large,
    });
    let expected = r#"# T
#
# Not exported:
# - binding "heads -> mine ()": it leads from or to what is not exported
# - binding "heads -> u (k)": it has a number beyond 64 bits, which no client can declare
# - queue mine: it is exclusive, and goes with its connection
evbus: 1
vhost: v

exchanges:
  heads: { type: headers }

queues:
  s: { type: stream, arguments: { x-max-age: 48h } }
  t: { type: stream, max_age: 2d }
  u: { type: classic, arguments: { x-message-ttl: 0 } }

bindings:
  - { from: heads, to: u, arguments: { nr: 5 } }
  - { from: heads, to: u, arguments: { nr: 5.0 } }
"#;
    assert_eq!(exported(&observed, V4, false).yaml("T"), expected);
}

#[test]
fn the_order_of_services_in_the_file_makes_no_difference_to_the_broker() {
    // Names that share nothing need more than one pattern.
    let name = |n: u64| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let written = |names: Vec<String>| {
        format!("services:\n{}", names.iter().map(|name| format!("  s{name}: {{ retry: none }}\n")).collect::<String>())
    };
    let observed = [written((0..1500).map(name).collect()), written((0..1500).rev().map(name).collect())]
        .map(|text| observed(&text, V4));
    assert!(observed[0].policies.len() > 1 && observed[0].is_same(&observed[1]));
}

#[test]
fn a_large_bus_is_written_in_seconds() {
    let services: String =
        (0..1000).map(|n| format!("  service-{n}: {{ subscribes: [{{ key: key.{n} }}] }}\n")).collect();
    let observed = observed(&format!("services:\n{services}"), V4);
    let started = std::time::Instant::now();
    assert_eq!(exported(&observed, V4, true).services, 1000);
    assert_eq!(exported(&observed, V4, false).left_out, []);
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}
