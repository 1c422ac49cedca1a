//! What a purge shows: what would go, where it is kept, and the sum of it.

use std::cell::RefCell;

use serde_json::json;

use crate::{
    broker::Identity,
    failure::Failure,
    ops::dlq::{
        Error,
        purge::{Event, Preview, Report},
    },
    terminal::{Consent, Progress, Terminal},
    views::table::count,
};

/// Shows a purge.
pub struct View<'a> {
    terminal: RefCell<&'a mut Terminal>,
    queue: String,
    identity: Identity,
    progress: RefCell<Option<Progress>>,
}

impl<'a> View<'a> {
    /// A view of the purge of that queue.
    pub fn new(terminal: &'a mut Terminal, queue: &str, identity: Identity) -> View<'a> {
        View { terminal: RefCell::new(terminal), queue: queue.to_owned(), identity, progress: RefCell::new(None) }
    }

    /// Shows what would happen and asks.
    pub fn consent(&self, preview: &Preview) -> bool {
        let terminal = self.terminal.borrow();
        let (queue, identity) = (terminal.foreign(&self.queue).into_owned(), &self.identity);
        terminal.say(&format!("purge {queue} on {identity}, run {}", preview.run));
        let what = if preview.all { "" } else { "at most " };
        terminal.say(&format!("{what}{} of {} messages", preview.set, preview.depth));
        if preview.consumers > 0 {
            terminal.say(&format!("{} consumers read this queue at the same time", preview.consumers));
        }
        match &preview.archive {
            Some(path) => terminal.say(&format!("they will be kept in {}", path.display())),
            None if preview.dry_run => (),
            None => terminal.warn("no copy is kept: what is removed cannot be had back"),
        }
        *self.progress.borrow_mut() = Some(terminal.progress(preview.set, "messages"));
        if preview.set == 0 || preview.dry_run { true } else { terminal.consent("purge?") == Consent::Given }
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
                if let Some(progress) = &*self.progress.borrow() {
                    progress.at(read);
                }
            }
            Event::Removed { seq, message_id, for_real } => {
                let mut terminal = self.terminal.borrow_mut();
                if terminal.is_json() {
                    let event = if for_real { "removed" } else { "would_remove" };
                    // When the reader has gone the run goes on: its report still ends the process.
                    let _ =
                        terminal.json(&json!({ "event": event, "seq": seq, "message_id": message_id, "target": null }));
                }
            }
        }
    }

    /// The sum; a failure passes through. The summary is written in either case. What ended the run early is still in the report.
    ///
    /// # Errors
    /// The run's own failure.
    pub fn finish(self, outcome: Result<Report, Error>) -> Result<Report, Failure> {
        if let Some(progress) = self.progress.borrow().as_ref() {
            progress.done();
        }
        let terminal = self.terminal.into_inner();
        let report = match outcome {
            Ok(report) => report,
            Err(error) => {
                if terminal.is_json() {
                    let _ = terminal.json(&summary(&Report::default()));
                }
                return Err(error.into());
            }
        };
        if terminal.is_json() {
            let _ = terminal.json(&summary(&report));
        } else {
            let (number, words) =
                if report.dry_run { (report.selected, "would be removed") } else { (report.removed, "removed") };
            let _ = terminal.line(&format!("{number} {words}, {} left in the queue", count(report.left)));
            if let Some(path) = report.archive.as_ref().filter(|_| report.removed > 0) {
                let _ = terminal.line(&format!("kept in {}", path.display()));
            }
        }
        if report.undecided > 0 {
            terminal.warn(&format!("--where failed on {} messages, which stayed", report.undecided));
        }
        Ok(report)
    }
}

fn summary(report: &Report) -> serde_json::Value {
    json!({ "event": "summary", "format": "evbus.run/1", "run": report.run, "selected": report.selected, "replayed": 0,
        "removed": report.removed, "skipped": 0, "returned": 0, "refused": 0, "unknown": 0, "left": report.left,
        "archive": report.archive, "dry_run": report.dry_run, "interrupted": report.interrupted })
}
