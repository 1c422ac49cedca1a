//! What is marked at a terminal is what goes, and nothing else does.

use std::path::Path;

use lapin::BasicProperties;
use rexpect::session::PtySession;

use crate::support::{
    live::{Live, broker},
    pty::{at_a_terminal, ends_with},
    run::evbus,
};

/// Opens the list; what stands above and in it is returned.
fn opened(live: &Live, folder: &Path, command: &[&str]) -> (PtySession, String) {
    let mut session = at_a_terminal(live, folder, command, &[]);
    session.exp_string("Space marks").expect("it shows a list");
    // The mark of the first line is behind the head, and the last line of the page behind all others.
    let shown = session.exp_string("#20").expect("it shows a page");
    (session, shown)
}

fn press(session: &mut PtySession, keys: &str) {
    for key in keys.chars() {
        session.send(&key.to_string()).and_then(|_| session.flush()).expect("it hears a key");
    }
}

#[test]
fn exactly_what_is_marked_goes() {
    let Some(live) = broker("pick") else { return };
    live.pair("quorum", "work", "dead");
    live.fill("work", 30);
    // Three that nothing tells apart, and a name that would move the cursor.
    let twin = || (BasicProperties::default().with_delivery_mode(2), b"{\"twin\":true}".to_vec());
    live.publish("work", [twin(), twin(), twin()]);
    let evil = BasicProperties::default().with_delivery_mode(2).with_message_id("a\u{1b}[2Jb".into());
    live.publish("work", [(evil, b"{}".to_vec())]);
    live.reject_all("work", "dead");
    let folder = tempfile::tempdir().expect("a folder");

    let replay = ["dlq", "replay", "dead", "--pick"];
    let purge = ["dlq", "purge", "dead", "--pick"];
    for (command, kept) in [(replay, "nothing was replayed"), (purge, "nothing was removed")] {
        for (key, code) in [("\u{1b}", 2), ("q", 2), ("\r", 2), ("\u{3}", 130)] {
            let (mut session, _) = opened(&live, folder.path(), &command);
            press(&mut session, key);
            let rest = ends_with(session, code);
            assert!(rest.contains(kept), "{key:?}: {rest:?}");
            let (hidden, shown) = (rest.rfind("\u{1b}[?25l"), rest.rfind("\u{1b}[?25h"));
            assert!(shown.is_some() && shown > hidden, "the cursor is there again after {key:?}: {rest:?}");
        }
    }
    assert_eq!((live.ready("dead"), live.ready("work")), (34, 0));

    // The first, then from the end: past the last one, two of the three twins.
    let (mut session, shown) = opened(&live, folder.path(), &replay);
    let lines = shown.split("\r\n").map(|line| console::strip_ansi_codes(line).into_owned());
    assert!(lines.clone().all(|line| line.chars().count() <= 80), "{shown:?}");
    let first = lines.clone().find(|line| line.contains("#1 ")).expect("the first line");
    for word in ["m0", "rejected", "work"] {
        assert!(first.contains(word), "{word} in {first:?}");
    }
    press(&mut session, " kk k \r");
    session.exp_string("replay?").expect("it asks");
    session.send_line("y").expect("it hears");
    let rest = ends_with(session, 0);
    assert!(rest.contains("3 replayed, 31 left in the queue"), "{rest}");
    let ids = live.ids("work");
    assert_eq!(ids, ["m0", "", ""]);

    let (mut session, shown) = opened(&live, folder.path(), &purge);
    assert!(!shown.contains("\u{1b}[2Jb"), "{shown:?}");
    press(&mut session, "j k  k \r");
    session.exp_string("purge?").expect("it asks");
    session.send_line("y").expect("it hears");
    let rest = ends_with(session, 0);
    assert!(rest.contains("2 removed, 29 left in the queue") && rest.contains("kept in evbus-purge-"), "{rest}");
    let expected: Vec<String> = (1..30).filter(|n| *n != 2).map(|n| format!("m{n}")).chain([String::new()]).collect();
    let mut left = live.ids("dead");
    left.sort_by_key(|id| id.get(1..).and_then(|n| n.parse::<u32>().ok()).unwrap_or(u32::MAX));
    assert_eq!(left, expected);
}

#[test]
fn a_list_needs_somebody_who_marks() {
    let Some(live) = broker("pick-nobody") else { return };
    live.queue("dead", &[]);
    let done = live.evbus(&["dlq", "replay", "dead", "--pick", "--yes"]).done().ends_with(2);
    assert!(done.err().contains("a list at a terminal") && done.err().contains("--where"), "{}", done.whole());
    let folder = tempfile::tempdir().expect("a folder");
    let session = at_a_terminal(&live, folder.path(), &["dlq", "replay", "dead", "--pick"], &[]);
    assert!(ends_with(session, 0).contains("the queue is empty: there is nothing to mark"));
    evbus(["dlq", "replay", "dead", "--pick", "--limit", "3"]).done().ends_with(2);
}
