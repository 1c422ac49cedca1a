//! A journal, whatever became of its writer.

use std::{io::Write, path::Path};

use super::*;
use crate::message::{Identity, Message, Properties};

/// The first line of the journal of a run.
pub(super) fn header(run: &str) -> Header {
    Header {
        run: run.to_owned(),
        command: "dlq replay".to_owned(),
        queue: "dead".to_owned(),
        vhost: "/".to_owned(),
        host: "localhost:5672".to_owned(),
        user: "guest".to_owned(),
        owner: "me@here".to_owned(),
        to: "source".to_owned(),
        selectors: serde_json::json!({}),
        travel: serde_json::json!({}),
        care: serde_json::json!({}),
        limit: None,
        archive: None,
        digest: None,
        window: 2,
        set: 10,
        started_at: "2026-01-02T03:04:05Z".to_owned(),
        as_of: "2026-01-02T03:04:05Z".to_owned(),
        resumes: Vec::new(),
    }
}

fn message(id: &str) -> Message {
    let message_id = Some(id.to_owned()).filter(|id| !id.is_empty());
    Message { properties: Properties { message_id, ..Properties::default() }, ..Message::default() }
}

fn identity(id: &str) -> Identity {
    Identity::of(&message(id))
}

/// A run that came so far: `a` is gone, `b` safe, `c` stays, `d` and `e` were about to be published.
async fn cut_off(state: &Path) -> Result<(), Error> {
    let mut journal = Journal::create(state, &header("r1"))?;
    for id in ["a", "b", "c", "d", "e"] {
        journal.intend(identity(id), "queue work");
    }
    journal.safe([1, 2]);
    journal.gone([1]);
    journal.stays([3]);
    journal.settle().await
}

fn rewrite(state: &Path, change: impl FnOnce(String) -> String) {
    let path = file(state, "r1").expect("an id");
    let text = std::fs::read_to_string(&path).expect("a journal");
    std::fs::write(&path, change(text)).expect("it is written");
}

#[tokio::test]
async fn what_is_open_is_known_whatever_the_last_line_was() -> Result<(), Error> {
    let state = tempfile::tempdir().expect("a folder");
    cut_off(state.path()).await?;
    for torn in ["", "{", "{\"event\":\"gone\",\"n\":[[2,2", "\0\0\0"] {
        let path = file(state.path(), "r1").expect("an id");
        let mut whole = std::fs::OpenOptions::new().append(true).open(&path).expect("a journal");
        let length = whole.metadata().map_or(0, |found| found.len());
        whole.write_all(torn.as_bytes()).expect("it is written");
        let past = Past::open(state.path(), "r1")?;
        let open: Vec<_> = past.open_ones().map(|open| (open.identity, open.safe)).collect();
        assert_eq!(open, [(identity("b"), true), (identity("d"), false), (identity("e"), false)], "{torn:?}");
        assert_eq!((past.safe, past.rest(), past.begun(), past.is_done()), (2, 8, 5, false));
        whole.set_len(length).expect("it is cut");
    }
    Ok(())
}

/// That a journal in which one text is put for another is damaged in that line, and why.
fn is_damaged_by(state: &Path, (from, to): (&str, &str), place: u64, because: &str) {
    rewrite(state, |text| text.replacen(from, to, 1));
    match Past::open(state, "r1") {
        Err(Error::Damaged { line, because: why, .. }) => {
            assert_eq!(line, place, "{why}");
            assert!(why.contains(because), "{why}");
        }
        other => panic!("{to}: {other:?}"),
    }
}

#[tokio::test]
async fn damage_is_an_error_that_names_its_place() -> Result<(), Error> {
    let state = tempfile::tempdir().expect("a folder");
    for (from, to, place, because) in [
        ("\"safe\"", "\"sofa\"", 4, "unknown variant"),
        ("[[1,2]]", "[[1,6]]", 4, "message 6 was never begun with"),
        ("\"gone\",\"n\":[[1", "\"gone\",\"n\":[[0", 5, "message 0 is settled already"),
        ("\"gone\",\"n\":[[1,1]]", "\"gone\",\"n\":[[1,4]]", 5, "message 3 is gone and was never safe"),
        ("\"n\":1,\"to\"", "\"n\":2,\"to\"", 3, "message 2 is not the next one"),
        ("\"to\":0,\"ids\"", "\"to\":1,\"ids\"", 3, "there is no target 1"),
        ("evbus.journal/1", "evbus.journal/2", 1, "it is evbus.journal/2"),
    ] {
        let _ = std::fs::remove_dir_all(folder(state.path()));
        cut_off(state.path()).await?;
        is_damaged_by(state.path(), (from, to), place, because);
    }
    Ok(())
}

#[tokio::test]
async fn one_goes_on_with_a_run_and_whoever_comes_then_is_told_of_it() -> Result<(), Error> {
    let state = tempfile::tempdir().expect("a folder");
    cut_off(state.path()).await?;
    // What was cut off in the middle of a line must not stand before the next one.
    rewrite(state.path(), |text| text + "{\"event\":\"go");
    let mut past = Past::open(state.path(), "r1")?;
    assert!(matches!(Past::open(state.path(), "r1"), Err(Error::InUse { .. })), "one at a time");
    let mut known = Known::of(&past);
    let next = Header { set: past.rest(), resumes: vec!["r1".to_owned()], ..header("r2") };
    drop(past.next(state.path(), &Header { run: "r0".to_owned(), ..next.clone() })?);
    let mut journal = past.next(state.path(), &next)?;
    past.hand_over("r2")?;
    drop(past);
    assert!(matches!(Past::open(state.path(), "r1"), Err(Error::Resumed { by, .. }) if by == "r2"));
    assert!(matches!(Past::open(state.path(), "r0"), Err(Error::NeverBegan { instead, .. }) if instead == "r1"));
    assert!(matches!(Past::open(state.path(), "r2"), Err(Error::InUse { .. })), "the new one is going on");
    let mut found = |id: &str| known.judge(&message(id), identity(id));
    assert_eq!(found("b"), Verdict::Safe(1));
    assert_eq!(found("d"), Verdict::Doubtful(2, true));
    assert_eq!((found("f"), found("b")), (Verdict::New, Verdict::New));
    assert_eq!((found("a"), found("a")), (Verdict::Back, Verdict::New), "it was gone, and one like it may be new");
    assert_eq!((known.missing(), known.gone()), (1, vec![]));
    // It removes the one that was safe, publishes one of the others again and a new one, and is killed too.
    journal.gone([1]);
    journal.safe([2]);
    assert_eq!(journal.intend(identity("f"), "queue work"), 4);
    journal.settle().await?;
    drop(journal);
    let past = Past::open(state.path(), "r2")?;
    let open: Vec<_> = past.open_ones().map(|open| (open.identity, open.safe)).collect();
    assert_eq!(open, [(identity("d"), true), (identity("e"), false), (identity("f"), false)]);
    assert_eq!(past.rest(), 7, "of ten, a and b were safe before, and d is now");
    let gone: Vec<_> = past.last_gone().copied().collect();
    assert_eq!(gone, [identity("a"), identity("b")], "what went in either run is remembered");
    Ok(())
}

#[tokio::test]
async fn a_message_that_could_be_taken_for_another_is_in_doubt() -> Result<(), Error> {
    let state = tempfile::tempdir().expect("a folder");
    let mut journal = Journal::create(state.path(), &header("r1"))?;
    for id in ["", "twin", "twin", "one"] {
        journal.intend(identity(id), "queue work");
    }
    journal.safe([1, 2, 4]);
    journal.settle().await?;
    drop(journal);
    let past = Past::open(state.path(), "r1")?;
    let mut known = Known::of(&past);
    let mut found = |id: &str| known.judge(&message(id), identity(id));
    assert_eq!(found(""), Verdict::Doubtful(1, false), "nothing tells it from others");
    assert_eq!((found("twin"), found("twin")), (Verdict::Doubtful(3, true), Verdict::Doubtful(2, false)));
    assert_eq!((found("twin"), found("one")), (Verdict::New, Verdict::Safe(4)));
    let mut known = Known::of(&past);
    known.look_ahead([&message("one"), &message("new"), &message("one")]);
    assert_eq!(known.judge(&message("one"), identity("one")), Verdict::Doubtful(4, false), "there are two of them");
    Ok(())
}

/// A restore that came so far: of nine records two are safe, one is not at its target, and two were about to be published.
async fn restore_cut_off(state: &Path) -> Result<(), Error> {
    let archive = Some(PathBuf::from("/a.zst"));
    let mut journal = Journal::create(state, &Header { command: "dlq restore".to_owned(), archive, ..header("r1") })?;
    journal.put([1, 2, 3, 5]);
    journal.safe([1, 3]);
    journal.stays([2]);
    journal.put([7]);
    journal.settle().await
}

#[tokio::test]
async fn records_are_told_by_their_places_from_run_to_run() -> Result<(), Error> {
    let state = tempfile::tempdir().expect("a folder");
    restore_cut_off(state.path()).await?;
    let of = |ranges: &Ranges| ranges.iter().collect::<Vec<_>>();
    let mut past = Past::open(state.path(), "r1")?;
    assert_eq!((of(past.places.settled()), of(past.places.doubtful())), (vec![(1, 1), (3, 3)], vec![(5, 5), (7, 7)]));
    assert_eq!((past.safe, past.begun(), past.undecided(), past.is_done()), (2, 5, 2, false));
    let mut journal = past.next(state.path(), &Header { resumes: vec!["r1".to_owned()], ..header("r2") })?;
    past.hand_over("r2")?;
    journal.passed([5]);
    journal.put([2]);
    journal.safe([2, 7]);
    journal.settle().await?;
    drop(journal);
    let past = Past::open(state.path(), "r2")?;
    assert_eq!((of(past.places.settled()), of(past.places.doubtful())), (vec![(1, 3), (5, 5), (7, 7)], vec![]));
    assert_eq!(
        (past.safe, past.places.passed(), past.begun(), past.undecided()),
        (2, 1, 3, 0),
        "what came before is not its own"
    );
    Ok(())
}

#[tokio::test]
async fn a_restore_whose_lines_contradict_each_other_is_damaged() -> Result<(), Error> {
    let state = tempfile::tempdir().expect("a folder");
    for (from, to, place, because) in [
        ("[[1,3],[5,5]]", "[[1,3],[3,5]]", 2, "records 3 to 5 were put before"),
        ("[[1,1],[3,3]]", "[[1,1],[4,4]]", 3, "records 4 to 4 are open"),
        ("\"stays\",\"n\":[[2", "\"stays\",\"n\":[[1", 4, "records 1 to 2 are open"),
        ("[[7,7]]", "[[5,7]]", 5, "records 5 to 7 were put before"),
    ] {
        let _ = std::fs::remove_dir_all(folder(state.path()));
        restore_cut_off(state.path()).await?;
        is_damaged_by(state.path(), (from, to), place, because);
    }
    Ok(())
}

#[tokio::test]
async fn every_run_is_listed_as_it_is() -> Result<(), Error> {
    let state = tempfile::tempdir().expect("a folder");
    assert_eq!(list(state.path()).map(|(runs, wrong)| (runs.len(), wrong.len())).ok(), Some((0, 0)));
    cut_off(state.path()).await?;
    for (run, end) in [("r2", None), ("r3", Some(true)), ("r4", Some(false))] {
        let mut journal = Journal::create(state.path(), &header(run))?;
        if let Some(complete) = end {
            journal.end(End { complete, ..End::default() }).await?;
        }
    }
    let mut past = Past::open(state.path(), "r2")?;
    past.next(state.path(), &header("r5")).map(drop)?;
    past.hand_over("r5")?;
    drop(past);
    let going_on = Journal::create(state.path(), &header("r6"))?;
    std::fs::write(folder(state.path()).join("r7.journal"), "no journal\n").expect("it is written");
    std::fs::write(folder(state.path()).join("r8.journal"), "").expect("it is written");
    let (runs, wrong) = list(state.path())?;
    let states: Vec<_> = runs.iter().map(|run| (run.header.run.as_str(), run.state)).collect();
    let expected = [
        ("r1", State::CutOff),
        ("r2", State::Resumed),
        ("r3", State::Ended),
        ("r4", State::Stopped),
        ("r5", State::CutOff),
        ("r6", State::Running),
    ];
    assert_eq!(states, expected);
    assert_eq!((runs[0].begun, runs[0].safe, runs[0].open), (5, 2, 3));
    assert!(matches!(wrong.as_slice(), [Error::Damaged { line: 1, .. }]), "{wrong:?}");
    drop(going_on);
    Ok(())
}

#[test]
fn a_run_that_is_not_known_is_told_with_what_may_be_meant() {
    let state = tempfile::tempdir().expect("a folder");
    drop(Journal::create(state.path(), &header("20260102T030405Z-abcdef")));
    for (asked, near) in [("20260102T030405Z-abcdee", true), ("other", false), ("../../etc/passwd", false), ("", false)]
    {
        match Past::open(state.path(), asked) {
            Err(Error::NoRun { nearest, .. }) => assert_eq!(nearest.is_some(), near, "{asked}"),
            other => panic!("{asked}: {other:?}"),
        }
    }
}
