//! What an apply shows: the plan and a question, one line per change, the sum.

use serde_json::json;

use crate::{
    broker::Identity,
    exit::Exit,
    failure::Failure,
    ops::{
        apply::{Archived, Event, Report},
        plan::Error,
    },
    terminal::{Closed, Consent, Progress, Terminal},
    topology::plan::{Change, Plan},
    views::{counted, plan},
};

/// Shows an apply.
pub struct View<'a> {
    terminal: &'a mut Terminal,
    progress: Option<Progress>,
    seen: u64,
    closed: Option<Closed>,
    told: (usize, usize, usize),
    /// Of those that were skipped, how many the topology does without.
    spared: usize,
    /// What the broker had before could not be seen: nobody knows what was created and what was there.
    blind: bool,
}

/// An apply that failed before anything was done: its summary is written all the same, where it would have been one.
pub fn failed(terminal: &mut Terminal, failure: Failure, dry_run: bool) -> Failure {
    if terminal.is_json() && !dry_run {
        let summary = json!({ "event": "summary", "applied": 0, "failed": 0, "skipped": 0, "unchanged": null,
            "interrupted": failure.exit == Exit::Interrupted });
        if let Err(closed) = terminal.json(&summary) {
            return closed.into();
        }
    }
    failure
}

impl<'a> View<'a> {
    /// A view on that terminal.
    pub fn new(terminal: &'a mut Terminal) -> View<'a> {
        View { terminal, progress: None, seen: 0, closed: None, told: (0, 0, 0), spared: 0, blind: false }
    }

    /// Shows what would be done, and asks where there is anything to do.
    pub fn consent(&mut self, plan: &Plan, identity: &Identity, name: Option<&str>) -> Consent {
        self.blind = plan.blind;
        plan::preview(self.terminal, plan, identity, name);
        let consent = if plan.is_empty() { Consent::Given } else { self.terminal.consent("apply this?") };
        if consent == Consent::Given {
            self.progress = Some(self.terminal.progress(plan.changes.len() as u64, "objects"));
        }
        consent
    }

    /// The end of an apply that ended at its question.
    ///
    /// # Errors
    /// When the reader has gone.
    pub fn nothing_changed(self, answer: Consent) -> Result<Exit, Closed> {
        let interrupted = answer == Consent::Interrupted;
        if self.terminal.is_json() {
            self.terminal.json(&json!({ "event": "summary", "applied": 0, "failed": 0, "skipped": 0,
                "unchanged": null, "interrupted": interrupted }))?;
        }
        let why = if interrupted { "interrupted: " } else { "" };
        self.terminal.discuss(&format!("{why}nothing was changed"));
        Ok(if interrupted { Exit::Interrupted } else { Exit::Usage })
    }

    /// One change.
    pub fn event(&mut self, event: &Event<'_>) {
        let mut archived = None;
        let (word, change, error) = match event {
            Event::Warning(warning) => return self.terminal.warn(warning),
            Event::Applied(change, archive) => {
                self.told.0 += 1;
                archived = *archive;
                ("applied", change, None)
            }
            Event::Failed(change, error) => {
                self.told.1 += 1;
                ("failed", change, Some(*error))
            }
            Event::Skipped(change, because) => {
                self.told.2 += 1;
                self.spared += usize::from(change.is_spared());
                ("skipped", change, Some(*because))
            }
        };
        self.seen += 1;
        if let Some(progress) = &self.progress {
            progress.at(self.seen);
        }
        // One change may take long, and whoever reads a pipe wants to see how far it is.
        let shown = self.line(word, change, error, archived).and_then(|()| self.terminal.flush());
        if let (Err(closed), None) = (shown, &self.closed) {
            self.closed = Some(closed);
        }
    }

    fn line(
        &mut self,
        word: &str,
        change: &Change,
        error: Option<&str>,
        archived: Option<&Archived>,
    ) -> Result<(), Closed> {
        if self.closed.is_some() {
            // The reader has gone; what was begun goes on to its end.
            return Ok(());
        }
        let (action, kind, name) = (change.action.word(), change.object.kind(), change.object.name());
        if self.terminal.is_json() {
            let mut line = json!({ "event": word, "action": action, "kind": kind, "name": name });
            if let Some(error) = error {
                line["error"] = error.into();
            }
            if let Some(archived) = archived {
                line["archive"] = archived.archive.display().to_string().into();
                line["messages"] = archived.messages.into();
            }
            return self.terminal.json(&line);
        }
        match error {
            None => {
                let done = match action {
                    "create" if self.blind => "declared",
                    "create" => "created",
                    "delete" => "deleted",
                    _ => "updated",
                };
                let kept = archived.map_or_else(String::new, |archived| {
                    let are = if archived.messages == 1 { "message is" } else { "messages are" };
                    format!("; its {} {are} in {}", archived.messages, archived.archive.display())
                });
                self.terminal.line(&format!("{done} {kind} {}{kept}", self.terminal.foreign(&name)))
            }
            Some(error) => {
                let error = self.terminal.foreign(error).replace('\n', " ");
                let line = format!("{word} {kind} {}: {error}", self.terminal.foreign(&name));
                self.terminal.line(&line)
            }
        }
    }

    /// The sum; a failure passes through. The summary is written in either case.
    ///
    /// # Errors
    /// The run's own failure; objects that are not there as wanted although they were made.
    pub fn finish(mut self, outcome: Result<Report, Error>) -> Result<Report, Failure> {
        if let Some(progress) = self.progress.take() {
            progress.done();
        }
        let (applied, failed, skipped) = self.told;
        if let Some(closed) = self.closed {
            return Err(closed.into());
        }
        if self.terminal.is_json() {
            let report = outcome.as_ref().ok();
            let unchanged = report.filter(|_| !self.blind).map(|report| report.unchanged);
            self.terminal.json(&json!({
                "event": "summary", "applied": applied, "failed": failed, "skipped": skipped,
                "spared": self.spared, "unchanged": unchanged, "blind": self.blind, "interrupted": report.is_some_and(|report| report.interrupted),
            }))?;
        }
        let report = outcome?;
        if !self.terminal.is_json() {
            let stopped = if report.interrupted { ", stopped before the rest" } else { "" };
            self.terminal.line(&if applied + failed + skipped == 0 && !report.interrupted {
                let are = if report.unchanged == 1 { "is" } else { "are" };
                format!("nothing to do: {} {are} as wanted", counted(report.unchanged, "object"))
            } else {
                let spared = match self.spared {
                    0 => String::new(),
                    spared => format!(" ({spared} that the topology does without)"),
                };
                let before = if self.blind {
                    "what was there before is not known".to_owned()
                } else {
                    format!("{} as wanted before", report.unchanged)
                };
                let word = if self.blind { "declared" } else { "applied" };
                format!("{applied} {word}, {failed} failed, {skipped} skipped{spared}, {before}{stopped}")
            })?;
        }
        Ok(report)
    }
}
