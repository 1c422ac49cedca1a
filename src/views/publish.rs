//! What publishing shows: a line for what did not arrive, how far it is where that takes long, and the sum.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    broker::Fate,
    ops::publish::{Event, Report, source::Invalid},
    terminal::{Closed, Progress, Terminal, neutralise},
};

/// What ends sooner has no progress to show.
const LASTS: Duration = Duration::from_millis(500);

/// Shows a publish.
pub struct View<'a> {
    terminal: &'a mut Terminal,
    closed: Option<Closed>,
    began: Instant,
    total: u64,
    settled: u64,
    progress: Option<Progress>,
    /// Why the first of unknown fate is unknown.
    unknown: Option<String>,
    unroutable: Option<(String, String)>,
}

impl<'a> View<'a> {
    /// A view on that terminal, of so many to send where that is known.
    pub fn new(terminal: &'a mut Terminal, total: Option<u64>) -> View<'a> {
        View {
            terminal,
            closed: None,
            began: Instant::now(),
            total: total.unwrap_or(0),
            settled: 0,
            progress: None,
            unroutable: None,
            unknown: None,
        }
    }

    /// One event.
    pub fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Blocked(reason) => {
                self.terminal.warn(&format!("the broker takes no messages ({}); waiting", neutralise(reason)));
            }
            Event::Invalid(invalid) => self.invalid(invalid),
            Event::Settled { id, exchange, key, fate } => {
                self.advance();
                if matches!(fate, Fate::Unroutable { .. }) && self.unroutable.is_none() {
                    self.unroutable = Some(((*exchange).to_owned(), (*key).to_owned()));
                }
                if let (Fate::Unknown { because }, None) = (fate, &self.unknown) {
                    self.unknown = Some(because.clone());
                }
                let word = word(fate);
                if self.terminal.is_json() {
                    let mut line = json!({ "event": word, "event_id": id, "routing_key": key });
                    if let Fate::Unroutable { reason, .. } | Fate::Unknown { because: reason } = fate {
                        line["because"] = json!(reason);
                    }
                    self.json(&line);
                } else if **fate != Fate::Routed {
                    let id = id.unwrap_or("without id");
                    self.terminal.say(&format!("  {word} {} with key {}", neutralise(id), neutralise(key)));
                }
            }
        }
    }

    /// Something that cannot be sent. People read of it in the error that follows.
    pub fn invalid(&mut self, invalid: &Invalid) {
        if self.terminal.is_json() {
            let because = invalid.wrong.texts().join("; ");
            self.json(&json!({ "event": "invalid", "event_id": null, "routing_key": null, "line": invalid.line,
                "because": because }));
        }
    }

    /// Lines of the input that are no messages.
    pub fn skipped(&self, count: u64) {
        match count {
            0 => (),
            1 => self.terminal.say("1 line skipped: it is a summary of evbus, and no message"),
            count => self.terminal.say(&format!("{count} lines skipped: they are summaries of evbus, and no messages")),
        }
    }

    /// What a dry run found.
    ///
    /// # Errors
    /// When the reader has gone.
    pub fn would_publish(&mut self, count: u64) -> Result<(), Closed> {
        if self.terminal.is_json() {
            return self.terminal.json(&json!({ "event": "summary", "would_publish": count, "published": 0,
                "unroutable": 0, "invalid": 0, "refused": 0, "unknown": 0, "not_sent": count, "dry_run": true,
                "interrupted": false }));
        }
        self.terminal.line(&format!("{count} would be published"))
    }

    /// The sum.
    ///
    /// # Errors
    /// When the reader has gone.
    pub fn finish(&mut self, report: &Report) -> Result<(), Closed> {
        if let Some(progress) = self.progress.take() {
            progress.done();
        }
        self.skipped(report.skipped);
        if let Some(closed) = self.closed.take() {
            return Err(closed);
        }
        if self.terminal.is_json() {
            self.terminal.json(&json!({ "event": "summary", "published": report.published,
                "unroutable": report.unroutable, "invalid": report.invalid, "refused": report.refused,
                "unknown": report.unknown, "not_sent": report.not_sent, "interrupted": report.interrupted }))?;
        } else {
            self.terminal.line(&sum(report))?;
        }
        // The failure that follows the sum may come from a stream that is not buffered.
        self.terminal.flush()?;
        if report.interrupted {
            self.terminal.say("interrupted: what was on its way is settled, and nothing more was sent");
        }
        match &self.unknown {
            Some(because) if report.stopped.is_none() => {
                self.terminal.warn(&format!("what became of the unknown ones nobody can say: {}", neutralise(because)));
            }
            _ => (),
        }
        Ok(())
    }

    /// The first letter that was routed nowhere: exchange and key.
    #[must_use]
    pub fn unroutable(self) -> Option<(String, String)> {
        self.unroutable
    }

    fn advance(&mut self) {
        self.settled += 1;
        if self.progress.is_none() && self.began.elapsed() > LASTS {
            self.progress = Some(self.terminal.progress(self.total, "events"));
        }
        if let Some(progress) = &self.progress {
            progress.at(self.settled);
        }
    }

    fn json(&mut self, line: &serde_json::Value) {
        self.closed = self.terminal.json(line).err().or(self.closed.take());
    }
}

/// The sum in words: what there is none of is left out.
fn sum(report: &Report) -> String {
    let mut line = format!("{} published", report.published);
    for (count, word) in [
        (report.unroutable, "unroutable"),
        (report.invalid, "invalid"),
        (report.refused, "refused"),
        (report.unknown, "unknown"),
        (report.not_sent.unwrap_or(0), "not sent"),
    ] {
        if count > 0 {
            line.push_str(&format!(", {count} {word}"));
        }
    }
    if report.not_sent.is_none() {
        line.push_str(", the rest not sent");
    }
    line
}

fn word(fate: &Fate) -> &'static str {
    match fate {
        Fate::Routed => "published",
        Fate::Unroutable { .. } => "unroutable",
        Fate::Refused => "refused",
        Fate::Unknown { .. } => "unknown",
    }
}
