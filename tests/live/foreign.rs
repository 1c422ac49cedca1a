//! Foreign text on a terminal: names of queues and ids of messages are as much somebody else's as bodies are.

use serde_json::json;

use crate::support::live::{Live, broker, numbered};

/// Clears the screen, sets a title, rings, colours: in text of seven and of eight bits.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m";

/// Everything that a terminal gets of that command.
fn on_a_terminal(live: &Live, arguments: &[&str]) -> String {
    let mut command = std::process::Command::new(crate::support::run::program());
    command.args(arguments).args(["--color", "never"]).env_clear().env("TERM", "xterm");
    command.env("EVBUS_URL", live.url()).env("EVBUS_MANAGEMENT_URL", live.management_url());
    let mut session = rexpect::session::spawn_command(command, Some(60_000)).expect("a terminal");
    session.exp_eof().expect("it ends")
}

#[test]
fn names_and_ids_reach_no_terminal_raw() {
    let Some(live) = broker("foreign") else { return };
    let (work, dead) = (format!("work{EVIL}"), format!("dead{EVIL}"));
    let to_dead = [("x-dead-letter-exchange", json!("")), ("x-dead-letter-routing-key", json!(dead))];
    live.queue(&work, &to_dead);
    live.queue(&dead, &[]);
    live.publish(&dead, [(numbered(0).with_message_id(EVIL.into()).with_type(EVIL.into()), EVIL.as_bytes().to_vec())]);
    for command in [
        &["queues"][..],
        &["dlq", "list"],
        &["dlq", "show", &dead],
        &["dlq", "show", "none\u{1b}[2J"],
        &["dlq", "replay", &dead, "--dry-run"],
        &["dlq", "replay", &dead, "--to", &format!("queue:{EVIL}"), "--yes"],
        &["dlq", "purge", &dead, "--dry-run"],
        &["publish", "--exchange", "", "--key", EVIL, "--data", "{}"],
    ] {
        let shown = on_a_terminal(&live, command);
        for raw in ["\u{1b}[2J", "\u{1b}]0", "\u{7}", "\u{9b}"] {
            assert!(!shown.contains(raw), "{raw:?} reached the terminal: {command:?} {shown:?}");
        }
        assert!(shown.contains("\\u{1b}[2J"), "{command:?}: {shown:?}");
    }
}
