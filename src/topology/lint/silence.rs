//! What a file silences, with a reason: findings that are known and meant.

use super::{Finding, Level, Report, Rule};
use crate::topology::file::Silence;

/// A silence that silences nothing.
pub(super) static UNUSED: Rule = Rule {
    id: "unused-ignore",
    level: Level::Warning,
    finds: "an entry under `lint: { ignore: … }` that matches no finding",
    why: "What it was meant for is gone, or is spelled otherwise; left standing, it hides the next finding of its kind.",
    fix: "Remove the entry, or write the object's name as lint shows it.",
};

/// Takes out the findings that are silenced.
pub(super) fn apply(silences: &[Silence], findings: Vec<Finding>) -> Report {
    let mut report = Report::default();
    for finding in findings {
        match silences.iter().find(|silence| covers(silence, &finding)) {
            Some(silence) => report.silenced.push((finding, silence.because.clone())),
            None => report.findings.push(finding),
        }
    }
    report
}

fn covers(silence: &Silence, finding: &Finding) -> bool {
    *silence.rule == finding.rule.id && silence.object.as_ref().is_none_or(|object| **object == finding.object)
}

/// The silences that none of these needed.
pub(super) fn unused(silences: &[Silence], silenced: &[(Finding, String)]) -> Vec<Finding> {
    let idle = silences.iter().filter(|silence| !silenced.iter().any(|(finding, _)| covers(silence, finding)));
    idle.map(|silence| {
        let rule = silence.rule.as_str();
        let what = silence.object.as_ref().map_or_else(
            || format!("{rule} is ignored, and finds nothing"),
            |object| format!("{rule} is ignored for {}, and finds nothing there", **object),
        );
        let place = silence.object.as_ref().map_or(silence.rule.place, |object| object.place);
        Finding::new(&UNUSED, "rule", rule).at(place).says(what, "leave the entry away")
    })
    .collect()
}
