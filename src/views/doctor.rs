//! What `doctor` shows: one line for each thing that was looked at, and what to do about those that are not right.

use serde_json::json;

use super::table::Table;
use crate::{
    broker,
    failure::{Failure, word},
    ops::doctor::{Alarm, Event, Managed, Ours, Report},
    terminal::{Closed, Terminal},
    topology::{policy::TEMPORARY, replacement::is_ours},
};

/// Shows an examination.
pub struct View<'a> {
    terminal: &'a mut Terminal,
}

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    /// Something is wrong that does not keep events from going through.
    Warning,
    Failed,
    /// This user may not see it.
    Unknown,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Failed => "failed",
            State::Unknown => "unknown",
        }
    }
}

/// One thing that was looked at.
struct Line {
    check: &'static str,
    state: State,
    words: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Line {
    fn new(check: &'static str, state: State, words: impl Into<String>) -> Line {
        Line { check, state, words: words.into(), causes: Vec::new(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Line {
        Line { hint: Some(hint.into()), ..self }
    }

    fn wrong(check: &'static str, state: State, error: &broker::Error) -> Line {
        let failure = Failure::from(error);
        Line { check, state, words: failure.message, causes: failure.causes, hint: failure.hint }
    }
}

impl<'a> View<'a> {
    /// A view on that terminal.
    pub fn new(terminal: &'a mut Terminal) -> View<'a> {
        View { terminal }
    }

    /// One event.
    pub fn event(&self, event: Event<'_>) {
        match event {
            Event::Waiting(report) => match &report.amqp {
                Err(error) => self.terminal.say(&format!("waiting: {error}")),
                Ok(_) => self.terminal.say("waiting: the broker takes no messages, an alarm is in effect"),
            },
        }
    }

    /// What was found out.
    ///
    /// # Errors
    /// When nobody reads it.
    pub fn show(self, report: &Report) -> Result<(), Closed> {
        let lines = lines(report);
        if self.terminal.is_json() {
            return self.terminal.json(&document(report, &lines));
        }
        self.terminal.say(&report.identity.to_string());
        let mut table = Table::new(&["state", "check", "found"]);
        for line in &lines {
            let words = std::iter::once(&line.words).chain(&line.causes).cloned().collect::<Vec<_>>().join(": ");
            table.row(self.terminal, [line.state.word().to_owned(), line.check.to_owned(), words]);
        }
        for line in table.lines(self.terminal) {
            self.terminal.line(&line)?;
        }
        for line in &lines {
            if let Some(hint) = &line.hint {
                self.terminal.line(&format!("{}: {hint}", line.check))?;
            }
        }
        Ok(())
    }
}

fn lines(report: &Report) -> Vec<Line> {
    let mut lines = Vec::new();
    match &report.amqp {
        Ok(amqp) => {
            lines.push(Line::new("amqp", State::Ok, format!("RabbitMQ {} at {}", amqp.version, amqp.host)));
            let vhost = &report.identity.vhost;
            lines.push(Line::new("vhost", State::Ok, format!("{} may use {vhost}", report.identity.user)));
        }
        Err(error) => lines.push(Line::wrong("amqp", State::Failed, error)),
    }
    match &report.management {
        Ok(managed) => lines.extend(managed_lines(managed, &report.identity.vhost)),
        Err(error) => {
            lines.push(Line::wrong("management", State::Warning, error));
            for check in ["permissions", "plugins", "nodes", "alarms", "leftovers"] {
                lines.push(Line::new(check, State::Unknown, "only the management API tells"));
            }
        }
    }
    lines
}

fn managed_lines(managed: &Managed, vhost: &str) -> Vec<Line> {
    let tags = match managed.tags.as_slice() {
        [] => "no tags".to_owned(),
        [one] => format!("tag {one}"),
        several => format!("tags {}", several.join(", ")),
    };
    let hidden = |check, tag: &str| Line::new(check, State::Unknown, format!("shown to users with the {tag} tag"));
    vec![
        Line::new("management", State::Ok, format!("answers; {tags}")),
        match &managed.permissions {
            Some(may) => {
                let words = format!("configure {}  write {}  read {}", pattern(&may.configure), pattern(&may.write), pattern(&may.read));
                Line::new("permissions", State::Ok, words)
            }
            // Administrators see everybody's: there are none.
            None if managed.tags.iter().any(|tag| tag == "administrator") => {
                Line::new("permissions", State::Warning, format!("none in {vhost}"))
            }
            None => hidden("permissions", "administrator"),
        },
        match &managed.plugins {
            Some(plugins) => Line::new("plugins", State::Ok, plugins.join(", ")),
            None if managed.down.is_some() => Line::new("plugins", State::Unknown, "a node has not told yet"),
            None => hidden("plugins", "monitoring"),
        },
        match &managed.down {
            Some(down) if down.is_empty() => Line::new("nodes", State::Ok, "all running"),
            Some(down) => Line::new("nodes", State::Warning, format!("down: {}", down.join(", "))),
            None => hidden("nodes", "monitoring"),
        },
        match &managed.alarms {
            Some(alarms) if alarms.is_empty() => Line::new("alarms", State::Ok, "none"),
            Some(alarms) => Line::new("alarms", State::Failed, alarms.iter().map(alarm).collect::<Vec<_>>().join(", "))
                .hint("the broker takes no messages until there is room again: free memory or disk space, or raise the watermark"),
            None => hidden("alarms", "monitoring"),
        },
        leftovers(managed.ours.as_deref(), vhost),
    ]
}

fn leftovers(ours: Option<&[Ours]>, vhost: &str) -> Line {
    let Some(ours) = ours else {
        return Line::new("leftovers", State::Unknown, "the management API does not tell");
    };
    let shown =
        |object: &Ours| format!("{} {}{}", object.kind, object.name, if object.in_use { " (in use)" } else { "" });
    let words = ours.iter().map(shown).collect::<Vec<_>>().join(", ");
    match ours.iter().find(|object| !object.in_use) {
        None if ours.is_empty() => Line::new("leftovers", State::Ok, "none"),
        None => Line::new("leftovers", State::Ok, words),
        // Its messages are somebody's, and so are its bindings: it is never to be deleted.
        Some(left) if is_ours(left.name.strip_prefix(TEMPORARY).unwrap_or(&left.name)) => {
            let does = if left.kind == "queue" {
                "messages wait in it for their queue, which"
            } else {
                "it stands in for an exchange, which"
            };
            let hint = format!("{does} was being made anew: evbus apply --replace, with the same file, ends that");
            Line::new("leftovers", State::Warning, words).hint(hint)
        }
        Some(left) => {
            let verb = if left.kind == "policy" { "clear_policy" } else { "delete_queue" };
            let (vhost, name) = (word(vhost), word(&left.name));
            Line::new("leftovers", State::Warning, words)
                .hint(format!("unless a run is at work now, remove it: rabbitmqctl {verb} -p {vhost} {name}"))
        }
    }
}

fn pattern(pattern: &str) -> &str {
    if pattern.is_empty() { "nothing" } else { pattern }
}

fn alarm(alarm: &Alarm) -> String {
    match (alarm.resource, &alarm.node) {
        (Some(resource), Some(node)) => format!("{resource} on {node}"),
        _ => "in effect".to_owned(),
    }
}

fn document(report: &Report, lines: &[Line]) -> serde_json::Value {
    let amqp = report.amqp.as_ref().ok();
    let managed = report.management.as_ref().ok();
    let checks = lines.iter().map(|line| {
        json!({ "check": line.check, "state": line.state.word(), "message": line.words, "causes": line.causes, "hint": line.hint })
    });
    let may = managed.and_then(|managed| managed.permissions.as_ref());
    let alarms = managed.and_then(|managed| managed.alarms.as_ref());
    let ours = managed.and_then(|managed| managed.ours.as_ref());
    json!({
        "format": "evbus.doctor/1",
        "usable": report.is_usable(),
        "host": report.identity.host,
        "vhost": report.identity.vhost,
        "user": report.identity.user,
        "version": amqp.map(|amqp| amqp.version.to_string()),
        "management": managed.is_some(),
        "tags": managed.map(|managed| &managed.tags),
        "permissions": may.map(|may| json!({ "configure": may.configure, "write": may.write, "read": may.read })),
        "plugins": managed.and_then(|managed| managed.plugins.as_ref()),
        "nodes_down": managed.and_then(|managed| managed.down.as_ref()),
        "alarms": alarms.map(|alarms| alarms.iter().map(|alarm| json!({ "node": alarm.node, "resource": alarm.resource })).collect::<Vec<_>>()),
        "leftovers": ours.map(|ours| ours.iter().map(|object| json!({ "kind": object.kind, "name": object.name, "in_use": object.in_use })).collect::<Vec<_>>()),
        "checks": checks.collect::<Vec<_>>(),
    })
}
