//! Messages in a file before they leave the broker: a header line, one record a line, and a last line that proves the rest.
//!
//! The digest is SHA-256 over every byte before the last line. A file without that line, or with another count or digest, is
//! not whole.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use ring::digest::{Context, SHA256};
use serde_json::json;

use crate::message::{Message, record};

/// An archive that is being written. The file is new and readable by its owner only: bodies are other people's data.
pub struct Archive {
    path: PathBuf,
    out: BufWriter<File>,
    digest: Context,
    count: u64,
    /// Bytes that were read back, and their digest.
    proven: u64,
    before: Context,
}

impl Archive {
    /// Begins a file that must not exist yet.
    ///
    /// # Errors
    /// When it exists or cannot be created.
    pub fn create(path: &Path, run: &str, queue: &str, vhost: &str) -> io::Result<Archive> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let mut archive = Archive {
            path: path.to_owned(),
            out: BufWriter::with_capacity(256 * 1024, file),
            digest: Context::new(&SHA256),
            count: 0,
            proven: 0,
            before: Context::new(&SHA256),
        };
        let header = json!({ "format": "evbus.archive/1", "event": "begin", "run": run, "vhost": vhost, "queue": queue,
            "began_at": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string() });
        archive.line(header.to_string().as_bytes())?;
        Ok(archive)
    }

    /// Adds a message of that queue.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, queue: &str, message: &Message) -> io::Result<()> {
        let mut line = Vec::with_capacity(message.body.len() + 512);
        record::write(&mut line, Some(queue), message)?;
        self.count += 1;
        self.line(&line)
    }

    /// Brings everything so far to the disk and reads back what was added since the last time.
    ///
    /// # Errors
    /// When it cannot be written, or what can be read is not what was given.
    pub fn prove(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.proven))?;
        let mut digest = self.before.clone();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => {
                    digest.update(&buffer[..read]);
                    self.proven += read as u64;
                }
            }
        }
        self.before = digest.clone();
        if digest.finish().as_ref() == self.digest.clone().finish().as_ref() {
            Ok(())
        } else {
            Err(io::Error::other("what was read back is not what was written"))
        }
    }

    /// Writes the last line, which says how many messages there are and proves them.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        let digest = hex(self.digest.finish().as_ref());
        let last = json!({ "event": "end", "count": self.count, "sha256": digest });
        writeln!(self.out, "{last}")?;
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    /// Whether it holds no message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Removes the file: there was nothing to keep.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn discard(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        for part in [line, b"\n"] {
            self.digest.update(part);
            self.out.write_all(part)?;
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    /// Reads a whole archive and says how many messages it holds, each of which can be read back.
    ///
    /// # Errors
    /// When the file cannot be read, is cut off, or is not what was written.
    fn verify(path: &Path) -> io::Result<u64> {
        let mut file = BufReader::with_capacity(256 * 1024, File::open(path)?);
        let mut digest = Context::new(&SHA256);
        let (mut line, mut records) = (Vec::new(), 0);
        loop {
            line.clear();
            if file.read_until(b'\n', &mut line)? == 0 {
                return Err(io::Error::other("its last line is missing: it is cut off"));
            }
            if line.starts_with(b"{\"event\":\"end\"") {
                let last: serde_json::Value = serde_json::from_slice(&line).map_err(io::Error::from)?;
                let expected = hex(digest.finish().as_ref());
                let whole =
                    last["count"].as_u64() == Some(records) && last["sha256"].as_str() == Some(expected.as_str());
                return if whole { Ok(records) } else { Err(io::Error::other("its count or digest does not fit")) };
            }
            digest.update(&line);
            if line.starts_with(b"{\"format\":\"evbus.message/1\"") {
                record::read(&line).map_err(|error| io::Error::other(error.to_string()))?;
                records += 1;
            }
        }
    }

    fn archive(folder: &Path) -> io::Result<PathBuf> {
        let path = folder.join("a.ndjson");
        let mut archive = Archive::create(&path, "run", "q", "/")?;
        for body in [b"one".to_vec(), vec![0, 255]] {
            archive.add("q", &Message { body, ..Message::default() })?;
        }
        archive.prove()?;
        archive.finish()?;
        Ok(path)
    }

    #[test]
    fn a_whole_archive_verifies_and_is_never_overwritten() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = archive(folder.path())?;
        assert_eq!(verify(&path)?, 2);
        assert_eq!(Archive::create(&path, "run", "q", "/").err().map(|e| e.kind()), Some(io::ErrorKind::AlreadyExists));
        Ok(())
    }

    #[test]
    fn a_cut_or_changed_archive_does_not_verify() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = archive(folder.path())?;
        let whole = std::fs::read(&path)?;
        let last = whole.len() - 2;
        std::fs::write(&path, &whole[..whole.iter().rposition(|byte| *byte == b'{').unwrap_or(last)])?;
        assert!(verify(&path).is_err());
        let changed = String::from_utf8_lossy(&whole).replacen("one", "two", 1);
        std::fs::write(&path, changed)?;
        assert!(verify(&path).is_err());
        Ok(())
    }
}
