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
    for command in ["replay", "purge"] {
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
