//! The flag that keeps what a run came to.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::{exit::Exit, failure::Failure, ops::dlq::run::Report, views};

/// Where the receipt of a run goes.
#[derive(Debug, clap::Args)]
pub struct Receipt {
    /// Write into this new file who did what, when, from where to where, how many, and the digests of archive and journal
    ///
    /// It is one JSON object, the same as the last line of -o json. A run that did nothing leaves none.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    receipt: Option<PathBuf>,
}

/// A receipt that is still to be written; it goes where it never is.
pub(super) struct Sheet<'a> {
    path: &'a Path,
    file: File,
    is_written: bool,
}

impl Receipt {
    /// Begins the file, before anything is done that it is to tell of.
    ///
    /// # Errors
    /// When it exists, or cannot be created.
    pub(super) fn begin(&self) -> Result<Option<Sheet<'_>>, Failure> {
        let Some(path) = self.receipt.as_deref() else { return Ok(None) };
        // Readable by its owner alone, as the journal is: it names queues and people.
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(file) => Ok(Some(Sheet { path, file, is_written: false })),
            Err(error) => {
                let message = format!("the receipt {} cannot be begun: {error}", path.display());
                Err(Failure::usage("receipt", message).hint("name a new file in a folder that you may write"))
            }
        }
    }
}

impl Sheet<'_> {
    /// Writes down what a run came to.
    ///
    /// # Errors
    /// When the disk does not take it: what was done is done, and its journal says the same.
    pub(super) fn write(mut self, report: &Report) -> Result<(), Failure> {
        let text = format!("{:#}\n", views::dlq::receipt(report));
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_all());
        self.is_written = written.is_ok();
        written.map_err(|error| {
            let message = format!("the receipt {} cannot be written: {error}", self.path.display());
            Failure::new("receipt", message)
                .hint("what was done is done; evbus dlq runs -o json says the same")
                .exiting(Exit::Partial)
        })
    }
}

impl Drop for Sheet<'_> {
    fn drop(&mut self) {
        if !self.is_written {
            // What is left of it says nothing.
            let _ = std::fs::remove_file(self.path);
        }
    }
}

/// Writes the receipt of a run, where one is wanted and there is something to tell.
///
/// # Errors
/// As [`Sheet::write`].
pub(super) fn keep(sheet: Option<Sheet<'_>>, report: Option<&Report>) -> Result<(), Failure> {
    match (sheet, report) {
        (Some(sheet), Some(report)) if report.recorded.is_some() => sheet.write(report),
        _ => Ok(()),
    }
}
