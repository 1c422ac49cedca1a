//! How long does each retry of a service wait?

use std::time::Duration;

use super::{
    read::tell_once,
    shape,
    tree::{Node, Value},
    values::{integer, number},
};
use crate::topology::{argument::LONGEST, place::Problem};

/// A retry ladder with more different delays than this would be more queues than anybody wants to own.
const RUNGS: usize = 100;

/// The delays of a ladder, one for each attempt.
pub(super) fn read(node: &Node, problems: &mut Vec<Problem>) -> Vec<Duration> {
    let time = |key: &str| node.get(key).and_then(|node| shape::time(node, key).ok());
    let other = node.entries().iter().find(|entry| entry.key != "delays");
    if let Some(delays) = node.entry("delays") {
        if let Some(other) = other {
            tell_once(
                problems,
                Problem::new("a retry ladder is either a list of delays or made from `first`", other.place)
                    .label("not beside `delays`")
                    .also(delays.place, "the list"),
            );
        }
        let delays: Vec<_> = delays.node.items().iter().filter_map(|node| shape::time(node, "delays").ok()).collect();
        if delays.len() > RUNGS {
            tell_once(problems, Problem::new(format!("a ladder has at most {RUNGS} delays"), node.place));
        }
        return delays;
    }
    if !matches!(node.value, Value::Map(_)) {
        return Vec::new();
    }
    for key in ["first", "attempts"] {
        if node.entry(key).is_none() {
            tell_once(
                problems,
                Problem::new(format!("a retry ladder needs `{key}`"), node.place)
                    .label(format!("`{key}` is missing"))
                    .help("write { first: 1s, factor: 2, max: 5m, attempts: 6 }, { delays: [1s, 10s, 1m] }, or none"),
            );
        }
    }
    let Some(first) = time("first") else { return Vec::new() };
    let attempts = node.get("attempts").and_then(integer).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let factor = node.get("factor").and_then(number).unwrap_or(2.0);
    let max = time("max").unwrap_or(Duration::from_millis(LONGEST));
    if let (true, Some(entry)) = (max < first, node.entry("max")) {
        tell_once(
            problems,
            Problem::new("the longest wait of a ladder is shorter than its first", entry.node.place)
                .label("less than `first`"),
        );
    }
    rungs(first, factor, max, attempts.min(RUNGS))
}

/// The ladder of a file that says nothing about retries.
pub(super) fn standard() -> Vec<Duration> {
    rungs(Duration::from_secs(1), 2.0, Duration::from_secs(300), 6)
}

fn rungs(first: Duration, factor: f64, max: Duration, attempts: usize) -> Vec<Duration> {
    let most = max.as_secs_f64();
    let mut wait = first.as_secs_f64();
    let mut delays = Vec::with_capacity(attempts);
    for _ in 0..attempts {
        // Whole milliseconds, the broker's unit; both bounds have been checked to be no more than ten years.
        let millis = (wait.min(most) * 1000.0).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between one and LONGEST")]
        delays.push(Duration::from_millis((millis as u64).clamp(1, LONGEST)));
        wait = (wait * factor).min(most);
    }
    delays
}
