//! What an export shows: the archive itself where it goes to no file, and what there is to say of it.

use std::cell::RefCell;

use serde_json::json;

use crate::{
    failure::Failure,
    ops::dlq::{
        Error,
        export::{Event, Report},
    },
    terminal::{Closed, Progress, Terminal},
    views::{
        counted,
        dlq::{known, saved},
        undecided,
    },
};

/// Shows an export.
pub struct View<'a> {
    terminal: RefCell<&'a mut Terminal>,
    to_file: bool,
    progress: RefCell<Option<Progress>>,
    closed: RefCell<Option<Closed>>,
}

impl<'a> View<'a> {
    /// A view of an export, which goes to a file or to stdout.
    pub fn new(terminal: &'a mut Terminal, to_file: bool) -> View<'a> {
        View { terminal: RefCell::new(terminal), to_file, progress: RefCell::default(), closed: RefCell::default() }
    }

    /// One event.
    pub fn event(&self, event: Event<'_>) {
        let terminal = self.terminal.borrow();
        match event {
            Event::Warning(text) => terminal.warn(&text),
            Event::Guarded(policy) => {
                terminal.say(&format!("the delivery limit is lifted by the temporary policy {policy} while this runs"));
            }
            // Lines of data and a bar do not go together on one screen.
            Event::Begun(set) if self.to_file || !terminal.is_terminal() => {
                *self.progress.borrow_mut() = Some(terminal.progress(set, "messages"));
            }
            Event::Begun(_) => (),
            Event::Read(read) => {
                if let Some(progress) = &*self.progress.borrow() {
                    progress.at(read);
                }
            }
        }
    }

    /// One line of the archive; says whether more can be shown.
    pub fn line(&self, line: &[u8]) -> bool {
        match self.terminal.borrow_mut().bytes(line) {
            Ok(()) => true,
            Err(closed) => {
                *self.closed.borrow_mut() = Some(closed);
                false
            }
        }
    }

    /// The sum; a failure passes through. The summary is written in either case. What ended the export early is still in the report.
    ///
    /// # Errors
    /// The export's own failure, or that the reader has gone.
    pub fn finish(self, outcome: Result<Report, Error>) -> Result<Report, Failure> {
        if let Some(progress) = self.progress.borrow().as_ref() {
            progress.done();
        }
        let terminal = self.terminal.into_inner();
        if let Some(closed) = self.closed.into_inner() {
            return Err(closed.into());
        }
        let report = match outcome {
            Ok(report) => report,
            Err(error) => {
                if terminal.is_json() {
                    let _ = terminal.json(&summary(&Report::default(), None));
                }
                return Err(error.into());
            }
        };
        if terminal.is_json() {
            terminal.json(&summary(&report, Some(report.depth)))?;
        } else {
            told(terminal, &report)?;
        }
        if report.rotated {
            terminal.say("order: rotated. What was read is now behind the rest");
        }
        if report.cut {
            terminal.warn(&format!(
                "only {} of {} may be held at once, and no more were read: --window N allows more",
                counted(report.read, "message"),
                report.depth
            ));
        }
        if report.saved > 0 {
            terminal.warn(&saved(report.saved));
        }
        if report.undecided > 0 {
            terminal.warn(&undecided(report.undecided, "which counts as not selected"));
        }
        Ok(report)
    }
}

/// What came of it, in words: data where the archive is a file, and talk where it is the data itself.
fn told(terminal: &mut Terminal, report: &Report) -> Result<(), Closed> {
    let Report { exported, depth, .. } = report;
    let stay = "every one of them is still in the queue";
    match &report.archive {
        Some(path) => {
            terminal.line(&format!("{exported} of {} exported to {}", counted(*depth, "message"), path.display()))?;
            terminal.say(stay);
        }
        None => terminal.say(&format!("{exported} of {} exported; {stay}", counted(*depth, "message"))),
    }
    if report.interrupted {
        terminal.say("interrupted: the archive holds what was read so far, and says that it is not complete");
    }
    Ok(())
}

fn summary(report: &Report, depth: Option<u64>) -> serde_json::Value {
    let order = depth.map(|_| if report.rotated { "rotated" } else { "kept" });
    json!({ "event": "summary", "format": "evbus.export/1", "run": known(&report.run), "exported": report.exported,
        "read": report.read, "depth": depth, "archive": report.archive, "complete": report.complete, "order": order,
        "saved": report.saved, "cut": report.cut, "undecided": report.undecided, "interrupted": report.interrupted })
}
