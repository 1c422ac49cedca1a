//! What failed, and how often: every message of a queue is read, counted in its group, and given back.

use std::{collections::HashMap, ops::ControlFlow};

use serde_json::{Map, Value};

use super::{
    Error,
    intent::{Intent, Scope, Subject},
    look::{self, CAREFUL, Looked, Notice, Step},
    terms::Wish,
};
use crate::{
    broker::Broker,
    interrupt::Interrupt,
    message::{
        Message,
        group::{GroupId, Grouping, Values},
        traits::Traits,
    },
};

/// What is to be grouped, and by what.
pub struct Request {
    /// The queue, which messages of it, and how they are held.
    pub subject: Subject,
    /// By what.
    pub grouping: Grouping,
}

impl Request {
    /// What it is going to do to the queue.
    #[must_use]
    pub fn intent(&self) -> Intent<'_> {
        let looks = self.subject.looks("evbus dlq groups", Scope::First(None), IN_HAND, CAREFUL);
        Intent { wish: Wish { only_looks: true, ..looks.wish }, ..looks }
    }
}

/// What happens meanwhile.
#[derive(Debug)]
pub enum Event<'a> {
    /// So many messages will be read.
    Begun(u64),
    /// Something to know, and what was done to save messages.
    Notice(Notice<'a>),
    /// So many were read.
    Read(u64),
}

/// Messages that have something in common.
#[derive(Debug)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// How many.
    pub count: u64,
    /// When the first of them died, failed or was published.
    pub first_seen_at: Option<jiff::Timestamp>,
    /// When the last of them did.
    pub last_seen_at: Option<jiff::Timestamp>,
    /// What they have in common, by dimension.
    pub by: Map<String, Value>,
    /// One of them; `None` where examples would have taken too much room.
    pub example: Option<Message>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// The largest first; those of one size by id.
    pub groups: Vec<Group>,
    /// Messages that are in none of these groups, because there were too many groups.
    pub other: u64,
    /// Messages ready in the queue when it began; `None` is unknown.
    pub depth: Option<u64>,
    /// Messages read.
    pub read: u64,
    /// Messages that were meant.
    pub selected: u64,
    /// Selecting expressions that failed on a message, which counts as not selected.
    pub undecided: u64,
    /// Messages that the expression of a field failed on, which counts as no value.
    pub failed: u64,
    /// Whether some of what was looked at is now behind the rest of the queue.
    pub rotated: bool,
    /// Fewer were read than there are: no more may be at stake at once.
    pub cut: bool,
    /// The operator ended it.
    pub interrupted: bool,
    /// What ended it early.
    pub stopped: Option<Error>,
}

impl Report {
    /// Whether some of the queue was not read.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.cut || self.interrupted || self.stopped.is_some()
    }
}

/// How many messages may be in hand at once when nothing is known to be at stake.
const IN_HAND: u16 = 3000;
/// How many groups are told apart.
const GROUPS: usize = 10_000;
/// What examples may take in all.
const EXAMPLES: usize = 8 << 20;
/// After how many messages it is told how many were read.
const STRIDE: u64 = 100;

/// Reads and counts.
///
/// # Errors
/// Where nothing was read; what ended it later is in [`Report::stopped`].
pub async fn run(
    broker: &Broker,
    request: &Request,
    interrupt: &Interrupt,
    mut listen: impl FnMut(Event<'_>),
) -> Result<Report, Error> {
    let mut report = Report::default();
    let mut tally = Tally::of(&request.grouping);
    let outcome = look::run(broker, request.intent(), interrupt, &mut |step| {
        match step {
            Step::Begun { depth, set } => {
                report.depth = Some(depth);
                listen(Event::Begun(set));
            }
            Step::Notice(notice) => listen(Event::Notice(notice)),
            Step::Message(message) => {
                report.read += 1;
                if report.read.is_multiple_of(STRIDE) {
                    listen(Event::Read(report.read));
                }
                let traits = Traits::read_from(&request.subject.queue, message);
                let selected = request.subject.selector.selects(&traits);
                report.undecided += u64::from(selected.is_none());
                if selected == Some(true) {
                    report.selected += 1;
                    tally.add(&traits);
                }
            }
        }
        ControlFlow::Continue(())
    })
    .await;
    (report.other, report.failed) = (tally.other, tally.failed);
    report.groups = tally.sorted();
    match outcome {
        Ok(Looked { rotated, cut, interrupted, .. }) => Ok(Report { rotated, cut, interrupted, ..report }),
        Err(error) if report.read > 0 => Ok(Report { stopped: Some(error), ..report }),
        Err(error) => Err(error),
    }
}

/// Counts, in a space that does not grow with what is counted.
struct Tally<'a> {
    grouping: &'a Grouping,
    places: HashMap<Vec<u8>, usize>,
    groups: Vec<Group>,
    /// What examples may still take.
    room: usize,
    other: u64,
    failed: u64,
}

impl<'a> Tally<'a> {
    fn of(grouping: &'a Grouping) -> Tally<'a> {
        Tally { grouping, places: HashMap::new(), groups: Vec::new(), room: EXAMPLES, other: 0, failed: 0 }
    }

    fn add(&mut self, traits: &Traits<'_>) {
        let values = self.grouping.values(traits);
        self.failed += u64::from(values.failed);
        let key = values.key();
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None if self.groups.len() >= GROUPS => {
                self.other += 1;
                return;
            }
            None => {
                self.groups.push(group(self.grouping, &values));
                self.places.insert(key, self.groups.len() - 1);
                self.groups.len() - 1
            }
        };
        let Some(group) = self.groups.get_mut(place) else { return };
        group.count += 1;
        let moment = traits.moment();
        group.first_seen_at = [group.first_seen_at, moment].into_iter().flatten().min();
        group.last_seen_at = [group.last_seen_at, moment].into_iter().flatten().max();
        if group.example.is_none() {
            let size = traits.message().size();
            // The first that fits: one large message takes the room of no other group.
            if size <= self.room / 4 {
                self.room -= size;
                group.example = Some(traits.message().clone());
            }
        }
    }

    fn sorted(self) -> Vec<Group> {
        let mut groups = self.groups;
        groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.id.cmp(&b.id)));
        groups
    }
}

fn group(grouping: &Grouping, values: &Values) -> Group {
    let by = values.named(grouping).map(|(dimension, value)| (dimension.word().to_owned(), value)).collect();
    let id = grouping.id(values);
    Group { id, count: 0, first_seen_at: None, last_seen_at: None, by, example: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Properties, group::Dimension};

    fn sent(number: usize, app: &str, size: usize) -> Message {
        let properties = Properties {
            timestamp: Some(1_700_000_000 + number as u64),
            app_id: Some(app.to_owned()),
            ..Properties::default()
        };
        Message { properties, body: vec![b'x'; size], ..Message::default() }
    }

    #[test]
    fn the_largest_group_comes_first_and_knows_its_time() {
        let grouping = Grouping::new(&[Dimension::App], None, None);
        let mut tally = Tally::of(&grouping);
        for (number, app) in ["one", "two", "two", "one", "two"].into_iter().enumerate() {
            tally.add(&Traits::read_from("dlq", &sent(number, app, 1)));
        }
        let groups = tally.sorted();
        let seen = |group: &Group| {
            [group.first_seen_at, group.last_seen_at].map(|at| at.map(|at| at.as_second() - 1_700_000_000))
        };
        let found: Vec<_> = groups.iter().map(|group| (group.by["app"].as_str(), group.count, seen(group))).collect();
        assert_eq!(found, [(Some("two"), 3, [Some(1), Some(4)]), (Some("one"), 2, [Some(0), Some(3)])]);
    }

    #[test]
    fn memory_has_an_end_however_many_groups_there_are() {
        let grouping = Grouping::new(&[Dimension::App], None, None);
        let mut tally = Tally::of(&grouping);
        for number in 0..GROUPS + 5 {
            tally.add(&Traits::read_from("dlq", &sent(number, &number.to_string(), 4000)));
        }
        tally.add(&Traits::read_from("dlq", &sent(0, "0", 1)));
        assert_eq!((tally.groups.len(), tally.other), (GROUPS, 5));
        let examples: usize = tally.groups.iter().filter_map(|group| group.example.as_ref()).map(Message::size).sum();
        assert!(examples > EXAMPLES / 2 && examples <= EXAMPLES, "{examples}");
        assert_eq!(tally.groups[0].count, 2, "what has a place is counted there");
    }
}
