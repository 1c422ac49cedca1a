//! What was written comes back, and of a file that is not whole every record up to the damage.

use std::path::PathBuf;

use super::{
    super::{Archive, Origin},
    *,
};
use crate::ops::dlq::journal::Archived;

const NAMES: [&str; 2] = ["a.ndjson", "a.ndjson.zst"];

fn message(number: usize) -> Message {
    Message { body: format!("body {number} \u{0}\n").into_bytes(), ..Message::default() }
}

/// An archive in batches of so many messages, each proven.
fn write(path: &Path, batches: &[usize]) -> io::Result<()> {
    let mut archive = Archive::create(path, Origin { run: "r", vhost: "/", queue: "q" })?;
    let mut number = 0;
    for batch in batches {
        for _ in 0..*batch {
            archive.add(&message(number))?;
            number += 1;
        }
        archive.prove()?;
    }
    assert_eq!(archive.count(), number as u64);
    archive.finish(true).map(drop)
}

fn new(name: &str, batches: &[usize]) -> io::Result<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(name);
    write(&path, batches)?;
    Ok((folder, path))
}

/// Everything that can be read, and what ends it.
fn read(path: &Path) -> Result<(Vec<Message>, Result<End, Damage>), Unreadable> {
    let mut reader = Reader::open(path)?;
    let mut messages = Vec::new();
    loop {
        match reader.next_message() {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return Ok((messages, Ok(reader.end().expect("it has ended")))),
            Err(damage) => {
                assert_eq!(damage.records, messages.len() as u64);
                return Ok((messages, Err(damage)));
            }
        }
    }
}

fn all(count: usize) -> Vec<Message> {
    (0..count).map(message).collect()
}

#[test]
fn what_was_written_comes_back_and_is_whole() -> io::Result<()> {
    for name in NAMES {
        let (_folder, path) = new(name, &[3, 0, 2, 1])?;
        let (messages, end) = read(&path).expect("it is an archive");
        assert_eq!((messages, end), (all(6), Ok(End { count: 6, complete: true })), "{name}");
        assert_eq!(Reader::open(&path).expect("it is an archive").header().queue, "q");
        assert_eq!(write(&path, &[1]).map_err(|error| error.kind()), Err(io::ErrorKind::AlreadyExists));
    }
    Ok(())
}

#[test]
fn only_a_name_that_ends_in_zst_is_compressed_and_a_file_is_known_by_what_is_in_it() -> io::Result<()> {
    let (folder, path) = new("a.ndjson.zst", &[2])?;
    assert!(std::fs::read(&path)?.starts_with(&MAGIC));
    let other = folder.path().join("renamed.ndjson");
    std::fs::rename(&path, &other)?;
    assert_eq!(read(&other).expect("it is an archive").0, all(2));
    let (_folder, plain) = new("zst", &[2])?;
    assert!(std::fs::read(&plain)?.starts_with(b"{"));
    Ok(())
}

#[test]
fn wherever_a_plain_file_is_cut_every_whole_record_before_is_read() -> io::Result<()> {
    let (_folder, path) = new("a.ndjson", &[2, 2])?;
    let whole = std::fs::read(&path)?;
    // The last newline is no loss.
    for length in 0..whole.len() - 1 {
        let part = &whole[..length];
        std::fs::write(&path, part)?;
        let lines = part.split(|byte| *byte == b'\n').count() - 1;
        match read(&path) {
            Ok((messages, Err(damage))) => {
                assert_eq!(messages, all(lines - 1), "{length}");
                assert!(damage.because.contains("cut off"), "{length}: {damage}");
                let begun = part.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                assert_eq!(damage.byte, begun as u64, "{length}: where the line begins that is not there");
            }
            Ok((_, Ok(end))) => panic!("{length}: it is not whole, and called so: {end:?}"),
            Err(_) => assert_eq!(lines, 0, "{length}"),
        }
    }
    Ok(())
}

#[test]
fn wherever_a_compressed_file_is_cut_every_batch_before_is_read() -> io::Result<()> {
    let (folder, path) = new("a.ndjson.zst", &[2, 3, 1])?;
    let whole = std::fs::read(&path)?;
    // How long the file is when each batch is proven: the header goes with the first.
    let mut proven = Vec::new();
    for batches in [&[2][..], &[2, 3], &[2, 3, 1]] {
        let part = folder.path().join(format!("{}.zst", batches.len()));
        let mut archive = Archive::create(&part, Origin { run: "r", vhost: "/", queue: "q" })?;
        let mut number = 0;
        for batch in batches {
            for _ in 0..*batch {
                archive.add(&message(number))?;
                number += 1;
            }
            archive.prove()?;
        }
        proven.push((std::fs::metadata(&part)?.len(), number));
    }
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length])?;
        let least = proven.iter().rev().find(|(bytes, _)| *bytes <= length as u64).map_or(0, |(_, messages)| *messages);
        match read(&path) {
            Ok((messages, Err(damage))) => {
                assert!(messages.len() >= least && messages == all(messages.len()), "{length}: {}", messages.len());
                assert!(damage.packed && damage.because.contains("cut off"), "{length}: {damage}");
            }
            Ok((_, Ok(end))) => panic!("{length}: it is not whole, and called so: {end:?}"),
            Err(_) => assert_eq!(least, 0, "{length}"),
        }
    }
    Ok(())
}

#[test]
fn a_changed_byte_is_found_wherever_it_is() -> io::Result<()> {
    for name in NAMES {
        let (_folder, path) = new(name, &[2, 2])?;
        let whole = std::fs::read(&path)?;
        for at in 0..whole.len() - 1 {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(&path, &changed)?;
            // Some bits of a compressed file change nothing of what it unpacks to: what is called whole is what was written.
            if let Ok((messages, Ok(end))) = read(&path) {
                assert!(name.ends_with("zst") && messages == all(4), "{name}: byte {at} was changed: {end:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_changed_record_is_told_by_the_digest() -> io::Result<()> {
    let (_folder, path) = new("a.ndjson", &[3])?;
    let text = std::fs::read_to_string(&path)?;
    std::fs::write(&path, text.replacen("body 1", "body 7", 1))?;
    let (messages, damage) = read(&path).expect("it is an archive");
    assert_eq!(messages.len(), 3);
    let damage = damage.expect_err("it was changed");
    assert!(damage.because.contains("something before it was changed"), "{damage}");
    std::fs::write(&path, text.replacen(r#"{"format":"evbus.message/1""#, r#"{"format":"evbus.message/2""#, 1))?;
    let (messages, damage) = read(&path).expect("it is an archive");
    assert_eq!(messages.len(), 0);
    let damage = damage.expect_err("a record of another format").to_string();
    assert!(damage.starts_with("behind record 0, at byte ") && damage.contains("record 1 cannot be read"), "{damage}");
    Ok(())
}

#[test]
fn a_summary_may_follow_and_nothing_else() -> io::Result<()> {
    let (_folder, path) = new("a.ndjson", &[1])?;
    let text = std::fs::read_to_string(&path)?;
    std::fs::write(&path, format!("{text}{{\"event\":\"summary\",\"exported\":1}}\n"))?;
    assert!(read(&path).expect("it is an archive").1.is_ok());
    std::fs::write(&path, format!("{text}{text}"))?;
    let damage = read(&path).expect("it is an archive").1.expect_err("two in one file");
    assert!(damage.because.contains("something follows"), "{damage}");
    Ok(())
}

#[test]
fn what_was_cut_off_goes_on_where_it_was_proven() -> io::Result<()> {
    for name in NAMES {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(name);
        let mut archive = Archive::create(&path, Origin { run: "r", vhost: "/", queue: "q" })?;
        for n in 0..3 {
            archive.add(&message(n))?;
        }
        archive.prove()?;
        let proven = archive.proven();
        archive.add(&message(7))?;
        archive.prove()?;
        drop(archive);
        let mut again = Archive::again(&path, "q", &proven)?;
        again.add(&message(3))?;
        again.prove()?;
        again.finish(true)?;
        assert_eq!(read(&path).expect("it is an archive"), (all(4), Ok(End { count: 4, complete: true })), "{name}");

        let whole = std::fs::read(&path)?;
        let other = Archived { sha256: proven.sha256.replace(['0', '1'], "2"), ..proven.clone() };
        assert!(Archive::again(&path, "q", &other).is_err(), "it is another one");
        let longer = Archived { bytes: whole.len() as u64 + 1, ..proven };
        assert!(Archive::again(&path, "q", &longer).is_err(), "it is shorter than that");
        assert_eq!(std::fs::read(&path)?, whole, "and left as it is");
    }
    Ok(())
}

#[test]
fn an_end_before_the_end_is_whole_and_not_complete() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a");
    let mut archive = Archive::create(&path, Origin { run: "r", vhost: "/", queue: "q" })?;
    archive.add(&message(0))?;
    archive.finish(false)?;
    assert_eq!(read(&path).expect("it is an archive").1, Ok(End { count: 1, complete: false }));
    Ok(())
}

#[test]
fn what_is_no_archive_is_told_from_one_that_is_damaged() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a");
    let why = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("it is written");
        Reader::open(&path).err().expect("it is no archive").to_string()
    };
    assert_eq!(why(b""), "it is empty");
    assert_eq!(why(b"hello\n"), "it does not begin as an archive does");
    assert!(why(b"{\"format\":\"evbus.archive/2\"}\n").contains("evbus.archive/2"));
    assert!(why(br#"{"format":"evbus.archive/1","ev"#).contains("its first line"));
    assert!(why(&MAGIC[..2]).contains("cut off"), "{}", why(&MAGIC[..2]));
    assert!(matches!(Reader::open(folder.path()), Err(Unreadable::NoFile)));
    Ok(())
}
