//! What a replay shows: what would go where, what stayed and why, and the sum of it.

use std::cell::{Cell, RefCell};

use serde_json::json;

use crate::{
    broker::Identity,
    failure::Failure,
    ops::dlq::{
        Error,
        replay::{Event, Line, Outcome, Preflight, Report},
    },
    terminal::{Consent, Progress, Terminal},
    views::table::{Table, count},
};

/// Shows a replay.
pub struct View<'a> {
    terminal: RefCell<&'a mut Terminal>,
    queue: String,
    identity: Identity,
    progress: RefCell<Option<Progress>>,
    /// Messages that stayed and were shown one by one.
    complaints: Cell<u64>,
    /// Messages that the run may look at.
    set: Cell<u64>,
}

/// How many messages that stayed are shown one by one; the summary counts them all.
const COMPLAINTS: u64 = 20;

impl<'a> View<'a> {
    /// A view of the replay of that queue.
    pub fn new(terminal: &'a mut Terminal, queue: &str, identity: Identity) -> View<'a> {
        View {
            terminal: RefCell::new(terminal),
            queue: queue.to_owned(),
            identity,
            progress: RefCell::new(None),
            complaints: Cell::new(0),
            set: Cell::new(0),
        }
    }

    /// The header of a run.
    pub fn begin(&self, run: &str, set: u64) {
        self.set.set(set);
        let terminal = self.terminal.borrow();
        let (queue, identity) = (terminal.foreign(&self.queue).into_owned(), &self.identity);
        terminal.say(&format!("replay {queue} on {identity}, run {run}"));
        *self.progress.borrow_mut() = Some(terminal.progress(set, "messages"));
    }

    /// Shows the pre-flight and asks.
    pub fn consent(&self, preflight: &Preflight) -> bool {
        let terminal = self.terminal.borrow();
        for line in preflight_lines(preflight, &terminal) {
            terminal.say(&line);
        }
        // What lies behind the first window may be selected all the same: only a set that was read whole needs no answer.
        if preflight.selected == 0 && preflight.looked_at >= self.set.get() {
            return true;
        }
        terminal.consent("replay?") == Consent::Given
    }

    /// One event.
    pub fn event(&self, event: Event<'_>) {
        match event {
            Event::Warning(text) => self.terminal.borrow().warn(&text),
            Event::Guarded(policy) => self
                .terminal
                .borrow()
                .say(&format!("the delivery limit is lifted by the temporary policy {policy} while this runs")),
            Event::Read { read } => {
                if let Some(progress) = &*self.progress.borrow() {
                    progress.at(read);
                }
            }
            Event::Blocked(Some(reason)) => {
                self.terminal.borrow().warn(&format!("the broker takes no messages ({reason}); waiting"));
            }
            Event::Blocked(None) => self.terminal.borrow().say("the broker takes messages again"),
            Event::Settled(line) => self.settled(line),
        }
    }

    fn settled(&self, line: &Line) {
        let mut terminal = self.terminal.borrow_mut();
        if terminal.is_json() {
            // When the reader has gone the run goes on: its report still ends the process.
            let _ = terminal.json(&line_json(line));
            return;
        }
        let because = match &line.outcome {
            Outcome::Replayed | Outcome::WouldReplay => return,
            Outcome::Skipped(why) | Outcome::Returned(why) | Outcome::Unknown(why) => why.as_str(),
            Outcome::Refused => "the target refused it",
        };
        let complaints = self.complaints.get() + 1;
        self.complaints.set(complaints);
        if complaints <= COMPLAINTS {
            let id = line.message_id.as_deref().unwrap_or("without id");
            terminal.say(&format!("  {} #{} {}: {}", word(&line.outcome), line.seq, neutral(id), neutral(because)));
        } else if complaints == COMPLAINTS + 1 {
            terminal.say("  … and more; -o json lists every one");
        }
    }

    /// The sum; a failure passes through. The summary is written in either case. What ended the run early is still in the report.
    ///
    /// # Errors
    /// The run's own failure, or the missing consent.
    pub fn finish(self, outcome: Result<Option<Report>, Error>) -> Result<Report, Failure> {
        if let Some(progress) = self.progress.borrow().as_ref() {
            progress.done();
        }
        let terminal = self.terminal.into_inner();
        let report = match outcome {
            Ok(Some(report)) => report,
            Ok(None) => return Err(Failure::usage("declined", "nothing was replayed: consent was not given")),
            Err(error) => {
                if terminal.is_json() {
                    let _ = terminal.json(&summary_json(&Report::default()));
                }
                return Err(error.into());
            }
        };
        if terminal.is_json() {
            let _ = terminal.json(&summary_json(&report));
        } else {
            for line in summary_lines(&report) {
                let _ = terminal.line(&line);
            }
        }
        if report.stopped.is_some() && report.replayed > 0 {
            terminal.say("of the last messages moved some may still be in the queue too: handlers see those twice, with the same message_id");
        }
        if report.undecided > 0 {
            terminal.warn(&format!("--where failed on {} messages, which stayed", report.undecided));
        }
        Ok(report)
    }
}

fn neutral(text: &str) -> std::borrow::Cow<'_, str> {
    crate::terminal::neutralise(text)
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Replayed => "replayed",
        Outcome::WouldReplay => "would_replay",
        Outcome::Skipped(_) => "skipped",
        Outcome::Returned(_) => "returned",
        Outcome::Refused => "refused",
        Outcome::Unknown(_) => "unknown",
    }
}

fn line_json(line: &Line) -> serde_json::Value {
    let target = line.target.as_ref().map(ToString::to_string);
    let mut value =
        json!({ "event": word(&line.outcome), "seq": line.seq, "message_id": line.message_id, "target": target });
    if let Outcome::Skipped(why) | Outcome::Returned(why) | Outcome::Unknown(why) = &line.outcome {
        value["because"] = json!(why);
    }
    value
}

fn summary_json(report: &Report) -> serde_json::Value {
    json!({ "event": "summary", "format": "evbus.run/1", "run": report.run, "selected": report.selected,
        "replayed": report.replayed, "removed": 0, "skipped": report.skipped, "returned": report.returned,
        "refused": report.refused, "unknown": report.unknown, "left": report.left, "saved": report.saved,
        "dry_run": report.dry_run, "interrupted": report.interrupted })
}

fn summary_lines(report: &Report) -> Vec<String> {
    let done = if report.dry_run { "would be replayed" } else { "replayed" };
    let moved = if report.dry_run { report.selected - report.skipped } else { report.replayed };
    let mut line = format!("{moved} {done}");
    for (count, word) in [
        (report.skipped, "skipped"),
        (report.returned, "returned"),
        (report.refused, "refused"),
        (report.unknown, "unknown"),
    ] {
        if count > 0 {
            line.push_str(&format!(", {count} {word}"));
        }
    }
    line.push_str(&format!(", {} left in the queue", count(report.left)));
    let mut lines = vec![line];
    if report.saved > 0 {
        lines.push(format!(
            "{} of those left are copies at the queue's end: giving them back would have destroyed them",
            report.saved
        ));
    }
    if report.interrupted {
        lines.push("interrupted: what was on its way is settled, the rest is where it was".to_owned());
    }
    lines
}

fn preflight_lines(preflight: &Preflight, terminal: &Terminal) -> Vec<String> {
    if preflight.looked_at == 0 {
        return vec!["the queue is empty".to_owned()];
    }
    let mut lines = Vec::new();
    if preflight.consumers > 0 {
        lines.push(format!("{} consumers read this queue at the same time", preflight.consumers));
    }
    if preflight.looked_at < preflight.depth {
        lines.push(format!("the first {} of {} messages, by target:", preflight.looked_at, preflight.depth));
    }
    let mut table = Table::new(&["TARGET", "MESSAGES>", "NOTE"]);
    for row in &preflight.rows {
        let target = row.target.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        let note = row.obstacle.as_ref().map(|why| format!("stay here: {why}")).unwrap_or_default();
        table.row(terminal, [target, row.count.to_string(), note]);
    }
    lines.extend(table.lines(terminal));
    if preflight.rotates {
        lines.push("on this queue messages that stay change their place: they go behind the others".to_owned());
    }
    lines
}
