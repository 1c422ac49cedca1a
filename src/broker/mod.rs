//! WHO WE TALK TO. The only room that knows lapin, HTTP and TLS; it turns their words into the ones the rest of the house uses.
//!
//! | question | file |
//! |---|---|
//! | where is it, who are we there | `endpoint` |
//! | how does a connection come about | `dial`, `tls`, `connection` |
//! | what does a confirmation mean | `publisher` |
//! | whose return is it, and when is a fate certain | `ledger` |
//! | what is taken, and how does it go back | `consumer` |
//! | how are objects declared over AMQP | `declare` |
//! | what does the management API say | `management` |
//! | what went wrong | `error` |

mod connection;
mod consumer;
mod declare;
mod dial;
mod endpoint;
mod error;
mod http;
mod ledger;
pub mod management;
mod patience;
mod publisher;
mod tls;
mod wire;

use std::time::Duration;

pub use crate::version::Version;
pub use connection::Connection;
pub use consumer::{Deliveries, Delivery, Order, Receipt, WorkedOff};
pub use declare::Passive;
pub use endpoint::{Address, Endpoint, Host, Identity, ManagementAddress, TlsOptions};
pub use error::Error;
pub use publisher::{Fate, Letter, Publisher, Window};

/// How long the end of a channel or connection is waited for.
const CLOSING: Duration = Duration::from_secs(2);

/// A broker or cluster as the operator named it.
pub struct Broker {
    endpoint: Endpoint,
    tls: Option<tls::Config>,
    management: management::Management,
}

impl Broker {
    /// A broker to talk to; nothing is dialled yet.
    ///
    /// # Errors
    /// When a certificate or key file cannot be used.
    pub fn new(endpoint: Endpoint) -> Result<Broker, Error> {
        let speaks_tls = endpoint.addresses.iter().any(|address| address.tls)
            || endpoint.management.iter().any(|address| address.url.scheme() == "https");
        let tls = if speaks_tls { Some(tls::Config::load(&endpoint.tls)?) } else { None };
        let http =
            http::Http::new(endpoint.management.clone(), tls.as_ref(), endpoint.connect_timeout, endpoint.timeout)?;
        Ok(Broker { endpoint, tls, management: management::Management::new(http) })
    }

    /// The same broker and user, another virtual host.
    #[must_use]
    pub fn at_vhost(&self, vhost: &str) -> Broker {
        let endpoint = Endpoint { vhost: vhost.to_owned(), ..self.endpoint.clone() };
        Broker { endpoint, tls: self.tls.clone(), management: self.management.clone() }
    }

    /// Opens a connection to the first broker of the list that can be used. The purpose is what the broker's own tools show.
    ///
    /// # Errors
    /// What the only broker answered, or [`Error::NoneOf`] with what each did.
    pub async fn connect(&self, purpose: &str) -> Result<Connection, Error> {
        let mut errors = Vec::new();
        for address in &self.endpoint.addresses {
            let tls = self.tls.as_ref().filter(|_| address.tls);
            tracing::debug!(%address, tls = address.tls, purpose, "connecting");
            match Connection::open(&self.endpoint, address, tls, purpose).await {
                Ok(connection) => return Ok(connection),
                // Every broker of a cluster would say the same: no use in asking the next.
                Err(error @ (Error::Login { .. } | Error::NoVhost { .. } | Error::VhostForbidden { .. })) => {
                    return Err(error);
                }
                Err(error) => errors.push(error),
            }
        }
        match errors.pop() {
            Some(only) if errors.is_empty() => Err(only),
            Some(last) => {
                errors.push(last);
                Err(Error::NoneOf(errors))
            }
            None => Err(Error::NoneOf(errors)),
        }
    }

    /// Its management API. Nothing is asked yet; it may not be there.
    #[must_use]
    pub fn management(&self) -> &management::Management {
        &self.management
    }

    /// The virtual host.
    #[must_use]
    pub fn vhost(&self) -> &str {
        &self.endpoint.vhost
    }

    /// How long any single operation may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.endpoint.timeout
    }

    /// Who is talking to what. Of several brokers the first is named.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let (host, user) = match self.endpoint.addresses.first() {
            Some(address) => (address.to_string(), address.username.clone()),
            None => (String::new(), String::new()),
        };
        Identity { host, vhost: self.endpoint.vhost.clone(), user }
    }
}
