//! What restoring and exporting say before a broker is needed.

use std::path::Path;

use crate::support::{run::evbus, snapshot::same_as};

const HEADER: &str = r#"{"format":"evbus.archive/1","event":"begin","run":"r","vhost":"/","queue":"dead","began_at":"2026-01-01T00:00:00Z"}"#;
const RECORD: &str = r#"{"format":"evbus.message/1","queue":"dead","exchange":"","routing_key":"dead","redelivered":false,"properties":{},"body":{"json":1}}"#;

fn refused(folder: &Path, text: &str) -> String {
    std::fs::write(folder.join("a.ndjson"), text).expect("it is written");
    evbus(["dlq", "restore", "a.ndjson", "--yes"]).within(folder).done().ends_with(1).whole()
}

#[test]
fn a_file_that_is_no_whole_archive_is_refused_with_what_can_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut all = String::new();
    for (name, text) in [
        ("nothing", String::new()),
        ("something else", "hello\n".to_owned()),
        ("a later format", HEADER.replace("archive/1", "archive/2") + "\n"),
        ("a header that is cut off", HEADER[..60].to_owned()),
        ("no record", format!("{HEADER}\n")),
        ("no last line", format!("{HEADER}\n{RECORD}\n{RECORD}\n")),
        ("cut off in a record", format!("{HEADER}\n{RECORD}\n{}", &RECORD[..50])),
        ("a line that is no record", format!("{HEADER}\n{RECORD}\nhello\n{RECORD}\n")),
        ("another count", format!("{HEADER}\n{RECORD}\n{{\"event\":\"end\",\"count\":2,\"sha256\":\"0\"}}\n")),
        ("another digest", format!("{HEADER}\n{RECORD}\n{{\"event\":\"end\",\"count\":1,\"sha256\":\"0\"}}\n")),
    ] {
        all.push_str(&format!("=== {name}\n{}\n", refused(folder.path(), &text)));
    }
    same_as("tests/cli/snapshots/restore_refused.txt", &all);
}

#[test]
fn a_file_that_is_not_there_and_a_folder_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let gone = evbus(["dlq", "restore", "none.zst", "--yes"]).within(folder.path()).done().ends_with(1);
    assert!(
        gone.err().contains("none.zst cannot be restored") && gone.err().contains("No such file"),
        "{}",
        gone.whole()
    );
    let place = evbus(["dlq", "restore", ".", "--yes"]).within(folder.path()).done().ends_with(1);
    assert!(place.err().contains("no plain file"), "{}", place.whole());
}

#[test]
fn nothing_is_published_from_here_to_another_virtual_host_unless_that_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a"), format!("{HEADER}\n")).expect("it is written");
    let restore = |more: &[&str]| {
        let run = evbus(["dlq", "restore", "a", "--yes", "--up-to-damage"]).and(more).within(folder.path());
        run.env("EVBUS_URL", "amqp://127.0.0.1:1/other").done()
    };
    let other = restore(&[]).ends_with(2);
    assert!(other.err().contains("--vhost"), "{}", other.whole());
    restore(&["--vhost", "other"]).ends_with(1);
}

#[test]
fn an_export_never_writes_over_a_file() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let run = evbus(["dlq", "export", "q", "--out"]).arg(file.path());
    let done = run.env("EVBUS_URL", "amqp://127.0.0.1:1").done().ends_with(2);
    assert!(done.err().contains("exists, and is left as it is"), "{}", done.whole());
    // What never was begun leaves nothing behind.
    let folder = tempfile::tempdir().expect("a folder");
    let run = evbus(["dlq", "export", "q", "--out", "new.zst"]).within(folder.path());
    run.env("EVBUS_URL", "amqp://127.0.0.1:1").done().ends_with(1);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}
