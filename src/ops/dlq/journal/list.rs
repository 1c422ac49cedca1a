//! Which runs does this machine know of, and how is each?

use std::{fs::File, io, path::Path};

use rustix::fs::FlockOperation;

use super::{End, Error, Header, lock, past::Past};

/// How a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is going on.
    Running,
    /// It did all that it was meant to.
    Ended,
    /// It ended in order, and before it had done everything.
    Stopped,
    /// It was killed, or its machine went down.
    CutOff,
    /// Another run has gone on with it.
    Resumed,
}

/// A run of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What it was.
    pub header: Header,
    /// How it is.
    pub state: State,
    /// How it ended, if it came to that.
    pub end: Option<End>,
    /// The run that goes on with it.
    pub resumed_by: Option<String>,
    /// Messages that it began with.
    pub begun: u64,
    /// Messages of its set that are at their targets.
    pub safe: u64,
    /// Messages whose fate is open.
    pub open: u64,
}

/// The runs of a state folder, the oldest first, and what could not be read of them.
///
/// # Errors
/// When the folder is there and cannot be read.
pub fn list(state: &Path) -> Result<(Vec<Listed>, Vec<Error>), Error> {
    let (mut listed, mut wrong) = (Vec::new(), Vec::new());
    let found = runs(state).map_err(|source| Error::Unreadable { path: super::folder(state), source })?;
    for run in found {
        match one(state, &run) {
            Ok(Some(run)) => listed.push(run),
            Ok(None) => (),
            Err(error) => wrong.push(error),
        }
    }
    Ok((listed, wrong))
}

/// The ids of the runs there are, the oldest first: an id begins with the time.
pub(super) fn runs(state: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(super::folder(state)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut runs = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(super::ENDING)?.strip_suffix('.'));
        runs.extend(id.map(str::to_owned));
    }
    runs.sort_unstable();
    Ok(runs)
}

/// One of them; `None` where it has gone, or has not begun yet.
fn one(state: &Path, run: &str) -> Result<Option<Listed>, Error> {
    let Some(path) = super::file(state, run) else { return Ok(None) };
    let unreadable = |source| Error::Unreadable { path: path.clone(), source };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    if file.metadata().map_err(unreadable)?.len() == 0 {
        return Ok(None);
    }
    // For a moment, and beside others who look: a run that begins or goes on just now tries again.
    let idle = lock(&file, FlockOperation::NonBlockingLockShared).map_err(unreadable)?;
    if idle {
        lock(&file, FlockOperation::Unlock).map_err(unreadable)?;
    }
    let past = Past::read(file, path)?;
    let state = match (&past.resumed_by, idle) {
        (Some(_), _) => State::Resumed,
        (None, false) => State::Running,
        (None, true) if past.is_done() => State::Ended,
        (None, true) if past.end.is_some() => State::Stopped,
        (None, true) => State::CutOff,
    };
    let (begun, open) = (past.begun(), past.undecided());
    let Past { header, end, resumed_by, safe, .. } = past;
    Ok(Some(Listed { header, state, end, resumed_by, begun, safe, open }))
}
