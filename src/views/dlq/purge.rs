//! What a purge shows: what would go, where it is kept, and the sum of it.

use std::cell::RefCell;

use serde_json::json;

use crate::{
    broker::Identity,
    exit::Exit,
    failure::Failure,
    ops::dlq::{
        Error,
        purge::{Event, Preview, Report},
    },
    terminal::{Consent, Progress, Terminal},
    views::{
        counted,
        dlq::{known, others_read, saved},
        table::count,
        undecided,
    },
};

/// Shows a purge.
pub struct View<'a> {
    terminal: RefCell<&'a mut Terminal>,
    queue: String,
    identity: Identity,
    progress: RefCell<Option<Progress>>,
    run: RefCell<String>,
}

impl<'a> View<'a> {
    /// A view of the purge of that queue.
    pub fn new(terminal: &'a mut Terminal, queue: &str, identity: Identity) -> View<'a> {
        View {
            terminal: RefCell::new(terminal),
            queue: queue.to_owned(),
            identity,
            progress: RefCell::new(None),
            run: RefCell::new(String::new()),
        }
    }

    /// Shows what would happen and asks.
    pub fn consent(&self, preview: &Preview) -> Consent {
        preview.run.clone_into(&mut self.run.borrow_mut());
        let terminal = self.terminal.borrow();
        terminal.discuss(&format!("purge {} on {}, run {}", self.queue, self.identity, preview.run));
        terminal.discuss(&what(preview));
        if preview.consumers > 0 {
            terminal.discuss(&others_read(preview.consumers));
        }
        match &preview.archive {
            Some(_) if preview.set == 0 => (),
            Some(path) => terminal.discuss(&format!("they will be kept in {}", path.display())),
            None if preview.dry_run => (),
            None => terminal.warn("no copy is kept: what is removed cannot be had back"),
        }
        *self.progress.borrow_mut() = Some(terminal.progress(preview.set, "messages"));
        if preview.set == 0 || preview.dry_run { Consent::Given } else { terminal.consent("purge?") }
    }

    /// A run that could not begin, or did nothing: its summary is written all the same.
    pub fn failed(self, error: Error) -> Failure {
        let run = self.run.take();
        let terminal = self.terminal.into_inner();
        if terminal.is_json() {
            let _ = terminal.json(&summary(&Report { run, ..Report::default() }));
        }
        error.into()
    }

    /// A run that ended at its question.
    pub fn nothing_removed(self, answer: Consent) -> Exit {
        let interrupted = answer == Consent::Interrupted;
        let report = Report { run: self.run.take(), interrupted, ..Report::default() };
        let terminal = self.terminal.into_inner();
        if terminal.is_json() {
            let _ = terminal.json(&summary(&report));
        }
        let why = if interrupted { "interrupted: " } else { "" };
        terminal.discuss(&format!("{why}nothing was removed, every message is where it was"));
        if interrupted { Exit::Interrupted } else { Exit::Usage }
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
        let report = match outcome {
            Ok(report) => report,
            Err(error) => return Err(self.failed(error)),
        };
        let terminal = self.terminal.into_inner();
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
        if report.saved > 0 {
            terminal.warn(&saved(report.saved));
        }
        if report.undecided > 0 {
            terminal.warn(&undecided(report.undecided, "which stayed"));
        }
        Ok(report)
    }
}

/// What the question is about, as far as it is known before anything is held.
fn what(preview: &Preview) -> String {
    let Preview { set, depth, .. } = *preview;
    let stay = depth.saturating_sub(set);
    match (preview.all, stay) {
        (_, _) if depth == 0 => "the queue is empty".to_owned(),
        (true, 0) if depth == 1 => "the only message".to_owned(),
        (true, 0) => format!("all {depth} messages"),
        (true, stay) => format!(
            "the first {set} of {}; {stay} {}",
            counted(depth, "message"),
            if stay == 1 { "stays" } else { "stay" }
        ),
        (false, _) if preview.dry_run => format!("the selected ones of {}", counted(depth, "message")),
        (false, _) => format!(
            "the selected ones of {}: how many that are is known when they have been read, and --dry-run counts them first",
            counted(depth, "message")
        ),
    }
}

fn summary(report: &Report) -> serde_json::Value {
    json!({ "event": "summary", "format": "evbus.run/1", "run": known(&report.run), "selected": report.selected, "replayed": 0,
        "removed": report.removed, "skipped": 0, "returned": 0, "refused": 0, "unknown": 0, "left": report.left,
        "archive": report.archive, "saved": report.saved, "dry_run": report.dry_run, "interrupted": report.interrupted })
}
