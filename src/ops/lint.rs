//! What is wrong with a topology before any broker is asked: what the file alone can tell, and the schemas that its events name.

use crate::{
    catalog::schema::{Error, Schema},
    topology::{
        file::{EventVersion, Topology},
        lint::{self, Finding, Level},
    },
    version::Version,
};

/// Everything that is found for brokers of that version, in the order of the file.
#[must_use]
pub fn run(topology: &Topology, version: Version) -> Vec<Finding> {
    let mut findings = lint::lint(topology, version);
    let versions =
        topology.events.iter().flat_map(|event| event.versions.iter().map(|version| (&*event.name, version)));
    findings.extend(versions.filter_map(|(event, version)| schema(event, version)));
    findings.sort_by(|a, b| (a.place, a.rule).cmp(&(b.place, b.rule)));
    findings
}

/// What keeps a version of an event from being published: `publish` reads the same file in the same way.
fn schema(event: &str, version: &EventVersion) -> Option<Finding> {
    let error = Schema::load(&version.schema).err()?;
    let because = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
    let fix = match &error {
        Error::Read { .. } => "name a file that is there, relative to this one, or leave the version away",
        Error::Json { .. } => "write it as JSON; YAML is not read here",
        Error::Schema { .. } => "make it a JSON Schema that refers to nothing but files beside it and below",
    };
    let finding = Finding {
        rule: "invalid-schema",
        level: Level::Error,
        place: version.schema.place,
        message: format!("version {} of {event} cannot be published: {error}{because}", *version.version),
        fix: fix.to_owned(),
    };
    Some(if let Error::Read { .. } = error { Finding { rule: "unreadable-schema", ..finding } } else { finding })
}
