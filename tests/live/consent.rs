//! Questions at a terminal: a whole line is an answer, and whatever is not a yes leaves everything as it is.

use rexpect::process::Signal;

use crate::support::{
    live::broker,
    pty::{at_a_terminal, ends_with},
};

#[test]
fn whatever_is_not_a_line_that_says_yes_changes_nothing() {
    let Some(live) = broker("whole-line") else { return };
    live.pair("classic", "work", "dead");
    live.fill("work", 2);
    live.reject_all("work", "dead");
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("evbus: 1\nvhost: {}\nqueues: {{ made: {{ type: classic }} }}\n", live.vhost);
    std::fs::write(folder.path().join("evbus.yaml"), file).expect("it is written");
    let commands: [(&[&str], &str, &str); 3] = [
        (&["apply"], "apply this?", "nothing was changed"),
        (&["dlq", "purge", "dead"], "purge?", "nothing was removed"),
        (&["dlq", "replay", "dead"], "replay?", "nothing was replayed"),
    ];
    for (command, question, kept) in commands {
        let open = || at_a_terminal(&live, folder.path(), command, &[]);

        let mut session = open();
        session.exp_string(question).expect("it asks");
        session.send_line("n").expect("it hears");
        let rest = ends_with(session, 2);
        assert!(rest.contains(kept) && !rest.contains("error"), "{rest}");

        let mut session = open();
        session.send_line("y").expect("it is typed before there is a question");
        session.exp_string(question).expect("it asks");
        session.send_line("").expect("it hears");
        assert!(ends_with(session, 2).contains(kept));

        let mut session = open();
        session.exp_string(question).expect("it asks");
        session.send_line("maybe").expect("it hears");
        assert!(ends_with(session, 2).contains(kept));

        let mut session = open();
        session.exp_string(question).expect("it asks");
        // Which no key that is being read notices.
        session.process_mut().signal(Signal::SIGTERM).expect("it gets the signal");
        assert!(ends_with(session, 130).contains(&format!("interrupted: {kept}")));

        let mut session = open();
        session.exp_string(question).expect("it asks");
        session.send("y").and_then(|_| session.flush()).expect("it hears one key");
        session.send_control('c').expect("it hears");
        assert!(ends_with(session, 130).contains(&format!("interrupted: {kept}")));
    }
    assert_eq!((live.ready("dead"), live.ready("work")), (2, 0));

    for (command, question, _) in commands.into_iter().rev().filter(|(_, question, _)| *question != "purge?") {
        let mut session = at_a_terminal(&live, folder.path(), command, &[]);
        session.exp_string(question).expect("it asks");
        session.send_line("Yes").expect("it hears");
        ends_with(session, 0);
    }
    assert_eq!((live.ready("dead"), live.ready("work"), live.ready("made")), (0, 2, 0));
}

#[test]
fn a_quiet_question_shows_what_it_is_about() {
    let Some(live) = broker("quiet") else { return };
    live.pair("classic", "work", "dead");
    live.fill("work", 1);
    live.reject_all("work", "dead");
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("evbus: 1\nvhost: {}\nqueues: {{ made: {{ type: classic }} }}\n", live.vhost);
    std::fs::write(folder.path().join("evbus.yaml"), file).expect("it is written");
    let commands: [(&[&str], &str, &[&str]); 3] = [
        (&["apply", "-q"], "apply this?", &["create", "made", "1 to create"]),
        (&["dlq", "replay", "dead", "-q"], "replay?", &["replay dead on", "queue work"]),
        (&["dlq", "purge", "dead", "-q"], "purge?", &["purge dead on", "the only message"]),
    ];
    for (command, question, shown) in commands {
        let mut session = at_a_terminal(&live, folder.path(), command, &[]);
        let before = session.exp_string(question).expect("it asks");
        for word in shown {
            assert!(before.contains(word), "{word:?} in {before}");
        }
        session.send_line("n").expect("it hears");
        ends_with(session, 2);
    }
}

#[test]
fn a_run_that_ends_at_its_question_has_a_summary_all_the_same() {
    let Some(live) = broker("summary") else { return };
    live.pair("classic", "work", "dead");
    live.fill("work", 1);
    live.reject_all("work", "dead");
    let folder = tempfile::tempdir().expect("a folder");
    for command in ["replay", "purge"] {
        for (key, code, interrupted) in [("n", 2, false), ("c", 130, true)] {
            let mut session = at_a_terminal(&live, folder.path(), &["dlq", command, "dead", "-o", "json"], &[]);
            session.exp_string(&format!("{command}?")).expect("it asks");
            if interrupted { session.send_control('c') } else { session.send_line(key).map(|_| ()) }.expect("it hears");
            let rest = ends_with(session, code);
            let lines = rest.lines().filter_map(|line| line.find('{').map(|start| &line[start..]));
            let summary = lines.filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()).next_back();
            let summary = summary.unwrap_or_else(|| panic!("{command}: no summary in {rest}"));
            assert_eq!(
                (&summary["event"], &summary["interrupted"]),
                (&"summary".into(), &interrupted.into()),
                "{rest}"
            );
            assert!(summary["run"].is_string() && summary["selected"] == 0, "{rest}");
        }
    }
    assert_eq!(live.ready("dead"), 1);
}
