//! A replay that is killed.

use std::collections::BTreeSet;

use super::{COUNT, KILLS, Moments, WINDOW, counted, kill_at, last_run, named_in_doubt, soak};
use crate::support::live::{Live, broker};

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
    // One that ends by itself, with nothing left to do but what is in doubt, would do so again.
    let mut at_work = kill_at(live, first, &work, 1 + moments.next(all / 2));
    let mut kills = u32::from(at_work);
    let in_doubt: BTreeSet<String> = loop {
        let last = last_run(live, state.path());
        if last["state"] == "ended" {
            break BTreeSet::new();
        }
        let resume = ["dlq", "replay", "--resume", last["run"].as_str().expect("an id")];
        let rest = all.saturating_sub(live.ready(&work));
        if at_work && kills < KILLS && rest > 0 {
            at_work = kill_at(live, run(&resume), &work, 1 + moments.next(rest / 2));
            kills += u32::from(at_work);
            continue;
        }
        let done = run(&resume).and(["-o", "json"]).done();
        let in_doubt = named_in_doubt(&done);
        let summary = done.summary();
        let (held, left) = (&summary["in_doubt"], u64::from(COUNT - all));
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
    eprintln!("{kills} kills met a replay at work");
    assert!(u64::from(kills) >= 4 * soak(), "only {kills} kills met it at work");
}
