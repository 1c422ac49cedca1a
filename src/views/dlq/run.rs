//! What a run over messages shows while it goes and when it ends: the same for replay, purge and restore.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use serde_json::{Value, json};

use super::summary::{go_on, line_json, summary_json, summary_lines, word};

use crate::{
    broker::Identity,
    exit::Exit,
    failure::Failure,
    ops::dlq::{
        Address, Error,
        run::{Event, Line, Outcome, Report},
    },
    terminal::{Consent, Progress, Terminal},
    views::{counted, dlq::saved, table::Table, undecided},
};

/// Which command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `evbus dlq replay`
    Replay,
    /// `evbus dlq purge`
    Purge,
    /// `evbus dlq restore`
    Restore,
}

impl Verb {
    /// As it is typed.
    pub(super) fn word(self) -> &'static str {
        match self {
            Verb::Replay => "replay",
            Verb::Purge => "purge",
            Verb::Restore => "restore",
        }
    }

    /// What it has done to a message.
    pub(super) fn done(self) -> &'static str {
        match self {
            Verb::Replay => "replayed",
            Verb::Purge => "removed",
            Verb::Restore => "restored",
        }
    }

    /// What there is where nothing is to be read.
    pub(super) fn nothing(self) -> &'static str {
        match self {
            Verb::Replay | Verb::Purge => "the queue is empty",
            Verb::Restore => "the archive holds no message",
        }
    }
}

/// Shows a run.
pub struct View<'a> {
    pub(super) terminal: RefCell<&'a mut Terminal>,
    pub(super) verb: Verb,
    queue: String,
    identity: Identity,
    pub(super) progress: RefCell<Option<Progress>>,
    /// Messages that stayed and were shown one by one.
    complaints: Cell<u64>,
    /// Messages that the run may look at, and that it has looked at.
    pub(super) set: Cell<u64>,
    read: Cell<u64>,
    run: RefCell<String>,
    /// What was answered, once somebody was asked.
    answer: Cell<Option<Consent>>,
    /// What a dry run found: how many messages have which target, and why they would stay.
    targets: RefCell<Targets>,
}

/// Messages by target and obstacle.
type Targets = BTreeMap<(Option<Address>, Option<String>), u64>;

/// How many messages that stayed are shown one by one; the summary counts them all.
const COMPLAINTS: u64 = 20;

impl<'a> View<'a> {
    /// A view of that command's run over that queue.
    pub fn new(terminal: &'a mut Terminal, verb: Verb, queue: &str, identity: Identity) -> View<'a> {
        View {
            terminal: RefCell::new(terminal),
            verb,
            queue: queue.to_owned(),
            identity,
            progress: RefCell::new(None),
            complaints: Cell::new(0),
            set: Cell::new(0),
            read: Cell::new(0),
            run: RefCell::new(String::new()),
            answer: Cell::new(None),
            targets: RefCell::new(Targets::new()),
        }
    }

    /// The header of a run.
    pub fn begin(&self, run: &str, set: u64) {
        self.set.set(set);
        run.clone_into(&mut self.run.borrow_mut());
        let terminal = self.terminal.borrow();
        terminal.discuss(&format!("{} {} on {}, run {run}", self.verb.word(), self.queue, self.identity));
        *self.progress.borrow_mut() = Some(terminal.progress(set, "messages"));
    }

    /// Asks whether to go ahead.
    pub(super) fn ask(&self) -> Consent {
        let answer = self.terminal.borrow().consent(&format!("{}?", self.verb.word()));
        self.answer.set(Some(answer));
        answer
    }

    /// One event.
    pub fn event(&self, event: Event<'_>) {
        match event {
            Event::Warning(text) => self.terminal.borrow().warn(&text),
            Event::Guarded(policy) => self
                .terminal
                .borrow()
                .say(&format!("the delivery limit is lifted by the temporary policy {policy} while this runs")),
            Event::Read(read) => {
                self.read.set(read);
                if let Some(progress) = &*self.progress.borrow() {
                    progress.at(read);
                }
            }
            Event::Blocked(Some(reason)) => {
                let because = format!("the broker takes no messages ({reason})");
                self.terminal.borrow().warn(&format!("{because}; waiting"));
                self.line(&json!({ "event": "paused", "because": because }));
            }
            Event::Blocked(None) => {
                self.terminal.borrow().say("the broker takes messages again");
                self.line(&json!({ "event": "resumed" }));
            }
            Event::Paused(Some(because)) => {
                self.terminal.borrow().say(&format!("paused: {because}"));
                self.line(&json!({ "event": "paused", "because": because }));
            }
            Event::Paused(None) => {
                self.terminal.borrow().say("it goes on");
                self.line(&json!({ "event": "resumed" }));
            }
            Event::Bounced { moved, bounced, is_certain } => {
                let most = if is_certain { "" } else { "at most " };
                self.terminal.borrow().say(&format!("{most}{bounced} of {} came back", counted(moved, "message")));
                self.line(&json!({ "event": "canary", "moved": moved, "bounced": bounced, "is_certain": is_certain }));
            }
            Event::Settled(line) => self.settled(line),
        }
    }

    /// A line of data, where data is JSON. What a run waits for is seen while it waits.
    fn line(&self, value: &Value) {
        let mut terminal = self.terminal.borrow_mut();
        if terminal.is_json() {
            // When the reader has gone the run goes on: its report still ends the process.
            let _ = terminal.json(value).and_then(|()| terminal.flush());
        }
    }

    fn settled(&self, line: &Line) {
        let obstacle = match &line.outcome {
            Outcome::WouldReplay | Outcome::WouldPark => Some(None),
            Outcome::Skipped(why) => Some(Some(why.clone())),
            _ => None,
        };
        if let Some(obstacle) = obstacle {
            *self.targets.borrow_mut().entry((line.target.clone(), obstacle)).or_default() += 1;
        }
        let mut terminal = self.terminal.borrow_mut();
        if terminal.is_json() {
            // When the reader has gone the run goes on: its report still ends the process.
            let _ = terminal.json(&line_json(line));
            return;
        }
        let because = match &line.outcome {
            Outcome::Replayed
            | Outcome::WouldReplay
            | Outcome::Parked
            | Outcome::WouldPark
            | Outcome::Removed
            | Outcome::WouldRemove => return,
            Outcome::Skipped(why) | Outcome::Returned(why) | Outcome::Unknown(why) | Outcome::InDoubt(why) => {
                why.as_str()
            }
            Outcome::Refused => "the target refused it",
        };
        let complaints = self.complaints.get() + 1;
        self.complaints.set(complaints);
        if complaints <= COMPLAINTS {
            let id = line.message_id.as_deref().unwrap_or("without id");
            let text = format!("  {} #{} {id}: {because}", word(&line.outcome), line.seq);
            terminal.say(&text.replace('\n', " "));
        } else if complaints == COMPLAINTS + 1 {
            terminal.say("  … and more; -o json lists every one");
        }
    }

    /// A run that could not begin, or did nothing: its summary is written all the same.
    pub fn failed(self, error: Error) -> Failure {
        let run = self.run.take();
        let terminal = self.terminal.into_inner();
        if terminal.is_json() {
            let _ = terminal.json(&summary_json(&Report { run, ..Report::default() }));
        }
        error.into()
    }

    /// The sum; a failure passes through. The summary is written in either case. What ended the run early is still in the report;
    /// `None` is a no to the question.
    ///
    /// # Errors
    /// The run's own failure.
    pub fn finish(self, outcome: Result<Option<Report>, Error>) -> Result<Option<Report>, Failure> {
        if let Some(progress) = self.progress.borrow().as_ref() {
            progress.done();
        }
        let report = match outcome {
            Ok(Some(report)) => report,
            Ok(None) => return Ok(self.nothing_done()),
            Err(error) => return Err(self.failed(error)),
        };
        let (read, targets, verb) = (self.read.get(), self.targets.take(), self.verb);
        let terminal = self.terminal.into_inner();
        if report.dry_run {
            show_targets(terminal, verb, &report, read, &targets);
        }
        if terminal.is_json() {
            let _ = terminal.json(&summary_json(&report));
        } else {
            for line in summary_lines(verb, &report) {
                let _ = terminal.line(&line);
            }
        }
        if report.saved > 0 {
            terminal.warn(&saved(report.saved));
        }
        if report.stopped.is_some() && report.replayed > 0 && verb == Verb::Replay {
            terminal.say("of the last messages moved some may still be in the queue too: handlers see those twice, with the same message_id");
        }
        if let Some(hint) = go_on(verb, &report) {
            terminal.say(&hint);
        }
        if report.undecided > 0 {
            terminal.warn(&undecided(report.undecided, "which stayed"));
        }
        Ok(Some(report))
    }

    /// A run that ended before it began: nothing was marked, or nothing edited.
    pub fn not_begun(self, exit: Exit) -> Exit {
        match exit {
            Exit::Done => {
                let terminal = self.terminal.into_inner();
                if terminal.is_json() {
                    let _ = terminal.json(&summary_json(&Report::default()));
                }
            }
            Exit::Interrupted => drop(self.nothing_done()),
            _ => {
                self.answer.set(Some(Consent::Refused));
                drop(self.nothing_done());
            }
        }
        exit
    }

    /// A run that ended at its question, or before it.
    fn nothing_done(self) -> Option<Report> {
        let declined = self.answer.get() == Some(Consent::Refused);
        let report = Report { run: self.run.take(), interrupted: !declined, ..Report::default() };
        let terminal = self.terminal.into_inner();
        if terminal.is_json() {
            let _ = terminal.json(&summary_json(&report));
        }
        let why = if declined { "" } else { "interrupted: " };
        terminal.discuss(&format!("{why}nothing was {}, every message is where it was", self.verb.done()));
        (!declined).then_some(report)
    }
}

/// That nothing is selected, of so many that were looked at.
pub(super) fn none_selected(read: u64) -> String {
    if read == 1 {
        "the only message is not selected".to_owned()
    } else {
        format!("none of the {read} messages is selected")
    }
}

/// What a dry run found, over the whole set: as lines of data, by target.
fn show_targets(terminal: &mut Terminal, verb: Verb, report: &Report, read: u64, targets: &Targets) {
    if report.selected == 0 && !report.interrupted && report.stopped.is_none() {
        terminal.say(&if read == 0 { verb.nothing().to_owned() } else { none_selected(read) });
    }
    if terminal.is_json() {
        for ((target, obstacle), messages) in targets {
            let target = target.as_ref().map(ToString::to_string);
            let _ = terminal
                .json(&json!({ "event": "target", "target": target, "messages": messages, "because": obstacle }));
        }
        return;
    }
    if targets.is_empty() {
        return;
    }
    let mut table = Table::new(&COLUMNS);
    for ((target, obstacle), messages) in targets {
        table.row(terminal, row(target.as_ref(), *messages, obstacle.as_deref()));
    }
    for line in table.lines(terminal) {
        let _ = terminal.line(&line);
    }
}

/// The columns of what goes where.
pub(super) const COLUMNS: [&str; 3] = ["TARGET", "MESSAGES>", "NOTE"];

/// A row of what goes where.
pub(super) fn row(target: Option<&Address>, messages: u64, obstacle: Option<&str>) -> [String; 3] {
    let target = target.map_or_else(|| "none".to_owned(), ToString::to_string);
    [target, messages.to_string(), obstacle.map(|why| format!("stay here: {why}")).unwrap_or_default()]
}
