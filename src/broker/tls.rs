//! One TLS configuration for AMQP and HTTP: who is trusted, who we are, which name is expected.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
        client::{
            ResolvesClientCert, WebPkiServerVerifier,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        },
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
        sign::CertifiedKey,
    },
};

use super::{Address, Error, TlsOptions, endpoint::Host};

/// A configuration ready to use.
#[derive(Clone)]
pub(super) struct Config {
    client: Arc<ClientConfig>,
    verifier: Arc<WebPkiServerVerifier>,
    server_name: Option<ServerName<'static>>,
}

impl Config {
    /// Reads the files that the options name.
    ///
    /// # Errors
    /// [`Error::TlsFile`] with the file and what is wrong with it.
    pub(super) fn load(options: &TlsOptions) -> Result<Config, Error> {
        let provider = Arc::new(ring::default_provider());
        let roots = Arc::new(roots(options.ca.as_deref())?);
        let authorities = options.ca.as_deref().unwrap_or(Path::new("the system's certificate authorities"));
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|error| tls_file(authorities, io::Error::other(error)))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| tls_file(authorities, io::Error::other(error)))?
            .with_webpki_verifier(Arc::clone(&verifier));
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
        Ok(Config { client: Arc::new(client), verifier, server_name })
    }

    /// The same configuration for HTTP, whose client knows the host only: the name to expect is looked for by the verifier.
    pub(super) fn for_http(&self) -> ClientConfig {
        let mut client = (*self.client).clone();
        if let Some(name) = self.server_name.clone() {
            let expecting = Expecting { name, verifier: Arc::clone(&self.verifier) };
            client.dangerous().set_certificate_verifier(Arc::new(expecting));
        }
        client
    }

    /// Shakes hands over an open connection. `asked` hears whether a certificate of ours was wanted, and there is none.
    ///
    /// # Errors
    /// An untrusted certificate, another name in it, or a peer that does not speak TLS.
    pub(super) async fn handshake(
        &self,
        address: &Address,
        tcp: TcpStream,
        asked: Arc<AtomicBool>,
    ) -> Result<TlsStream<TcpStream>, Error> {
        let host = address.to_string();
        let name = match (&self.server_name, &address.host) {
            (Some(name), _) => name.clone(),
            (None, Host::Ip(ip)) => ServerName::IpAddress((*ip).into()),
            (None, Host::Name(name)) => {
                ServerName::try_from(name.clone()).map_err(|_| Error::ServerName { name: name.clone() })?
            }
        };
        let mut client = Arc::clone(&self.client);
        if !client.client_auth_cert_resolver.has_certs() {
            Arc::make_mut(&mut client).client_auth_cert_resolver = Arc::new(Nobody { asked });
        }
        TlsConnector::from(client).connect(name, tcp).await.map_err(|error| Error::from_handshake(host, error))
    }
}

/// A configuration for where no TLS is spoken.
///
/// # Errors
/// Never: the cryptography that is built in speaks the protocol's versions.
pub(super) fn trusting_nobody() -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| tls_file(Path::new("TLS"), io::Error::other(error)))?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// We have no certificate, and remember that one was wanted.
#[derive(Debug)]
struct Nobody {
    asked: Arc<AtomicBool>,
}

impl ResolvesClientCert for Nobody {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Verifies as always, but for another name than the host's.
#[derive(Debug)]
struct Expecting {
    name: ServerName<'static>,
    verifier: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Expecting {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _host: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier.verify_server_cert(certificate, chain, &self.name, stapled, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
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
