//! The broker itself, and who we are to it.

use serde::Deserialize;
use serde_json::Value;

use super::{Management, lenient};
use crate::broker::Error;

/// What the broker says of itself.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Overview {
    /// Its version.
    #[serde(deserialize_with = "lenient::text")]
    pub rabbitmq_version: Option<String>,
    /// Its cluster's name.
    #[serde(deserialize_with = "lenient::text")]
    pub cluster_name: Option<String>,
}

/// Who we are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WhoAmI {
    /// Our name.
    pub name: String,
    /// Our tags.
    pub tags: Vec<String>,
}

/// What we may do in a virtual host: a regular expression of names for each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Permissions {
    /// The virtual host.
    pub vhost: String,
    /// Create and delete.
    pub configure: String,
    /// Publish.
    pub write: String,
    /// Consume.
    pub read: String,
}

#[derive(Deserialize)]
struct Node {
    #[serde(default)]
    name: String,
    #[serde(default)]
    running: Option<bool>,
    #[serde(default)]
    mem_alarm: Option<bool>,
    #[serde(default)]
    disk_free_alarm: Option<bool>,
    #[serde(default)]
    enabled_plugins: Option<Vec<String>>,
}

/// A node of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeState {
    /// Its name.
    pub name: String,
    /// Whether it runs; `None` is unknown.
    pub running: Option<bool>,
    /// The alarms it has raised, `memory` or `disk`; `None` is unknown, as in the first seconds of a node.
    pub alarms: Option<Vec<&'static str>>,
    /// Its plugins; `None` is unknown.
    pub plugins: Option<Vec<String>>,
}

impl Management {
    /// What the broker says of itself.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn overview(&self) -> Result<Overview, Error> {
        self.http.get(&["overview"], &[("columns", "rabbitmq_version,cluster_name")]).await
    }

    /// Who we are.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn who_am_i(&self) -> Result<WhoAmI, Error> {
        let found: Value = self.http.get(&["whoami"], &[]).await?;
        // A list on every series we know, comma separated text on older ones.
        let tags = match &found["tags"] {
            Value::Array(tags) => tags.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Value::String(tags) => tags.split(',').filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        Ok(WhoAmI { name: found["name"].as_str().unwrap_or_default().to_owned(), tags })
    }

    /// What we may do in a virtual host; `None` where we have no permissions there, or may not ask.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn permissions(&self, vhost: &str, user: &str) -> Result<Option<Permissions>, Error> {
        match self.http.get(&["permissions", vhost, user], &[]).await {
            Ok(permissions) => Ok(Some(permissions)),
            Err(Error::NotFound { .. } | Error::ManagementTag { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a user may not open as many channels as each connection could have. Everybody may ask for himself.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn is_short_of_channels(&self, user: &str) -> Result<bool, Error> {
        let found: Value = self.http.get(&["user-limits", user], &[]).await?;
        let mut limits =
            found.as_array().into_iter().flatten().filter_map(|limits| limits["value"]["max-channels"].as_i64());
        // Below zero there is none.
        Ok(limits.any(|most| most >= 0))
    }

    /// The nodes of the cluster. Needs the monitoring tag.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn nodes(&self) -> Result<Vec<NodeState>, Error> {
        let nodes: Vec<Node> = self.http.get(&["nodes"], &[]).await?;
        Ok(nodes
            .into_iter()
            .map(|node| {
                let alarms = node.mem_alarm.zip(node.disk_free_alarm).map(|(memory, disk)| {
                    [("memory", memory), ("disk", disk)]
                        .into_iter()
                        .filter_map(|(name, raised)| raised.then_some(name))
                        .collect()
                });
                NodeState { name: node.name, running: node.running, alarms, plugins: node.enabled_plugins }
            })
            .collect())
    }

    /// Whether an alarm is in effect somewhere in the cluster; such a broker takes no messages. Open to every user of the
    /// management API, unlike [`Management::nodes`], and without saying where (measured on 3.10, 4.0 and 4.3).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn has_alarm(&self) -> Result<bool, Error> {
        match self.http.get::<Value>(&["health", "checks", "alarms"], &[]).await {
            Ok(_) => Ok(false),
            Err(Error::Management { because }) if because.contains("alarms") => Ok(true),
            Err(error) => Err(error),
        }
    }
}
