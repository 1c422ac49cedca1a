//! What is wrong with a topology: what the file alone can tell, with the schemas that its events name; what a definitions file can
//! tell; and what a broker really has.

use super::observe;
use crate::{
    broker::{Broker, Error as BrokerError},
    catalog::schema::{Error, Schema},
    topology::{
        definitions::Definitions,
        file::{EventVersion, Topology},
        lint::{self, Finding, INVALID_SCHEMA, Report, UNREADABLE_SCHEMA},
        objects::Objects,
    },
    version::Version,
};

/// The series that is looked at where nobody names one.
pub const LATEST: Version = Version::new(4, 3, 0);

/// Everything that is found in a topology file for brokers of that version, in the order of the file.
#[must_use]
pub fn run(topology: &Topology, version: Version) -> Report {
    let versions =
        topology.events.iter().flat_map(|event| event.versions.iter().map(|version| (&*event.name, version)));
    let schemas = versions.filter_map(|(event, version)| schema(event, version)).collect();
    lint::lint_with(topology, version, schemas)
}

/// Everything that is found in a definitions file for brokers of that version, in the order of the file.
#[must_use]
pub fn definitions(definitions: &Definitions, version: Version) -> Report {
    lint::lint_definitions(definitions, version)
}

/// Everything that is found in what a broker has in the virtual host, but for what a topology silences. The version is the broker's
/// own, unless another is asked about.
///
/// # Errors
/// No management API, or a user that it does not let in.
pub async fn live(
    broker: &Broker,
    version: Option<Version>,
    topology: Option<&Topology>,
) -> Result<Report, BrokerError> {
    let observed = observe::run(broker.management(), broker.vhost()).await?;
    let version = match version {
        Some(version) => version,
        None => {
            let told = broker.management().overview().await?.rabbitmq_version;
            told.and_then(|version| version.parse().ok()).unwrap_or(LATEST)
        }
    };
    Ok(lint::lint_broker(&Objects::of_broker(&observed, broker.vhost()), version, topology))
}

/// What keeps a version of an event from being published: `publish` reads the same file in the same way.
fn schema(event: &str, version: &EventVersion) -> Option<Finding> {
    let error = Schema::load(&version.schema).err()?;
    let because = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
    let (rule, fix) = match &error {
        Error::Read { .. } => {
            (&UNREADABLE_SCHEMA, "name a file that is there, relative to this one, or leave the version away")
        }
        Error::Json { .. } => (&INVALID_SCHEMA, "write it as JSON; YAML is not read here"),
        Error::Schema { .. } => {
            (&INVALID_SCHEMA, "make it a JSON Schema that refers to nothing but files beside it and below")
        }
    };
    let message = format!("version {} of {event} cannot be published: {error}{because}", *version.version);
    Some(Finding::new(rule, "event", event).at(version.schema.place).says(message, fix))
}
