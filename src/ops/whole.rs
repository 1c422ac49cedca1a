//! A file is written whole or not at all: one that is cut off would say less than is so.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

/// Puts these bytes in place of whatever the file held. A file beside it, with `.new` at its end, is theirs until then.
///
/// # Errors
/// When it cannot be written; what was there is there still.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().ok_or_else(|| io::Error::other("it names no file"))?.to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut file = fs::File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)
}
