//! What lint shows: a table of findings, or one JSON document.

use serde_json::{Value, json};

use crate::{
    terminal::{Closed, Terminal},
    topology::{
        lint::{Finding, Level},
        place::Sources,
    },
    views::table::Table,
};

/// Shows the findings.
///
/// # Errors
/// When the reader has gone.
pub fn show(terminal: &mut Terminal, findings: &[Finding], sources: &Sources) -> Result<(), Closed> {
    if terminal.is_json() {
        let findings: Vec<Value> = findings.iter().map(|finding| document(finding, sources)).collect();
        return terminal.json(&json!({ "format": "evbus.lint/1", "findings": findings }));
    }
    if findings.is_empty() {
        return terminal.line("nothing found");
    }
    let mut table = Table::new(&["LEVEL", "RULE", "PLACE", "FINDING"]);
    for finding in findings {
        let text = format!("{}. {}", finding.message, sentence(&finding.fix));
        let place = sources.position(finding.place).to_string();
        table.row(terminal, [finding.level.word().to_owned(), finding.rule.to_owned(), place, text]);
    }
    for line in table.lines(terminal) {
        terminal.line(&line)?;
    }
    let count = |level: Level| findings.iter().filter(|finding| finding.level == level).count();
    let (errors, warnings, infos) = (count(Level::Error), count(Level::Warning), count(Level::Info));
    let told = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    terminal.say(&[told(errors, "error"), told(warnings, "warning"), told(infos, "info")].join(", "));
    Ok(())
}

/// The text beginning with a capital letter.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

fn document(finding: &Finding, sources: &Sources) -> Value {
    let position = sources.position(finding.place);
    json!({
        "rule": finding.rule, "level": finding.level, "file": position.file, "line": position.line,
        "column": position.column, "message": finding.message, "fix": finding.fix,
    })
}
