//! One AMQP connection: how it opens, what it knows of the broker, when it is blocked, how it ends.

use std::sync::Arc;

use futures_util::StreamExt;
use lapin::{
    ConnectionProperties, ErrorKind, Event,
    protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError},
    types::ShortString,
    uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo},
};
use secrecy::ExposeSecret;
use tokio::sync::watch;
use tokio_rustls::rustls;

use super::{
    Address, CLOSING, Deliveries, Endpoint, Error, Publisher, Version, Window,
    dial::{self, Kit, Overheard},
    error::tls_cause,
    patience::Patience,
    tls,
};

/// Seconds between heartbeats that we offer; a peer that misses two is gone.
const HEARTBEAT: u16 = 20;

/// An open connection. It never recovers by itself: a gap must be seen, not bridged.
pub struct Connection {
    inner: lapin::Connection,
    version: Version,
    user: String,
    host: String,
    blocked: watch::Receiver<Option<String>>,
    /// Channels that declare and are free now. One that was refused something has ended, and is not among them.
    idle: std::sync::Mutex<Vec<lapin::Channel>>,
    patience: Patience,
}

impl Connection {
    /// Dials and opens one address.
    pub(super) async fn open(
        endpoint: &Endpoint,
        address: &Address,
        tls: Option<&tls::Config>,
        purpose: &str,
    ) -> Result<Connection, Error> {
        let (stream, overheard) = dial::dial(address, tls, endpoint.connect_timeout).await?;
        let host = address.to_string();
        let uri = AMQPUri {
            scheme: AMQPScheme::AMQP,
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo {
                    username: address.username.clone(),
                    password: address.password.expose_secret().to_owned(),
                },
                host: host.clone(),
                port: address.port,
            },
            vhost: endpoint.vhost.clone(),
            query: AMQPQueryString { heartbeat: Some(HEARTBEAT), ..AMQPQueryString::default() },
        };
        let stream = Arc::new(std::sync::Mutex::new(Some(stream)));
        let dialled = async move |_: AMQPUri, _: async_rs::Runtime<Kit>| {
            let stream = stream.lock().ok().and_then(|mut stream| stream.take());
            let stream = stream.ok_or_else(|| std::io::Error::other("a connection is dialled once"))?;
            Ok(lapin::tcp::AsyncTcpStream::Plain(stream))
        };
        let opening = lapin::Connection::connector(uri, Kit::current(), dialled, properties(purpose));
        let inner = tokio::time::timeout(endpoint.connect_timeout, opening)
            .await
            .map_err(|_| Error::ConnectTimeout { host: host.clone(), after: endpoint.connect_timeout })?
            .map_err(|error| refusal(&error, endpoint, address, &overheard))?;
        // A broker that does not say its version is older than any we know: the most careful treatment is right for it.
        let version = overheard.version().unwrap_or(Version::new(0, 0, 0));
        tracing::debug!(%address, tls = address.tls, %version, purpose, "connected");
        let blocked = watch_blocked(&inner);
        Ok(Connection {
            inner,
            version,
            user: address.username.clone(),
            host,
            blocked,
            idle: std::sync::Mutex::default(),
            patience: Patience::new(endpoint.timeout),
        })
    }

    /// The broker's version, as it introduced itself.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The user of this connection.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// `host:port` of the broker that answered.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Why the broker takes no messages on this connection; `None` while it does.
    #[must_use]
    pub fn blocked(&self) -> watch::Receiver<Option<String>> {
        self.blocked.clone()
    }

    /// Opens a channel that publishes with confirms.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn publisher(&self, window: Window) -> Result<Publisher, Error> {
        Publisher::open(self, window).await
    }

    /// Begins to take messages from a queue, never holding more than the prefetch.
    ///
    /// # Errors
    /// No such queue; no permission to read; another connection has it for itself.
    pub async fn consume(&self, queue: &str, prefetch: u16) -> Result<Deliveries, Error> {
        Deliveries::open(self, queue, prefetch).await
    }

    /// Ends the connection. Waits no longer than two seconds: a blocked connection cannot be closed in order.
    pub async fn close(self) {
        let _ = tokio::time::timeout(CLOSING, self.inner.close(200, ShortString::from("done"))).await;
    }

    /// The most bytes a message's properties may take here; all of them travel in one frame.
    pub(super) fn properties_max(&self) -> usize {
        // A frame has eight bytes around its payload, and a content header fourteen before the properties.
        const AROUND: usize = 8 + 14;
        match self.inner.configuration().frame_max() {
            0 => usize::MAX,
            frame => usize::try_from(frame).unwrap_or(usize::MAX).saturating_sub(AROUND),
        }
    }

    /// How many channels both sides agreed on.
    pub(super) fn channels_max(&self) -> usize {
        self.inner.configuration().channel_max().into()
    }

    /// How long the broker may be silent when it is asked for something.
    pub(super) fn patience(&self) -> Patience {
        self.patience.clone()
    }

    /// A channel that declares, kept for the next declaration as long as nothing is refused on it: to open and close one for each
    /// would triple the round trips.
    pub(super) async fn idle_channel(&self) -> Result<lapin::Channel, Error> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        match idle.filter(|channel| channel.status().connected()) {
            Some(channel) => Ok(channel),
            None => self.channel().await,
        }
    }

    /// Takes a channel back.
    pub(super) fn keep_idle(&self, channel: lapin::Channel) {
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(channel);
        }
    }

    pub(super) async fn channel(&self) -> Result<lapin::Channel, Error> {
        self.bounded(self.inner.create_channel()).await?.map_err(|error| Error::from_lapin(&error))
    }

    /// Bounds one operation by the time the broker may be silent.
    pub(super) async fn bounded<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        self.patience.answer(work).await
    }
}

fn properties(purpose: &str) -> ConnectionProperties {
    ConnectionProperties::default()
        .with_connection_name(purpose.to_owned().into_bytes().into())
        .with_client_property("product".into(), "evbus".into())
        .with_client_property("version".into(), env!("CARGO_PKG_VERSION").into())
}

/// What a broker that ended the opening means by it.
fn refusal(error: &lapin::Error, endpoint: &Endpoint, address: &Address, overheard: &Overheard) -> Error {
    let host = address.to_string();
    if let ErrorKind::ProtocolError(amqp) = error.kind() {
        let what = amqp.get_message().as_str().to_owned();
        let (user, vhost) = (address.username.clone(), endpoint.vhost.clone());
        return match amqp.kind() {
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => Error::Login { host, user },
            AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) if what.contains("not found") => {
                Error::NoVhost { host, vhost }
            }
            AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) if what.contains("access to vhost") => {
                Error::VhostForbidden { host, vhost, user }
            }
            _ => Error::Protocol { what },
        };
    }
    if let ErrorKind::IOError(source) = error.kind()
        && let Some(rustls::Error::AlertReceived(alert)) = tls_cause(source.as_ref())
    {
        // TLS 1.3 lets a client finish its handshake before the server has looked at its certificate.
        let source = std::io::Error::other(rustls::Error::AlertReceived(*alert));
        return Error::ClientCertificate { host, source };
    }
    match overheard.first().as_slice() {
        // A TLS record: alert (21) or handshake (22), version 3.
        [21 | 22, 3, ..] => Error::TlsPort { host },
        // The broker's word on it is lost when our first bytes cross its hanging up.
        [] if overheard.wanted_certificate() => {
            let source =
                std::io::Error::other("it asked for a client's certificate, got none and closed the connection");
            Error::ClientCertificate { host, source }
        }
        // RabbitMQ's TLS listeners hang up like this on clear text, and on a client without a certificate.
        [] => Error::Hangup { host, because: error.to_string() },
        // An AMQP method frame on channel 0, or AMQP's own answer to a version it does not speak.
        [1, 0, 0, ..] => Error::Lost { because: error.to_string() },
        _ => Error::NotAmqp { host },
    }
}

fn watch_blocked(connection: &lapin::Connection) -> watch::Receiver<Option<String>> {
    let (tell, blocked) = watch::channel(None);
    let mut events = Box::pin(connection.events_listener());
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                Event::ConnectionBlocked(reason) => tell.send_replace(Some(reason)),
                Event::ConnectionUnblocked => tell.send_replace(None),
                _ => continue,
            };
        }
    });
    blocked
}
