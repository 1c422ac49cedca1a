//! What can be asked of groups, and what cannot.

use crate::support::run::evbus;

#[test]
fn what_is_no_id_of_a_group_is_answered_with_what_shows_them() {
    for command in ["show", "groups", "replay", "purge"] {
        let done = evbus(["dlq", command, "q", "--group", "rejected"]).done().ends_with(2);
        assert!(done.err().contains("`evbus dlq groups QUEUE` shows it, such as rqex-"), "{}", done.whole());
    }
}

#[test]
fn a_field_selects_nothing_without_a_group() {
    for command in ["show", "replay", "purge"] {
        let done = evbus(["dlq", command, "q", "--dry-run", "--field", ".queue"]);
        let done = if command == "show" { evbus(["dlq", "show", "q", "--field", ".queue"]) } else { done };
        let done = done.done().ends_with(2);
        assert!(done.err().contains("--field .queue selects nothing by itself"), "{}", done.whole());
    }
    let done = evbus(["dlq", "groups", "q", "--field", ".a | frobnicate"]).done().ends_with(2);
    assert!(done.err().contains("  .a | frobnicate\n       ^"), "{}", done.whole());
}

#[test]
fn what_needs_a_catalog_says_so_where_there_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    for (arguments, flag) in [
        (&["show", "q", "--only", "invalid"][..], "--only"),
        (&["groups", "q", "--valid"], "--valid"),
        (&["show", "q", "--group", "rv-0123456789"], "a --group made with --valid"),
    ] {
        let done = evbus(["dlq"]).and(arguments).within(folder.path()).done().ends_with(2);
        let wanted = format!("{flag} needs a catalog, and there is no topology file");
        assert!(done.err().contains(&wanted) && done.err().contains("-f FILE"), "{}", done.whole());
    }
    let done = evbus(["dlq", "show", "q", "--only", "broken"]).done().ends_with(2);
    assert!(done.err().contains("[possible values: valid, invalid, unknown]"), "{}", done.whole());
    let done = evbus(["dlq", "groups", "q", "--by", "colour"]).done().ends_with(2);
    assert!(done.err().contains("possible values: reason, queue, event, exception"), "{}", done.whole());
}
