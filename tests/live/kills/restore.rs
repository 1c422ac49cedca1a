//! A restore that is killed.

use std::{collections::BTreeSet, path::Path};

use super::{COUNT, KILLS, Moments, WINDOW, counted, kill_at, last_run, named_in_doubt, soak};
use crate::{
    dlq_restore::purged,
    support::live::{Live, broker},
};

/// A restore into a queue of that kind that is killed, gone on with and killed again until it has ended. `selected` says which messages
/// are meant.
fn scene(
    live: &Live,
    file: &Path,
    kind: &str,
    flags: &[&str],
    moments: &mut Moments,
    selected: impl Fn(u32) -> bool,
) -> u32 {
    let state = tempfile::tempdir().expect("a folder");
    let target = format!("{kind}.back");
    live.queue(&target, &[("x-queue-type", kind.into())]);
    let all = u32::try_from((0..COUNT).filter(|n| selected(*n)).count()).expect("a count");
    let (window, to) = (WINDOW.to_string(), format!("queue:{target}"));
    let always = ["--yes", "--window", &window];
    let run = |arguments: &[&str]| live.evbus(arguments).and(always).env("EVBUS_STATE_DIR", state.path());
    let first = run(&["dlq", "restore", "--to", &to]).and(flags).arg(file);
    // One that ends by itself, with nothing left to do but what is in doubt, would do so again.
    let mut at_work = kill_at(live, first, &target, 1 + moments.next(all / 2));
    let mut kills = u32::from(at_work);
    let in_doubt: BTreeSet<String> = loop {
        let last = last_run(live, state.path());
        if last["state"] == "ended" {
            break BTreeSet::new();
        }
        let resume = ["dlq", "restore", "--resume", last["run"].as_str().expect("an id")];
        let rest = all.saturating_sub(live.ready(&target));
        if at_work && kills < KILLS && rest > 0 {
            at_work = kill_at(live, run(&resume), &target, 1 + moments.next(rest / 2));
            kills += u32::from(at_work);
            continue;
        }
        let done = run(&resume).and(["-o", "json"]).done();
        let in_doubt = named_in_doubt(&done);
        assert_eq!(done.code(), Some(if in_doubt.is_empty() { 0 } else { 3 }), "{}", done.whole());
        break in_doubt;
    };
    let most = WINDOW * kills as usize;
    assert!(in_doubt.len() <= most, "{} in doubt, of a window of {WINDOW} and {kills} kills", in_doubt.len());
    let back = counted(live, &target);
    for n in 0..COUNT {
        let id = format!("m{n}");
        let times = back.get(&id).copied().unwrap_or(0);
        match (selected(n), in_doubt.contains(&id)) {
            (true, true) => assert!(times <= 1, "{kind} {flags:?}: {id} is in doubt, and came {times} times"),
            (true, false) => assert_eq!(times, 1, "{kind} {flags:?}: {id} is back once"),
            (false, _) => assert_eq!(times, 0, "{kind} {flags:?}: {id} was not meant"),
        }
    }
    kills
}

#[test]
fn a_restore_that_is_killed_and_gone_on_with_loses_nothing_and_doubles_nothing() {
    let mut kills = 0;
    let mut moments = Moments(23);
    for round in 0..soak() {
        let Some(live) = broker(&format!("kills-restore-{round}")) else { return };
        let folder = tempfile::tempdir().expect("a folder");
        let file = purged(&live, folder.path(), COUNT as usize, "a.ndjson.zst");
        for kind in ["classic", "quorum"] {
            kills += scene(&live, &file, kind, &[], &mut moments, |_| true);
            live.delete(&format!("{kind}.back"));
            let flags = ["--where", ".body.json.n % 3 == 0"];
            kills += scene(&live, &file, kind, &flags, &mut moments, |n| n % 3 == 0);
        }
    }
    eprintln!("{kills} kills met a restore at work");
    assert!(u64::from(kills) >= 4 * soak(), "only {kills} kills met it at work");
}
