//! Findings as SARIF 2.1.0, which code scanners and editors read.

use serde_json::{Value, json};

use crate::topology::{
    lint::{Finding, Level, RULES, Report, Rule},
    place::Positions,
};

pub(super) fn document(report: &Report, positions: &Positions<'_>) -> Value {
    let found = report.findings.iter().map(|finding| result(finding, positions));
    let silenced = report.silenced.iter().map(|(finding, because)| {
        let mut result = result(finding, positions);
        result["suppressions"] = json!([{ "kind": "inSource", "justification": because }]);
        result
    });
    let results: Vec<Value> = found.chain(silenced).collect();
    let rules: Vec<Value> = RULES.iter().map(|rule| described(rule)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "evbus", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn described(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.finds },
        "fullDescription": { "text": rule.why },
        "help": { "text": rule.fix },
        "defaultConfiguration": { "level": level(rule.level) },
    })
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "note",
    }
}

fn result(finding: &Finding, positions: &Positions<'_>) -> Value {
    let object = json!({ "name": finding.object, "kind": finding.kind });
    let mut location = json!({ "logicalLocations": [object] });
    if let Some(at) = finding.place.map(|place| positions.of(place)) {
        location["physicalLocation"] = json!({
            "artifactLocation": { "uri": uri(&at.file) },
            "region": { "startLine": at.line, "startColumn": at.column },
        });
    }
    json!({
        "ruleId": finding.rule.id,
        "ruleIndex": RULES.iter().position(|rule| rule.id == finding.rule.id),
        "level": level(finding.level),
        "message": { "text": super::text(finding) },
        "locations": [location],
    })
}

/// A path as a reference to it.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn a_path_with_blanks_and_other_letters_is_a_reference() {
        assert_eq!(uri("a b/ä:1.yaml"), "a%20b/%C3%A4%3A1.yaml");
    }
}
