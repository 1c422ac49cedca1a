//! One request to the management API, and what its answer means.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Client, Method, StatusCode};
use secrecy::ExposeSecret;
use serde::{Serialize, de::DeserializeOwned};

use super::{Error, ManagementAddress, error::tls_cause, tls};

/// The management API of a broker or cluster.
#[derive(Clone)]
pub(super) struct Http {
    client: Client,
    /// Tried in turn until one answers; there is at least one.
    addresses: Vec<ManagementAddress>,
    /// Which of them is asked: the last that answered.
    current: Arc<AtomicUsize>,
}

impl Http {
    pub(super) fn new(
        addresses: Vec<ManagementAddress>,
        tls: Option<&tls::Config>,
        connect_timeout: Duration,
        timeout: Duration,
    ) -> Result<Http, Error> {
        let builder = Client::builder()
            .connect_timeout(connect_timeout)
            .timeout(timeout)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("evbus/", env!("CARGO_PKG_VERSION")));
        // Left to itself the client wants the system's authorities even where no TLS is spoken, and fails where there are none.
        let client = match tls {
            Some(tls) => tls.for_http(),
            None => tls::trusting_nobody()?,
        };
        let client = builder
            .tls_backend_preconfigured(client)
            .build()
            .map_err(|error| Error::Management { because: error.to_string() })?;
        Ok(Http { client, addresses, current: Arc::default() })
    }

    /// The user asked with.
    pub(super) fn user(&self) -> &str {
        &self.address().username
    }

    /// The address that is asked now.
    fn address(&self) -> &ManagementAddress {
        &self.addresses[self.current.load(Ordering::Relaxed) % self.addresses.len()]
    }

    /// Reads something. The path's parts are percent-encoded here, `/` included.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none; see [`Error`] for the others.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T, Error> {
        let body = self.send(Method::GET, path, query, None::<&()>).await?;
        serde_json::from_slice(&body).map_err(|error| self.absent(&format!("its answer was not understood: {error}")))
    }

    /// Creates or replaces something.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) async fn put(&self, path: &[&str], value: &impl Serialize) -> Result<(), Error> {
        self.send(Method::PUT, path, &[], Some(value)).await.map(drop)
    }

    /// Deletes something; what is not there counts as deleted.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) async fn delete(&self, path: &[&str]) -> Result<(), Error> {
        match self.send(Method::DELETE, path, &[], None::<&()>).await {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&impl Serialize>,
    ) -> Result<Vec<u8>, Error> {
        let begun = Instant::now();
        let response = self.reach(&method, path, query, body).await?;
        let status = response.status();
        // The path is percent-encoded, and so harmless to a terminal.
        tracing::debug!(path = response.url().path(), status = status.as_u16(), took = ?begun.elapsed(), "management API");
        let is_json = response
            .headers()
            .get(reqwest::header::CONTENT_TYPE)
            .is_none_or(|kind| kind.as_bytes().starts_with(b"application/json"));
        let body = response.bytes().await.map_err(|error| unreached(self.address(), &error))?;
        if status.is_success() {
            return if is_json { Ok(body.into()) } else { Err(self.absent("something else answers there")) };
        }
        Err(self.refused(status, is_json, &body, path))
    }

    /// The first answer that comes from any of the addresses. Only where no connection came about is the next one asked: nothing
    /// is sent twice.
    async fn reach(
        &self,
        method: &Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&impl Serialize>,
    ) -> Result<reqwest::Response, Error> {
        let first = self.current.load(Ordering::Relaxed);
        let mut failed = None;
        for at in (first..).take(self.addresses.len()).map(|at| at % self.addresses.len()) {
            let address = &self.addresses[at];
            let mut url = address.url.clone();
            if let Ok(mut segments) = url.path_segments_mut() {
                segments.pop_if_empty().push("api").extend(path);
            }
            let mut request = self
                .client
                .request(method.clone(), url)
                .query(query)
                .basic_auth(&address.username, Some(address.password.expose_secret()));
            if let Some(body) = body {
                request = request.json(body);
            }
            match request.send().await {
                Ok(response) => {
                    self.current.store(at, Ordering::Relaxed);
                    return Ok(response);
                }
                Err(error) if error.is_connect() => drop(failed.get_or_insert_with(|| unreached(address, &error))),
                Err(error) => return Err(unreached(address, &error)),
            }
        }
        Err(match failed {
            Some(Error::NoManagement { because, answered, .. }) => {
                let all: Vec<String> = self.addresses.iter().map(shown).collect();
                Error::NoManagement { url: all.join(" nor at "), because, answered }
            }
            Some(error) => error,
            None => self.absent("no address is named"),
        })
    }

    /// What a refusal means. RabbitMQ answers 401 to a wrong password and to a missing tag alike, with different reasons.
    fn refused(&self, status: StatusCode, is_json: bool, body: &[u8], path: &[&str]) -> Error {
        let body = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
        let because =
            body["reason"].as_str().or(body["error"].as_str()).map_or_else(|| status.to_string(), str::to_owned);
        let user = self.user().to_owned();
        match status {
            // The reasons differ between series ("Login failed", "Not_Authorized"), these two words do not.
            StatusCode::UNAUTHORIZED if body["error"] == "not_authorized" => {
                Error::ManagementLogin { url: shown(self.address()), user }
            }
            // "User not authorised to access virtual host", on every series.
            StatusCode::UNAUTHORIZED if because.contains("virtual host") && path.len() > 1 => {
                Error::VhostForbidden { host: self.host(), vhost: path[1].to_owned(), user }
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if is_json => Error::ManagementTag { user, because },
            StatusCode::NOT_FOUND if is_json => match path {
                // A list is only missing with the virtual host it is of. Broker fact (4.3.6): one that the user may not use is
                // "not_found", one that is not there an "Object Not Found", as on every series.
                ["queues" | "exchanges" | "bindings" | "policies" | "consumers", vhost]
                    if body["error"] == "not_found" =>
                {
                    Error::VhostForbidden { host: self.host(), vhost: (*vhost).to_owned(), user }
                }
                ["queues" | "exchanges" | "bindings" | "policies" | "consumers", vhost] => {
                    Error::NoVhost { host: self.host(), vhost: (*vhost).to_owned() }
                }
                _ => Error::NotFound { what: path.join(" ") },
            },
            _ if is_json => Error::Management { because },
            _ => self.absent(&format!("something else answers there, with {status}")),
        }
    }

    fn absent(&self, because: &str) -> Error {
        Error::NoManagement { url: shown(self.address()), because: because.to_owned(), answered: true }
    }

    fn host(&self) -> String {
        self.address().url.authority().to_owned()
    }
}

/// What it means that no answer came from there.
fn unreached(address: &ManagementAddress, error: &reqwest::Error) -> Error {
    if error.is_timeout() {
        return Error::Timeout { what: format!("the management API's answer ({})", shown(address)) };
    }
    if let Some(cause) = tls_cause(error) {
        let host = address.url.authority().to_owned();
        return Error::from_handshake(host, std::io::Error::other(cause.clone()));
    }
    // The address is shown without userinfo by reqwest as well; the chain below it says what happened.
    let mut because = String::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(cause) = next {
        because = cause.to_string();
        next = cause.source();
    }
    Error::NoManagement { url: shown(address), because, answered: !error.is_connect() }
}

fn shown(address: &ManagementAddress) -> String {
    address.url.as_str().trim_end_matches('/').to_owned()
}
