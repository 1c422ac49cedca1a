//! Killed at any moment, and gone on with: nothing is lost, and nothing comes twice that was not told of.
//!
//! `EVBUS_SOAK=N` makes it N times as long.

mod purge;
mod replay;
mod restore;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::Value;

use crate::support::{
    live::Live,
    run::{Done, Run},
};

/// Messages of a scene.
const COUNT: u32 = 1500;
/// What may be held at once, and so be in doubt.
const WINDOW: usize = 50;

/// How often a scene's run is killed.
const KILLS: u32 = 3;

fn soak() -> u64 {
    std::env::var("EVBUS_SOAK").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// A fixed sequence of moments: they differ, and are the same in every run.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(below.max(1))).unwrap_or(0)
    }
}

/// The run of a state folder that is to be gone on with, or has ended: one that was killed before it took over has done nothing.
fn last_run(live: &Live, state: &Path) -> Value {
    let done = live.evbus(&["dlq", "runs", "-o", "json"]).env("EVBUS_STATE_DIR", state).done().ends_with(0);
    let runs = done.json()[0]["runs"].as_array().cloned().unwrap_or_default();
    let took_over = |run: &Value| {
        let before = runs.iter().find(|before| before["run"] == run["resumes"][0]);
        before.is_none_or(|before| before["resumed_by"] == run["run"])
    };
    let last = runs.iter().find(|run| run["resumed_by"].is_null() && took_over(run));
    last.cloned().unwrap_or_else(|| panic!("none of {runs:#?}"))
}

/// Kills it when so many more messages have arrived, or it has ended before; says whether it was met at work.
fn kill_at(live: &Live, run: Run, work: &str, moved: u32) -> bool {
    let before = live.ready(work);
    kill_when(live, run, || live.ready(work) >= before + moved)
}

/// Kills it when it has come so far, or has ended before; says whether it was met at work.
fn kill_when(live: &Live, run: Run, has_come_so_far: impl Fn() -> bool) -> bool {
    let mut child = run.arg("-q").start();
    live.until("it has come so far, or has ended", || {
        child.try_wait().expect("a process").is_some() || has_come_so_far()
    });
    let at_work = child.try_wait().expect("a process").is_none();
    let _ = child.kill();
    let _ = child.wait();
    at_work
}

/// How many times each message is in that queue; it is empty afterwards.
fn counted(live: &Live, queue: &str) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for id in live.ids(queue) {
        *all.entry(id).or_default() += 1;
    }
    all
}

/// The messages that a run has named as in doubt; its summary counts as many.
fn named_in_doubt(done: &Done) -> BTreeSet<String> {
    let lines = done.json();
    let in_doubt = lines.iter().filter(|line| line["event"] == "in_doubt");
    let named: BTreeSet<String> =
        in_doubt.map(|line| line["message_id"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(done.summary()["in_doubt"].as_u64(), Some(named.len() as u64), "each is named: {}", done.whole());
    named
}
