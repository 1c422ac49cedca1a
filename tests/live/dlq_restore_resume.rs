//! A restore is gone on with where it was: by the places of its records, in the archive that it read and in no other.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    dlq_restore::purged,
    journal::{lines as lines_of, numbers, with_little_room},
    support::{
        live::{Live, broker},
        run::Done,
    },
};

/// The journal of a run.
fn journal(state: &Path, run: &Value) -> PathBuf {
    state.join("runs").join(format!("{}.journal", run.as_str().expect("an id")))
}

/// A run that was killed when it had come as far as these lines say, and `arrived` messages had arrived.
fn cut_off(live: &Live, state: &Path, file: &Path, flags: &[&str], lines: &[Value], arrived: usize) -> Value {
    let restore = live.evbus(&["dlq", "restore", "--yes", "-o", "json"]).arg(file).and(flags);
    let run = restore.env("EVBUS_STATE_DIR", state).done().ends_with(0).summary()["run"].clone();
    live.drain("dead");
    let path = journal(state, &run);
    let whole = fs::read_to_string(&path).expect("a journal");
    let begin = whole.lines().next().expect("its first line").to_owned();
    let lines = std::iter::once(begin).chain(lines.iter().map(Value::to_string));
    fs::write(&path, lines.map(|line| line + "\n").collect::<String>()).expect("it is written");
    live.fill("dead", arrived);
    run
}

fn resume(live: &Live, state: &Path, run: &Value, more: &[&str]) -> Done {
    let run = run.as_str().expect("an id");
    let resume = live.evbus(&["dlq", "restore", "--resume", run, "--yes", "-o", "json"]).and(more);
    resume.env("EVBUS_STATE_DIR", state).done()
}

/// The one error of a run that was refused.
fn error(done: &Done) -> Value {
    let last: Value = serde_json::from_str(done.err().lines().last().unwrap_or_default()).unwrap_or_default();
    last["error"].clone()
}

/// Messages by their numbers, in order.
fn ids(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("m{number}")).collect()
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort_by_key(|id| id[1..].parse::<u32>().ok());
    ids
}

/// Of thirty records ten are safe, ten in doubt, and of these five have arrived.
fn lines() -> [Value; 2] {
    [json!({"event": "put", "n": [[1, 20]]}), json!({"event": "safe", "n": [[1, 10]]})]
}

#[test]
fn what_is_in_doubt_is_named_and_becomes_what_is_wanted() {
    let Some(live) = broker("restore-doubt") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path();
    let file = purged(&live, state, 30, "a.ndjson.zst");
    let first = cut_off(&live, state, &file, &[], &lines(), 15);
    let runs = live.evbus(&["dlq", "runs", "-o", "json"]).env("EVBUS_STATE_DIR", state).done().json();
    let found = &runs[0]["runs"][0];
    let told = ["run", "command", "queue", "state", "moved", "begun", "open"].map(|key| found[key].clone());
    assert_eq!(
        told,
        [first.clone(), "dlq restore".into(), "dead".into(), "cut off".into(), 10.into(), 20.into(), 10.into()]
    );
    assert_eq!(found["archive"], file.to_string_lossy().as_ref());

    let dry = resume(&live, state, &first, &["--dry-run"]).ends_with(3).summary();
    assert_eq!((&dry["selected"], &dry["in_doubt"], &dry["journal"]), (&20.into(), &10.into(), &Value::Null), "{dry}");
    assert_eq!(live.ready("dead"), 15, "and nothing was done");

    // They stay in doubt, and what was not begun with comes back.
    let held = resume(&live, state, &first, &[]).ends_with(3);
    let summary = held.summary();
    assert_eq!((&summary["replayed"], &summary["in_doubt"], &summary["resumes"]), (&10.into(), &10.into(), &first));
    let named: Vec<Value> = held.json().into_iter().filter(|line| line["event"] == "in_doubt").collect();
    let places: Vec<_> = named.iter().filter_map(|line| line["seq"].as_u64()).collect();
    assert_eq!(places, (11..=20).collect::<Vec<_>>());
    assert_eq!((&named[0]["message_id"], &named[0]["target"]), (&"m10".into(), &"queue dead".into()));
    assert!(held.err().contains(&format!("evbus dlq restore --resume {}", summary["run"].as_str().unwrap_or("?"))));
    let again = resume(&live, state, &first, &[]).ends_with(1);
    assert_eq!(error(&again)["code"], "resumed", "{}", again.whole());
    assert_eq!(sorted(live.ids("dead")), ids((0..15).chain(20..30)));

    // Asked again they are named again, until somebody decides.
    let second = resume(&live, state, &summary["run"], &[]).ends_with(3).summary();
    assert_eq!((&second["replayed"], &second["in_doubt"]), (&0.into(), &10.into()), "{second}");
    let skipped = resume(&live, state, &second["run"], &["--in-doubt", "skip"]).summary();
    assert_eq!((&skipped["replayed"], &skipped["skipped"], &skipped["in_doubt"]), (&0.into(), &10.into(), &0.into()));
    let nothing = resume(&live, state, &skipped["run"], &["--in-doubt", "replay"]).ends_with(0);
    assert!(nothing.err().contains("nothing is left to go on with"), "{}", nothing.whole());
    assert_eq!(live.ready("dead"), 0, "what was skipped is not put back by any later run");

    // What is wanted twice comes twice.
    let first = cut_off(&live, state, &file, &[], &lines(), 15);
    let replayed = resume(&live, state, &first, &["--in-doubt", "replay"]).ends_with(0).summary();
    assert_eq!((&replayed["replayed"], &replayed["in_doubt"]), (&20.into(), &0.into()), "{replayed}");
    assert_eq!(sorted(live.ids("dead")), sorted(ids((0..15).chain(10..30))));
}

#[test]
fn a_limit_counts_what_is_back_and_what_may_be() {
    let Some(live) = broker("restore-limit") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path();
    let file = purged(&live, state, 30, "a.ndjson");
    let flags = ["--limit", "12", "--where", ".body.json.n % 2 == 0"];
    let lines = [
        json!({"event": "put", "n": [[1, 1], [3, 3], [5, 5], [7, 7], [9, 9]]}),
        json!({"event": "safe", "n": [[1, 1], [5, 5]]}),
        json!({"event": "stays", "n": [[3, 3]]}),
    ];
    let first = cut_off(&live, state, &file, &flags, &lines, 0);
    let held = resume(&live, state, &first, &[]).ends_with(3).summary();
    assert_eq!(
        (&held["replayed"], &held["in_doubt"]),
        (&8.into(), &2.into()),
        "twelve with the two that are back: {held}"
    );
    assert_eq!(sorted(live.ids("dead")), ids([2, 10, 12, 14, 16, 18, 20, 22]));
    let rest = resume(&live, state, &held["run"], &["--in-doubt", "replay"]).ends_with(0).summary();
    assert_eq!(rest["replayed"], 2, "{rest}");
    assert_eq!(live.ids("dead"), ids([6, 8]));
}

#[test]
fn only_the_archive_that_was_read_is_gone_on_with() {
    let Some(live) = broker("restore-other") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path();
    let file = purged(&live, state, 30, "a.ndjson");
    let first = cut_off(&live, state, &file, &[], &lines(), 15);
    let whole = fs::read_to_string(&file).expect("the archive");

    let refused = |cause: &str, more: &[&str]| {
        let done = resume(&live, state, &first, more).ends_with(1);
        let error = error(&done);
        assert_eq!(error["code"], "other_archive", "{}", done.whole());
        assert!(error["causes"].to_string().contains(cause), "{error}");
        let hint = format!("evbus dlq restore FILE --resume {}", first.as_str().unwrap_or("?"));
        assert!(error["hint"].as_str().is_some_and(|told| told.contains(&hint)), "{error}");
        assert_eq!(live.ready("dead"), 15, "nothing was put back");
    };
    fs::write(&file, whole.replacen("\"m3\"", "\"m4\"", 1)).expect("it is written");
    refused("its digest is another", &[]);
    fs::write(&file, &whole[..whole.len() / 2]).expect("it is written");
    refused("cut off", &[]);
    // Another archive of the same queue is whole, and its places are others.
    fs::write(&file, &whole).expect("it is written");
    live.fill("dead", 3);
    let other = state.join("other.ndjson");
    live.evbus(&["dlq", "export", "dead"]).arg("--out").arg(&other).done().ends_with(0);
    let taken = live.drain("dead").len();
    live.fill("dead", taken - 3);
    refused("is another one", &[other.to_str().expect("a path")]);
    // It has moved, and nobody says where.
    let moved = state.join("moved.ndjson");
    fs::rename(&file, &moved).expect("it moves");
    refused("No such file", &[]);
    // A last line that is missing is damage, and no record is another for it.
    fs::write(&moved, whole.lines().take(31).map(|line| format!("{line}\n")).collect::<String>())
        .expect("it is written");
    let done = resume(&live, state, &first, &[moved.to_str().expect("a path")]).ends_with(3).summary();
    assert_eq!((&done["replayed"], &done["in_doubt"]), (&10.into(), &10.into()), "{done}");
    assert_eq!(sorted(live.ids("dead")), ids((0..15).chain(20..30)));
}

#[test]
fn a_run_of_another_command_is_pointed_to_its_own() {
    let Some(live) = broker("restore-foreign") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path();
    let file = purged(&live, state, 2, "a.ndjson");
    live.fill("dead", 1);
    let replay = ["dlq", "replay", "dead", "--to", "queue:work", "--yes", "-o", "json"];
    let run = live.evbus(&replay).env("EVBUS_STATE_DIR", state).done().ends_with(0).summary()["run"].clone();
    let refused = resume(&live, state, &run, &[]).ends_with(2);
    let hint = error(&refused)["hint"].clone();
    assert_eq!(hint, format!("evbus dlq replay --resume {} goes on with it", run.as_str().unwrap_or("?")));
    let done = live.evbus(&["dlq", "restore", "--yes", "-o", "json"]).arg(&file).env("EVBUS_STATE_DIR", state).done();
    let run = done.ends_with(0).summary()["run"].clone();
    let replay = ["dlq", "replay", "--resume", run.as_str().expect("an id"), "--yes", "-o", "json"];
    let refused = live.evbus(&replay).env("EVBUS_STATE_DIR", state).done().ends_with(2);
    assert!(
        error(&refused)["hint"].as_str().is_some_and(|hint| hint.contains("dlq restore --resume")),
        "{}",
        refused.whole()
    );
    assert_eq!(live.ready("dead"), 2);
}

#[test]
fn a_restore_keeps_a_journal_and_without_one_it_publishes_nothing() {
    let Some(live) = broker("restore-journal") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = purged(&live, folder.path(), 700, "a.ndjson.zst");
    let state = folder.path().join("state");
    let run = |state: &Path, more: &[&str]| {
        let restore = live.evbus(&["dlq", "restore", "-o", "json"]).arg(&file).and(more);
        restore.env("EVBUS_STATE_DIR", state).done()
    };
    run(&state, &["--dry-run"]).ends_with(0);
    assert!(!state.exists(), "nothing is written where nothing is published");
    let refused = run(&file, &["--yes"]).ends_with(1);
    assert_eq!(error(&refused)["code"], "no_journal", "{}", refused.whole());
    assert_eq!(live.ready("dead"), 0);
    let summary = run(&state, &["--yes", "--where", ".body.json.n >= 100", "--limit", "500"]).ends_with(0).summary();
    let lines = lines_of(&state);
    let begin = &lines[0];
    for (key, value) in [
        ("run", summary["run"].clone()),
        ("command", "dlq restore".into()),
        ("queue", "dead".into()),
        ("to", "queue:dead".into()),
        ("archive", file.to_string_lossy().as_ref().into()),
        ("set", 500.into()),
        ("window", 3000.into()),
    ] {
        assert_eq!(begin[key], value, "{key}: {begin}");
    }
    assert_eq!((numbers(&lines, "put"), numbers(&lines, "safe")), (500, 500));
    let put: Vec<&Value> = lines.iter().filter(|line| line["event"] == "put").map(|line| &line["n"][0][0]).collect();
    assert_eq!(put[0], 101, "by their places in the archive");
    let end = lines.last().expect("a last line");
    assert_eq!((&end["event"], &end["replayed"], &end["complete"]), (&"end".into(), &500.into(), &true.into()));
}

#[test]
fn a_disk_that_gets_full_ends_a_restore_that_can_be_gone_on_with() {
    const COUNT: u32 = 3000;
    let Some(live) = broker("restore-full") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = purged(&live, folder.path(), COUNT as usize, "a.ndjson.zst");
    let state = folder.path().join("state");
    let restore = format!("dlq restore {} --yes -o json --window 20", file.display());
    let (summary, error) = with_little_room(&live, &state, 4, &restore);
    assert_eq!(error["error"]["code"], "journal", "{error}");
    let hint = error["error"]["hint"].as_str().unwrap_or_default();
    assert!(hint.contains(&format!("evbus dlq restore --resume {}", summary["run"].as_str().unwrap_or("?"))), "{hint}");
    let replayed = summary["replayed"].as_u64().expect("a count");
    assert!(replayed > 0 && replayed < u64::from(COUNT), "{summary}");
    assert_eq!(
        (u64::from(live.ready("dead")), &summary["unknown"]),
        (replayed, &0.into()),
        "all that is there is told"
    );
    let done = resume(&live, &state, &summary["run"], &[]);
    let in_doubt = done.summary()["in_doubt"].as_u64().expect("a count");
    assert!(in_doubt <= 20, "{}", done.whole());
    let named: Vec<String> = done
        .json()
        .iter()
        .filter(|line| line["event"] == "in_doubt")
        .map(|line| line["message_id"].as_str().unwrap_or_default().to_owned())
        .collect();
    let mut times = std::collections::BTreeMap::new();
    live.ids("dead").into_iter().for_each(|id| *times.entry(id).or_insert(0) += 1);
    for id in ids(0..COUNT) {
        let times = times.get(&id).copied().unwrap_or(0);
        assert!(times == 1 || (times == 0 && named.contains(&id)), "{id} came {times} times");
    }
}
