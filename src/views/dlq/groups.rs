//! What groups look like: two lines for each, and what to type to see more of one.

use std::cell::{Cell, RefCell};

use serde_json::{Value, json};

use crate::{
    message::{group::Dimension, record::Record},
    ops::dlq::groups::{Event, Group, Report, Request},
    terminal::{Closed, Progress, Terminal},
    views::{
        counted,
        dlq::notice,
        table::{Table, count},
    },
};

/// Shows how it goes.
pub struct View<'a> {
    terminal: &'a Terminal,
    progress: RefCell<Option<Progress>>,
    /// Messages whose place a copy took.
    saved: Cell<u64>,
}

/// How many groups people are shown; programs get all of them.
const SHOWN: usize = 50;
/// What stands between two values.
const BETWEEN: &str = " · ";

impl<'a> View<'a> {
    /// A view that has seen nothing.
    pub fn new(terminal: &'a Terminal) -> View<'a> {
        View { terminal, progress: RefCell::new(None), saved: Cell::new(0) }
    }

    /// One event.
    pub fn event(&self, event: &Event<'_>) {
        match event {
            Event::Begun(set) => *self.progress.borrow_mut() = Some(self.terminal.progress(*set, "messages")),
            Event::Notice(told) => self.saved.set(self.saved.get() + notice(self.terminal, told)),
            Event::Read(read) => {
                if let Some(progress) = &*self.progress.borrow() {
                    progress.at(*read);
                }
            }
        }
    }

    /// Takes the bar away, and says how many messages were replaced by copies.
    pub fn done(self) -> u64 {
        if let Some(progress) = self.progress.into_inner() {
            progress.done();
        }
        self.saved.get()
    }
}

/// Shows them.
///
/// # Errors
/// When the reader has gone.
pub fn show(terminal: &mut Terminal, request: &Request, report: &Report, saved: u64) -> Result<(), Closed> {
    if terminal.is_json() {
        return terminal.json(&document(request, report, saved));
    }
    for line in lines(terminal, request.grouping.dimensions(), &report.groups) {
        terminal.line(&line)?;
    }
    if report.groups.len() > SHOWN {
        terminal.say(&format!("… and {} more; -o json has every one", counted(report.groups.len() - SHOWN, "group")));
    }
    if report.other > 0 {
        terminal.warn(&format!(
            "{} more in groups beyond the first {}: group by less (--by), or select (--where)",
            counted(report.other, "message"),
            report.groups.len()
        ));
    }
    terminal.say(&sum(report));
    if report.rotated {
        terminal.say("order: rotated. What was looked at is now behind the rest");
    }
    if report.cut {
        terminal.warn("no more were read: they may not be held at once (--window N allows it)");
    }
    if report.undecided > 0 {
        let them = counted(report.undecided, "message");
        terminal.warn(&format!("an expression failed on {them}, which counts as not selected"));
    }
    if report.failed > 0 {
        terminal.warn(&format!("--field failed on {}, which counts as no value", counted(report.failed, "message")));
    }
    if let Some(first) = report.groups.first() {
        let field = if request.grouping.dimensions().contains(&Dimension::Field) { " --field JQ" } else { "" };
        terminal.say(&format!("to look at one: evbus dlq show {} --group {}{field}", request.subject.queue, first.id));
    }
    Ok(())
}

/// How much was read, and that it is still there.
fn sum(report: &Report) -> String {
    let groups = counted(report.groups.len(), "group");
    let read = format!("{} of {}", report.read, count(report.depth));
    let selected =
        if report.selected == report.read { String::new() } else { format!(", {} selected", report.selected) };
    let so_far = if report.is_partial() { "; not all were read, and these counts are of a part" } else { "" };
    let there = if report.stopped.is_none() { "; all of them are still there" } else { "" };
    format!("{groups}; {read} messages read{selected}{so_far}{there}")
}

/// Two lines for each group: an id is never broken, and what its messages have in common has a line of its own.
fn lines(terminal: &Terminal, dimensions: &[Dimension], groups: &[Group]) -> Vec<String> {
    if groups.is_empty() {
        return Vec::new();
    }
    let mut table = Table::new(&["COUNT>", "GROUP", "FIRST SEEN", "LAST SEEN"]);
    for group in groups.iter().take(SHOWN) {
        let seen = [group.first_seen_at, group.last_seen_at]
            .map(|at| at.map_or_else(|| "?".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()));
        let [first, last] = seen;
        table.row(terminal, [group.count.to_string(), group.id.to_string(), first, last]);
    }
    table.keep_whole(Some(terminal.width()), &["FIRST SEEN", "LAST SEEN"]);
    let heads = dimensions.iter().map(|dimension| dimension.word().to_uppercase()).collect();
    let values = groups.iter().take(SHOWN).map(|group| {
        let shown = |value: &Value| match value {
            Value::Null => "-".to_owned(),
            Value::String(text) => terminal.foreign(text).replace('\n', " "),
            other => terminal.foreign(&other.to_string()).into_owned(),
        };
        group.by.values().map(shown).collect()
    });
    let room = usize::from(terminal.width());
    let below = std::iter::once(heads).chain(values).map(|values: Vec<String>| joined(&values, room));
    table.lines(terminal).into_iter().zip(below).flat_map(|(line, below)| std::iter::once(line).chain(below)).collect()
}

/// Values beside each other, on as many lines as they need.
fn joined(values: &[String], room: usize) -> Vec<String> {
    const BEFORE: &str = "       ";
    let mut lines: Vec<String> = Vec::new();
    for value in values {
        let fits = |line: &String| {
            console::measure_text_width(line) + console::measure_text_width(value) + BETWEEN.chars().count() <= room
        };
        match lines.last_mut().filter(|line| fits(line)) {
            Some(line) => {
                line.push_str(BETWEEN);
                line.push_str(value);
            }
            None => lines.push(format!("{BEFORE}{value}")),
        }
    }
    lines
}

fn document(request: &Request, report: &Report, saved: u64) -> Value {
    let by: Vec<&str> = request.grouping.dimensions().iter().map(|dimension| dimension.word()).collect();
    let group = |group: &Group| {
        json!({ "id": group.id.to_string(), "count": group.count, "first_seen_at": group.first_seen_at,
            "last_seen_at": group.last_seen_at, "by": group.by,
            "example": group.example.as_ref().map(|message| Record { queue: Some(&request.subject.queue), message }) })
    };
    let groups: Vec<Value> = report.groups.iter().map(group).collect();
    json!({ "format": "evbus.groups/1", "queue": request.subject.queue, "by": by, "groups": groups, "other": report.other,
        "depth": report.depth, "read": report.read, "selected": report.selected, "undecided": report.undecided,
        "failed": report.failed, "partial": report.is_partial(), "cut": report.cut, "saved": saved,
        "order": if report.rotated { "rotated" } else { "kept" }, "interrupted": report.interrupted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_on_as_many_lines_as_they_need() {
        let values = ["rejected", "customer-service", "java.lang.IllegalStateException", "日本語"].map(str::to_owned);
        let lines = |room| joined(&values, room);
        assert_eq!(lines(80).len(), 1, "{:?}", lines(80));
        assert_eq!(
            lines(40),
            ["       rejected · customer-service", "       java.lang.IllegalStateException", "       日本語"]
        );
        assert!(lines(10).iter().all(|line| !line.contains(BETWEEN)), "whole, rather than broken");
    }
}
