//! What can go wrong between us and a broker: one variant for each cause that asks for another answer.

use std::{io, time::Duration};

use lapin::{
    ErrorKind,
    protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError},
};
use tokio_rustls::rustls::{self, CertificateError};

/// An error of a broker, or on the way to it. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens there.
    #[error("nobody listens at {host}")]
    Refused {
        /// `host:port`.
        host: String,
    },
    /// The name has no address.
    #[error("the host {host} is not known")]
    UnknownHost {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// Nothing came back in time.
    #[error("{host} did not answer within {after:?}")]
    ConnectTimeout {
        /// `host:port`.
        host: String,
        /// How long was waited.
        after: Duration,
    },
    /// The network refused otherwise.
    #[error("cannot reach {host}")]
    Unreachable {
        /// `host:port`.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// None of several brokers could be reached.
    #[error("none of the {} brokers could be used", .0.len())]
    NoneOf(Vec<Error>),
    /// Wrong user or password.
    #[error("{host} refuses the user {user}")]
    Login {
        /// `host:port`.
        host: String,
        /// The user.
        user: String,
    },
    /// No such virtual host.
    #[error("there is no virtual host {vhost} on {host}")]
    NoVhost {
        /// `host:port`.
        host: String,
        /// The virtual host.
        vhost: String,
    },
    /// The user has no permissions in the virtual host.
    #[error("the user {user} may not use the virtual host {vhost} on {host}")]
    VhostForbidden {
        /// `host:port`.
        host: String,
        /// The virtual host.
        vhost: String,
        /// The user.
        user: String,
    },
    /// A permission is missing.
    #[error("no permission: {what}")]
    NoPermission {
        /// Which one on what, in the broker's words.
        what: String,
    },
    /// The server's certificate is not trusted.
    #[error("the certificate of {host} is not trusted")]
    Untrusted {
        /// `host:port`.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// The server's certificate is for another name.
    #[error("the certificate of {host} is for another name")]
    WrongName {
        /// `host:port`.
        host: String,
        /// Which names it has.
        source: io::Error,
    },
    /// The server wants a client certificate, or another one.
    #[error("{host} does not accept our certificate")]
    ClientCertificate {
        /// `host:port`.
        host: String,
        /// What it said.
        source: io::Error,
    },
    /// The address says `amqps` or `https`, the port speaks in clear.
    #[error("{host} does not speak TLS")]
    NoTls {
        /// `host:port`.
        host: String,
        /// What the handshake met.
        source: io::Error,
    },
    /// The address says `amqp`, the port speaks TLS.
    #[error("{host} speaks TLS, and was spoken to in clear")]
    TlsPort {
        /// `host:port`.
        host: String,
    },
    /// It hung up without a word: a TLS port that was spoken to in clear does that, and so does a proxy without a broker behind.
    #[error("{host} closed the connection without a word")]
    Hangup {
        /// `host:port`.
        host: String,
        /// What was seen of it.
        because: String,
    },
    /// What answers there is not an AMQP 0-9-1 broker.
    #[error("{host} does not speak AMQP 0-9-1")]
    NotAmqp {
        /// `host:port`.
        host: String,
    },
    /// A certificate or key file cannot be used.
    #[error("cannot use {path}")]
    TlsFile {
        /// The file.
        path: String,
        /// What is wrong.
        source: io::Error,
    },
    /// A name that cannot be in a certificate.
    #[error("{name:?} cannot be the name in a certificate")]
    ServerName {
        /// The name.
        name: String,
    },
    /// An object is not there.
    #[error("not found: {what}")]
    NotFound {
        /// What, in the broker's words.
        what: String,
    },
    /// An object exists differently, or a value is refused.
    #[error("refused: {what}")]
    Precondition {
        /// What, in the broker's words.
        what: String,
    },
    /// A queue that another connection has for itself.
    #[error("in use by another connection: {what}")]
    Locked {
        /// What, in the broker's words.
        what: String,
    },
    /// A consumer of somebody else has the queue for itself.
    #[error("{queue} has an exclusive consumer: the broker serves nobody beside it")]
    ExclusiveConsumer {
        /// The queue.
        queue: String,
    },
    /// The broker takes no messages.
    #[error("the broker takes no messages for now: {reason}")]
    Blocked {
        /// Its reason.
        reason: String,
    },
    /// The broker was silent for too long.
    #[error("{what} did not come in time")]
    Timeout {
        /// What was waited for.
        what: String,
    },
    /// The queue was deleted, or its node went away, while we read from it.
    #[error("the queue {queue} is gone: it was deleted, or its node went down")]
    QueueGone {
        /// The queue.
        queue: String,
    },
    /// The broker has closed one of several channels on which messages were held.
    #[error("the broker has taken back messages of queue {queue} that were held")]
    TakenBack {
        /// The queue.
        queue: String,
    },
    /// The connection ended.
    #[error("the connection to the broker was lost")]
    Lost {
        /// What ended it.
        because: String,
    },
    /// The broker ended the connection, and with it whatever else went on there, for something that was asked on it.
    #[error("the broker ended the connection: {what}")]
    Ended {
        /// In its words.
        what: String,
    },
    /// The broker ended a channel otherwise.
    #[error("the broker said: {what}")]
    Protocol {
        /// In its words.
        what: String,
    },
    /// The broker sent a message whose properties are larger than a frame may be. Broker fact (all series): what it adds to a
    /// message itself, `x-death` for one, is not counted.
    #[error("a message has properties that are larger than a frame may be, and cannot be read")]
    LargeFrame {
        /// How large it is.
        what: String,
    },
    /// The broker sent what is no text where the protocol wants text in UTF-8: a broker looks at no short string of a message, so what
    /// a client put there goes to everybody. Measured on 3.10, 4.0 and 4.3; the connection ends with it.
    #[error("a message has a property that is not UTF-8, and cannot be read")]
    NotText,
    /// A name or property does not fit the protocol.
    #[error("{what} would take {bytes} bytes, and {limit} are allowed")]
    TooLong {
        /// What.
        what: &'static str,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// No management API answers there.
    #[error("no management API answers at {url}")]
    NoManagement {
        /// The address, without userinfo.
        url: String,
        /// What was met instead.
        because: String,
        /// Whether anything answered there at all.
        answered: bool,
    },
    /// The management API does not know the user or the password.
    #[error("the management API at {url} refuses the user {user}")]
    ManagementLogin {
        /// The address, without userinfo.
        url: String,
        /// The user.
        user: String,
    },
    /// The user has no tag that opens the management API, or not the one needed.
    #[error("the user {user} may not do this in the management API: {because}")]
    ManagementTag {
        /// The user.
        user: String,
        /// In the broker's words.
        because: String,
    },
    /// The management API refused a request.
    #[error("the management API refused: {because}")]
    Management {
        /// In the broker's words.
        because: String,
    },
}

impl Error {
    /// What an error of lapin means on an open connection.
    pub(super) fn from_lapin(error: &lapin::Error) -> Error {
        match error.kind() {
            ErrorKind::ProtocolError(amqp) => {
                let what = amqp.get_message().as_str().to_owned();
                match amqp.kind() {
                    AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Error::NotFound { what },
                    AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => Error::NoPermission { what },
                    AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => Error::Precondition { what },
                    AMQPErrorKind::Soft(AMQPSoftError::RESOURCELOCKED) => Error::Locked { what },
                    AMQPErrorKind::Hard(AMQPHardError::CONNECTIONFORCED) => Error::Lost { because: what },
                    // lapin's own words: it ends a connection on which the broker breaks the bound that both agreed on.
                    AMQPErrorKind::Hard(AMQPHardError::FRAMEERROR) if what.starts_with("frame too large") => {
                        Error::LargeFrame { what }
                    }
                    AMQPErrorKind::Hard(_) => Error::Ended { what },
                    AMQPErrorKind::Soft(_) => Error::Protocol { what },
                }
            }
            // A broker keeps to the protocol; what others write into a message, it does not look at.
            ErrorKind::ParsingError(_) => Error::NotText,
            _ => Error::Lost { because: error.to_string() },
        }
    }

    /// The same error, saying which permission was missing: older brokers (3.10) only name the object.
    pub(super) fn needing(self, permission: &str) -> Error {
        match self {
            Error::NoPermission { what } if what.contains("- access to ") => {
                Error::NoPermission { what: format!("{permission} is needed: {what}") }
            }
            other => other,
        }
    }

    /// What a failed TLS handshake means.
    pub(super) fn from_handshake(host: String, source: io::Error) -> Error {
        match tls_cause(&source) {
            Some(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Error::WrongName { host, source },
            Some(rustls::Error::InvalidCertificate(_)) => Error::Untrusted { host, source },
            Some(rustls::Error::AlertReceived(_)) => Error::ClientCertificate { host, source },
            // A listener that speaks in clear answers the handshake with its own protocol or hangs up.
            Some(_) | None => Error::NoTls { host, source },
        }
    }

    /// Whether the connection itself is gone, so that nothing more can be asked over it.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        matches!(self, Error::Lost { .. } | Error::Ended { .. } | Error::Timeout { .. } | Error::Blocked { .. })
    }
}

/// What TLS has to do with an error, wherever in its chain that stands.
pub(super) fn tls_cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    // What an I/O error holds is no source of it: its source is that of the error within.
    let within = || tls_cause(error.downcast_ref::<io::Error>()?.get_ref()?);
    error.downcast_ref().or_else(within).or_else(|| tls_cause(error.source()?))
}
