//! What does a service become on each series?

use std::path::Path;

use super::*;
use crate::topology::file::File;

fn wanted(text: &str, version: Version) -> (Wanted, Vec<Problem>) {
    let text = format!("evbus: 1\n{text}");
    let file = File::read(vec![("f".to_owned(), Path::new(""), text.into_bytes())]).expect("a right file");
    expand(&file.topology, version)
}

const SERVICE: &str = "events: {A: {routing_key: a.b}}\nservices: {s: {subscribes: [A, {key: \"x.#\"}, A], retry: {delays: [1s, 10s, 1s]}}}\naudit: {stream: log, keep: 30d}\n";

fn lines(wanted: &Wanted) -> Vec<String> {
    let arguments = |table: &Table| {
        let one = |(name, field): (&String, &Field)| match field.as_int() {
            Some(number) => format!("{name}={number}"),
            None => format!("{name}={}", field.as_str().unwrap_or("?")),
        };
        table.iter().map(one).collect::<Vec<_>>().join(" ")
    };
    let exchanges = wanted.exchanges.iter().map(|wish| format!("{} {}", wish.spec.kind, wish.spec.name));
    let queues = wanted.queues.iter().map(|wish| format!("{}: {}", wish.spec.name, arguments(&wish.spec.arguments)));
    let bindings = wanted
        .bindings
        .iter()
        .map(|wish| format!("{} -{}-> {}", wish.spec.source, wish.spec.key, wish.spec.destination));
    let policies =
        wanted.policies.iter().map(|wish| format!("{} {} {}", wish.spec.name, wish.spec.pattern, wish.spec.apply_to));
    exchanges.chain(queues).chain(bindings).chain(policies).collect()
}

#[test]
fn a_service_becomes_a_queue_a_dlq_and_a_ladder_that_lose_nothing_between_them() {
    let (wanted, problems) = wanted(SERVICE, Version::new(4, 0, 5));
    assert!(problems.is_empty());
    assert_eq!(
        lines(&wanted),
        [
            "topic events",
            "topic events.dlx",
            "topic events.retry",
            "s.dlq: x-queue-type=quorum",
            "s.retry.1s: x-dead-letter-exchange= x-dead-letter-routing-key=s x-dead-letter-strategy=at-least-once x-message-ttl=1000 x-overflow=reject-publish x-queue-type=quorum",
            "s.retry.10s: x-dead-letter-exchange= x-dead-letter-routing-key=s x-dead-letter-strategy=at-least-once x-message-ttl=10000 x-overflow=reject-publish x-queue-type=quorum",
            "s: x-dead-letter-exchange=events.dlx x-dead-letter-routing-key=s x-dead-letter-strategy=at-least-once x-overflow=reject-publish x-queue-type=quorum",
            "log: x-max-age=30D x-queue-type=stream",
            "events.dlx -s-> s.dlq",
            "events.retry -s.1-> s.retry.1s",
            "events.retry -s.3-> s.retry.1s",
            "events.retry -s.2-> s.retry.10s",
            "events -a.b-> s",
            "events -x.#-> s",
            "events -#-> log",
            "events.dlx -#-> log",
            "events.retry -#-> log",
            "evbus-events-dlq ^s\\.dlq$ quorum_queues",
        ]
    );
}

#[test]
fn the_delivery_limit_is_lifted_by_policy_and_never_before_4_0() {
    let (wanted, _) = wanted(SERVICE, Version::new(3, 13, 7));
    assert!(wanted.policies.is_empty());
    assert!(wanted.queues.iter().all(|queue| !queue.spec.arguments.contains_key("x-delivery-limit")));
}

#[test]
fn a_classic_service_is_classic_throughout_and_dead_letters_at_most_once() {
    let text = "services: {s: {queue: {type: classic}, retry: {delays: [1s]}, dead_letters: {keep: 1d, max: 5, enforce: true}}}\n";
    let (wanted, _) = wanted(text, Version::new(4, 3, 0));
    let queues: Vec<String> = lines(&wanted).into_iter().filter(|line| line.contains("x-queue-type")).collect();
    assert_eq!(
        queues,
        [
            "s.dlq: x-max-length=5 x-message-ttl=86400000 x-queue-type=classic",
            "s.retry.1s: x-dead-letter-exchange= x-dead-letter-routing-key=s x-message-ttl=1000 x-queue-type=classic",
            "s: x-dead-letter-exchange=events.dlx x-dead-letter-routing-key=s x-queue-type=classic",
        ]
    );
    assert!(wanted.policies.is_empty(), "a classic queue has no delivery limit");
}

#[test]
fn names_follow_the_naming_and_limits_that_are_not_enforced_stay_out_of_the_broker() {
    let text = "bus: {exchange: shop}\nnaming: {queue: \"q.{service}\", dead_letter_queue: \"{service}_error\", retry_queue: \"{queue}_wait_{delay}\", dead_letter_exchange: \"{bus}-dead\", retry_exchange: \"{bus}-again\"}\nservices: {s: {retry: {delays: [90s]}, dead_letters: {max: 5}}}\n";
    let (wanted, _) = wanted(text, Version::new(4, 3, 0));
    let names: Vec<&str> = wanted.exchanges.iter().map(|wish| wish.spec.name.as_str()).collect();
    assert_eq!(names, ["shop", "shop-dead", "shop-again"]);
    let names: Vec<&str> = wanted.queues.iter().map(|wish| wish.spec.name.as_str()).collect();
    assert_eq!(names, ["s_error", "q.s_wait_1m30s", "q.s"]);
    assert!(!wanted.queues[0].spec.arguments.contains_key("x-max-length"));
    assert_eq!(wanted.policies[0].spec.name, "evbus-shop-dlq");
}

#[test]
fn a_subscription_to_an_event_that_is_not_there_is_a_problem_with_the_nearest_one() {
    let (wanted, problems) = wanted(
        "events: {QuoteCreated: {routing_key: a}}\nservices: {s: {subscribes: [QuoteCreatd]}}\n",
        Version::new(4, 3, 0),
    );
    assert_eq!(problems[0].help.as_deref(), Some("did you mean `QuoteCreated`?"));
    assert!(wanted.bindings.iter().all(|binding| binding.role != Role::Subscription));
}

#[test]
fn five_thousand_services_are_laid_out_and_ordered_quickly() {
    use std::fmt::Write as _;
    let mut text = "evbus: 1\nevents:\n".to_owned();
    for n in 0..5000 {
        let _ = writeln!(text, "  Event{n}: {{ routing_key: event.n{n} }}");
    }
    text.push_str("services:\n");
    for n in 0..5000 {
        let _ = writeln!(text, "  service-{n}: {{ subscribes: [Event{n}, Event{}] }}", (n * 7) % 5000);
    }
    let started = std::time::Instant::now();
    let file = File::read(vec![("f".to_owned(), Path::new(""), text.into_bytes())]).expect("a right file");
    let (wanted, _) = expand(&file.topology, Version::new(4, 3, 0));
    let steps = crate::topology::order::order(&wanted);
    assert!(steps.len() > 5000 * 17);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
