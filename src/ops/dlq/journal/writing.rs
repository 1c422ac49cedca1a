//! Writing a journal: lines gather while others are on their way to the disk, and whoever needs one there can ask whether it is.

use std::{
    collections::{HashMap, VecDeque},
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::FutureExt;
use rustix::fs::FlockOperation;
use tokio::task::JoinHandle;

use super::{
    Archived, End, Error, Header,
    entry::{self, Entry},
    lock, make_folder,
    past::{Open, Takeover},
    places::{Places, Ranges},
};
use crate::{
    message::Identity,
    ops::dlq::{archive::digest_of, run::Recorded},
};

/// A moment of a journal: whether it is on the disk up to there can be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

/// The journal of a run that is going on.
pub struct Journal {
    path: PathBuf,
    header: Header,
    file: Arc<File>,
    /// Lines that are not on their way to the disk yet.
    lines: Vec<u8>,
    /// Intents that follow each other and have the same target: one line.
    intents: Option<Intents>,
    targets: HashMap<String, u32>,
    /// The number of the next message.
    next: u64,
    /// Lines so far, and how many of them are on the disk.
    now: Mark,
    durable: Mark,
    /// How much of the file is whole.
    length: u64,
    syncing: Option<Syncing>,
    /// Why nothing more can be written.
    failed: Option<io::Error>,
}

struct Intents {
    first: u64,
    to: u32,
    identities: Vec<Identity>,
}

struct Syncing {
    mark: Mark,
    bytes: u64,
    task: JoinHandle<io::Result<()>>,
}

impl Journal {
    /// Begins the journal of a run, with what it takes over from the one that it goes on with. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`Error::NoPlace`].
    pub(super) fn begin(state: &Path, header: &Header, takeover: &Takeover<'_>) -> Result<Journal, Error> {
        let Takeover { open: carried, gone, targets, places, archived } = *takeover;
        let folder = make_folder(state)?;
        let no_place = |source| Error::NoPlace { folder: folder.clone(), source };
        let path = super::file(state, &header.run)
            .ok_or_else(|| no_place(io::Error::other(format!("{} is no id of a run", header.run))))?;
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path).map_err(no_place)?;
        if !lock(&file, FlockOperation::NonBlockingLockExclusive).map_err(no_place)? {
            return Err(Error::InUse { run: header.run.clone() });
        }
        let mut lines = Vec::new();
        entry::write_header(&mut lines, header);
        for (to, name) in (0..).zip(targets) {
            entry::write(&mut lines, &Entry::Target { to, name: name.clone() });
        }
        for (number, open) in (1..).zip(carried) {
            let Open { identity, to, safe, .. } = *open;
            entry::write(&mut lines, &Entry::Carried { number, identity, to, safe });
        }
        if !gone.is_empty() {
            entry::write(&mut lines, &Entry::Left(gone.iter().copied().collect()));
        }
        if *places != Places::default() {
            let all = |ranges: &Ranges| ranges.iter().collect();
            let (settled, doubtful) = (all(places.settled()), all(places.doubtful()));
            entry::write(&mut lines, &Entry::Earlier { settled, doubtful });
        }
        if let Some(archived) = archived {
            entry::write(&mut lines, &Entry::Archived(archived.clone()));
        }
        let written = (&file).write_all(&lines).and_then(|()| file.sync_all());
        let written = written.and_then(|()| File::open(&folder)?.sync_all());
        if let Err(source) = written {
            // It says nothing, and its room may be needed.
            let _ = std::fs::remove_file(&path);
            return Err(no_place(source));
        }
        Ok(Journal {
            path,
            header: header.clone(),
            file: Arc::new(file),
            length: lines.len() as u64,
            lines: Vec::new(),
            intents: None,
            targets: targets.iter().cloned().zip(0..).collect(),
            next: carried.len() as u64 + 1,
            now: Mark::default(),
            durable: Mark::default(),
            syncing: None,
            failed: None,
        })
    }

    /// Begins the journal of a run.
    ///
    /// # Errors
    /// [`Error::NoPlace`].
    pub fn create(state: &Path, header: &Header) -> Result<Journal, Error> {
        let (gone, places) = (&VecDeque::new(), &Places::default());
        Journal::begin(state, header, &Takeover { open: &[], gone, targets: &[], places, archived: None })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes down that a message is about to be published there, and gives it its number. It may be when [`Journal::is_durable`] says so.
    pub fn intend(&mut self, identity: Identity, target: &str) -> u64 {
        let to = self.target(target);
        let number = self.next;
        self.next += 1;
        match &mut self.intents {
            Some(intents) if intents.to == to => intents.identities.push(identity),
            _ => {
                self.close_intents();
                self.intents = Some(Intents { first: number, to, identities: vec![identity] });
            }
        }
        self.now.0 += 1;
        number
    }

    /// Writes down that these records are about to be published. They may be when [`Journal::is_durable`] says so.
    pub fn put(&mut self, places: impl IntoIterator<Item = u64>) {
        self.enter(places, Entry::Put);
    }

    /// Writes down that these records may be at their targets, and are not to be asked about again.
    pub fn passed(&mut self, places: impl IntoIterator<Item = u64>) {
        self.enter(places, Entry::Passed);
    }

    /// Writes down that these have arrived. Their originals may go when [`Journal::is_durable`] says so.
    pub fn safe(&mut self, numbers: impl IntoIterator<Item = u64>) {
        self.enter(numbers, Entry::Safe);
    }

    /// Writes down that the originals of these are gone.
    pub fn gone(&mut self, numbers: impl IntoIterator<Item = u64>) {
        self.enter(numbers, Entry::Gone);
    }

    /// Writes down that these did not arrive, and are where they were.
    pub fn stays(&mut self, numbers: impl IntoIterator<Item = u64>) {
        self.enter(numbers, Entry::Stays);
    }

    /// Writes down how much of the archive is proven.
    pub fn archived(&mut self, archived: Archived) {
        self.line(&Entry::Archived(archived));
    }

    /// The present moment: everything that was written down so far.
    #[must_use]
    pub fn mark(&self) -> Mark {
        self.now
    }

    /// Whether the disk has everything that was written down before that moment.
    #[must_use]
    pub fn is_durable(&self, mark: Mark) -> bool {
        mark <= self.durable
    }

    /// Sends what has gathered on its way to the disk, unless something is on its way already. Waits for nothing.
    ///
    /// # Errors
    /// [`Error::Full`] from the first thing on that could not be written.
    pub fn push(&mut self) -> Result<(), Error> {
        if self.failed.is_none()
            && let Some(syncing) = &mut self.syncing
            && let Some(done) = (&mut syncing.task).now_or_never()
        {
            self.arrived(done.map_err(io::Error::other).flatten());
        }
        if let Some(why) = &self.failed {
            return Err(self.full(why));
        }
        if self.syncing.is_none() && self.durable < self.now {
            self.close_intents();
            let lines = std::mem::take(&mut self.lines);
            let (file, bytes) = (Arc::clone(&self.file), lines.len() as u64);
            let task = tokio::task::spawn_blocking(move || {
                (&*file).write_all(&lines)?;
                file.sync_data()
            });
            self.syncing = Some(Syncing { mark: self.now, bytes, task });
        }
        Ok(())
    }

    /// Waits until what is on its way has come to the disk; for ever where nothing is. May be dropped while it waits.
    ///
    /// # Errors
    /// As [`Journal::push`].
    pub async fn synced(&mut self) -> Result<(), Error> {
        let before = self.durable;
        self.push()?;
        if self.durable > before {
            return Ok(());
        }
        let Some(syncing) = &mut self.syncing else { return std::future::pending().await };
        let done = (&mut syncing.task).await;
        self.arrived(done.map_err(io::Error::other).flatten());
        self.push()
    }

    /// Waits until the disk has everything.
    ///
    /// # Errors
    /// As [`Journal::push`].
    pub async fn settle(&mut self) -> Result<(), Error> {
        while self.durable < self.now {
            self.synced().await?;
        }
        self.push()
    }

    /// Tries once more to write down that these have arrived, where something could not be written: few bytes may find room where many did
    /// not. What was lost is not tried again, and nothing may be begun with after it.
    ///
    /// # Errors
    /// [`Error::Full`] where there is still no room.
    pub async fn last_words(&mut self, safe: impl IntoIterator<Item = u64>) -> Result<(), Error> {
        (self.lines, self.intents, self.failed) = (Vec::new(), None, None);
        self.safe(safe);
        self.settle().await
    }

    /// Writes the last line. Where nothing more can be written the journal stays one that was cut off, which says no less.
    ///
    /// # Errors
    /// As [`Journal::push`].
    pub async fn end(&mut self, end: End) -> Result<(), Error> {
        self.line(&Entry::End(end));
        self.settle().await
    }

    /// What it says of the run, and the digest of what it holds by now.
    #[must_use]
    pub fn recorded(&self, ended_at: String) -> Recorded {
        let sha256 = digest_of(&self.path).ok();
        Recorded { path: self.path.clone(), header: self.header.clone(), ended_at, sha256 }
    }

    /// That the disk does not answer.
    #[must_use]
    pub fn stalled(&self) -> Error {
        self.error(io::ErrorKind::TimedOut.into())
    }

    /// Removes it: nothing was begun with.
    pub fn discard(self) {
        // What is left of it says as much.
        let _ = std::fs::remove_file(&self.path);
    }

    fn enter(&mut self, numbers: impl IntoIterator<Item = u64>, entry: fn(Vec<(u64, u64)>) -> Entry) {
        let ranges = entry::ranges(numbers);
        if !ranges.is_empty() {
            self.line(&entry(ranges));
        }
    }

    fn target(&mut self, name: &str) -> u32 {
        if let Some(to) = self.targets.get(name) {
            return *to;
        }
        let to = u32::try_from(self.targets.len()).unwrap_or(u32::MAX);
        self.targets.insert(name.to_owned(), to);
        self.line(&Entry::Target { to, name: name.to_owned() });
        to
    }

    fn line(&mut self, entry: &Entry) {
        self.close_intents();
        entry::write(&mut self.lines, entry);
        self.now.0 += 1;
    }

    fn close_intents(&mut self) {
        if let Some(Intents { first, to, identities }) = self.intents.take() {
            entry::write(&mut self.lines, &Entry::Intent { first, to, identities });
        }
    }

    /// What was on its way has arrived, or not.
    fn arrived(&mut self, done: io::Result<()>) {
        let Some(Syncing { mark, bytes, .. }) = self.syncing.take() else { return };
        match done {
            Ok(()) => {
                self.durable = mark;
                self.length += bytes;
            }
            Err(error) => {
                // What is there of it would stand in the way of whatever is written next.
                let _ = self.file.set_len(self.length);
                self.failed = Some(error);
            }
        }
    }

    fn full(&self, why: &io::Error) -> Error {
        let source = why.raw_os_error().map_or_else(|| io::Error::other(why.to_string()), io::Error::from_raw_os_error);
        self.error(source)
    }

    fn error(&self, source: io::Error) -> Error {
        Error::Full { path: self.path.clone(), command: self.header.command.clone(), source }
    }
}

#[cfg(test)]
mod tests;
