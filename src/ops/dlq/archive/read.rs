//! Reading an archive back, record by record in constant memory, and saying of one that is not whole how far it can be read, and why.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use ring::digest::{Context, SHA256};
use serde::Deserialize;
use zstd::stream::read::Decoder;

use super::{BUFFER, FORMAT, MAGIC, lines::hex};
use crate::message::{Message, record};

/// What the first line says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Header {
    format: String,
    /// The run that wrote it.
    pub run: String,
    /// The virtual host of the queue.
    pub vhost: String,
    /// The queue that the messages were in.
    pub queue: String,
    /// When it was begun, RFC 3339.
    pub began_at: String,
}

/// What the last line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// How many messages there are.
    pub count: u64,
    /// Whether those are all that were meant: an export may have been interrupted.
    pub complete: bool,
}

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The system says so.
    #[error(transparent)]
    System(#[from] io::Error),
    /// It is a folder, a pipe or a device: it has to be read twice.
    #[error("it is no plain file, and has to be read twice")]
    NoFile,
    /// Nothing is in it.
    #[error("it is empty")]
    Empty,
    /// Its first line is not that of an archive.
    #[error("it does not begin as an archive does")]
    NoArchive,
    /// Its first line is damaged.
    #[error("its first line, which says what it is, cannot be read: {0}")]
    Header(String),
    /// It is of another version.
    #[error("its format is {0:?}, and {FORMAT:?} is understood here")]
    Other(String),
}

/// Where and why an archive cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Records before it, each of which could be read.
    pub records: u64,
    /// The byte where what cannot be read begins.
    pub byte: u64,
    /// The byte is one of what the file unpacks to.
    pub packed: bool,
    /// What is wrong there.
    pub because: String,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Damage { records, byte, packed, because } = self;
        let of = if *packed { " of what it unpacks to" } else { "" };
        write!(f, "behind record {records}, at byte {byte}{of}: {because}")
    }
}

/// Reads an archive.
pub struct Reader {
    lines: BufReader<Box<dyn Read + Send>>,
    packed: bool,
    header: Header,
    digest: Context,
    line: Vec<u8>,
    /// Where the line begins.
    at: u64,
    records: u64,
    end: Option<End>,
}

impl Reader {
    /// Opens a file and reads its first line.
    ///
    /// # Errors
    /// See [`Unreadable`].
    pub fn open(path: &Path) -> Result<Reader, Unreadable> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(Unreadable::NoFile);
        }
        let mut file = BufReader::with_capacity(BUFFER, file);
        let begin = file.fill_buf()?;
        if begin.is_empty() {
            return Err(Unreadable::Empty);
        }
        // By what it is, and not by its name: files are renamed, and unpacked by hand. One that is cut off may not even show that much.
        let packed = MAGIC.starts_with(&begin[..begin.len().min(MAGIC.len())]);
        let unpacked: Box<dyn Read + Send> =
            if packed { Box::new(Decoder::with_buffer(file)?) } else { Box::new(file) };
        let mut lines = BufReader::with_capacity(BUFFER, unpacked);
        let mut line = Vec::new();
        let read = lines.read_until(b'\n', &mut line);
        let header = header(&line).map_err(|unreadable| match (read, unreadable) {
            (Err(error), Unreadable::Header(_) | Unreadable::NoArchive) => Unreadable::Header(unpacking(&error)),
            (_, unreadable) => unreadable,
        })?;
        if !line.ends_with(b"\n") {
            return Err(Unreadable::Header("it is cut off".to_owned()));
        }
        let mut digest = Context::new(&SHA256);
        digest.update(&line);
        let at = line.len() as u64;
        Ok(Reader { lines, packed, header, digest, line, at, records: 0, end: None })
    }

    /// What its first line says.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What its last line says, once that was read and found true.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// SHA-256 of what was read, which the last line proves where there is one.
    #[must_use]
    pub fn digest(&self) -> String {
        hex(self.digest.clone().finish())
    }

    /// The next message; `None` where the archive ends, which is whole then.
    ///
    /// # Errors
    /// [`Damage`]. What was read before it is good; nothing is to be read after it.
    pub fn next_message(&mut self) -> Result<Option<Message>, Damage> {
        if self.end.is_some() {
            return Ok(None);
        }
        if !self.read_line()? {
            return Err(self.damaged("it is cut off here: its last line is missing".to_owned()));
        }
        let is_cut = !self.line.ends_with(b"\n");
        if let Some(last) = last_line(&self.line) {
            self.end = Some(self.proven(&last)?);
            self.at += self.line.len() as u64;
            return self.nothing_follows();
        }
        if is_cut {
            return Err(self.damaged(format!("it is cut off in record {}", self.records + 1)));
        }
        let (_, message) = record::read(&self.line)
            .map_err(|error| self.damaged(format!("record {} cannot be read: {error}", self.records + 1)))?;
        self.digest.update(&self.line);
        self.at += self.line.len() as u64;
        self.records += 1;
        Ok(Some(message))
    }

    /// Reads a line, as far as there is one.
    fn read_line(&mut self) -> Result<bool, Damage> {
        self.line.clear();
        match self.lines.read_until(b'\n', &mut self.line) {
            Ok(read) => Ok(read > 0),
            Err(error) => Err(self.damaged(unpacking(&error))),
        }
    }

    /// Whether the last line says the truth about those before it.
    fn proven(&self, last: &LastLine) -> Result<End, Damage> {
        if last.count != self.records {
            return Err(self.damaged(format!("there should be {} records by here", last.count)));
        }
        if last.sha256 != self.digest() {
            let somewhere = "something before it was changed: its digest is another than the last line says";
            return Err(self.damaged(somewhere.to_owned()));
        }
        Ok(End { count: last.count, complete: last.complete.unwrap_or(true) })
    }

    /// Behind the last line there is nothing but what evbus says at the end of its output.
    fn nothing_follows(&mut self) -> Result<Option<Message>, Damage> {
        while self.read_line()? {
            if !self.line.starts_with(br#"{"event":"summary""#) {
                return Err(self.damaged("something follows its last line".to_owned()));
            }
            self.at += self.line.len() as u64;
        }
        Ok(None)
    }

    fn damaged(&self, because: String) -> Damage {
        Damage { records: self.records, byte: self.at, packed: self.packed, because }
    }
}

/// What is wrong where a file cannot be read on.
fn unpacking(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        "it is cut off here".to_owned()
    } else {
        format!("it cannot be read on ({error})")
    }
}

fn header(line: &[u8]) -> Result<Header, Unreadable> {
    #[derive(Deserialize)]
    struct Begin {
        format: String,
    }
    if !line.starts_with(br#"{"format":"evbus.archive/"#) {
        return Err(Unreadable::NoArchive);
    }
    let wrong = |error: serde_json::Error| Unreadable::Header(error.to_string());
    let Begin { format } = serde_json::from_slice(line).map_err(wrong)?;
    if format != FORMAT {
        return Err(Unreadable::Other(format));
    }
    serde_json::from_slice(line).map_err(wrong)
}

#[derive(Deserialize)]
struct LastLine {
    count: u64,
    sha256: String,
    complete: Option<bool>,
}

fn last_line(line: &[u8]) -> Option<LastLine> {
    line.starts_with(br#"{"event":"end""#).then(|| serde_json::from_slice(line).ok()).flatten()
}

#[cfg(test)]
mod tests;
