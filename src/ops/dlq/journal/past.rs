//! What a journal says of a run that is over, or was cut off: what it had begun with, and how far it had come.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::FlockOperation;

use super::{
    Archived, End, Error, Header, Journal,
    entry::{self, Entry},
    lock,
    places::{Places, count},
};
use crate::{message::Identity, nearest};

/// A message that was begun with and is neither known to be gone nor to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// What it is.
    pub identity: Identity,
    /// The number of its target.
    pub to: u32,
    /// Whether it is at its target.
    pub safe: bool,
    /// Whether it counts to the run's set: what was safe before the run began does not.
    pub counts: bool,
}

/// A run that is over, or was cut off.
#[derive(Debug)]
pub struct Past {
    /// What it was.
    pub header: Header,
    /// How it ended, if it came to that.
    pub end: Option<End>,
    /// The run that goes on with it.
    pub resumed_by: Option<String>,
    /// How many messages of its set are at their targets.
    pub safe: u64,
    /// What has become of the records of an archive.
    pub places: Places,
    /// How much of its archive is proven; `None` where it has not come to that, or keeps none.
    pub archived: Option<Archived>,
    targets: Vec<String>,
    open: BTreeMap<u64, Open>,
    /// The last that are gone.
    gone: VecDeque<Identity>,
    /// The number of the last message.
    last: u64,
    /// The file, locked as long as this lives, and how much of it is whole.
    file: File,
    path: PathBuf,
    whole: u64,
}

/// How many messages that are gone are remembered where nobody says how many may be open.
const REMEMBERED: usize = 6000;

/// What a run takes over from the one that it goes on with.
pub(super) struct Takeover<'a> {
    pub(super) open: &'a [Open],
    pub(super) gone: &'a VecDeque<Identity>,
    pub(super) targets: &'a [String],
    pub(super) places: &'a Places,
    pub(super) archived: Option<&'a Archived>,
}

/// Whoever lists runs holds the lock of each for a moment.
const MOMENT: Duration = Duration::from_millis(10);
/// How many such moments are waited for.
const TRIES: u32 = 10;

impl Past {
    /// Reads the journal of a run, and keeps everybody else from going on with it.
    ///
    /// # Errors
    /// Everything but [`Error::Full`].
    pub fn open(state: &Path, run: &str) -> Result<Past, Error> {
        let folder = super::folder(state);
        let unknown = || {
            let known = super::list::runs(state).unwrap_or_default();
            let nearest = nearest::among(run, known.iter().map(String::as_str)).map(str::to_owned);
            Error::NoRun { run: run.to_owned(), folder: folder.clone(), nearest }
        };
        let path = super::file(state, run).ok_or_else(unknown)?;
        let unreadable = |source| Error::Unreadable { path: path.clone(), source };
        let file = match OpenOptions::new().read(true).append(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(unknown()),
            Err(error) => return Err(unreadable(error)),
        };
        // Before it is read: nobody may write while it is.
        let mut tries = 0;
        while !lock(&file, FlockOperation::NonBlockingLockExclusive).map_err(unreadable)? {
            tries += 1;
            if tries > TRIES {
                return Err(Error::InUse { run: run.to_owned() });
            }
            std::thread::sleep(MOMENT);
        }
        let past = Past::read(file, path)?;
        if let Some(by) = &past.resumed_by {
            return Err(Error::Resumed { run: run.to_owned(), by: by.clone() });
        }
        past.is_wanted(state)?;
        Ok(past)
    }

    /// A run that was killed before the one that it was to go on with said so has done nothing, and another may have done it since.
    fn is_wanted(&self, state: &Path) -> Result<(), Error> {
        let Some(before) = self.header.resumes.first() else { return Ok(()) };
        let Some(path) = super::file(state, before) else { return Ok(()) };
        // What is not there any more cannot be gone on with either.
        let Ok(file) = File::open(&path) else { return Ok(()) };
        if Past::read(file, path)?.resumed_by.as_ref() == Some(&self.header.run) {
            return Ok(());
        }
        Err(Error::NeverBegan { run: self.header.run.clone(), instead: before.clone() })
    }

    /// Reads a journal as it is, whoever may be writing it.
    pub(super) fn read(file: File, path: PathBuf) -> Result<Past, Error> {
        let mut lines = BufReader::with_capacity(256 * 1024, file);
        let unreadable = |path: &Path, source| Error::Unreadable { path: path.to_owned(), source };
        let damaged = |line, because| Error::Damaged { path: path.clone(), line, because };
        let mut line = Vec::new();
        let mut next = |line: &mut Vec<u8>| {
            line.clear();
            lines.read_until(b'\n', line).map_err(|source| unreadable(&path, source))?;
            // A line without its end was being written when the writer ended.
            Ok::<bool, Error>(line.last() == Some(&b'\n'))
        };
        if !next(&mut line)? {
            return Err(damaged(1, "it was cut off before it began".to_owned()));
        }
        let header = entry::read_header(&line).map_err(|because| damaged(1, because))?;
        let mut whole = line.len() as u64;
        let most =
            if header.window == 0 { REMEMBERED } else { usize::try_from(header.window * 2).unwrap_or(REMEMBERED) };
        let mut told = Told { most, ..Told::default() };
        let mut number = 1;
        while next(&mut line)? {
            number += 1;
            entry::read(&line).and_then(|entry| told.take(entry)).map_err(|because| damaged(number, because))?;
            whole += line.len() as u64;
        }
        let Told { end, resumed_by, safe, places, archived, targets, open, gone, last, .. } = told;
        let (places, file) = (places.unwrap_or_default(), lines.into_inner());
        Ok(Past { header, end, resumed_by, safe, places, archived, targets, open, gone, last, file, path, whole })
    }

    /// The messages whose fate is open, in the order in which they were begun with.
    pub fn open_ones(&self) -> impl Iterator<Item = &Open> {
        self.open.values()
    }

    /// The messages that were the last ones to go: the broker may have forgotten that.
    pub fn last_gone(&self) -> impl Iterator<Item = &Identity> {
        self.gone.iter()
    }

    /// Of how many messages the fate is open.
    #[must_use]
    pub fn undecided(&self) -> u64 {
        self.open.len() as u64 + self.places.doubtful().count()
    }

    /// How many messages were begun with, those of earlier runs included.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.last
    }

    /// How many messages of the set are not known to be at their targets.
    #[must_use]
    pub fn rest(&self) -> u64 {
        self.header.set.saturating_sub(self.safe)
    }

    /// Whether nothing is left to go on with.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.complete) && self.undecided() == 0
    }

    /// Begins the journal of a run that is to go on with this one. What was open has numbers from 1 on there, in the same order. It counts
    /// when this one says so: see [`Past::hand_over`].
    ///
    /// # Errors
    /// [`Error::NoPlace`].
    pub fn next(&self, state: &Path, header: &Header) -> Result<Journal, Error> {
        let carried: Vec<Open> = self.open.values().copied().collect();
        let Past { gone, targets, places, .. } = self;
        let archived = self.archived.as_ref();
        Journal::begin(state, header, &Takeover { open: &carried, gone, targets, places, archived })
    }

    /// Says in this journal that another run goes on with it. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub fn hand_over(&mut self, by: &str) -> Result<(), Error> {
        let mut line = Vec::new();
        entry::write(&mut line, &Entry::Resumed { by: by.to_owned() });
        let written = self.file.set_len(self.whole).and_then(|()| (&self.file).write_all(&line));
        if let Err(source) = written.and_then(|()| self.file.sync_all()) {
            let _ = self.file.set_len(self.whole);
            return Err(Error::Full { path: self.path.clone(), command: self.header.command.clone(), source });
        }
        self.whole += line.len() as u64;
        self.resumed_by = Some(by.to_owned());
        Ok(())
    }
}

/// What was read so far.
#[derive(Default)]
struct Told {
    end: Option<End>,
    resumed_by: Option<String>,
    safe: u64,
    /// There from the first record that was put on.
    places: Option<Places>,
    archived: Option<Archived>,
    targets: Vec<String>,
    open: BTreeMap<u64, Open>,
    gone: VecDeque<Identity>,
    /// How many of these are kept.
    most: usize,
    last: u64,
}

impl Told {
    fn take(&mut self, entry: Entry) -> Result<(), String> {
        match entry {
            Entry::Target { to, name } => {
                if to as usize != self.targets.len() {
                    return Err(format!("target {to} is not the next one"));
                }
                self.targets.push(name);
            }
            Entry::Carried { number, identity, to, safe } => {
                self.begin(number, Open { identity, to, safe, counts: !safe })?;
            }
            Entry::Intent { first, to, identities } => {
                for (number, identity) in (first..).zip(identities) {
                    self.begin(number, Open { identity, to, safe: false, counts: true })?;
                }
            }
            Entry::Earlier { settled, doubtful } => {
                self.last = self.last.saturating_add(count(&doubtful));
                self.places.get_or_insert_default().earlier(&settled, &doubtful)?;
            }
            Entry::Put(ranges) => {
                self.last = self.last.saturating_add(count(&ranges));
                self.places.get_or_insert_default().put(&ranges)?;
            }
            Entry::Passed(ranges) => self.places.get_or_insert_default().pass(&ranges)?,
            Entry::Safe(ranges) => {
                if let Some(places) = &mut self.places {
                    self.safe += count(&ranges);
                    return places.safe(&ranges);
                }
                for number in numbers(&ranges, self.last)? {
                    let open = self.open.get_mut(&number).ok_or_else(|| not_open(number))?;
                    self.safe += u64::from(!open.safe && open.counts);
                    open.safe = true;
                }
            }
            Entry::Gone(ranges) => {
                for number in numbers(&ranges, self.last)? {
                    let open = self.open.remove(&number).ok_or_else(|| not_open(number))?;
                    if !open.safe {
                        return Err(format!("message {number} is gone and was never safe"));
                    }
                    self.leave(open.identity);
                }
            }
            Entry::Stays(ranges) => {
                if let Some(places) = &mut self.places {
                    return places.stays(&ranges);
                }
                for number in numbers(&ranges, self.last)? {
                    self.open
                        .remove(&number)
                        .filter(|open| !open.safe || !open.counts)
                        .ok_or_else(|| not_open(number))?;
                }
            }
            Entry::Left(identities) => identities.into_iter().for_each(|identity| self.leave(identity)),
            Entry::Archived(archived) => self.archived = Some(archived),
            Entry::Resumed { by } => self.resumed_by = Some(by),
            Entry::End(end) => self.end = Some(end),
        }
        Ok(())
    }

    fn leave(&mut self, identity: Identity) {
        self.gone.push_back(identity);
        if self.gone.len() > self.most {
            self.gone.pop_front();
        }
    }

    fn begin(&mut self, number: u64, open: Open) -> Result<(), String> {
        if number != self.last + 1 {
            return Err(format!("message {number} is not the next one"));
        }
        if open.to as usize >= self.targets.len() {
            return Err(format!("there is no target {}", open.to));
        }
        self.last = number;
        self.open.insert(number, open);
        Ok(())
    }
}

/// Each number of these ranges, none of which may be beyond the last one given.
fn numbers(ranges: &[(u64, u64)], last: u64) -> Result<impl Iterator<Item = u64> + '_, String> {
    match ranges.iter().find(|(_, to)| *to > last) {
        Some((_, to)) => Err(format!("message {to} was never begun with")),
        None => Ok(ranges.iter().flat_map(|(from, to)| *from..=*to)),
    }
}

fn not_open(number: u64) -> String {
    format!("message {number} is settled already")
}
