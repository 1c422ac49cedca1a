//! One message goes out as it was edited, and nothing is lost on the way.

use std::{fs, path::Path};

use lapin::BasicProperties;
use serde_json::{Value, json};

use crate::support::{
    live::{Live, broker},
    pty::{at_a_terminal, ends_with},
    run::program,
};

/// An editor: a script that gets the file as `$1`, and counts how often it was opened in `tries`.
fn editor(folder: &Path, script: &str) -> String {
    let path = folder.join("editor.sh");
    let counting = "echo x >> tries\ntries=$(wc -l < tries)\n";
    fs::write(&path, format!("{counting}{script}\n")).expect("it is written");
    let _ = fs::remove_file(folder.join("tries"));
    format!("sh {}", path.display())
}

/// What lies in the folder of temporary files.
fn leftovers(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("tmp")).expect("a folder").flatten();
    entries.map(|entry| fs::read_to_string(entry.path()).unwrap_or_default()).collect()
}

struct Desk<'a> {
    live: &'a Live,
    folder: tempfile::TempDir,
}

impl Desk<'_> {
    /// Edits with that script; answers the questions in turn, and ends with that code.
    #[track_caller]
    fn edit(&self, selected: &[&str], script: &str, answers: &[(&str, &str)], code: i32) -> String {
        let folder = self.folder.path();
        fs::create_dir_all(folder.join("tmp")).expect("a folder");
        let (editor, tmp) = (editor(folder, script), folder.join("tmp").display().to_string());
        let command = [&["dlq", "replay", "dead", "--edit"], selected].concat();
        let environment = [("EDITOR", editor.as_str()), ("TMPDIR", tmp.as_str())];
        let mut session = at_a_terminal(self.live, folder, &command, &environment);
        let mut shown = String::new();
        for (question, answer) in answers {
            shown += &session.exp_string(question).unwrap_or_else(|error| panic!("{question}: {error}"));
            session.send_line(answer).expect("it hears");
        }
        shown + &ends_with(session, code)
    }
}

fn desk(live: &Live) -> Desk<'_> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("counted.json"), json!({"properties": {"n": {"maximum": 5}}}).to_string())
        .expect("a schema");
    let event = "Counted: { routing_key: counted, publisher: p, versions: { \"1.0\": counted.json } }";
    let file = format!("evbus: 1\nvhost: {}\nbus: {{ exchange: events }}\nevents: {{ {event} }}\n", live.vhost);
    fs::write(folder.path().join("evbus.yaml"), file).expect("a topology");
    Desk { live, folder }
}

#[test]
fn an_edited_message_goes_in_place_of_its_original_which_is_archived() {
    let Some(live) = broker("edit") else { return };
    live.pair("quorum", "work", "dead");
    live.fill("work", 4);
    live.reject_all("work", "dead");
    let desk = desk(&live);
    let folder = desk.folder.path();

    let shown = desk.edit(&[], "true", &[], 2);
    assert!(shown.contains("4 messages are selected, and --edit takes one"), "{shown}");
    let shown = desk.edit(&["--id", "m9"], "true", &[], 1);
    assert!(shown.contains("no message is selected"), "{shown}");
    let shown = desk.edit(&["--id", "m1"], "true", &[], 0);
    assert!(shown.contains("nothing was edited"), "{shown}");
    let shown = desk.edit(&["--id", "m1"], "exit 3", &[], 1);
    assert!(shown.contains("the editor did not end in order"), "{shown}");
    assert_eq!(leftovers(folder), Vec::<String>::new());

    // A slip first, which is told, and mended at the second try. Meanwhile nothing is held.
    let script = r#"
        [ "$tries" = 1 ] && sed -i 's/"properties"/"propertis"/' "$1"
        [ "$tries" = 2 ] && sed -i -e 's/"propertis"/"properties"/' -e 's/"n": 1/"n": 7/' "$1"
        true"#;
    let shown = desk.edit(&["--id", "m1"], script, &[("edit it again?", "y"), ("replay?", "y")], 0);
    assert!(shown.contains("propertis is not a part of a record"), "{shown}");
    assert!(shown.contains("1 replayed, 3 left in the queue"), "{shown}");
    let all = live.drain("work");
    let [delivery] = &all[..] else { panic!("{} messages", all.len()) };
    assert_eq!(delivery.data, b"{\"n\":7}");
    assert_eq!(delivery.properties.message_id().as_ref().map(lapin::types::ShortString::as_str), Some("m1"));
    let archived = fs::read_dir(folder).expect("the folder").flatten().map(|entry| entry.path());
    let archived = archived.filter(|path| path.extension().is_some_and(|end| end == "ndjson")).collect::<Vec<_>>();
    let [archive] = &archived[..] else { panic!("{archived:?}") };
    let archive = fs::read_to_string(archive).expect("the archive");
    let original: Value = archive.lines().nth(1).and_then(|line| serde_json::from_str(line).ok()).expect("a record");
    assert_eq!(original["body"]["json"], json!({"n": 1}), "{archive}");
    assert!(shown.contains("kept in evbus-edit-"), "{shown}");
    assert_eq!(leftovers(folder), Vec::<String>::new());

    // Somebody else takes it while it is edited: what was edited is kept.
    let take = format!(
        "{} dlq purge dead --id m2 --no-archive --yes >/dev/null && sed -i 's/\"n\": 2/\"n\": 8/' \"$1\"",
        program().display()
    );
    let shown = desk.edit(&["--id", "m2"], &take, &[], 1);
    assert!(shown.contains("1 not there any more") && shown.contains("what you have edited is kept in"), "{shown}");
    let kept = leftovers(folder);
    assert!(kept.len() == 1 && kept[0].contains("\"n\": 8"), "{kept:?}");
    assert_eq!((live.ready("dead"), live.ready("work")), (2, 0));
}

#[test]
fn what_is_against_its_schema_is_not_sent() {
    let Some(live) = broker("edit-schema") else { return };
    live.pair("classic", "work", "dead");
    let body = json!({"event_id": "1", "event_type": "Counted", "version": "1.0", "payload": {"n": 3}});
    live.publish("work", [(BasicProperties::default().with_delivery_mode(2), body.to_string().into_bytes())]);
    live.reject_all("work", "dead");
    let desk = desk(&live);
    let script = "sed -i 's/\"n\": 3/\"n\": 77/' \"$1\"";
    let shown = desk.edit(&[], script, &[("edit it again?", "n")], 2);
    assert!(shown.contains("/n: ") && shown.contains("nothing was replayed"), "{shown}");
    assert!(leftovers(desk.folder.path())[0].contains("\"n\": 77"));
    let folder = desk.folder.path();
    let (editor, tmp) = (editor(folder, "sleep 20"), folder.join("tmp").display().to_string());
    let environment = [("EDITOR", editor.as_str()), ("TMPDIR", tmp.as_str())];
    let mut session = at_a_terminal(&live, folder, &["dlq", "replay", "dead", "--edit"], &environment);
    live.until("the editor is open", || folder.join("tries").exists());
    assert_eq!(live.ready("dead"), 1, "nothing is held meanwhile");
    session.process_mut().signal(rexpect::process::Signal::SIGTERM).expect("it gets the signal");
    let shown = ends_with(session, 130);
    assert!(shown.contains("interrupted: what you have edited is kept in"), "{shown}");
    let done = live.evbus(&["dlq", "replay", "dead", "--edit", "--yes"]).done().ends_with(2);
    assert!(done.err().contains("at a terminal"), "{}", done.whole());
    assert_eq!((live.ready("dead"), live.ready("work")), (1, 0));
}
