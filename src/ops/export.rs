//! What is a live virtual host as a topology file? Looks at lists alone, so that no administrator is needed.

use super::observe;
use crate::{
    broker::{Broker, Error, Version, management::Parameter},
    topology::export::{self, Export, LeftOut},
};

/// A virtual host as a file.
#[derive(Debug, Clone)]
pub struct Report {
    /// The file.
    pub export: Export,
    /// The virtual host.
    pub vhost: String,
    /// The broker's version, if it says it.
    pub version: Option<Version>,
}

/// Reads what the virtual host has; with `services`, what has the shape of a service is written as one.
///
/// # Errors
/// No management API, or a user that it does not let in.
pub async fn run(broker: &Broker, services: bool) -> Result<Report, Error> {
    let management = broker.management();
    let version = management.overview().await?.rabbitmq_version.and_then(|version| version.parse().ok());
    let observed = observe::run(management, broker.vhost()).await?;
    // A broker that does not say its version is older than any we know, as for a plan.
    let known = version.unwrap_or(Version::new(0, 0, 0));
    let mut export = export::export(&observed, export::Request { vhost: broker.vhost(), version: known, services });
    export.left_out.extend(others(broker).await?);
    Ok(Report { export, vhost: broker.vhost().to_owned(), version })
}

/// What a virtual host can have beside its topology.
async fn others(broker: &Broker) -> Result<Vec<LeftOut>, Error> {
    let (management, vhost) = (broker.management(), broker.vhost());
    let mut others = Vec::new();
    match management.operator_policies(vhost).await {
        Ok(policies) => others.extend(policies.into_iter().map(|policy| LeftOut {
            kind: "operator policy",
            name: policy.name,
            because: "operator policies are the administrator's".to_owned(),
        })),
        Err(error) => others.push(unseen("operator policies", error)?),
    }
    match management.parameters().await {
        Ok(parameters) => {
            // Policies are told as what they are.
            let is_other = |parameter: &Parameter| !parameter.component.ends_with("policy");
            let here = parameters.into_iter().filter(|parameter| parameter.vhost == vhost && is_other(parameter));
            others.extend(here.map(|parameter| LeftOut {
                kind: "parameter",
                name: format!("{} {}", parameter.component, parameter.name),
                because: "a topology file has no parameters".to_owned(),
            }));
        }
        Err(error) => others.push(unseen("parameters", error)?),
    }
    others.sort();
    Ok(others)
}

/// What this user may not even see is unknown, and never nothing.
fn unseen(kind: &'static str, error: Error) -> Result<LeftOut, Error> {
    match error {
        Error::ManagementTag { .. } => Ok(LeftOut {
            kind,
            name: String::new(),
            because: "unknown: this user may not see whether there are any".to_owned(),
        }),
        error => Err(error),
    }
}
