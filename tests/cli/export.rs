//! What export says before any broker is asked.

use std::fs;

use crate::support::run::evbus;

#[test]
fn a_file_that_exists_is_refused_before_the_broker_is_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("bus.yaml"), "mine").expect("it is written");
    let done = evbus(["export", "--out", "bus.yaml"]).within(folder.path()).done().ends_with(2);
    assert_eq!(
        done.whole(),
        "exit 2\n--- stderr\nerror: bus.yaml exists, and is left as it is\nhint: name another file, or add --force to write over it\n"
    );
    let done = evbus(["export", "--out", "bus.yaml", "-o", "json"]).within(folder.path()).done().ends_with(2);
    assert!(done.err().contains("\"code\":\"exists\""), "{}", done.whole());
    assert_eq!(fs::read_to_string(folder.path().join("bus.yaml")).ok().as_deref(), Some("mine"));
}

#[test]
fn without_a_management_api_there_is_no_export_and_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let done = evbus(["export", "--out", "bus.yaml", "--force"])
        .within(folder.path())
        .env("EVBUS_MANAGEMENT_URL", "http://127.0.0.1:1")
        .done()
        .ends_with(1);
    assert!(done.err().contains("--management-url") && done.out().is_empty(), "{}", done.whole());
    assert!(!folder.path().join("bus.yaml").exists());
}

#[test]
fn force_is_for_a_file() {
    let done = evbus(["export", "--force"]).done().ends_with(2);
    assert!(done.err().contains("--out <FILE>"), "{}", done.whole());
}
