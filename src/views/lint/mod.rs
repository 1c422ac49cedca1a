//! What lint shows: findings as a table, as one JSON document, for GitHub or for whatever reads SARIF; and what a rule means.

mod github;
mod sarif;

use serde_json::{Value, json};

use crate::{
    terminal::{Closed, Terminal},
    topology::{
        lint::{Finding, Level, Report, Rule},
        place::{Positions, Sources},
    },
    views::{counted, table::Table},
};

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One document of ours, as with -o json.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of a GitHub workflow.
    Github,
}

/// Shows the findings.
///
/// # Errors
/// When the reader has gone.
pub fn show(terminal: &mut Terminal, report: &Report, sources: &Sources, format: Option<Format>) -> Result<(), Closed> {
    let positions = &sources.positions();
    match format {
        Some(Format::Sarif) => terminal.json(&sarif::document(report, positions)),
        Some(Format::Github) => {
            for finding in &report.findings {
                terminal.line(&github::annotation(finding, positions))?;
            }
            Ok(())
        }
        Some(Format::Json) => terminal.json(&document(report, positions)),
        None if terminal.is_json() => terminal.json(&document(report, positions)),
        None | Some(Format::Table) => table(terminal, report, positions),
    }
}

fn table(terminal: &mut Terminal, report: &Report, positions: &Positions<'_>) -> Result<(), Closed> {
    let silenced = report.silenced.len();
    if report.findings.is_empty() {
        terminal.line("nothing found")?;
        if silenced > 0 {
            terminal.say(&format!("{silenced} silenced"));
        }
        return Ok(());
    }
    let mut table = Table::new(&["LEVEL", "RULE", "PLACE", "FINDING"]);
    for finding in &report.findings {
        let level = finding.level.word().to_owned();
        table.row(terminal, [level, finding.rule.id.to_owned(), place(finding, positions), text(finding)]);
    }
    for line in table.lines(terminal) {
        terminal.line(&line)?;
    }
    let (errors, warnings, infos) =
        (report.count(Level::Error), report.count(Level::Warning), report.count(Level::Info));
    let mut counts = vec![counted(errors, "error"), counted(warnings, "warning"), counted(infos, "info")];
    if silenced > 0 {
        counts.push(format!("{silenced} silenced"));
    }
    terminal.say(&counts.join(", "));
    Ok(())
}

/// Says what a rule means.
///
/// # Errors
/// When the reader has gone.
pub fn explain(terminal: &mut Terminal, rule: &Rule) -> Result<(), Closed> {
    if terminal.is_json() {
        return terminal.json(&json!({
            "format": "evbus.rule/1", "rule": rule.id, "level": rule.level, "finds": rule.finds, "why": rule.why,
            "fix": rule.fix,
        }));
    }
    terminal.line(&format!("{} ({})", rule.id, rule.level.word()))?;
    for (word, said) in [("finds", rule.finds), ("why", rule.why), ("fix", rule.fix)] {
        terminal.line("")?;
        terminal.line(&format!("{word}: {said}"))?;
    }
    Ok(())
}

/// Where something was found: a place in a file, or the object on a broker.
fn place(finding: &Finding, positions: &Positions<'_>) -> String {
    match finding.place {
        Some(place) => positions.of(place).to_string(),
        None => format!("{} {}", finding.kind, finding.object),
    }
}

/// What was found and what would be right, as sentences.
fn text(finding: &Finding) -> String {
    format!("{}. {}", finding.message, sentence(&finding.fix))
}

/// The text beginning with a capital letter.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

fn document(report: &Report, positions: &Positions<'_>) -> Value {
    let findings: Vec<Value> = report.findings.iter().map(|finding| entry(finding, positions)).collect();
    let silenced = report.silenced.iter().map(|(finding, because)| {
        let mut entry = entry(finding, positions);
        entry["because"] = because.as_str().into();
        entry
    });
    json!({ "format": "evbus.lint/1", "findings": findings, "silenced": silenced.collect::<Vec<_>>() })
}

fn entry(finding: &Finding, positions: &Positions<'_>) -> Value {
    let position = finding.place.map(|place| positions.of(place));
    let (line, column) = (position.as_ref().map(|it| it.line), position.as_ref().map(|it| it.column));
    json!({
        "rule": finding.rule.id, "level": finding.level, "file": position.map(|it| it.file), "line": line,
        "column": column, "kind": finding.kind, "object": finding.object, "vhost": finding.vhost,
        "message": finding.message, "fix": finding.fix,
    })
}
