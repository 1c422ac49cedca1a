//! Writing an archive, and proving what was written before anybody acts on it.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use ring::digest::{Context, SHA256};
use zstd::stream::{read::Decoder, write::Encoder};

use super::{
    BUFFER, Reader, Unreadable, is_packed,
    lines::{Lines, Origin, hex},
};
use crate::{message::Message, ops::dlq::journal::Archived};

/// An archive that is being written. The file is new and readable by its owner only: bodies are other people's data.
pub(in crate::ops::dlq) struct Archive {
    path: PathBuf,
    sink: Sink,
    lines: Lines,
    /// Something was written since the last proof.
    is_new: bool,
    /// Bytes of the file that were read back, and the digest of what they say.
    proven: u64,
    before: Context,
}

/// Where the lines go.
enum Sink {
    Plain(BufWriter<File>),
    Packed(Encoder<'static, BufWriter<File>>),
    /// Nowhere any more: it could not be written.
    Lost,
}

impl Archive {
    /// Begins a file that must not exist yet.
    ///
    /// # Errors
    /// When it exists or cannot be created.
    pub(in crate::ops::dlq) fn create(path: &Path, origin: Origin<'_>) -> io::Result<Archive> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let out = BufWriter::with_capacity(BUFFER, file);
        let sink = if is_packed(path) { Sink::Packed(frame(out)?) } else { Sink::Plain(out) };
        let (lines, before) = (Lines::of(origin), Context::new(&SHA256));
        let mut archive = Archive { path: path.to_owned(), sink, lines, is_new: true, proven: 0, before };
        archive.sink.put(archive.lines.line())?;
        Ok(archive)
    }

    /// Goes on with a file that holds so much that was proven. What stands behind that is cut off: nobody has relied on it.
    ///
    /// # Errors
    /// When it is not there, or does not hold what was proven; then it is left as it is.
    pub(in crate::ops::dlq) fn again(path: &Path, queue: &str, proven: &Archived) -> io::Result<Archive> {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut before = Context::new(&SHA256);
        let front = (&mut file).take(proven.bytes);
        if is_packed(path) {
            read_back(Decoder::new(front)?, &mut before)?;
        } else {
            read_back(front, &mut before)?;
        }
        if hex(before.clone().finish()) != proven.sha256 {
            return Err(io::Error::other("it does not hold what was archived any more"));
        }
        file.set_len(proven.bytes)?;
        file.seek(SeekFrom::Start(proven.bytes))?;
        let out = BufWriter::with_capacity(BUFFER, file);
        let sink = if is_packed(path) { Sink::Packed(frame(out)?) } else { Sink::Plain(out) };
        let lines = Lines::again(queue, before.clone(), proven.records);
        Ok(Archive { path: path.to_owned(), sink, lines, is_new: false, proven: proven.bytes, before })
    }

    /// Removes a file that one of these runs has begun and proven nothing of; any other stays as it is.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(in crate::ops::dlq) fn remove_unproven(path: &Path, runs: &[String]) -> io::Result<()> {
        let is_theirs = match Reader::open(path) {
            Ok(reader) => runs.contains(&reader.header().run),
            Err(error) => matches!(error, Unreadable::Empty),
        };
        if is_theirs { std::fs::remove_file(path) } else { Ok(()) }
    }

    /// How much of it is proven.
    pub(in crate::ops::dlq) fn proven(&self) -> Archived {
        Archived { records: self.lines.count(), bytes: self.proven, sha256: hex(self.before.clone().finish()) }
    }

    /// Adds a message.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(in crate::ops::dlq) fn add(&mut self, message: &Message) -> io::Result<()> {
        self.is_new = true;
        self.sink.put(self.lines.record(message)?)
    }

    /// Brings everything so far to the disk and reads back what was added since the last time.
    ///
    /// # Errors
    /// When it cannot be written, or what can be read is not what was given.
    pub(in crate::ops::dlq) fn prove(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.is_new) {
            return Ok(());
        }
        self.sink.settle()?;
        if self.proven == 0 {
            self.sync_folder()?;
        }
        let mut file = File::open(&self.path)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(self.proven))?;
        let mut digest = self.before.clone();
        match self.sink {
            Sink::Packed(_) => read_back(Decoder::new(file)?, &mut digest)?,
            Sink::Plain(_) | Sink::Lost => read_back(file, &mut digest)?,
        }
        self.proven = end;
        self.before = digest.clone();
        if digest.finish().as_ref() == self.lines.digest().as_ref() {
            Ok(())
        } else {
            Err(io::Error::other("what was read back is not what was written"))
        }
    }

    /// Writes the last line, which says how many messages there are and proves them; it is complete where those are all that were
    /// meant. Returns the digest that it proves them by, in hexadecimal digits.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(in crate::ops::dlq) fn finish(mut self, complete: bool) -> io::Result<String> {
        self.sink.put(&self.lines.end(complete))?;
        self.sink.settle()?;
        self.sync_folder()?;
        Ok(hex(self.lines.digest()))
    }

    /// A file that is on the disk is found there when its name is too.
    fn sync_folder(&self) -> io::Result<()> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// How many messages it holds.
    pub(in crate::ops::dlq) fn count(&self) -> u64 {
        self.lines.count()
    }

    /// Removes the file: there was nothing to keep.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(in crate::ops::dlq) fn discard(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

impl Sink {
    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Sink::Plain(out) => out.write_all(line),
            Sink::Packed(frame) => frame.write_all(line),
            Sink::Lost => Err(io::Error::other("it could not be written before")),
        }
    }

    /// Brings everything to the disk; what was compressed becomes a frame of its own.
    fn settle(&mut self) -> io::Result<()> {
        *self = match std::mem::replace(self, Sink::Lost) {
            Sink::Plain(out) => Sink::Plain(on_disk(out)?),
            Sink::Packed(full) => Sink::Packed(frame(on_disk(full.finish()?)?)?),
            Sink::Lost => return Err(io::Error::other("it could not be written before")),
        };
        Ok(())
    }
}

/// A new frame of a compressed file; its checksum finds damage where it is.
fn frame(out: BufWriter<File>) -> io::Result<Encoder<'static, BufWriter<File>>> {
    let mut encoder = Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}

fn on_disk(mut out: BufWriter<File>) -> io::Result<BufWriter<File>> {
    out.flush()?;
    out.get_ref().sync_all()?;
    Ok(out)
}

/// The digest of a file, in hexadecimal digits.
///
/// # Errors
/// When it cannot be read.
pub(in crate::ops::dlq) fn digest_of(path: &Path) -> io::Result<String> {
    let mut digest = Context::new(&SHA256);
    read_back(File::open(path)?, &mut digest)?;
    Ok(hex(digest.finish()))
}

fn read_back(mut from: impl Read, digest: &mut Context) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            read => digest.update(&buffer[..read]),
        }
    }
}
