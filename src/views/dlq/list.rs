//! What a list of dead letter queues looks like.

use serde_json::json;

use crate::{
    ops::dlq::list::Report,
    terminal::{Closed, Terminal},
    views::table::{Table, count},
};

/// Shows them.
///
/// # Errors
/// When the reader has gone.
pub fn show(terminal: &mut Terminal, report: &Report) -> Result<(), Closed> {
    if terminal.is_json() {
        let queues: Vec<_> = report
            .queues
            .iter()
            .map(|queue| {
                // Only the messages themselves could tell when the oldest died and why, and none is held for a list.
                json!({ "name": queue.name, "vhost": queue.vhost, "type": queue.kind, "total": queue.total, "ready": queue.ready,
                    "waiting": queue.waiting, "oldest_at": null, "owners": queue.owners, "reasons": null })
            })
            .collect();
        return terminal.json(&json!({ "format": "evbus.dlq/1",
            "sampled_at": report.sampled_at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(), "queues": queues }));
    }
    if report.queues.is_empty() {
        terminal.say("no queue of this virtual host sends its dead letters to another");
        return Ok(());
    }
    let mut table = Table::new(&["QUEUE", "TYPE", "MESSAGES>", "OF"]);
    for queue in &report.queues {
        // What others hold of a quorum queue is known some seconds later only.
        let mut messages = match (queue.total, queue.ready) {
            (None, Some(ready)) => format!("{ready} ready"),
            (total, _) => count(total),
        };
        if let Some(waiting) = queue.waiting {
            messages.push_str(&format!(" ({waiting} waiting for a target)"));
        }
        let kind = queue.kind.clone().unwrap_or_else(|| "?".to_owned());
        table.row(terminal, [queue.name.clone(), kind, messages, queue.owners.join(", ")]);
    }
    for line in table.lines(terminal) {
        terminal.line(&line)?;
    }
    Ok(())
}
