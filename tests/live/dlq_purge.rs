//! What is purged is in the archive, and only that is gone.

use crate::support::live::broker;

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
