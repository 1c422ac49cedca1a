//! Exchanges, bindings and policies.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Management, lenient, paged};
use crate::broker::Error;

/// An exchange as the management API tells of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ExchangeInfo {
    /// Its name; empty is the default exchange.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Survives a restart.
    #[serde(deserialize_with = "lenient::flag")]
    pub durable: bool,
    /// Goes with its last binding.
    #[serde(deserialize_with = "lenient::flag")]
    pub auto_delete: bool,
    /// Takes messages from other exchanges only.
    #[serde(deserialize_with = "lenient::flag")]
    pub internal: bool,
    /// Its arguments.
    #[serde(deserialize_with = "lenient::object")]
    pub arguments: Map<String, Value>,
    /// The policy in force.
    #[serde(deserialize_with = "lenient::text")]
    pub policy: Option<String>,
}

/// A binding as the management API tells of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct BindingInfo {
    /// The exchange it leads from.
    pub source: String,
    /// What it leads to.
    pub destination: String,
    /// `queue` or `exchange`.
    pub destination_type: String,
    /// Its key.
    pub routing_key: String,
    /// Its arguments.
    #[serde(deserialize_with = "lenient::object")]
    pub arguments: Map<String, Value>,
    /// What tells it from others between the same two: part of its identity.
    #[serde(default)]
    pub properties_key: String,
}

/// A policy.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
pub struct Policy {
    /// Its name.
    #[serde(skip_serializing)]
    pub name: String,
    /// The regular expression that names must match.
    pub pattern: String,
    /// `queues`, `exchanges`, `all`, and from 3.12 on the kinds of queues.
    #[serde(rename = "apply-to", default)]
    pub apply_to: String,
    /// Of several that match, the highest is in force.
    #[serde(default)]
    pub priority: i64,
    /// Its keys.
    #[serde(default, deserialize_with = "lenient::object")]
    pub definition: Map<String, Value>,
}

/// A global parameter: something that a broker keeps for its users.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct GlobalParameter {
    /// Its name.
    #[serde(skip_serializing)]
    pub name: String,
    /// Whatever it holds.
    pub value: Value,
}

/// A parameter of a virtual host: a shovel, a federation upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Parameter {
    /// What reads it: `shovel`.
    pub component: String,
    /// Its name.
    pub name: String,
    /// Its virtual host.
    pub vhost: String,
}

impl Management {
    /// Every global parameter.
    ///
    /// # Errors
    /// [`Error::ManagementTag`] without the policymaker tag (3.10, 4.0 and 4.3).
    pub async fn global_parameters(&self) -> Result<Vec<GlobalParameter>, Error> {
        self.http.get(&["global-parameters"], &[]).await
    }

    /// Creates or replaces a global parameter.
    ///
    /// # Errors
    /// [`Error::ManagementTag`] without the policymaker tag.
    pub async fn put_global_parameter(&self, parameter: &GlobalParameter) -> Result<(), Error> {
        self.http.put(&["global-parameters", &parameter.name], parameter).await
    }

    /// Every exchange of a virtual host.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn exchanges(&self, vhost: &str) -> Result<Vec<ExchangeInfo>, Error> {
        let query = [("disable_stats", "true")];
        paged(&self.http, &["exchanges", vhost], &query, |exchange: &ExchangeInfo| exchange.name.clone()).await
    }

    /// Every binding of a virtual host, those of the default exchange included.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn bindings(&self, vhost: &str) -> Result<Vec<BindingInfo>, Error> {
        self.http.get(&["bindings", vhost], &[]).await
    }

    /// Every policy of a virtual host. Broker fact (3.10, 4.0): the management tag is enough.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn policies(&self, vhost: &str) -> Result<Vec<Policy>, Error> {
        self.http.get(&["policies", vhost], &[]).await
    }

    /// Every operator policy of a virtual host.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn operator_policies(&self, vhost: &str) -> Result<Vec<Policy>, Error> {
        self.http.get(&["operator-policies", vhost], &[]).await
    }

    /// Every parameter of every virtual host that the user may see.
    ///
    /// # Errors
    /// [`Error::ManagementTag`] without the policymaker tag.
    pub async fn parameters(&self) -> Result<Vec<Parameter>, Error> {
        self.http.get(&["parameters"], &[]).await
    }

    /// Creates or replaces a policy. When it returns, the queues concerned have taken it over.
    ///
    /// # Errors
    /// [`Error::ManagementTag`] without the policymaker tag; [`Error::Management`] for a definition the broker refuses.
    pub async fn put_policy(&self, vhost: &str, policy: &Policy) -> Result<(), Error> {
        self.http.put(&["policies", vhost, &policy.name], policy).await
    }

    /// Deletes a policy; one that is not there counts as deleted.
    ///
    /// # Errors
    /// [`Error::ManagementTag`] without the policymaker tag.
    pub async fn delete_policy(&self, vhost: &str, name: &str) -> Result<(), Error> {
        self.http.delete(&["policies", vhost, name]).await
    }
}
