//! What the list of this machine's runs looks like.

use std::time::Duration;

use serde_json::json;

use crate::{
    duration::words,
    ops::dlq::journal::{Listed, State},
    terminal::{Closed, Terminal},
    views::{dlq::known, table::Table},
};

/// Shows them, the last one first.
///
/// # Errors
/// When the reader has gone.
pub fn show(terminal: &mut Terminal, runs: &[Listed], now: jiff::Timestamp) -> Result<(), Closed> {
    if terminal.is_json() {
        let runs: Vec<_> = runs.iter().rev().map(|run| document(run, now)).collect();
        return terminal.json(&json!({ "format": "evbus.runs/1", "runs": runs }));
    }
    if runs.is_empty() {
        terminal.say("no runs are known on this machine");
        return Ok(());
    }
    let mut table = Table::new(&["RUN", "QUEUE", "STATE", "MOVED>", "OPEN>", "AGE>", "COMMAND", "BROKER"]);
    for run in runs.iter().rev() {
        let header = &run.header;
        let age = age(run, now).map_or_else(|| "?".to_owned(), |age| words(shorter(age)));
        let on = format!("{} vhost {} as {}", header.host, header.vhost, header.user);
        let (moved, open) = (moved(run).to_string(), run.open.to_string());
        let cells = [
            header.run.clone(),
            header.queue.clone(),
            word(run.state).to_owned(),
            moved,
            open,
            age,
            header.command.clone(),
            on,
        ];
        table.row(terminal, cells);
    }
    let room = terminal.is_terminal().then(|| terminal.width());
    table.keep_whole(room, &["BROKER", "COMMAND", "AGE", "OPEN"]);
    for line in table.lines(terminal) {
        terminal.line(&line)?;
    }
    Ok(())
}

fn document(run: &Listed, now: jiff::Timestamp) -> serde_json::Value {
    let header = &run.header;
    json!({ "run": header.run, "command": header.command, "state": word(run.state), "queue": header.queue, "vhost": header.vhost,
        "host": header.host, "user": header.user, "owner": header.owner, "to": known(&header.to), "archive": header.archive, "selectors": header.selectors,
        "travel": header.travel, "care": header.care, "limit": header.limit, "set": header.set, "started_at": header.started_at,
        "ended_at": run.end.as_ref().map(|end| &end.ended_at), "age_s": age(run, now).map(|age| age.as_secs()),
        "moved": moved(run), "begun": run.begun, "open": run.open, "end": run.end, "resumes": header.resumes,
        "resumed_by": run.resumed_by })
}

/// Messages that it moved.
fn moved(run: &Listed) -> u64 {
    run.end.as_ref().map_or(run.safe, |end| if run.header.command == "dlq purge" { end.removed } else { end.replayed })
}

fn age(run: &Listed, now: jiff::Timestamp) -> Option<Duration> {
    let started: jiff::Timestamp = run.header.started_at.parse().ok()?;
    Duration::try_from(now.duration_since(started)).ok()
}

/// An age in its largest unit, which is as exact as a list needs.
fn shorter(age: Duration) -> Duration {
    let seconds = age.as_secs();
    let unit = [86_400, 3600, 60, 1].into_iter().find(|unit| seconds >= *unit).unwrap_or(1);
    Duration::from_secs(seconds - seconds % unit)
}

fn word(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Ended => "ended",
        State::Stopped => "stopped",
        State::CutOff => "cut off",
        State::Resumed => "resumed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_one_unit() {
        let told = |seconds| words(shorter(Duration::from_secs(seconds)));
        assert_eq!([told(0), told(59), told(3599), told(7300), told(200_000)], ["0s", "59s", "59m", "2h", "2d"]);
    }
}
