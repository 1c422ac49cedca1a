//! One line of a journal: how it is written, and what it says when it is read.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::message::Identity;

/// The format's name.
pub(super) const FORMAT: &str = "evbus.journal/1";

/// What a run is: the first line of its journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The run's id.
    pub run: String,
    /// The command, as it is typed after `evbus`.
    pub command: String,
    /// The queue that it reads.
    pub queue: String,
    /// Its virtual host.
    pub vhost: String,
    /// The broker's host and port.
    pub host: String,
    /// The broker's user.
    pub user: String,
    /// Who runs it, `user@host`.
    pub owner: String,
    /// Where messages go, as it was typed.
    pub to: String,
    /// Which messages are meant, as it was typed; an empty object is all.
    pub selectors: serde_json::Value,
    /// What travels otherwise than usual, as it was typed; an empty object is nothing.
    pub travel: serde_json::Value,
    /// How the targets are taken care of, as it was typed; an empty object is not at all.
    #[serde(default)]
    pub care: serde_json::Value,
    /// At most so many of the selected ones.
    pub limit: Option<u64>,
    /// How many messages of the queue it may look at, those not counted that are safe already.
    pub set: u64,
    /// How many messages may be open at once; 0 is unknown.
    #[serde(default)]
    pub window: u64,
    /// The archive that a purge writes, or a restore reads, as an absolute path.
    #[serde(default)]
    pub archive: Option<PathBuf>,
    /// SHA-256 of what could be read of the archive that a restore reads: places in another one mean nothing.
    #[serde(default)]
    pub digest: Option<String>,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// The moment that the selectors refer to, RFC 3339, UTC: when the first of the runs began.
    pub as_of: String,
    /// The runs that it goes on with, the last one first.
    pub resumes: Vec<String>,
}

/// How a run ended: the last line of its journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// RFC 3339, UTC.
    pub ended_at: String,
    /// Messages that were meant.
    pub selected: u64,
    /// At their target, and removed.
    pub replayed: u64,
    /// Removed without being published.
    pub removed: u64,
    /// Kept: nowhere to go.
    pub skipped: u64,
    /// Kept: routed nowhere.
    pub returned: u64,
    /// Kept: refused.
    pub refused: u64,
    /// Kept, and perhaps at their target.
    pub unknown: u64,
    /// Kept, and perhaps at their target since an earlier run.
    pub in_doubt: u64,
    /// Whether everything that was meant to be looked at was.
    pub complete: bool,
}

/// How much of an archive is proven to be on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// Records.
    pub records: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// The digest of what they say, in hexadecimal digits.
    pub sha256: String,
}

/// A line behind the first one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Carried { number: u64, identity: Identity, to: u32, safe: bool },
    Target { to: u32, name: String },
    Intent { first: u64, to: u32, identities: Vec<Identity> },
    Earlier { settled: Vec<(u64, u64)>, doubtful: Vec<(u64, u64)> },
    Put(Vec<(u64, u64)>),
    Passed(Vec<(u64, u64)>),
    Safe(Vec<(u64, u64)>),
    Gone(Vec<(u64, u64)>),
    Stays(Vec<(u64, u64)>),
    Left(Vec<Identity>),
    Archived(Archived),
    Resumed { by: String },
    End(End),
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Begin {
    format: String,
    event: String,
    #[serde(flatten)]
    header: Header,
}

/// Writes the first line.
pub(super) fn write_header(out: &mut Vec<u8>, header: &Header) {
    let begin = Begin { format: FORMAT.to_owned(), event: "begin".to_owned(), header: header.clone() };
    line(out, &begin);
}

/// Reads the first line.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read_header(line: &[u8]) -> Result<Header, String> {
    #[derive(Deserialize)]
    struct Format {
        format: String,
    }
    let Format { format } = serde_json::from_slice(line).map_err(|_| format!("it is not the beginning of {FORMAT}"))?;
    if format != FORMAT {
        return Err(format!("it is {format}, and this evbus reads {FORMAT}"));
    }
    let begin: Begin = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    Ok(begin.header)
}

/// The lines as JSON has them. Numbers that follow each other are written as the first and the last of them.
#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Written {
    Carried { n: u64, id: String, to: u32, safe: bool },
    Target { to: u32, name: String },
    Intent { n: u64, to: u32, ids: Vec<String> },
    Earlier { settled: Vec<(u64, u64)>, doubtful: Vec<(u64, u64)> },
    Put { n: Vec<(u64, u64)> },
    Passed { n: Vec<(u64, u64)> },
    Safe { n: Vec<(u64, u64)> },
    Gone { n: Vec<(u64, u64)> },
    Stays { n: Vec<(u64, u64)> },
    Left { ids: Vec<String> },
    Archived(Archived),
    Resumed { by: String },
    End(End),
}

/// Writes a line.
pub(super) fn write(out: &mut Vec<u8>, entry: &Entry) {
    let written = match entry.clone() {
        Entry::Carried { number, identity, to, safe } => {
            Written::Carried { n: number, id: identity.to_string(), to, safe }
        }
        Entry::Target { to, name } => Written::Target { to, name },
        Entry::Intent { first, to, identities } => {
            Written::Intent { n: first, to, ids: identities.iter().map(ToString::to_string).collect() }
        }
        Entry::Earlier { settled, doubtful } => Written::Earlier { settled, doubtful },
        Entry::Put(n) => Written::Put { n },
        Entry::Passed(n) => Written::Passed { n },
        Entry::Safe(n) => Written::Safe { n },
        Entry::Gone(n) => Written::Gone { n },
        Entry::Stays(n) => Written::Stays { n },
        Entry::Left(identities) => Written::Left { ids: identities.iter().map(ToString::to_string).collect() },
        Entry::Archived(archived) => Written::Archived(archived),
        Entry::Resumed { by } => Written::Resumed { by },
        Entry::End(end) => Written::End(end),
    };
    line(out, &written);
}

fn line(out: &mut Vec<u8>, value: &impl Serialize) {
    // Texts and numbers: nothing here that JSON could not say, and a vector takes everything.
    let _ = serde_json::to_writer(&mut *out, value);
    out.push(b'\n');
}

/// Reads a line.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(line: &[u8]) -> Result<Entry, String> {
    let written: Written = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let identity = |id: &String| Identity::read(id).ok_or_else(|| format!("{id:?} is no identity"));
    let ranges = |n: Vec<(u64, u64)>| match n.iter().find(|(first, last)| first > last) {
        Some((first, last)) => Err(format!("no numbers go from {first} to {last}")),
        None => Ok(n),
    };
    Ok(match written {
        Written::Carried { n, id, to, safe } => Entry::Carried { number: n, identity: identity(&id)?, to, safe },
        Written::Target { to, name } => Entry::Target { to, name },
        Written::Intent { n, to, ids } => {
            Entry::Intent { first: n, to, identities: ids.iter().map(identity).collect::<Result<_, _>>()? }
        }
        Written::Earlier { settled, doubtful } => {
            Entry::Earlier { settled: ranges(settled)?, doubtful: ranges(doubtful)? }
        }
        Written::Put { n } => Entry::Put(ranges(n)?),
        Written::Passed { n } => Entry::Passed(ranges(n)?),
        Written::Safe { n } => Entry::Safe(ranges(n)?),
        Written::Gone { n } => Entry::Gone(ranges(n)?),
        Written::Stays { n } => Entry::Stays(ranges(n)?),
        Written::Left { ids } => Entry::Left(ids.iter().map(identity).collect::<Result<_, _>>()?),
        Written::Archived(archived) => Entry::Archived(archived),
        Written::Resumed { by } => Entry::Resumed { by },
        Written::End(end) => Entry::End(end),
    })
}

/// Numbers as the first and the last of those that follow each other.
pub(super) fn ranges(numbers: impl IntoIterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;

    #[test]
    fn every_line_reads_as_it_was_written() {
        let identity = Identity::of(&Message::default());
        let entries = [
            Entry::Carried { number: 1, identity, to: 0, safe: true },
            Entry::Target { to: 0, name: "queue a \"b\"\n".to_owned() },
            Entry::Intent { first: 2, to: 0, identities: vec![identity, identity] },
            Entry::Earlier { settled: vec![(1, 8)], doubtful: vec![] },
            Entry::Put(vec![(9, 12), (14, 14)]),
            Entry::Passed(vec![(9, 9)]),
            Entry::Safe(vec![(2, 3)]),
            Entry::Gone(vec![(1, 1), (3, 3)]),
            Entry::Stays(vec![]),
            Entry::Left(vec![identity]),
            Entry::Archived(Archived { records: 2, bytes: 300, sha256: "00ff".to_owned() }),
            Entry::Resumed { by: "r2".to_owned() },
            Entry::End(End { replayed: 2, complete: true, ..End::default() }),
        ];
        let mut text = Vec::new();
        for entry in &entries {
            write(&mut text, entry);
        }
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        assert_eq!(lines.len(), entries.len(), "a line each, whatever is in it");
        let read: Vec<_> = lines.into_iter().map(read).collect();
        assert_eq!(read, entries.map(Ok));
    }

    #[test]
    fn what_was_not_written_is_refused() {
        for wrong in [
            "",
            "{}",
            "null",
            r#"{"event":"intent","n":1,"to":0,"ids":["00"]}"#,
            r#"{"event":"safe","n":[[2,1]]}"#,
            r#"{"event":"put","n":[[2,1]]}"#,
            r#"{"event":"earlier","settled":[],"doubtful":[[9,1]]}"#,
            r#"{"event":"sa"#,
            r#"{"event":"done"}"#,
        ] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let other = r#"{"format":"evbus.journal/2","event":"begin"}"#;
        assert_eq!(
            read_header(other.as_bytes()),
            Err("it is evbus.journal/2, and this evbus reads evbus.journal/1".to_owned())
        );
        assert!(read_header(br#"{"format":"evbus.journal/1","event":"begin"}"#).is_err());
    }

    #[test]
    fn numbers_are_written_as_few() {
        assert_eq!(ranges([1, 2, 3, 5, 4, 7, 8]), [(1, 3), (5, 5), (4, 4), (7, 8)]);
        assert_eq!(ranges([]), []);
    }
}
