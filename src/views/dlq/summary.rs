//! How does the end of a run read? Its lines, its sum, and the commands that undo it or go on with it.

use serde_json::{Value, json};

use super::{known, run::Verb};
use crate::{
    ops::dlq::run::{Line, Outcome, Recorded, Report},
    terminal::word as word_of_shell,
    views::table::count,
};

/// What became of a message, as scripts read it.
pub(super) fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Replayed => "replayed",
        Outcome::WouldReplay => "would_replay",
        Outcome::Parked => "parked",
        Outcome::WouldPark => "would_park",
        Outcome::Removed => "removed",
        Outcome::WouldRemove => "would_remove",
        Outcome::Skipped(_) => "skipped",
        Outcome::Returned(_) => "returned",
        Outcome::Refused => "refused",
        Outcome::Unknown(_) => "unknown",
        Outcome::InDoubt(_) => "in_doubt",
    }
}

/// A message's line.
pub(super) fn line_json(line: &Line) -> Value {
    let target = line.target.as_ref().map(ToString::to_string);
    let mut value =
        json!({ "event": word(&line.outcome), "seq": line.seq, "message_id": line.message_id, "target": target });
    if let Outcome::Skipped(why) | Outcome::Returned(why) | Outcome::Unknown(why) | Outcome::InDoubt(why) =
        &line.outcome
    {
        value["because"] = json!(why);
    }
    value
}

/// The last line of a run.
pub(super) fn summary_json(report: &Report) -> Value {
    let mut summary = sum(report);
    // Who, when, what, from where and to where: as the journal has it.
    if let Some(Recorded { header, ended_at, sha256, .. }) = &report.recorded {
        if report.archive.is_some() {
            // Wherever it is read: a receipt is kept for longer than a working directory.
            summary["archive"] = json!(header.archive);
        }
        summary["command"] = json!(header.command);
        summary["vhost"] = json!(header.vhost);
        summary["queue"] = json!(header.queue);
        summary["host"] = json!(header.host);
        summary["user"] = json!(header.user);
        summary["owner"] = json!(header.owner);
        summary["to"] = json!(known(&header.to));
        summary["selectors"] = json!(header.selectors);
        summary["limit"] = json!(header.limit);
        summary["started_at"] = json!(header.started_at);
        summary["ended_at"] = json!(ended_at);
        summary["journal_sha256"] = json!(sha256);
        // What a restore has read.
        if let Some(digest) = &header.digest {
            summary["archive"] = json!(header.archive);
            summary["archive_sha256"] = json!(digest);
        }
    }
    summary
}

fn sum(report: &Report) -> Value {
    json!({ "event": "summary", "format": "evbus.run/1", "run": known(&report.run), "selected": report.selected,
        "replayed": report.replayed, "removed": report.removed, "skipped": report.skipped, "returned": report.returned,
        "refused": report.refused, "unknown": report.unknown, "in_doubt": report.in_doubt, "missing": report.missing,
        "left": report.left, "archive": report.archive, "undo": undo(report), "parked": report.parked,
        "bounced": report.bounced, "saved": report.saved, "journal": report.recorded.as_ref().map(|recorded| &recorded.path),
        "archive_sha256": report.archive_sha256, "resumes": report.resumes,
        "dry_run": report.dry_run, "interrupted": report.interrupted })
}

/// The command that puts back what was removed.
fn undo(report: &Report) -> Option<String> {
    let path = report.archive.as_ref().filter(|_| report.removed > 0)?;
    Some(format!("evbus dlq restore {}", word_of_shell(&path.to_string_lossy())))
}

/// The sum of a run, in words.
pub(super) fn summary_lines(verb: Verb, report: &Report) -> Vec<String> {
    let would = if report.dry_run { "would be " } else { "" };
    let removed_beside = if verb == Verb::Replay { report.removed } else { 0 };
    let mut line = format!("{} {would}{}", report.done() - report.parked - removed_beside, verb.done());
    if removed_beside > 0 {
        line.push_str(&format!(", {removed_beside} removed that had been replayed"));
    }
    for (count, word) in [
        (report.parked, "parked"),
        (report.skipped, "skipped"),
        (report.returned, "returned"),
        (report.refused, "refused"),
        (report.unknown, "unknown"),
        (report.in_doubt, "in doubt"),
    ] {
        if count > 0 {
            line.push_str(&format!(", {count} {word}"));
        }
    }
    if report.missing > 0 {
        line.push_str(&format!(", {} not there any more", report.missing));
    }
    if verb != Verb::Restore {
        line.push_str(&format!(", {} left in the queue", count(report.left)));
    }
    let mut lines = vec![line];
    if let Some(path) = report.archive.as_ref().filter(|_| report.done() > 0) {
        lines.push(format!("kept in {}", path.display()));
        lines.extend(undo(report).map(|command| format!("undo: {command}")));
    }
    if report.interrupted {
        lines.push("interrupted: what was on its way is settled, the rest is where it was".to_owned());
    }
    lines
}

/// How to go on with a run that has left something to do.
pub(super) fn go_on(verb: Verb, report: &Report) -> Option<String> {
    let open = report.unknown + report.in_doubt;
    report.recorded.as_ref().filter(|_| report.stopped.is_some() || report.interrupted || open > 0)?;
    let way = if open > 0 { ", with --in-doubt for what may be at its target already" } else { "" };
    Some(format!("evbus dlq {} --resume {} goes on with it{way}", verb.word(), report.run))
}
