//! What tail shows: a line per message for people, a record per message for programs.

use std::{borrow::Cow, os::fd::AsFd};

use serde_json::json;
use tokio::{io::Interest, net::unix::pipe::Sender};

use crate::{
    message::{Message, event, record},
    ops::tail::{Event, Report},
    terminal::{Closed, Terminal},
    views::undecided,
};

/// Shows what passes.
pub struct View<'a> {
    terminal: &'a mut Terminal,
    patterns: String,
    ready: bool,
    closed: Option<Closed>,
}

impl<'a> View<'a> {
    /// A view of those patterns; `ready` says so once they are bound.
    pub fn new(terminal: &'a mut Terminal, patterns: &[String], ready: bool) -> View<'a> {
        View { terminal, patterns: patterns.join(", "), ready, closed: None }
    }

    /// One event. Answers whether anybody still reads.
    pub fn event(&mut self, event: &Event<'_>) -> bool {
        let shown = match event {
            Event::Ready => {
                if self.ready {
                    self.terminal.signal("ready");
                } else {
                    self.terminal
                        .say(&format!("watching {}; Ctrl-C ends it", crate::terminal::neutralise(&self.patterns)));
                }
                Ok(())
            }
            Event::Message(message) => self.message(message),
        };
        self.closed = shown.err();
        self.closed.is_none()
    }

    fn message(&mut self, message: &Message) -> Result<(), Closed> {
        if self.terminal.is_json() {
            self.terminal.json(&record::Record { queue: None, message })?;
        } else {
            let line = line(message, self.terminal);
            self.terminal.line(&line)?;
        }
        // Whoever reads a stream wants it as it comes.
        self.terminal.flush()
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
            self.terminal.json(&json!({ "event": "summary", "seen": report.seen, "shown": report.shown,
                "missed": report.missed, "interrupted": report.interrupted }))?;
        } else {
            self.terminal.say(&format!("{} shown of {} that passed", report.shown, report.seen));
        }
        match report.missed {
            Some(_) => (),
            None => self.terminal.warn("messages were missed: the queue was full, and the broker dropped the oldest; how many is not known (--buffer N keeps more)"),
        }
        if report.undecided > 0 {
            self.terminal.warn(&undecided(report.undecided, "which counts as not selected"));
        }
        Ok(())
    }
}

/// Returns when whoever reads our stdout through a pipe has gone, also while there is nothing to write; never where stdout is a file.
pub async fn reader_gone() {
    let copy = std::io::stdout().as_fd().try_clone_to_owned();
    // Nothing is written through this one, so that it need not be told apart from other streams, nor made not to block.
    let Ok(out) = copy.and_then(Sender::from_owned_fd_unchecked) else { return std::future::pending().await };
    while let Ok(ready) = out.ready(Interest::ERROR).await {
        if ready.is_error() {
            return;
        }
    }
    // The runtime is ending, and so are we.
    std::future::pending::<()>().await;
}

/// What an event says: the payload of its envelope, else the whole body.
fn payload(message: &Message) -> &[u8] {
    #[derive(serde::Deserialize)]
    struct Envelope<'a> {
        #[serde(rename = "event_id")]
        _event_id: &'a str,
        #[serde(borrow)]
        payload: &'a serde_json::value::RawValue,
    }
    let envelope = serde_json::from_slice::<Envelope<'_>>(&message.body);
    envelope.map_or(&message.body, |envelope| envelope.payload.get().as_bytes())
}

/// One message for people: when, key, type, id, and as much of the body as fits.
fn line(message: &Message, terminal: &Terminal) -> String {
    let p = &message.properties;
    let at = p
        .timestamp
        .and_then(|seconds| jiff::Timestamp::from_second(i64::try_from(seconds).ok()?).ok())
        .map_or_else(|| "-".to_owned(), |at| at.strftime("%H:%M:%SZ").to_string());
    let kind = event::kind(message).unwrap_or(Cow::Borrowed("-"));
    let id = p.message_id.as_deref().unwrap_or("-");
    let head = format!("{at} {} {kind} {id} ", message.routing_key);
    let room = usize::from(terminal.width()).saturating_sub(console::measure_text_width(&head)).max(20);
    let body = match std::str::from_utf8(payload(message)) {
        Ok(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Err(_) => format!("({} bytes, not text)", message.body.len()),
    };
    terminal.foreign(&format!("{head}{}", console::truncate_str(&body, room, "…"))).into_owned()
}
