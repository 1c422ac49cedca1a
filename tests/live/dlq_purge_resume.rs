//! A purge that was cut off is gone on with: in the same archive, where nothing is missing and nothing is twice.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lapin::BasicProperties;
use serde_json::Value;

use crate::support::{
    live::{Live, broker},
    proxy::Proxy,
    run::{Done, Run},
};

/// Messages of a scene.
const COUNT: u32 = 600;

/// A purge of `dead` in a place of its own.
struct Scene {
    live: Live,
    folder: tempfile::TempDir,
}

impl Scene {
    /// A queue that is filled, in a virtual host of that name.
    fn new(name: &str) -> Option<Scene> {
        let live = broker(name)?;
        live.pair("quorum", "work", "dead");
        live.fill("work", COUNT as usize);
        live.reject_all("work", "dead");
        Some(Scene { live, folder: tempfile::tempdir().expect("a folder") })
    }

    fn archive(&self) -> PathBuf {
        self.folder.path().join("a.ndjson")
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let state = self.folder.path().join("state");
        self.live.evbus(arguments).env("EVBUS_STATE_DIR", state).within(self.folder.path())
    }

    /// A purge that holds little at once.
    fn purge(&self) -> Run {
        self.run(&["dlq", "purge", "dead", "--yes", "-o", "json", "--window", "20", "--archive", "a.ndjson"])
    }

    /// Kills it when it has removed some messages and not all; says the id of its run.
    fn cut_off(&self, purge: Run) -> String {
        let mut child = purge.start();
        self.live.until("some are removed, or it has ended", || {
            self.live.ready("dead") < COUNT - 100 || child.try_wait().expect("a process").is_some()
        });
        child.kill().expect("a process");
        let done = Done::of(child);
        assert_eq!(done.code(), None, "it was at work: {}", done.whole());
        let run = self.last();
        assert_eq!((&run["state"], &run["command"]), (&"cut off".into(), &"dlq purge".into()), "{run}");
        assert!(run["moved"].as_u64().is_some_and(|moved| moved > 0 && moved < u64::from(COUNT)), "{run}");
        run["run"].as_str().expect("an id").to_owned()
    }

    /// The run that was begun last.
    fn last(&self) -> Value {
        self.run(&["dlq", "runs", "-o", "json"]).done().ends_with(0).json()[0]["runs"][0].clone()
    }

    fn resume(&self, run: &str) -> Done {
        self.run(&["dlq", "purge", "--resume", run, "--yes", "-o", "json", "--window", "20"]).done()
    }
}

/// The error of a run that failed.
fn error(done: &Done) -> Value {
    done.err().lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default()
}

/// The ids of an archive's messages, in their order.
fn archived(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("an archive");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("whole lines"));
    lines.filter_map(|line| line["properties"]["message_id"].as_str().map(str::to_owned)).collect()
}

#[test]
fn what_was_archived_is_only_removed_and_the_archive_goes_on() {
    let Some(scene) = Scene::new("purge-resume") else { return };
    let run = scene.cut_off(scene.purge().and(["--where", ".body.json.n % 3 > 0"]));
    let wrong = scene.run(&["dlq", "replay", "--resume", &run, "--yes", "-o", "json"]).done().ends_with(2);
    let hint = format!("evbus dlq purge --resume {run} goes on with it");
    assert_eq!(error(&wrong)["error"]["hint"], hint.as_str(), "{}", wrong.whole());

    let resumed = scene.resume(&run).ends_with(0);
    let summary = resumed.summary();
    assert_eq!((&summary["left"], &summary["resumes"]), (&(COUNT / 3).into(), &run.as_str().into()), "{summary}");
    assert!(!resumed.err().contains("twice"), "{}", resumed.err());
    let mut kept = archived(&scene.archive());
    kept.sort();
    let mut expected: Vec<String> = (0..COUNT).filter(|n| n % 3 > 0).map(|n| format!("m{n}")).collect();
    expected.sort();
    assert_eq!(kept, expected, "each once");

    let done = scene.resume(summary["run"].as_str().expect("an id")).ends_with(0);
    assert_eq!(done.summary()["removed"], 0, "{}", done.whole());
    assert_eq!(scene.resume(&run).code(), Some(1), "it was resumed by another one");
    let undo = ["dlq", "restore", "a.ndjson", "--yes", "-o", "json"];
    assert_eq!(scene.run(&undo).done().ends_with(0).summary()["replayed"], COUNT - COUNT / 3);
    assert_eq!(scene.live.ready("dead"), COUNT);
}

/// Cuts a purge off when a batch is archived and its acknowledgement on its way; says its run and how many it had archived.
fn held_up(scene: &Scene) -> (String, u64) {
    let (live, wire) = (&scene.live, Proxy::before(&scene.live));
    let mut child = scene.purge().env("EVBUS_URL", wire.url(live)).start();
    live.until("some are removed", || live.ready("dead") < COUNT - 100);
    // All that it sends in the middle of a purge are acknowledgements.
    wire.hold_after(0);
    live.until("an acknowledgement is on its way", || wire.is_held());
    child.kill().expect("a process");
    child.wait().expect("a process");
    wire.cut();
    let run = scene.last();
    (run["run"].as_str().expect("an id").to_owned(), run["moved"].as_u64().expect("a count"))
}

/// That the archive has each message once, the queue none, and the resumed run left nothing to go on with.
fn each_is_archived_once(scene: &Scene, resumed: &Value) {
    let mut kept = archived(&scene.archive());
    kept.sort();
    kept.dedup();
    assert_eq!((kept.len(), archived(&scene.archive()).len()), (COUNT as usize, COUNT as usize), "each once");
    assert_eq!(scene.live.ready("dead"), 0);
    let again = scene.resume(resumed["run"].as_str().expect("an id")).ends_with(0);
    assert!(again.err().contains("has done everything"), "{}", again.whole());
}

#[test]
fn what_was_archived_when_its_removal_was_cut_off_is_not_archived_again() {
    let Some(scene) = Scene::new("purge-acks") else { return };
    let (run, so_far) = held_up(&scene);
    let resumed = scene.resume(&run).ends_with(0).summary();
    let again = resumed["removed"].as_u64().expect("a count") + so_far;
    assert!(again > COUNT.into(), "some were archived and still there: {so_far} before, {resumed}");
    each_is_archived_once(&scene, &resumed);
}

#[test]
fn what_the_journal_does_not_call_archived_is_archived_anew() {
    let Some(scene) = Scene::new("purge-torn") else { return };
    let (run, _) = held_up(&scene);
    // Killed in the middle of writing that down, it would have come as far as this.
    let journal = scene.folder.path().join(format!("state/runs/{run}.journal"));
    let text = fs::read_to_string(&journal).expect("a journal");
    let last = text.rfind("{\"event\":\"safe\"").expect("a batch");
    fs::write(&journal, &text[..last + 10]).expect("it is cut");
    let resumed = scene.resume(&run).ends_with(0);
    assert!(!resumed.err().contains("twice"), "{}", resumed.err());
    each_is_archived_once(&scene, &resumed.summary());
}

#[test]
fn it_goes_on_in_no_other_archive_than_its_own() {
    let Some(scene) = Scene::new("purge-archive") else { return };
    let run = scene.cut_off(scene.purge());
    let (path, away) = (scene.archive(), scene.folder.path().join("away"));
    fs::rename(&path, &away).expect("it is moved");
    let gone = scene.resume(&run).ends_with(1);
    assert_eq!(error(&gone)["error"]["code"], "archive", "{}", gone.whole());
    let text = fs::read_to_string(&away).expect("an archive");
    fs::write(&path, text.replacen("m1", "m7", 1)).expect("it is written");
    let changed = scene.resume(&run).ends_with(1);
    assert!(changed.err().contains("does not hold what was archived any more"), "{}", changed.whole());
    assert!(fs::read_to_string(&path).expect("an archive").len() >= text.len(), "it is left as it is");
    fs::rename(&away, &path).expect("it is moved back");
    scene.resume(&run).ends_with(0);
    assert_eq!(archived(&path).len(), COUNT as usize);
    assert_eq!(scene.live.ready("dead"), 0);
}

#[test]
fn one_that_was_interrupted_goes_on_as_well_and_keeps_its_limit() {
    let Some(scene) = Scene::new("purge-limit") else { return };
    let child = scene.purge().and(["--limit", "500"]).start();
    scene.live.until("some are removed", || scene.live.ready("dead") < COUNT - 100);
    let process = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(process, rustix::process::Signal::INT).expect("a process");
    let done = Done::of(child).ends_with(130);
    let (summary, hint) = (done.summary(), done.err());
    let run = summary["run"].as_str().expect("an id");
    assert!(hint.contains(&format!("evbus dlq purge --resume {run} goes on with it")), "{hint}");
    let so_far = archived(&scene.archive()).len();
    assert_eq!(summary["removed"], so_far, "{summary}");
    let resumed = scene.resume(run).ends_with(0).summary();
    assert_eq!((&resumed["removed"], &resumed["left"]), (&(500 - so_far).into(), &(COUNT - 500).into()), "{resumed}");
    assert_eq!(archived(&scene.archive()).len(), 500);
}

#[test]
fn equal_messages_are_rather_archived_twice_than_not_at_all() {
    let Some(live) = broker("purge-twins") else { return };
    let scene = Scene { live, folder: tempfile::tempdir().expect("a folder") };
    scene.live.pair("classic", "work", "dead");
    scene.live.publish("dead", (0..COUNT).map(|_| (BasicProperties::default(), b"all the same".to_vec())));
    let run = scene.cut_off(scene.purge());
    let resumed = scene.resume(&run).ends_with(0);
    let records = fs::read_to_string(scene.archive()).expect("an archive").matches("all the same").count();
    let held = 20;
    assert!((COUNT as usize..=COUNT as usize + held).contains(&records), "{records}: {}", resumed.whole());
    let is_told = resumed.err().contains("may be in the archive twice");
    assert!(is_told || records == COUNT as usize, "{records}: {}", resumed.err());
    assert_eq!(scene.live.ready("dead"), 0);
}

#[test]
fn without_an_archive_it_goes_on_as_well() {
    let Some(scene) = Scene::new("purge-bare") else { return };
    let bare = ["dlq", "purge", "dead", "--yes", "-o", "json", "--window", "20", "--no-archive"];
    let run = scene.cut_off(scene.run(&bare).and(["--where", ".body.json.n >= 50"]));
    let summary = scene.resume(&run).ends_with(0).summary();
    assert_eq!((&summary["left"], &summary["archive"]), (&50.into(), &Value::Null), "{summary}");
    assert!(!scene.archive().exists());
}

#[test]
fn nothing_is_held_where_no_journal_can_be_kept() {
    let Some(live) = broker("purge-no-journal") else { return };
    live.pair("classic", "work", "dead");
    live.fill("dead", 3);
    let folder = tempfile::tempdir().expect("a folder");
    let state = tempfile::NamedTempFile::new().expect("a file, where a folder is wanted");
    let purge = live.evbus(&["dlq", "purge", "dead", "--yes", "-o", "json"]).within(folder.path());
    let done = purge.env("EVBUS_STATE_DIR", state.path()).done().ends_with(1);
    assert_eq!(error(&done)["error"]["code"], "no_journal", "{}", done.whole());
    assert!(live.drain("dead").iter().all(|delivery| !delivery.redelivered), "none was held");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "and no archive begun");
}
