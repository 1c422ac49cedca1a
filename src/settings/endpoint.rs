//! Which broker is meant: flags, environment and file settled into one endpoint.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Environment, Globals, Origin, Settings, url as broker_url};
use crate::broker::{Address, Endpoint, ManagementAddress, TlsOptions};

/// What is wrong with what was typed or set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A broker's URL cannot be read.
    #[error("the URL of the broker ({origin}) cannot be used: {because}")]
    Url {
        /// Where it comes from.
        origin: &'static str,
        /// What is wrong with it.
        because: String,
    },
    /// The management URL cannot be read.
    #[error("the URL of the management API ({origin}) cannot be used: {because}")]
    ManagementUrl {
        /// Where it comes from.
        origin: &'static str,
        /// What is wrong with it.
        because: String,
    },
    /// The brokers of a list do not agree on the virtual host.
    #[error("the URLs name different virtual hosts: {one} and {other}")]
    TwoVhosts {
        /// One.
        one: String,
        /// Another.
        other: String,
    },
    /// The system does not say where our own program is.
    #[error("cannot find the evbus program itself: {because}")]
    Program {
        /// What it says.
        because: String,
    },
    /// Nobody says where to keep what outlives a run.
    #[error("there is no folder for journals: neither EVBUS_STATE_DIR nor XDG_STATE_HOME nor HOME is set")]
    NoState,
    /// URL and file do not agree on the virtual host.
    #[error("the URL names the virtual host {url}, the file {file}")]
    VhostDisagrees {
        /// The URL's.
        url: String,
        /// The file's.
        file: String,
    },
}

/// A resolved endpoint, and what to tell about it.
pub struct Resolved {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Where the broker's URL comes from.
    pub url_origin: Origin,
    /// Where the virtual host comes from.
    pub vhost_origin: Origin,
    /// Where the management API is looked for.
    pub management: String,
    /// Where that comes from.
    pub management_origin: Origin,
    /// The variables that would have kept a password from everybody on this machine, where one was typed instead.
    pub exposed: Vec<&'static str>,
}

impl Settings {
    /// The endpoint to use, given the virtual host of the topology file where there is one.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn endpoint(&self, file_vhost: Option<&str>) -> Result<Resolved, Error> {
        let Settings { globals, environment } = self;
        let (text, url_origin) = pick(globals.url.as_ref(), environment.url.as_ref());
        let text = text.map_or("amqp://localhost", |text| text.expose_secret());
        let origin = if url_origin == Origin::Environment { "EVBUS_URL" } else { "--url" };
        let brokers = text
            .split(',')
            .map(|one| broker_url::broker(one).map_err(|because| Error::Url { origin, because }))
            .collect::<Result<Vec<_>, _>>()?;
        let mut exposed = Vec::new();
        if url_origin == Origin::Flag && brokers.iter().any(|broker| broker.has_password) {
            exposed.push("EVBUS_URL");
        }
        let mut from_url: Option<String> = None;
        for vhost in brokers.iter().filter_map(|broker| broker.vhost.clone()) {
            match &from_url {
                Some(one) if *one != vhost => return Err(Error::TwoVhosts { one: one.clone(), other: vhost }),
                _ => from_url = Some(vhost),
            }
        }
        let (vhost, vhost_origin) = vhost(globals.vhost.as_deref(), from_url, file_vhost)?;
        let addresses: Vec<_> = brokers.into_iter().map(|broker| broker.address).collect();
        let (management, management_origin, has_password) = management(globals, environment, &addresses)?;
        if management_origin == Origin::Flag && has_password {
            exposed.push("EVBUS_MANAGEMENT_URL");
        }
        let shown: Vec<&str> = management.iter().map(|address| address.url.as_str()).collect();
        let shown = shown.join(", ");
        let endpoint = Endpoint {
            addresses,
            vhost,
            management,
            tls: TlsOptions {
                ca: globals.tls_ca.clone(),
                cert: globals.tls_cert.clone(),
                key: globals.tls_key.clone(),
                server_name: globals.tls_server_name.clone(),
            },
            connect_timeout: globals.connect_timeout.unwrap_or(std::time::Duration::from_secs(10)),
            timeout: self.timeout(),
        };
        Ok(Resolved { endpoint, url_origin, vhost_origin, management: shown, management_origin, exposed })
    }
}

impl Settings {
    /// The endpoint of a sandbox, whatever else is set.
    #[must_use]
    pub fn endpoint_of_sandbox(timeout: std::time::Duration, amqp: u16, management: u16) -> Endpoint {
        let host = crate::broker::Host::Ip(std::net::Ipv4Addr::LOCALHOST.into());
        let (username, password) = ("guest".to_owned(), secrecy::SecretString::from("guest"));
        let mut url = Url::parse("http://127.0.0.1").unwrap_or_else(|_| unreachable!("the text is a URL"));
        // Only a URL that cannot have a host cannot have a port.
        let _ = url.set_port(Some(management));
        Endpoint {
            addresses: vec![Address {
                tls: false,
                host,
                port: amqp,
                username: username.clone(),
                password: password.clone(),
            }],
            vhost: "/".to_owned(),
            management: vec![ManagementAddress { url, username, password }],
            tls: TlsOptions::default(),
            connect_timeout: std::time::Duration::from_secs(10),
            timeout,
        }
    }
}

fn pick<'a>(
    flag: Option<&'a SecretString>,
    environment: Option<&'a SecretString>,
) -> (Option<&'a SecretString>, Origin) {
    match (flag, environment) {
        (Some(flag), _) => (Some(flag), Origin::Flag),
        (None, Some(environment)) => (Some(environment), Origin::Environment),
        (None, None) => (None, Origin::Default),
    }
}

fn vhost(flag: Option<&str>, url: Option<String>, file: Option<&str>) -> Result<(String, Origin), Error> {
    match (flag, url, file) {
        (Some(flag), ..) => Ok((flag.to_owned(), Origin::Flag)),
        (None, Some(url), Some(file)) if url != file => Err(Error::VhostDisagrees { url, file: file.to_owned() }),
        (None, Some(url), _) => Ok((url, Origin::Url)),
        (None, None, Some(file)) => Ok((file.to_owned(), Origin::File)),
        (None, None, None) => Ok(("/".to_owned(), Origin::Default)),
    }
}

/// The address that is named, and whether that holds a password; where none is, one beside each broker.
fn management(
    globals: &Globals,
    environment: &Environment,
    brokers: &[Address],
) -> Result<(Vec<ManagementAddress>, Origin, bool), Error> {
    let (text, origin) = pick(globals.management_url.as_ref(), environment.management_url.as_ref());
    let name = if origin == Origin::Environment { "EVBUS_MANAGEMENT_URL" } else { "--management-url" };
    let wrong = |because: String| Error::ManagementUrl { origin: name, because };
    let mut addresses: Vec<ManagementAddress> = Vec::new();
    let mut has_password = false;
    // One that is named is one, whose user is that of the first broker unless it says otherwise.
    for broker in brokers.iter().take(if text.is_some() { 1 } else { brokers.len() }) {
        let beside = || {
            let (scheme, port) = if broker.tls { ("https", 15671) } else { ("http", 15672) };
            format!("{scheme}://{}:{port}", broker.host)
        };
        let text = text.map_or_else(beside, |text| text.expose_secret().to_owned());
        let (address, with_password) = management_address(&text, broker).map_err(wrong)?;
        has_password |= with_password;
        if !addresses.iter().any(|other| other.url == address.url && other.username == address.username) {
            addresses.push(address);
        }
    }
    Ok((addresses, origin, has_password))
}

/// An address of the management API, and whether it was written with a password.
fn management_address(text: &str, broker: &Address) -> Result<(ManagementAddress, bool), String> {
    let mut url = Url::parse(text.trim()).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("its scheme is {}, and http or https is expected", url.scheme()));
    }
    let (mut username, mut password) = (broker.username.clone(), broker.password.clone());
    if !url.username().is_empty() {
        username = broker_url::decode("user", url.username())?;
        password = broker_url::decode("password", url.password().unwrap_or_default())?.into();
    }
    let has_password = url.password().is_some();
    // Only a URL that cannot be a base has no userinfo to remove, and http URLs always can.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    Ok((ManagementAddress { url, username, password }, has_password))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: Option<&str>, vhost: Option<&str>) -> Settings {
        let globals = Globals { url: url.map(Into::into), vhost: vhost.map(Into::into), ..Globals::default() };
        Settings { globals, environment: Environment::default() }
    }

    fn vhost_of(settings: &Settings, file: Option<&str>) -> Result<(String, Origin), Error> {
        settings.endpoint(file).map(|resolved| (resolved.endpoint.vhost, resolved.vhost_origin))
    }

    #[test]
    fn the_flag_settles_what_url_and_file_disagree_on() {
        let url = Some("amqp://h/one");
        assert_eq!(vhost_of(&settings(url, None), None), Ok(("one".into(), Origin::Url)));
        assert_eq!(vhost_of(&settings(None, None), Some("two")), Ok(("two".into(), Origin::File)));
        assert_eq!(vhost_of(&settings(None, None), None), Ok(("/".into(), Origin::Default)));
        assert!(matches!(vhost_of(&settings(url, None), Some("two")), Err(Error::VhostDisagrees { .. })));
        assert_eq!(vhost_of(&settings(url, Some("three")), Some("two")), Ok(("three".into(), Origin::Flag)));
        assert!(matches!(vhost_of(&settings(Some("amqp://a/x,amqp://b/y"), None), None), Err(Error::TwoVhosts { .. })));
    }

    #[test]
    fn what_was_typed_can_be_looked_at_without_its_password() {
        let typed = Globals {
            url: Some("amqp://u:hunter2@h".into()),
            management_url: Some("http://u:hunter2@h".into()),
            ..Globals::default()
        };
        assert!(!format!("{typed:?}").contains("hunter2"));
    }

    #[test]
    fn the_management_api_is_looked_for_beside_the_broker() -> Result<(), Error> {
        let of = |url| settings(Some(url), None).endpoint(None).map(|found| found.management);
        assert_eq!(of("amqp://u:p@h:5999")?, "http://h:15672/");
        assert_eq!(of("amqps://u:p@[::1]")?, "https://[::1]:15671/");
        assert_eq!(of("amqp://a,amqps://b,amqp://a:5673")?, "http://a:15672/, https://b:15671/", "beside each, once");
        Ok(())
    }
}
