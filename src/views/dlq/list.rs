//! What a list of dead letter queues looks like.

use serde_json::json;

use crate::{
    failure::Failure,
    ops::dlq::{
        Notice,
        list::{DeadLetterQueue, Event, Front, Report},
    },
    terminal::{Closed, Terminal},
    views::{
        dlq::notice,
        table::{Table, count},
    },
};

/// Tells what happened at one queue while it was looked at.
pub fn event(terminal: &Terminal, event: Event<'_>) {
    match event {
        Event::Notice(queue, Notice::Warning(text)) => terminal.warn(&format!("{queue}: {text}")),
        Event::Notice(queue, told) => {
            terminal.say(&format!("{queue}:"));
            notice(terminal, &told);
        }
        Event::Refused(queue, error) => {
            let failure = Failure::from(error);
            terminal.warn(&format!("{queue} was not looked at: {}", failure.message));
        }
    }
}

/// Shows them; what their first messages say too, where they were looked at.
///
/// # Errors
/// When the reader has gone.
pub fn show(terminal: &mut Terminal, report: &Report, looked: bool) -> Result<(), Closed> {
    if terminal.is_json() {
        let queues: Vec<_> = report.queues.iter().map(queue_json).collect();
        return terminal.json(&json!({ "format": "evbus.dlq/1",
            "sampled_at": report.sampled_at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(), "queues": queues }));
    }
    if report.queues.is_empty() {
        terminal.say("no queue of this virtual host sends its dead letters to another");
        return Ok(());
    }
    let grows = report.queues.iter().any(|queue| queue.growth.is_some());
    let mut columns = vec!["QUEUE", "TYPE", "MESSAGES>"];
    columns.extend(grows.then_some("GROWTH>"));
    columns.extend(if looked { &["OLDEST", "REASONS", "OF"][..] } else { &["OF"] });
    let mut table = Table::new(&columns);
    for queue in &report.queues {
        let mut cells = vec![queue.name.clone(), queue.kind.clone().unwrap_or_else(|| "?".to_owned()), messages(queue)];
        if grows {
            cells.push(queue.growth.map_or_else(|| "?".to_owned(), |rate| format!("{rate:+.1}/s")));
        }
        if looked {
            cells.extend(front(queue.front.as_ref()));
        }
        cells.push(queue.owners.join(", "));
        table.row(terminal, cells);
    }
    if looked {
        let left_out = table.keep_whole(Some(terminal.width()), &["GROWTH", "TYPE", "OF", "OLDEST"]);
        if !left_out.is_empty() {
            terminal.say(&format!("left out, for want of room: {}", left_out.join(", ").to_lowercase()));
        }
    }
    for line in table.lines(terminal) {
        terminal.line(&line)?;
    }
    Ok(())
}

/// How many messages there are. What others hold of a quorum queue is known some seconds later only.
fn messages(queue: &DeadLetterQueue) -> String {
    let mut messages = match (queue.total, queue.ready) {
        (None, Some(ready)) => format!("{ready} ready"),
        (total, _) => count(total),
    };
    if let Some(waiting) = queue.waiting {
        messages.push_str(&format!(" ({waiting} waiting for a target)"));
    }
    messages
}

/// When the oldest died, and why the first ones did.
fn front(front: Option<&Front>) -> [String; 2] {
    let Some(Front { looked, oldest_at, reasons }) = front else { return ["?".to_owned(), "?".to_owned()] };
    let unknown = || if *looked == 0 { "-".to_owned() } else { "?".to_owned() };
    let oldest = oldest_at.map_or_else(unknown, |at| at.strftime("%Y-%m-%d %H:%MZ").to_string());
    let reasons: Vec<String> = reasons.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    [oldest, if reasons.is_empty() { unknown() } else { reasons.join(", ") }]
}

fn queue_json(queue: &DeadLetterQueue) -> serde_json::Value {
    // Only the messages themselves can tell when the oldest died and why, and none is held where nobody wishes it.
    let front = queue.front.as_ref();
    json!({ "name": queue.name, "vhost": queue.vhost, "type": queue.kind, "total": queue.total, "ready": queue.ready,
        "waiting": queue.waiting, "growth": queue.growth, "looked": front.map(|front| front.looked),
        "oldest_at": front.and_then(|front| front.oldest_at), "owners": queue.owners,
        "reasons": front.map(|front| &front.reasons) })
}
