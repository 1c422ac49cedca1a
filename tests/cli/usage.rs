//! Wrong usage and missing brokers.

use crate::support::run::evbus;

#[test]
fn no_broker_is_one_error_with_what_to_do() {
    let done = evbus(["dlq", "show", "q"]).env("EVBUS_URL", "amqp://u:secret@127.0.0.1:1").done().ends_with(1);
    assert!(done.err().contains("nobody listens at 127.0.0.1:1") && done.err().contains("hint:"), "{}", done.whole());
    assert!(!done.whole().contains("secret"));
}

#[test]
fn a_failure_is_json_where_json_is_wanted() {
    let done = evbus(["dlq", "show", "q", "-o", "json"]).env("EVBUS_URL", "amqp://127.0.0.1:1").done().ends_with(1);
    let error: serde_json::Value = serde_json::from_str(&done.err()).unwrap_or_default();
    assert_eq!(error["error"]["code"], "refused", "{}", done.whole());
}

#[test]
fn what_moves_messages_asks_for_consent_and_without_anybody_to_ask_refuses() {
    for command in ["replay", "purge", "restore"] {
        let done = evbus(["dlq", command, "q"]).done().ends_with(2);
        assert!(done.err().contains("--yes"), "{}", done.whole());
    }
}

#[test]
fn a_mistake_in_an_expression_is_shown_in_its_place() {
    let done = evbus(["dlq", "show", "q", "--where", ".a | frobnicate"]).done().ends_with(2);
    assert!(done.err().contains("  .a | frobnicate\n       ^"), "{}", done.whole());
}

#[test]
fn a_password_on_the_command_line_is_warned_of_and_never_shown() {
    let done = evbus(["dlq", "show", "q", "-vv", "--url", "amqp://u:se%2Fcret@127.0.0.1:1"]).done().ends_with(1);
    assert!(done.err().contains("warning: a password on the command line"), "{}", done.whole());
    assert!(!done.whole().contains("se/cret") && !done.whole().contains("se%2Fcret"), "{}", done.whole());
}

#[test]
fn every_run_over_dead_letters_ends_its_lines_with_a_summary() {
    for command in [&["show"][..], &["export"], &["replay", "--yes"], &["purge", "--yes"]] {
        let run = evbus(["dlq"]).and(command).and(["q", "-o", "json"]).env("EVBUS_URL", "amqp://127.0.0.1:1");
        let done = run.done().ends_with(1);
        assert!(done.summary().is_object(), "{}", done.whole());
    }
}

#[test]
fn care_that_cannot_be_taken_is_wrong_usage() {
    for (flags, because) in [
        (&["--max-depth", "5", "--to", "exchange"][..], "--max-depth asks queues, and --to names an exchange"),
        (&["--require-consumers", "--to", "exchange:e/k"], "--require-consumers asks queues"),
        (&["--max-replays", "2", "--park", "q"], "q cannot be put aside into itself"),
        (&["--park", "p"], "--max-replays <N>"),
        (&["--canary-wait", "1s"], "--canary <N,…>"),
        (&["--canary", "1,0"], "0 is not in"),
        (&["--canary", "1", "--stop-if-bounced", "5"], "\"5\" is not a share; write 5% or 0.5%"),
        (&["--rate", "fast"], "is not a rate"),
    ] {
        let done = evbus(["dlq", "replay", "q", "--yes"]).and(flags).done().ends_with(2);
        assert!(done.err().contains(because), "{}", done.whole());
    }
}

#[test]
fn what_cannot_be_stripped_or_kept_is_wrong_usage() {
    for (flag, name, because) in [
        ("--keep", "user_id", "user_id cannot be kept: the broker closes the channel"),
        ("--strip", "message_id", "message_id is a property"),
        ("--strip", "x-evbus-run", "x-evbus-run cannot be stripped"),
        ("--strip", "a*b", "names no header"),
    ] {
        let done = evbus(["dlq", "replay", "q", "--yes", flag, name]).done().ends_with(2);
        assert!(done.err().contains(because) && done.err().contains("hint:"), "{}", done.whole());
    }
}

#[test]
fn a_value_that_can_never_be_meant_is_wrong_usage() {
    for command in ["show", "export", "replay", "purge", "restore"] {
        let done = evbus(["dlq", command, "q", "--limit", "0"]).done().ends_with(2);
        assert!(done.err().contains("'--limit <N>'"), "{}", done.whole());
        let done = evbus(["dlq", command, "q", "--reason", "rejectd"]).done().ends_with(2);
        assert!(done.err().contains("possible values") && done.err().contains("delivery_limit"), "{}", done.whole());
    }
}

#[test]
fn a_review_of_limits_has_a_table_of_its_own() {
    let done = evbus(["queues", "--limits", "--rates"]).done().ends_with(2);
    assert!(done.err().contains("'--limits' cannot be used with '--rates'"), "{}", done.whole());
}

#[test]
fn wrong_usage_is_json_where_json_is_wanted() {
    for (arguments, word) in [
        (&["dlq", "show", "q", "--limit", "0", "-o", "json"][..], "--limit"),
        (&["-ojson", "dlq", "show"], "<QUEUE>"),
        (&["-o", "json"], "a command is missing"),
        (&["docter", "--output=json"], "docter"),
    ] {
        let done = evbus(arguments).done().ends_with(2);
        let error: serde_json::Value = serde_json::from_str(&done.err()).unwrap_or_default();
        assert_eq!(error["error"]["code"], "usage", "{}", done.whole());
        assert!(error["error"].to_string().contains(word), "{word:?} in {error}");
        assert!(error["error"]["hint"].is_string() && done.out().is_empty(), "{}", done.whole());
    }
}

#[test]
fn a_password_in_the_wrong_place_is_not_repeated() {
    let url = "amqp://u:hun/ter2@h/v";
    for arguments in [
        &["dlq", "list", url][..],
        &[url],
        &["dlq", "list", url, "-o", "json"],
        &["dlq", "list", &format!("--vhots={url}")],
        &["dlq", "show", "q", "--limit", url],
        &["dlq", "show", "q", &format!("--limit={url}")],
    ] {
        let done = evbus(arguments).done().ends_with(2);
        assert!(!done.whole().contains("ter2") && !done.whole().contains("u:hun"), "{}", done.whole());
        assert!(done.err().contains("amqp://…@h/v") || done.err().contains("--vhots"), "{}", done.whole());
    }
    let run =
        evbus(["queues", "--management-url", "http://u:hunter2@127.0.0.1:1"]).env("EVBUS_URL", "amqp://127.0.0.1:1");
    let done = run.done().ends_with(1);
    assert!(done.err().contains("EVBUS_MANAGEMENT_URL is read as well"), "{}", done.whole());
    assert!(!done.whole().contains("hunter2"), "{}", done.whole());
}

#[test]
fn what_only_looks_ends_at_the_first_interruption() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("evbus.yaml"), "evbus: 1\nqueues: { q: {} }\n").expect("it is written");
    for command in [&["queues"][..], &["queues", "--limits"], &["dlq", "list"], &["plan"]] {
        // It takes connections and never says a word.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = silent.local_addr().expect("its number");
        let run = evbus(command).within(folder.path()).env("EVBUS_URL", format!("amqp://{at}"));
        let started = std::time::Instant::now();
        let child = run.env("EVBUS_MANAGEMENT_URL", format!("http://{at}")).start();
        let connection = silent.accept().expect("it comes");
        let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap_or(0)).expect("a process");
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it takes a signal");
        let output = crate::support::run::ended(child);
        drop(connection);
        assert_eq!(output.status.code(), Some(130), "{command:?}");
        assert!(started.elapsed() < std::time::Duration::from_secs(8), "{command:?} went on");
    }
}

#[test]
fn no_colour_of_a_foreign_name_reaches_a_terminal_on_stderr() {
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", "\"$PROGRAM\" lint -f \"$NAME\" | cat"]).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("TERM", "xterm").env("PROGRAM", crate::support::run::program()).env("NAME", "\u{1b}[31mred");
    let mut session = rexpect::session::spawn_command(command, Some(30_000)).expect("a terminal");
    let shown = session.exp_eof().expect("it ends");
    assert!(shown.contains("\\u{1b}[31mred") && !shown.contains("\u{1b}[31mred"), "{shown:?}");
}
