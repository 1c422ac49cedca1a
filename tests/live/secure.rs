//! A broker of the tests' own that speaks TLS on AMQP and HTTP, asks clients for a certificate, and listens on IPv6.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use evbus::sandbox::{self, Options, Sandbox};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

use crate::support::{
    live::{broker, options},
    run::{Run, evbus},
};

/// The broker, and where it listens.
pub struct Secure {
    sandbox: Sandbox,
    /// AMQP in TLS, on 127.0.0.1, with a certificate for `localhost` and `mq.internal`.
    pub amqps: u16,
    /// HTTP in TLS.
    pub https: u16,
    /// AMQP in clear, on `::1`; `None` where this machine has no IPv6.
    pub ipv6: Option<u16>,
}

static SHARED: OnceLock<Option<Secure>> = OnceLock::new();

/// The broker of this test process, or nothing, said aloud.
pub fn secure(test: &str) -> Option<&'static Secure> {
    // Where no broker is wanted or possible that one says so.
    drop(broker(test)?);
    SHARED.get_or_init(start).as_ref().or_else(|| {
        eprintln!("SKIPPED {test}: a broker is there, but no server program to start one with TLS");
        None
    })
}

fn start() -> Option<Secure> {
    let server = options().server.or_else(sandbox::find)?;
    // In /tmp, which launchers that change their root see as well.
    let made = tempfile::tempdir_in("/tmp").expect("a folder");
    certificates(made.path());
    let ports: Vec<u16> = ["127.0.0.1:0", "127.0.0.1:0", "[::1]:0"]
        .iter()
        .filter_map(|address| TcpListener::bind(address).ok()?.local_addr().ok().map(|address| address.port()))
        .collect();
    let (amqps, https, ipv6) = (ports[0], ports[1], ports.get(2).copied());
    // The sandbox writes the configuration; this program adds to it and goes on as the real one.
    let program = made.path().join("server");
    let ipv6_line = ipv6.map(|port| format!("listeners.tcp.2 = ::1:{port}")).unwrap_or_default();
    let text = format!(
        r#"#!/bin/sh
set -e
cp -r {made}/certificates .
cat >>"$RABBITMQ_CONFIG_FILE" <<LINES
{ipv6_line}
listeners.ssl.1 = 127.0.0.1:{amqps}
ssl_options.cacertfile = $PWD/certificates/ca.pem
ssl_options.certfile = $PWD/certificates/server.pem
ssl_options.keyfile = $PWD/certificates/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
management.ssl.ip = 127.0.0.1
management.ssl.port = {https}
management.ssl.cacertfile = $PWD/certificates/ca.pem
management.ssl.certfile = $PWD/certificates/server.pem
management.ssl.keyfile = $PWD/certificates/server.key
LINES
exec {server} "$@"
"#,
        made = made.path().display(),
        server = server.display(),
    );
    fs::write(&program, text).expect("the program is written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it can be run");
    let options = Options { server: Some(program), ..options() };
    let sandbox = Sandbox::start(&options, || false).unwrap_or_else(|error| panic!("a broker with TLS: {error:?}"));
    Some(Secure { sandbox, amqps, https, ipv6 })
}

impl Secure {
    /// A file of the certificates: `ca.pem` signed the broker's and `client.pem` (with `client.key`); `other.pem` signed none.
    pub fn file(&self, name: &str) -> PathBuf {
        self.sandbox.folder().join("certificates").join(name)
    }

    /// The port of AMQP in clear.
    pub fn url(&self) -> String {
        self.sandbox.url()
    }

    /// A run against that URL that trusts this authority.
    pub fn trusting(&self, arguments: &[&str], url: &str, authority: &str) -> Run {
        let management = format!("https://localhost:{}", self.https);
        evbus(arguments)
            .arg("--tls-ca")
            .arg(self.file(authority))
            .env("EVBUS_URL", url)
            .env("EVBUS_MANAGEMENT_URL", management)
    }

    /// The same, showing the client's certificate.
    pub fn certified(&self, arguments: &[&str], url: &str, authority: &str) -> Run {
        let run = self.trusting(arguments, url, authority);
        run.arg("--tls-cert").arg(self.file("client.pem")).arg("--tls-key").arg(self.file("client.key"))
    }
}

fn certificates(folder: &Path) {
    let folder = folder.join("certificates");
    fs::create_dir(&folder).expect("a folder");
    let write = |name: &str, text: &str| {
        fs::write(folder.join(name), text).expect("a file");
    };
    let (pem, issuer) = authority("the tests");
    write("ca.pem", &pem);
    write("other.pem", &authority("somebody else").0);
    for (name, names, purpose) in [
        ("server", &["localhost", "mq.internal"][..], ExtendedKeyUsagePurpose::ServerAuth),
        ("client", &[][..], ExtendedKeyUsagePurpose::ClientAuth),
    ] {
        let key = KeyPair::generate().expect("a key");
        let mut params = params(name, names);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        params.use_authority_key_identifier_extension = true;
        write(&format!("{name}.pem"), &params.signed_by(&key, &issuer).expect("a certificate").pem());
        write(&format!("{name}.key"), &key.serialize_pem());
    }
}

fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().expect("a key");
    let mut params = params(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.self_signed(&key).expect("a certificate").pem(), Issuer::new(params, key))
}

fn params(name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names for a certificate");
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2099, 1, 1));
    params
}
