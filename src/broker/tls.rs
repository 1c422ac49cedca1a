//! One TLS configuration for AMQP and HTTP: who is trusted, who we are, which name is expected.

use std::{io, path::Path, sync::Arc};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    },
};

use super::{Address, Error, TlsOptions, endpoint::Host};

/// A configuration ready to use.
#[derive(Clone)]
pub(super) struct Config {
    client: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
}

impl Config {
    /// Reads the files that the options name.
    ///
    /// # Errors
    /// [`Error::TlsFile`] with the file and what is wrong with it.
    pub(super) fn load(options: &TlsOptions) -> Result<Config, Error> {
        let roots = roots(options.ca.as_deref())?;
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| tls_file(Path::new("TLS"), io::Error::other(error)))?
            .with_root_certificates(roots);
        let client = match (&options.cert, &options.key) {
            (Some(cert), Some(key)) => {
                let chain = certificates(cert)?;
                let secret =
                    PrivateKeyDer::from_pem_file(key).map_err(|error| tls_file(key, io::Error::other(error)))?;
                builder.with_client_auth_cert(chain, secret).map_err(|error| tls_file(cert, io::Error::other(error)))?
            }
            _ => builder.with_no_client_auth(),
        };
        let server_name = match &options.server_name {
            None => None,
            Some(name) => {
                Some(ServerName::try_from(name.clone()).map_err(|_| Error::ServerName { name: name.clone() })?)
            }
        };
        Ok(Config { client: Arc::new(client), server_name })
    }

    /// The same configuration for HTTP.
    pub(super) fn for_http(&self) -> ClientConfig {
        (*self.client).clone()
    }

    /// Shakes hands over an open connection.
    ///
    /// # Errors
    /// An untrusted certificate, another name in it, or a peer that does not speak TLS.
    pub(super) async fn handshake(&self, address: &Address, tcp: TcpStream) -> Result<TlsStream<TcpStream>, Error> {
        let host = address.to_string();
        let name = match (&self.server_name, &address.host) {
            (Some(name), _) => name.clone(),
            (None, Host::Ip(ip)) => ServerName::IpAddress((*ip).into()),
            (None, Host::Name(name)) => {
                ServerName::try_from(name.clone()).map_err(|_| Error::ServerName { name: name.clone() })?
            }
        };
        TlsConnector::from(Arc::clone(&self.client))
            .connect(name, tcp)
            .await
            .map_err(|error| Error::from_handshake(host, error))
    }
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    if let Some(ca) = ca {
        for certificate in certificates(ca)? {
            roots.add(certificate).map_err(|error| tls_file(ca, io::Error::other(error)))?;
        }
        return Ok(roots);
    }
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    if roots.is_empty() {
        // A container without a certificate store: the bundled roots are better than none.
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let wrong = |error| tls_file(path, io::Error::other(error));
    let found: Vec<_> = CertificateDer::pem_file_iter(path).map_err(wrong)?.collect::<Result<_, _>>().map_err(wrong)?;
    if found.is_empty() {
        return Err(tls_file(path, io::Error::other("there is no certificate in it (PEM is expected)")));
    }
    Ok(found)
}

fn tls_file(path: &Path, source: io::Error) -> Error {
    Error::TlsFile { path: path.display().to_string(), source }
}
