//! The story is told to its end, in a pipe, in under a minute.

use std::time::{Duration, Instant};

use crate::support::{live::broker, run::evbus};

#[test]
fn the_story_is_told_in_under_a_minute() {
    if broker("demo").is_none() {
        return;
    }
    let began = Instant::now();
    let run = evbus(["demo"]);
    let run = match std::env::var_os("EVBUS_RABBITMQ_SERVER") {
        Some(server) => run.env("EVBUS_RABBITMQ_SERVER", server),
        None => run,
    };
    let done = run.done().ends_with(0);
    assert!(began.elapsed() < Duration::from_secs(60), "it took {:?}", began.elapsed());
    for told in [
        "$ evbus apply",
        "$ evbus publish",
        "$ evbus tail",
        "$ evbus dlq list",
        "$ evbus dlq show",
        "3 replayed",
        "$ evbus queues",
    ] {
        assert!(done.out().contains(told), "{told} is missing\n{}", done.whole());
    }
}
