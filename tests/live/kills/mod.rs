//! Killed at any moment, and gone on with: nothing is lost, and nothing comes twice that was not told of.
//!
//! `EVBUS_SOAK=N` makes it N times as long.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::Value;

use crate::support::{
    live::{Live, broker},
    run::Run,
};

/// Messages of a scene.
const COUNT: u32 = 1500;
/// What may be held at once, and so be in doubt.
const WINDOW: usize = 50;

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
    let mut child = run.arg("-q").start();
    live.until("it has come so far, or has ended", || {
        child.try_wait().expect("a process").is_some() || live.ready(work) >= before + moved
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

/// A replay that is killed, gone on with and killed again until it has ended. `selected` says which messages are meant.
fn scene(live: &Live, kind: &str, flags: &[&str], moments: &mut Moments, selected: impl Fn(u32) -> bool) -> u32 {
    let state = tempfile::tempdir().expect("a folder");
    let (work, dead) = (format!("{kind}.work"), format!("{kind}.dead"));
    live.pair(kind, &work, &dead);
    live.fill(&work, COUNT as usize);
    live.reject_all(&work, &dead);
    let all = u32::try_from((0..COUNT).filter(|n| selected(*n)).count()).expect("a count");
    let window = WINDOW.to_string();
    let always = ["--yes", "--window", &window];
    let run = |arguments: &[&str]| live.evbus(arguments).and(always).env("EVBUS_STATE_DIR", state.path());
    let first = run(&["dlq", "replay", &dead]).and(flags);
    let mut kills = u32::from(kill_at(live, first, &work, 1 + moments.next(all)));
    let in_doubt: BTreeSet<String> = loop {
        let last = last_run(live, state.path());
        if last["state"] == "ended" {
            break BTreeSet::new();
        }
        let resume = ["dlq", "replay", "--resume", last["run"].as_str().expect("an id")];
        let rest = all.saturating_sub(live.ready(&work));
        if kills < 2 && rest > 0 {
            kills += u32::from(kill_at(live, run(&resume), &work, 1 + moments.next(rest)));
            continue;
        }
        let done = run(&resume).and(["-o", "json"]).done();
        let lines = done.json();
        let of = |event: &'static str| lines.iter().filter(move |line| line["event"] == event);
        let in_doubt = of("in_doubt").map(|line| line["message_id"].as_str().unwrap_or_default().to_owned()).collect();
        let summary = done.summary();
        let (held, left) = (&summary["in_doubt"], u64::from(COUNT - all));
        assert_eq!(held.as_u64(), Some(of("in_doubt").count() as u64), "each is named: {summary}");
        assert_eq!(summary["left"].as_u64(), held.as_u64().map(|held| held + left), "{}", done.whole());
        assert_eq!(done.code(), Some(if held == 0 { 0 } else { 3 }), "{}", done.whole());
        break in_doubt;
    };
    let most = WINDOW * kills as usize;
    assert!(in_doubt.len() <= most, "{} in doubt, of a window of {WINDOW} and {kills} kills", in_doubt.len());
    let (arrived, left) = (counted(live, &work), counted(live, &dead));
    for n in 0..COUNT {
        let id = format!("m{n}");
        let there = (arrived.get(&id).copied().unwrap_or(0), left.get(&id).copied().unwrap_or(0));
        match (selected(n), in_doubt.contains(&id)) {
            (true, true) => assert!(there.0 <= 1 && there.1 == 1, "{id} is in doubt, and stays: {there:?}"),
            (true, false) => assert_eq!(there, (1, 0), "{kind} {flags:?}: {id} has moved once"),
            (false, _) => assert_eq!(there, (0, 1), "{kind} {flags:?}: {id} was not meant"),
        }
    }
    kills
}

#[test]
fn a_replay_that_is_killed_and_gone_on_with_loses_nothing_and_doubles_nothing() {
    let mut kills = 0;
    let mut moments = Moments(11);
    for round in 0..soak() {
        let Some(live) = broker(&format!("kills-{round}")) else { return };
        for kind in ["classic", "quorum"] {
            kills += scene(&live, kind, &[], &mut moments, |_| true);
            for queue in ["work", "dead"] {
                live.delete(&format!("{kind}.{queue}"));
            }
            kills += scene(&live, kind, &["--where", ".body.json.n % 3 == 0"], &mut moments, |n| n % 3 == 0);
        }
    }
    assert!(u64::from(kills) >= 4 * soak(), "only {kills} kills met it at work");
}
