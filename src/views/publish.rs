//! What publishing shows: a line for what did not arrive, and the sum.

use serde_json::json;

use crate::{
    broker::Fate,
    ops::publish::{Event, Report},
    terminal::{Closed, Terminal, neutralise},
};

/// Shows a publish.
pub struct View<'a> {
    terminal: &'a mut Terminal,
    closed: Option<Closed>,
    blocked: bool,
    /// Why the first of unknown fate is unknown.
    unknown: Option<String>,
    unroutable: Option<(String, String)>,
}

impl<'a> View<'a> {
    /// A view on that terminal.
    pub fn new(terminal: &'a mut Terminal) -> View<'a> {
        View { terminal, closed: None, blocked: false, unroutable: None, unknown: None }
    }

    /// One event.
    pub fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Blocked(reason) => {
                if !self.blocked {
                    self.blocked = true;
                    self.terminal.warn(&format!("the broker takes no messages ({reason}); waiting"));
                }
            }
            Event::Settled { id, exchange, key, fate } => {
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
                    self.closed = self.terminal.json(&line).err().or(self.closed.take());
                } else if **fate != Fate::Routed {
                    let id = id.unwrap_or("without id");
                    self.terminal.say(&format!("  {word} {} with key {}", neutralise(id), neutralise(key)));
                }
            }
        }
    }

    /// The sum.
    ///
    /// # Errors
    /// When the reader has gone.
    pub fn finish(&mut self, report: &Report) -> Result<(), Closed> {
        if let Some(closed) = self.closed.take() {
            return Err(closed);
        }
        if self.terminal.is_json() {
            return self.terminal.json(&json!({ "event": "summary", "published": report.published,
                "unroutable": report.unroutable, "invalid": 0, "refused": report.refused, "unknown": report.unknown,
                "interrupted": report.interrupted }));
        }
        let mut line = format!("{} published", report.published);
        for (count, word) in
            [(report.unroutable, "unroutable"), (report.refused, "refused"), (report.unknown, "unknown")]
        {
            if count > 0 {
                line.push_str(&format!(", {count} {word}"));
            }
        }
        self.terminal.line(&line)?;
        if let Some(because) = &self.unknown {
            self.terminal.warn(&format!("what became of the unknown ones nobody can say: {}", neutralise(because)));
        }
        Ok(())
    }

    /// The first letter that was routed nowhere: exchange and key.
    #[must_use]
    pub fn unroutable(self) -> Option<(String, String)> {
        self.unroutable
    }
}

fn word(fate: &Fate) -> &'static str {
    match fate {
        Fate::Routed => "published",
        Fate::Unroutable { .. } => "unroutable",
        Fate::Refused => "refused",
        Fate::Unknown { .. } => "unknown",
    }
}
