//! What the program says of itself.

use crate::support::{run::evbus, snapshot};

#[test]
fn the_help_lists_the_commands_under_headings() {
    let done = evbus(["-h"]).done().ends_with(0);
    snapshot::same_as("tests/cli/snapshots/help.txt", &done.whole());
    for flag in ["--help", "--version"] {
        assert!(evbus([flag]).done().ends_with(0).err().is_empty(), "{flag} is an answer, and goes to stdout");
    }
}

#[test]
fn without_a_command_the_help_is_an_error() {
    let done = evbus::<&str>([]).done().ends_with(2);
    assert!(done.out().is_empty() && done.err().contains("Dead letters:"), "{}", done.whole());
}

#[test]
fn an_unknown_word_is_answered_with_the_nearest_one() {
    let done = evbus(["docter"]).done().ends_with(2);
    assert!(done.err().contains("'doctor'"), "{}", done.whole());
    let done = evbus(["doctor", "--vhots", "x"]).done().ends_with(2);
    assert!(done.err().contains("'--vhost'"), "{}", done.whole());
}

#[test]
fn a_value_that_cannot_be_used_is_one_error_of_usage() {
    for (arguments, word) in [
        (&["doctor", "--timeout", "30"][..], "500ms, 10s, 2m"),
        (&["doctor", "--url", "http://h"], "amqp or amqps is expected"),
        (&["doctor", "--url", "amqp://h/a/b"], "%2F"),
        (&["doctor", "--url", "amqp://a/x,amqp://b/y"], "different virtual hosts"),
        (&["doctor", "--management-url", "amqp://h"], "http or https is expected"),
        (&["doctor", "--url", "amqp://h?heartbeat=5"], "heartbeat"),
    ] {
        let done = evbus(arguments).done().ends_with(2);
        assert!(done.err().contains(word) && done.out().is_empty(), "{arguments:?}\n{}", done.whole());
    }
}

#[test]
fn where_each_setting_comes_from_is_told_on_request() {
    let done = evbus(["doctor", "-v", "--vhost", "v"]).env("EVBUS_URL", "amqp://u:hunter2@127.0.0.1:1/w").done();
    let said = done.err();
    for line in ["broker 127.0.0.1:1 (environment)", "vhost v (flag)", "management http://127.0.0.1:15672/ (default)"] {
        assert!(said.contains(line), "{line:?}\n{}", done.whole());
    }
    assert!(!done.whole().contains("hunter2"));
}
