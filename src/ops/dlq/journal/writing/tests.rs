//! What is on the disk when a journal says so.

use super::{super::tests::header, *};
use crate::message::Message;

fn identity(body: u8) -> Identity {
    Identity::of(&Message { body: vec![body], ..Message::default() })
}

fn text(journal: &Journal) -> String {
    std::fs::read_to_string(journal.path()).unwrap_or_default()
}

#[tokio::test]
async fn nothing_is_durable_before_the_disk_has_it() -> Result<(), Error> {
    let state = tempfile::tempdir().expect("a folder");
    let mut journal = Journal::create(state.path(), &header("r1"))?;
    assert_eq!(text(&journal).lines().count(), 1, "the first line is there at once");
    assert!(journal.is_durable(journal.mark()));
    let numbers: Vec<u64> = (0..3).map(|body| journal.intend(identity(body), "queue work")).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let intended = journal.mark();
    assert!(!journal.is_durable(intended));
    assert_eq!(text(&journal).lines().count(), 1);
    journal.push()?;
    let fourth = journal.intend(identity(3), "queue other");
    let later = journal.mark();
    journal.synced().await?;
    assert!(journal.is_durable(intended) && !journal.is_durable(later), "what came later is on its way now");
    journal.safe([1, 3]);
    journal.gone([1]);
    journal.stays([fourth]);
    journal.gone([]);
    journal.settle().await?;
    assert!(journal.is_durable(later) && journal.is_durable(journal.mark()));
    let ids = [0, 1, 2].map(|body| format!("\"{}\"", identity(body))).join(",");
    let expected = [
        r#"{"event":"target","to":0,"name":"queue work"}"#.to_owned(),
        format!(r#"{{"event":"intent","n":1,"to":0,"ids":[{ids}]}}"#),
        r#"{"event":"target","to":1,"name":"queue other"}"#.to_owned(),
        format!(r#"{{"event":"intent","n":4,"to":1,"ids":["{}"]}}"#, identity(3)),
        r#"{"event":"safe","n":[[1,1],[3,3]]}"#.to_owned(),
        r#"{"event":"gone","n":[[1,1]]}"#.to_owned(),
        r#"{"event":"stays","n":[[4,4]]}"#.to_owned(),
    ];
    assert_eq!(text(&journal).lines().skip(1).collect::<Vec<_>>(), expected);
    Ok(())
}

#[tokio::test]
async fn a_full_disk_ends_it_and_leaves_a_file_that_can_be_gone_on_with() -> Result<(), Error> {
    let state = tempfile::tempdir().expect("a folder");
    let mut journal = Journal::create(state.path(), &header("r1"))?;
    journal.intend(identity(0), "queue work");
    journal.settle().await?;
    let before = journal.mark();
    let whole = std::mem::replace(
        &mut journal.file,
        Arc::new(OpenOptions::new().write(true).open("/dev/full").expect("a disk without room")),
    );
    journal.safe([1]);
    let safe = journal.mark();
    let error = journal.settle().await.expect_err("there is no room");
    assert!(matches!(&error, Error::Full { source, .. } if source.kind() == io::ErrorKind::StorageFull), "{error:?}");
    journal.gone([1]);
    assert!(journal.push().is_err() && journal.last_words([1]).await.is_err(), "there is still none");
    let no_room = std::mem::replace(&mut journal.file, whole);
    assert!(journal.push().is_err() && journal.end(End::default()).await.is_err(), "and nothing more is written");
    assert!(journal.is_durable(before) && !journal.is_durable(safe));
    assert_eq!(text(&journal).lines().count(), 3);
    drop(no_room);
    journal.last_words([1]).await?;
    journal.end(End::default()).await?;
    let written = text(&journal);
    let words: Vec<&str> = written.lines().skip(3).map(|line| line.split('"').nth(3).unwrap_or_default()).collect();
    assert_eq!(words, ["safe", "end"], "what was lost is not made up for");
    Ok(())
}

#[test]
fn where_no_journal_can_be_kept_is_said_with_the_folder() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let error = Journal::create(file.path(), &header("r1")).err().expect("a file is no folder");
    assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
    let state = tempfile::tempdir().expect("a folder");
    assert!(Journal::create(state.path(), &header("../r1")).is_err());
}

#[test]
fn nobody_else_reads_it() -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    let top = tempfile::tempdir().expect("a folder");
    let state = top.path().join("new");
    let journal = Journal::create(&state, &header("r1"))?;
    let mode = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.permissions().mode() & 0o777);
    assert_eq!((mode(&state), mode(&state.join("runs")), mode(journal.path())), (0o700, 0o700, 0o600));
    Ok(())
}
