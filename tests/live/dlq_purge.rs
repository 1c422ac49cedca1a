//! What is purged is in the archive, and only that is gone.

use crate::support::live::{broker, numbered};

#[test]
fn exactly_what_was_archived_is_removed() {
    let Some(live) = broker("purge") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for kind in ["classic", "quorum"] {
        let (work, dead) = (format!("{kind}.work"), format!("{kind}.dead"));
        live.pair(kind, &work, &dead);
        live.fill(&work, 2500);
        live.reject_all(&work, &dead);
        let file = folder.path().join(format!("{kind}.ndjson"));
        let done = live
            .evbus(&["dlq", "purge", &dead, "--yes", "-o", "json", "--where", ".body.json.n >= 500"])
            .and(["--archive".as_ref(), file.as_os_str()])
            .done()
            .ends_with(0);
        let summary = done.summary();
        assert_eq!((&summary["removed"], &summary["left"]), (&2000.into(), &500.into()), "{}", done.err());
        let archive = std::fs::read_to_string(&file).expect("the archive");
        let lines: Vec<serde_json::Value> =
            archive.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let mut archived: Vec<&str> =
            lines.iter().filter_map(|line| line["properties"]["message_id"].as_str()).collect();
        archived.sort_unstable();
        assert_eq!((archived.len(), lines.last().map(|last| last["count"].clone())), (2000, Some(2000.into())));
        let mut left = live.ids(&dead);
        left.sort();
        let mut expected: Vec<String> = (0..500).map(|n| format!("m{n}")).collect();
        expected.sort();
        assert_eq!(left, expected);
        assert!(expected.iter().all(|id| archived.binary_search(&id.as_str()).is_err()));
    }
}

#[test]
fn an_archive_that_cannot_be_written_stops_it_before_anything_is_removed() {
    let Some(live) = broker("full") else { return };
    live.pair("classic", "work", "dead");
    live.fill("dead", 100);
    let full = live.evbus(&["dlq", "purge", "dead", "--yes", "--archive", "/dev/full/x"]).done().ends_with(1);
    assert!(full.err().contains("/dev/full/x"), "{}", full.whole());
    let exists = tempfile::NamedTempFile::new().expect("a file");
    live.evbus(&["dlq", "purge", "dead", "--yes"])
        .and(["--archive".as_ref(), exists.path().as_os_str()])
        .done()
        .ends_with(1);
    assert_eq!(live.ready("dead"), 100);
}

#[test]
fn a_dry_run_removes_nothing() {
    let Some(live) = broker("purge-dry") else { return };
    live.pair("quorum", "work", "dead");
    live.fill("dead", 10);
    let done = live.evbus(&["dlq", "purge", "dead", "--dry-run", "-o", "json"]).done().ends_with(0);
    assert_eq!((&done.summary()["selected"], &done.summary()["removed"]), (&10.into(), &0.into()), "{}", done.whole());
    assert_eq!(live.ready("dead"), 10);
}

#[test]
fn a_dry_replay_shows_how_many_would_go_where() {
    let Some(live) = broker("replay-dry") else { return };
    live.pair("classic", "work", "dead");
    live.fill("work", 3);
    live.reject_all("work", "dead");
    live.fill("dead", 2);
    let dry = |more: &[&str]| live.evbus(&["dlq", "replay", "dead", "--dry-run"]).and(more).done();
    let table = dry(&[]);
    let rows: Vec<Vec<String>> =
        table.out().lines().map(|line| line.split_whitespace().take(3).map(str::to_owned).collect()).collect();
    assert!(rows.contains(&["queue", "work", "3"].map(str::to_owned).to_vec()), "{}", table.whole());
    assert!(rows.contains(&["none", "2", "stay"].map(str::to_owned).to_vec()), "{}", table.whole());
    let json = dry(&["-o", "json"]);
    let lines = json.json();
    let targets: Vec<_> = lines.iter().filter(|line| line["event"] == "target").collect();
    assert_eq!(targets.len(), 2, "{}", json.whole());
    assert!(targets.iter().any(|line| line["target"] == "queue work" && line["messages"] == 3), "{}", json.whole());
    assert_eq!(json.summary()["selected"], 5);

    let none = dry(&["--where", "false"]).ends_with(0);
    assert!(none.err().contains("none of the 5 messages is selected"), "{}", none.whole());
    assert!(!none.whole().contains("TARGET"), "{}", none.whole());
    let none = live.evbus(&["dlq", "replay", "dead", "--yes", "--where", "false"]).done().ends_with(0);
    assert!(none.err().contains("none of the 5 messages is selected"), "{}", none.whole());
    assert!(!none.whole().contains("TARGET"), "{}", none.whole());
    assert_eq!(live.ready("dead"), 5);
}

#[test]
fn before_a_purge_it_is_said_how_many_go_and_how_many_stay() {
    let Some(live) = broker("purge-preview") else { return };
    live.pair("classic", "work", "dead");
    live.fill("dead", 7);
    let said = |more: &[&str]| live.evbus(&["dlq", "purge", "dead", "--dry-run"]).and(more).done().ends_with(0).err();
    assert!(said(&[]).contains("all 7 messages"), "{}", said(&[]));
    assert!(said(&["--limit", "2"]).contains("the first 2 of 7 messages; 5 stay"));
    assert!(said(&["--where", "true"]).contains("the selected ones of 7 messages"));
    // A classic queue tells when its first message was published, where that message says it.
    live.queue("told", &[]);
    live.publish("told", [(numbered(1).with_timestamp(1_000_000_000), b"{}".to_vec())]);
    live.until("the broker has sampled it", || {
        live.evbus(&["dlq", "purge", "told", "--dry-run"]).done().err().contains("published at 2001-09-09T01:46:40Z")
    });
    assert!(!said(&[]).contains("published at"));
}

#[test]
fn an_output_that_cannot_be_written_is_not_called_nothing_done() {
    let Some(live) = broker("output-full") else { return };
    if !std::path::Path::new("/dev/full").exists() {
        return eprintln!("SKIPPED output-full: there is no /dev/full here");
    }
    live.queue("work", &[]);
    for command in [&["replay", "dead", "--to", "queue:work"][..], &["purge", "dead", "--no-archive"]] {
        live.queue("dead", &[]);
        live.fill("dead", 300);
        for output in ["json", "table"] {
            let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device");
            let done = std::process::Command::new(crate::support::run::program())
                .arg("dlq")
                .args(command)
                .args(["--yes", "-o", output])
                .env("EVBUS_URL", live.url())
                .env("EVBUS_MANAGEMENT_URL", live.management_url())
                .stdout(full)
                .output()
                .expect("it runs");
            let said = String::from_utf8_lossy(&done.stderr);
            assert!(done.status.code() == Some(3) && said.contains("what was done is done"), "{command:?}: {said}");
        }
        assert_eq!(live.ready("dead"), 0, "{command:?}");
    }
}
