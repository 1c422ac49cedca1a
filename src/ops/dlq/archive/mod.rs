//! Messages in a file (`evbus.archive/1`): a header line, one record a line, and a last line that proves the rest.
//!
//! ```json
//! {"format":"evbus.archive/1","event":"begin","run":"…","vhost":"/","queue":"orders.dlq","began_at":"…"}
//! {"format":"evbus.message/1","queue":"orders.dlq",…}
//! {"event":"end","count":1,"sha256":"…"}
//! ```
//!
//! The digest is SHA-256 over every byte before the last line. A file without that line, or with another count or digest, is
//! not whole. A last line with `"complete":false` is of an export that ended before its end: what the file holds is proven, and is
//! not all that was meant.
//!
//! A file whose name ends in `.zst` is compressed, frame by frame: each frame ends where a batch was proven, so that what is on the
//! disk can be read whatever comes, or does not come, after it.

mod lines;
mod read;
mod write;

use std::path::Path;

pub use read::{Damage, End, Header, Reader, Unreadable};

pub(super) use lines::{Lines, Origin};
pub(super) use write::{Archive, digest_of};

/// The format's name.
const FORMAT: &str = "evbus.archive/1";

/// What compressed files begin with.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How much is read at once.
const BUFFER: usize = 256 * 1024;

/// Whether a file of that name is written compressed.
fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "zst")
}
