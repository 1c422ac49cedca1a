//! What is wrong with a topology that nobody needs to ask a broker for? One file a family of rules.
//!
//! A finding is no malformed file: everything here can be declared on some broker, and most of it loses messages there. A topology
//! file, a definitions file and a broker are looked at by the same rules, over the same objects (`objects`).

mod arguments;
mod bindings;
#[cfg(test)]
mod cases;
mod dead_letters;
mod events;
mod imports;
mod keys;
mod limits;
mod policies;
mod rule;
mod services;
mod silence;
mod subject;
#[cfg(test)]
mod tests;

use subject::Subject;

pub use events::{INVALID_SCHEMA, UNREADABLE_SCHEMA};
pub use rule::{RULES, Rule, named};

use super::{
    definitions::Definitions,
    expand,
    file::Topology,
    objects::{Item, Objects},
    place::Place,
};
use crate::version::Version;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Probably not meant.
    Warning,
    /// Loses messages, or is refused.
    Error,
}

impl Level {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

/// Something a rule found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// How much it matters.
    pub level: Level,
    /// Where, if in a file.
    pub place: Option<Place>,
    /// What it is about: `queue`, `event`, …
    pub kind: &'static str,
    /// The name of that.
    pub object: String,
    /// The virtual host it is in, where more than one is looked at.
    pub vhost: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub fix: String,
}

impl Finding {
    /// A finding about a thing that has no place yet.
    #[must_use]
    pub fn new(rule: &'static Rule, kind: &'static str, object: impl Into<String>) -> Finding {
        let (message, fix) = (String::new(), String::new());
        Finding { rule, level: rule.level, place: None, kind, object: object.into(), vhost: None, message, fix }
    }

    /// A finding about an object.
    fn about<S>(rule: &'static Rule, item: &Item<S>) -> Finding {
        Finding { place: item.place, ..Finding::new(rule, item.kind, item.name.as_str()) }
    }

    /// The same finding in another place.
    #[must_use]
    pub fn at(self, place: impl Into<Option<Place>>) -> Finding {
        Finding { place: place.into(), ..self }
    }

    /// The same finding, mattering otherwise than its rule says.
    #[must_use]
    pub fn level(self, level: Level) -> Finding {
        Finding { level, ..self }
    }

    /// The same finding, saying what is wrong and what would be right.
    #[must_use]
    pub fn says(self, message: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { message: message.into(), fix: fix.into(), ..self }
    }

    /// In the order of the file; where there is none, by rule and name.
    fn before(&self, other: &Finding) -> std::cmp::Ordering {
        let key = |it: &Finding| (it.place, it.rule.id, it.kind);
        key(self).cmp(&key(other)).then_with(|| (&self.vhost, &self.object).cmp(&(&other.vhost, &other.object)))
    }
}

/// What the rules found, and what of it is silenced.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What was found, in the order of the file.
    pub findings: Vec<Finding>,
    /// What was found and is silenced, each with the reason.
    pub silenced: Vec<(Finding, String)>,
}

impl Report {
    /// Whether something was found that matters as much, or more.
    #[must_use]
    pub fn reaches(&self, level: Level) -> bool {
        self.findings.iter().any(|finding| finding.level >= level)
    }

    /// How many findings there are of a level.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }
}

/// Everything that the rules find in a topology for brokers of that version.
#[must_use]
pub fn lint(topology: &Topology, version: Version) -> Report {
    lint_with(topology, version, Vec::new())
}

/// The same, with what was found elsewhere.
#[must_use]
pub fn lint_with(topology: &Topology, version: Version, elsewhere: Vec<Finding>) -> Report {
    let (wanted, _) = expand::expand(topology, version);
    let objects = Objects::of_topology(topology, &wanted);
    let subject = Subject::new(&objects, version);
    let mut findings = elsewhere;
    events::check(topology, &subject, &mut findings);
    services::check(topology, &subject, &mut findings);
    of_objects(&subject, &mut findings);
    let mut report = silence::apply(&topology.silences, findings);
    report.findings.extend(silence::unused(&topology.silences, &report.silenced));
    report.findings = settled(report.findings);
    report
}

/// Everything that the rules find in a definitions file.
#[must_use]
pub fn lint_definitions(definitions: &Definitions, version: Version) -> Report {
    let mut findings = Vec::new();
    imports::check(definitions, &mut findings);
    for objects in &definitions.vhosts {
        let before = findings.len();
        of_objects(&Subject::new(objects, version), &mut findings);
        for finding in &mut findings[before..] {
            finding.vhost.clone_from(&objects.vhost);
        }
    }
    Report { findings: settled(findings), silenced: Vec::new() }
}

/// Everything that the rules find in what a broker has, but for what a topology silences.
#[must_use]
pub fn lint_broker(objects: &Objects, version: Version, topology: Option<&Topology>) -> Report {
    let mut findings = Vec::new();
    of_objects(&Subject::new(objects, version), &mut findings);
    for finding in &mut findings {
        finding.vhost.clone_from(&objects.vhost);
    }
    let mut report = silence::apply(topology.map_or(&[], |topology| &topology.silences), findings);
    report.findings = settled(report.findings);
    report
}

fn of_objects(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    dead_letters::check(subject, findings);
    limits::check(subject, findings);
    arguments::check(subject, findings);
    policies::check(subject, findings);
    bindings::check(subject, findings);
}

/// In the order of the file; what the defaults bring to every service is told once.
fn settled(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(Finding::before);
    findings
        .dedup_by(|a, b| a.place.is_some() && a.place == b.place && a.rule.id == b.rule.id && a.message == b.message);
    findings
}
