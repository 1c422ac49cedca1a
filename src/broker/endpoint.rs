//! Where a broker is and who we are there: plain values, settled before anything is dialled.

use std::{fmt, net::IpAddr, path::PathBuf, time::Duration};

use secrecy::SecretString;

/// Everything needed to talk to one broker or cluster.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Tried in turn.
    pub addresses: Vec<Address>,
    /// The virtual host.
    pub vhost: String,
    /// The management API: one address, or one beside each broker, tried in turn.
    pub management: Vec<ManagementAddress>,
    /// How TLS connections are verified.
    pub tls: TlsOptions,
    /// How long one attempt to connect may take.
    pub connect_timeout: Duration,
    /// How long any single operation may take.
    pub timeout: Duration,
}

/// One broker's AMQP listener and the user to be there. `Display` shows neither user nor password.
#[derive(Debug, Clone)]
pub struct Address {
    /// `amqps`.
    pub tls: bool,
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// The user.
    pub username: String,
    /// The password.
    pub password: SecretString,
}

/// A host by name or by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name to look up.
    Name(String),
    /// An address; IPv6 literals are shown in brackets.
    Ip(IpAddr),
}

/// The management API's base address and the user to be there.
#[derive(Debug, Clone)]
pub struct ManagementAddress {
    /// `http(s)://host:port/prefix`, without user and password.
    pub url: url::Url,
    /// The user.
    pub username: String,
    /// The password.
    pub password: SecretString,
}

/// How TLS connections are made.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// The only certificate authorities to trust, as PEM; absent are the system's.
    pub ca: Option<PathBuf>,
    /// Our own certificate chain, as PEM.
    pub cert: Option<PathBuf>,
    /// Its private key, as unencrypted PEM.
    pub key: Option<PathBuf>,
    /// The name to expect in the server's certificate instead of the host.
    pub server_name: Option<String>,
}

/// Who is talking to what, for headers and names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `host:port`.
    pub host: String,
    /// The virtual host.
    pub vhost: String,
    /// The user.
    pub user: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} vhost {} as {}", self.host, self.vhost, self.user)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Host::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
