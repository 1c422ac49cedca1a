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
    BUFFER, is_packed,
    lines::{Lines, Origin},
};
use crate::message::Message;

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
    /// meant.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(in crate::ops::dlq) fn finish(mut self, complete: bool) -> io::Result<()> {
        self.sink.put(&self.lines.end(complete))?;
        self.sink.settle()?;
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
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

fn read_back(mut from: impl Read, digest: &mut Context) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            read => digest.update(&buffer[..read]),
        }
    }
}
