//! An export removes nothing, and what is in an archive can be read however the run that wrote it ended.

use std::{io::Read as _, os::unix::fs::PermissionsExt, path::Path};

use evbus::ops::dlq::archive::{Damage, Reader};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{
    live::{Live, broker},
    run::ended,
};

/// The ids in an archive, and what is wrong with it.
fn read(path: &Path) -> (Vec<String>, Option<Damage>) {
    let mut reader = Reader::open(path).expect("an archive");
    let mut ids = Vec::new();
    loop {
        match reader.next_message() {
            Ok(Some(message)) => ids.push(message.properties.message_id.unwrap_or_default()),
            Ok(None) => return (ids, None),
            Err(damage) => return (ids, Some(damage)),
        }
    }
}

fn signal(child: &std::process::Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, signal).expect("it gets the signal");
}

fn numbers(of: impl IntoIterator<Item = usize>) -> Vec<String> {
    of.into_iter().map(|number| format!("m{number}")).collect()
}

/// The ids that are in a queue, sorted; nothing is left in it.
fn sorted(live: &Live, queue: &str) -> Vec<String> {
    let mut ids = live.ids(queue);
    ids.sort();
    ids
}

#[test]
fn an_export_holds_what_was_selected_and_every_message_stays() {
    let Some(live) = broker("archive-export") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for kind in ["classic", "quorum"] {
        let dead = format!("{kind}.dead");
        live.pair(kind, "work", &dead);
        live.fill(&dead, 700);
        let file = folder.path().join(format!("{kind}.ndjson.zst"));
        let words = ["dlq", "export", &dead, "--where", ".body.json.n >= 300", "--limit", "250"];
        let done = live.evbus(&words).arg("--out").arg(&file).done().ends_with(0);
        assert_eq!(done.out(), format!("250 of 700 messages exported to {}\n", file.display()), "{}", done.whole());
        assert_eq!(read(&file), (numbers(300..550), None));
        let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "bodies are other people's data");
        let again = live.evbus(&words).arg("--out").arg(&file).done().ends_with(2);
        assert!(again.err().contains("exists"), "{}", again.whole());

        // On stdout it is the same, and a summary behind it is no part of it.
        let shown = live.evbus(&["dlq", "export", &dead, "-o", "json"]).done().ends_with(0);
        assert_eq!((&shown.summary()["exported"], &shown.summary()["depth"]), (&700.into(), &700.into()));
        let piped = folder.path().join(format!("{kind}.piped"));
        std::fs::write(&piped, shown.bytes()).expect("it is written");
        assert_eq!(read(&piped), (numbers(0..700), None));
        live.queue("copies", &[]);
        let sent =
            live.evbus(&["publish", "--exchange", "", "--key", "copies", "-o", "json"]).arg("--from").arg(&piped);
        assert_eq!(sent.done().ends_with(0).summary()["published"], 700);
        assert_eq!(live.drain("copies").len(), 700);

        // A reader that has seen enough is no failure, and nothing stays away.
        let mut child = live.evbus(&["dlq", "export", &dead]).start();
        let mut first = [0; 100];
        child.stdout.take().expect("its stdout").read_exact(&mut first).expect("it says something");
        assert_eq!(ended(child).status.code(), Some(0));
        live.until("all are back", || live.ready(&dead) == 700);
        let mut all = numbers(0..700);
        all.sort();
        assert_eq!(sorted(&live, &dead), all);
        live.delete("work");
    }
}

#[test]
fn an_export_of_nothing_is_an_archive_of_nothing() {
    let Some(live) = broker("archive-empty") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    live.queue("dead", &[]);
    let file = folder.path().join("none.zst");
    live.evbus(&["dlq", "export", "dead"]).arg("--out").arg(&file).done().ends_with(0);
    assert_eq!(read(&file), (vec![], None));
    let done = live.evbus(&["dlq", "restore", "--yes"]).arg(&file).done().ends_with(0);
    assert!(done.err().contains("0 messages of queue dead"), "{}", done.whole());
    // A queue that is not there leaves no file.
    let other = folder.path().join("other");
    live.evbus(&["dlq", "export", "deaf"]).arg("--out").arg(&other).done().ends_with(1);
    assert!(!other.exists());
}

#[test]
fn an_export_that_is_interrupted_says_so_in_the_file_and_gives_everything_back() {
    let Some(live) = broker("archive-interrupt") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    live.queue("dead", &[("x-queue-type", "quorum".into())]);
    live.fill("dead", 1500);
    let file = folder.path().join("a.ndjson");
    // An expression that takes its time, so that it is met at work.
    let slow = ["dlq", "export", "dead", "--where", "[range(20000)] | length > 0"];
    let child = live.evbus(&slow).arg("--out").arg(&file).start();
    live.until("it has begun", || live.ready("dead") < 1500);
    signal(&child, Signal::INT);
    let output = ended(child);
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let mut reader = Reader::open(&file).expect("an archive");
    let mut count = 0;
    while reader.next_message().expect("what there is is proven").is_some() {
        count += 1;
    }
    assert!(count < 1500);
    assert_eq!(reader.end().map(|end| (end.count, end.complete)), Some((count, false)));
    live.until("all are back", || live.ready("dead") == 1500);
    let dry = live.evbus(&["dlq", "restore", "--dry-run"]).arg(&file).done().ends_with(0);
    assert!(dry.err().contains("does not hold all"), "{}", dry.whole());
}

#[test]
fn a_purge_that_is_killed_leaves_an_archive_of_all_that_is_gone() {
    let Some(live) = broker("archive-kill") else { return };
    for (kind, name) in [("classic", "a.ndjson.zst"), ("quorum", "a.ndjson")] {
        let folder = tempfile::tempdir().expect("a folder");
        let (dead, file) = (format!("{kind}.dead"), folder.path().join(name));
        live.queue(&dead, &[("x-queue-type", kind.into())]);
        live.fill(&dead, 4000);
        let purge = ["dlq", "purge", &dead, "--yes", "--window", "100"];
        let mut child = live.evbus(&purge).arg("--archive").arg(&file).start();
        // Some batches of 50 are on the disk by then.
        live.until("some are in the archive", || {
            std::fs::metadata(&file).is_ok_and(|file| file.len() > 2000)
                || child.try_wait().is_ok_and(|end| end.is_some())
        });
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        let mut stable = (0, 0);
        live.until("what was held is back", || {
            stable = (stable.1, live.ready(&dead));
            stable.0 == stable.1
                && live.api(reqwest::Method::GET, &format!("queues/{}/{dead}", live.vhost), None)["consumers"] == 0
        });
        let left = live.ids(&dead);
        let (archived, damage) = read(&file);
        let damage = damage.expect("its end is missing");
        assert!(damage.because.contains("cut off"), "{damage}");
        assert_eq!(damage.records, archived.len() as u64);
        assert!(!archived.is_empty() && archived.len() < 4000, "{}", archived.len());
        let mut all: Vec<String> = left.into_iter().chain(archived).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 4000, "{kind}: none is lost");
        // What is gone comes back.
        let done = live.evbus(&["dlq", "restore", "--yes", "-o", "json"]).arg(&file).done().ends_with(1);
        assert!(done.err().contains("--up-to-damage"), "{}", done.whole());
        let done =
            live.evbus(&["dlq", "restore", "--yes", "--up-to-damage", "-o", "json"]).arg(&file).done().ends_with(0);
        assert_eq!(done.summary()["replayed"], damage.records, "{}", done.whole());
        assert_eq!(u64::from(live.ready(&dead)), damage.records);
    }
}
