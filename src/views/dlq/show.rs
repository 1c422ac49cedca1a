//! What a look shows: message records for programs, a readable page per message for people.

use std::cell::{Cell, RefCell};

use serde_json::json;

use crate::{
    failure::Failure,
    message::{
        Field, Message,
        failure::{self, Failure as Failed},
        record,
        traits::Traits,
    },
    ops::dlq::{
        Error,
        show::{Event, Report},
    },
    terminal::{Closed, Terminal},
    views::{dlq::notice, undecided},
};

/// Shows messages.
pub struct View<'a> {
    terminal: RefCell<&'a mut Terminal>,
    queue: String,
    shown: Cell<u64>,
    /// Messages whose place a copy took.
    saved: Cell<u64>,
    closed: RefCell<Option<Closed>>,
}

/// How much of a body is shown to people; programs get all of it.
const BODY: usize = 2000;

impl<'a> View<'a> {
    /// A view of that queue's messages.
    pub fn new(terminal: &'a mut Terminal, queue: &str) -> View<'a> {
        View {
            terminal: RefCell::new(terminal),
            queue: queue.to_owned(),
            shown: Cell::new(0),
            saved: Cell::new(0),
            closed: RefCell::new(None),
        }
    }

    /// One event.
    pub fn event(&self, event: Event<'_>) {
        let mut terminal = self.terminal.borrow_mut();
        match event {
            Event::Notice(told) => self.saved.set(self.saved.get() + notice(&terminal, &told)),
            Event::Message(message) => {
                if self.closed.borrow().is_none()
                    && let Err(closed) = self.message(&mut terminal, message)
                {
                    *self.closed.borrow_mut() = Some(closed);
                }
            }
        }
    }

    fn message(&self, terminal: &mut Terminal, message: &Message) -> Result<(), Closed> {
        let shown = self.shown.get() + 1;
        self.shown.set(shown);
        if terminal.is_json() {
            return terminal.json(&record::Record { queue: Some(&self.queue), message });
        }
        if shown > 1 {
            terminal.line("")?;
        }
        for line in page(shown, message, terminal) {
            terminal.line(&line)?;
        }
        Ok(())
    }

    /// The sum; a failure passes through. The summary is written in either case.
    ///
    /// # Errors
    /// The look's own failure, or that the reader has gone.
    pub fn finish(self, outcome: Result<Report, Error>) -> Result<Report, Failure> {
        let terminal = self.terminal.into_inner();
        let (shown, saved) = (self.shown.get(), self.saved.get());
        let report = match outcome {
            Ok(report) => report,
            Err(error) => {
                if terminal.is_json() && self.closed.into_inner().is_none() {
                    let _ = terminal.json(&json!({ "event": "summary", "shown": shown, "read": null, "depth": null,
                        "order": null, "saved": saved, "interrupted": false }));
                }
                return Err(error.into());
            }
        };
        if let Some(closed) = self.closed.into_inner() {
            return Err(closed.into());
        }
        if terminal.is_json() {
            terminal.json(&json!({ "event": "summary", "shown": report.shown, "read": report.read,
                "depth": report.depth, "order": if report.rotated { "rotated" } else { "kept" }, "saved": saved,
                "cut": report.cut, "undecided": report.undecided, "interrupted": report.interrupted }))?;
            return Ok(report);
        }
        terminal.say(&format!("{} shown of {} in the queue; all of them are still there", report.shown, report.depth));
        if report.rotated {
            terminal.say(
                "order: rotated. What was looked at is now behind the rest: the next look shows the next messages",
            );
        }
        if report.cut {
            terminal.warn("no more were looked at: they may not be held at once (--window N allows it)");
        }
        if report.undecided > 0 {
            terminal.warn(&undecided(report.undecided, "which counts as not selected"));
        }
        Ok(report)
    }
}

/// One message for people.
fn page(number: u64, message: &Message, terminal: &Terminal) -> Vec<String> {
    let foreign = |text: &str| terminal.foreign(text).replace('\n', " ");
    let p = &message.properties;
    let traits = Traits::of(message);
    let bold = console::Style::new().bold();
    let mut lines = vec![
        terminal.styled(&bold, &format!("#{number} {}", foreign(p.message_id.as_deref().unwrap_or("(no message_id)")))),
    ];
    let mut add = |name: &str, value: String| lines.push(format!("  {name:<12} {value}"));
    if let Some(kind) = &p.kind {
        add("type", foreign(kind));
    }
    if let Some(death) = traits.death() {
        let times = if death.count == 1 { "once".to_owned() } else { format!("{} times", death.count) };
        add("died in", format!("{} ({}, {times})", foreign(&death.queue), foreign(&death.reason)));
        if let Some(at) = &death.first_at {
            add("first at", at.to_string());
        }
    }
    if let Some(failure) = traits.failure() {
        add("failed with", foreign(&failed_with(failure)));
        if traits.death().is_none()
            && let Some(queue) = failure.queue
        {
            add("failed in", foreign(queue));
        }
        if let Some(at) = &failure.failed_at {
            add("failed at", at.to_string());
        }
    }
    if let Some(original) = traits.original() {
        let exchange =
            if original.exchange.is_empty() { "the default exchange".into() } else { foreign(&original.exchange) };
        add("published", format!("to {exchange} with {}", foreign(&original.routing_keys.join(", "))));
    }
    for (name, value) in [
        ("correlation", &p.correlation_id),
        ("app", &p.app_id),
        ("content", &p.content_type),
        ("reply to", &p.reply_to),
        ("expiration", &p.expiration),
        ("user", &p.user_id),
    ] {
        if let Some(value) = value {
            add(name, foreign(value));
        }
    }
    if let Some(headers) = &p.headers {
        for (name, field) in headers.iter().filter(|(name, _)| !is_history(name)) {
            add("header", format!("{}: {}", foreign(name), foreign(&brief(field))));
        }
    }
    add("body", format!("{} bytes", message.body.len()));
    lines.extend(body(message).lines().map(|line| format!("    {}", terminal.foreign(line))));
    lines
}

/// What was thrown, in a line: its type, its text where that says more, and whose headers tell it.
fn failed_with(failure: &Failed<'_>) -> String {
    let text = failure.message.and_then(|text| text.lines().next()).map(str::trim);
    let mut line = match (failure.kind, text) {
        (Some(kind), Some(text)) if text.starts_with(kind) => text.to_owned(),
        (Some(kind), Some(text)) => format!("{kind}: {text}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => failure.task.map(|task| format!("the task {task}")).unwrap_or_default(),
    };
    if let Some((end, _)) = line.char_indices().nth(200) {
        line.truncate(end);
        line.push('…');
    }
    format!("{line} ({})", failure.framework.word())
}

/// Headers that are shown decoded already.
fn is_history(name: &str) -> bool {
    name == "x-death"
        || name.starts_with("x-first-death-")
        || name.starts_with("x-last-death-")
        || failure::is_decoded(name)
}

fn brief(field: &Field) -> String {
    let text = match field {
        Field::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => record::field(other).to_string(),
    };
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.chars().count()),
        None => text,
    }
}

fn body(message: &Message) -> String {
    let Ok(text) = std::str::from_utf8(&message.body) else { return "(not text; -o json shows it)".to_owned() };
    let pretty = serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .filter(|value| value.is_object() || value.is_array())
        .and_then(|value| serde_json::to_string_pretty(&value).ok());
    let text = pretty.as_deref().unwrap_or(text);
    match text.char_indices().nth(BODY) {
        Some((end, _)) => format!("{}\n… (-o json shows all of it)", &text[..end]),
        None => text.to_owned(),
    }
}
