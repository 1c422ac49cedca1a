//! A purge that is killed.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use super::{COUNT, KILLS, Moments, WINDOW, counted, kill_when, last_run, soak};
use crate::support::live::{Live, broker};

/// A purge that is killed, gone on with and killed again until it has ended. `selected` says which messages are meant.
fn scene(live: &Live, kind: &str, flags: &[&str], moments: &mut Moments, selected: impl Fn(u32) -> bool) -> u32 {
    let folder = tempfile::tempdir().expect("a folder");
    let (work, dead) = (format!("{kind}.work"), format!("{kind}.dead"));
    live.pair(kind, &work, &dead);
    live.fill(&work, COUNT as usize);
    live.reject_all(&work, &dead);
    let stays = u32::try_from((0..COUNT).filter(|n| !selected(*n)).count()).expect("a count");
    let window = WINDOW.to_string();
    let run = |arguments: &[&str]| {
        let run = live.evbus(arguments).and(["--yes", "--window", &window]);
        run.env("EVBUS_STATE_DIR", folder.path().join("state")).within(folder.path())
    };
    // What is held is not counted, so that it is at work a little before it has come so far.
    let kill = |run, moved: u32| {
        let goal = live.ready(&dead).saturating_sub(moved);
        kill_when(live, run, || live.ready(&dead) <= goal)
    };
    let rest = || live.ready(&dead).saturating_sub(stays);
    let first = run(&["dlq", "purge", &dead, "--archive", "a.ndjson"]).and(flags);
    // One that ends by itself, with nothing left to do but what is in doubt, would do so again.
    let mut at_work = kill(first, 1 + moments.next(rest() / 2));
    let mut kills = u32::from(at_work);
    loop {
        let last = last_run(live, &folder.path().join("state"));
        if last["state"] == "ended" {
            break;
        }
        let resume = ["dlq", "purge", "--resume", last["run"].as_str().expect("an id")];
        if at_work && kills < KILLS && rest() > 0 {
            at_work = kill(run(&resume), 1 + moments.next(rest() / 2));
            kills += u32::from(at_work);
            continue;
        }
        let done = run(&resume).and(["-o", "json"]).done().ends_with(0);
        assert_eq!(done.summary()["left"], stays, "{}", done.whole());
        assert!(!done.err().contains("twice"), "each has an id of its own: {}", done.whole());
        break;
    }
    let archive = fs::read_to_string(folder.path().join("a.ndjson")).expect("an archive");
    let lines: Vec<Value> = archive.lines().map(|line| serde_json::from_str(line).expect("whole lines")).collect();
    let mut kept = BTreeMap::new();
    for id in lines.iter().filter_map(|line| line["properties"]["message_id"].as_str()) {
        *kept.entry(id).or_insert(0_usize) += 1;
    }
    assert_eq!(lines.last().map(|last| &last["count"]), Some(&(COUNT - stays).into()), "it is whole");
    let left = counted(live, &dead);
    for n in 0..COUNT {
        let id = format!("m{n}");
        let there = (kept.get(id.as_str()).copied().unwrap_or(0), left.get(&id).copied().unwrap_or(0));
        let expected = if selected(n) { (1, 0) } else { (0, 1) };
        assert_eq!(there, expected, "{kind} {flags:?}: {id}, in the archive and in the queue");
    }
    kills
}

#[test]
fn a_purge_that_is_killed_and_gone_on_with_archives_everything_once() {
    let mut kills = 0;
    let mut moments = Moments(37);
    for round in 0..soak() {
        let Some(live) = broker(&format!("kills-purge-{round}")) else { return };
        for kind in ["classic", "quorum"] {
            kills += scene(&live, kind, &[], &mut moments, |_| true);
            for queue in ["work", "dead"] {
                live.delete(&format!("{kind}.{queue}"));
            }
            kills += scene(&live, kind, &["--where", ".body.json.n % 3 == 0"], &mut moments, |n| n % 3 == 0);
        }
    }
    eprintln!("{kills} kills met a purge at work");
    assert!(u64::from(kills) >= 4 * soak(), "only {kills} kills met it at work");
}
