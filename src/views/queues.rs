//! What a list of queues looks like.

pub mod limits;

use serde_json::json;

use crate::{
    ops::queues::{Queue, Report},
    terminal::{Closed, Terminal},
    views::table::{Table, count},
};

/// Shows them.
///
/// # Errors
/// When the reader has gone.
pub fn show(terminal: &mut Terminal, report: &Report, rates: bool, all_vhosts: bool) -> Result<(), Closed> {
    if terminal.is_json() {
        let queues: Vec<_> = report.queues.iter().map(queue_json).collect();
        return terminal.json(&document(report, &queues));
    }
    if report.queues.is_empty() {
        say_none(terminal, report);
        return Ok(());
    }
    let mut columns = vec!["QUEUE", "TYPE", "READY>", "UNACKED>", "TOTAL>", "CONSUMERS>"];
    if all_vhosts {
        columns.insert(0, "VHOST");
    }
    if rates {
        columns.extend(["IN/S>", "OUT/S>"]);
    }
    columns.push("NOTE");
    let mut table = Table::new(&columns);
    for queue in &report.queues {
        let unknown = || "?".to_owned();
        let mut cells = vec![
            queue.name.clone(),
            queue.kind.clone().unwrap_or_else(unknown),
            count(queue.ready),
            count(queue.unacked),
            count(queue.total),
            count(queue.consumers),
        ];
        if all_vhosts {
            cells.insert(0, queue.vhost.clone());
        }
        if rates {
            cells.extend(
                [queue.in_rate, queue.out_rate].map(|rate| rate.map_or_else(unknown, |rate| format!("{rate:.1}"))),
            );
        }
        cells.push(note(queue));
        table.row(terminal, cells);
    }
    // A name is what the next command is typed with: it is never broken. What is left out can be had from the other columns, or
    // from a wider terminal.
    let room = terminal.is_terminal().then(|| terminal.width());
    let left_out = table.keep_whole(room, &["UNACKED", "TYPE", "CONSUMERS", "TOTAL", "NOTE"]);
    for line in table.lines(terminal) {
        terminal.line(&line)?;
    }
    say_left_out(terminal, &left_out);
    Ok(())
}

fn document(report: &Report, queues: &[serde_json::Value]) -> serde_json::Value {
    json!({ "format": "evbus.queues/1",
        "sampled_at": report.sampled_at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(), "queues": queues })
}

fn say_none(terminal: &Terminal, report: &Report) {
    terminal.say("no queues");
    if let Some(nearest) = &report.nearest {
        terminal.say(&format!("did you mean {nearest}?"));
    }
}

fn say_left_out(terminal: &Terminal, left_out: &[&str]) {
    if !left_out.is_empty() {
        terminal.say(&format!("left out, for the terminal is too narrow: {}", left_out.join(", ").to_lowercase()));
    }
}

fn note(queue: &Queue) -> String {
    let mut notes = Vec::new();
    if queue.dead_letter_queue == Some(true) {
        notes.push("DLQ".to_owned());
    }
    if let Some(state) = queue.state.as_deref().filter(|state| *state != "running") {
        notes.push(state.to_owned());
    }
    notes.join(" ")
}

fn queue_json(queue: &Queue) -> serde_json::Value {
    json!({ "name": queue.name, "vhost": queue.vhost, "type": queue.kind, "ready": queue.ready, "unacked": queue.unacked,
        "total": queue.total, "consumers": queue.consumers, "in_rate": queue.in_rate, "out_rate": queue.out_rate,
        "dead_letter_queue": queue.dead_letter_queue, "state": queue.state })
}
