//! What an archive consists of, line by line, wherever the lines go.

use std::io;

use ring::digest::{Context, SHA256};
use serde_json::json;

use super::FORMAT;
use crate::message::{Message, record};

/// Where the messages of an archive come from.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops::dlq) struct Origin<'a> {
    /// The run that writes it.
    pub(in crate::ops::dlq) run: &'a str,
    /// The virtual host.
    pub(in crate::ops::dlq) vhost: &'a str,
    /// The queue.
    pub(in crate::ops::dlq) queue: &'a str,
}

/// The lines of an archive, and what the last one will say of those before it.
pub(in crate::ops::dlq) struct Lines {
    queue: String,
    line: Vec<u8>,
    digest: Context,
    count: u64,
}

impl Lines {
    /// Those of an archive that has not begun.
    pub(in crate::ops::dlq) fn of(origin: Origin<'_>) -> Lines {
        let Origin { run, vhost, queue } = origin;
        let header = json!({ "format": FORMAT, "event": "begin", "run": run, "vhost": vhost, "queue": queue,
            "began_at": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string() });
        let line = format!("{header}\n").into_bytes();
        let mut digest = Context::new(&SHA256);
        digest.update(&line);
        Lines { queue: queue.to_owned(), line, digest, count: 0 }
    }

    /// Those of an archive that holds so much already.
    pub(super) fn again(queue: &str, digest: Context, count: u64) -> Lines {
        Lines { queue: queue.to_owned(), line: Vec::new(), digest, count }
    }

    /// The line that was made last; the first is the header.
    pub(in crate::ops::dlq) fn line(&self) -> &[u8] {
        &self.line
    }

    /// The line of a message.
    ///
    /// # Errors
    /// When it has no record.
    pub(in crate::ops::dlq) fn record(&mut self, message: &Message) -> io::Result<&[u8]> {
        self.line.clear();
        record::write(&mut self.line, Some(&self.queue), message)?;
        self.line.push(b'\n');
        self.digest.update(&self.line);
        self.count += 1;
        Ok(&self.line)
    }

    /// The last line. An archive is complete where it holds all that was meant.
    pub(in crate::ops::dlq) fn end(&self, complete: bool) -> Vec<u8> {
        let mut last = json!({ "event": "end", "count": self.count, "sha256": hex(self.digest()) });
        if !complete {
            last["complete"] = false.into();
        }
        format!("{last}\n").into_bytes()
    }

    /// How many messages there are.
    pub(in crate::ops::dlq) fn count(&self) -> u64 {
        self.count
    }

    /// The digest of what there is so far.
    pub(super) fn digest(&self) -> ring::digest::Digest {
        self.digest.clone().finish()
    }
}

/// A digest as the last line has it.
pub(super) fn hex(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
