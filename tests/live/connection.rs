//! Connecting to real brokers: TLS, names, users, virtual hosts; and which error each refusal is.

use std::time::Duration;

use evbus::{
    broker::{Address, Broker, Endpoint, Error, Host, ManagementAddress, TlsOptions},
    message::Table,
    topology::spec::{BindingSpec, QueueSpec},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::secure::secure;
use crate::support::{
    live::{Live, broker},
    run::{Done, Run, evbus},
};

/// The error a look ends with, as JSON; there is a hint in each.
#[track_caller]
fn refused(run: Run) -> Value {
    let done = run.done().ends_with(1);
    let error: Value = serde_json::from_str(&done.err()).unwrap_or_else(|error| panic!("{error}\n{}", done.whole()));
    assert!(error["error"]["hint"].is_string(), "what is to be done? {error}");
    error["error"].clone()
}

const LOOK: &[&str] = &["dlq", "show", "q", "-o", "json"];

const DOCTOR: &[&str] = &["doctor", "-o", "json"];

/// A check in a doctor's report: its state and what was found.
#[track_caller]
fn check(done: &Done, name: &str) -> String {
    let report = done.json().pop().unwrap_or_default();
    let checks = report["checks"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = checks
        .filter(|check| check["check"] == name)
        .map(|check| format!("{}: {} ({})", text(&check["state"]), text(&check["message"]), text(&check["hint"])));
    found.collect::<Vec<_>>().pop().unwrap_or_else(|| panic!("no check {name}\n{}", done.whole()))
}

fn port(url: &str) -> &str {
    url.rsplit(':').next().unwrap_or_default()
}

/// A user of the test's own, with these permissions in its virtual host; gone when it ends.
pub struct User<'a> {
    live: &'a Live,
    pub name: String,
}

impl User<'_> {
    pub fn new<'a>(live: &'a Live, name: &str, tags: &str, permissions: Option<[&str; 3]>) -> User<'a> {
        let name = format!("evbus-{name}-{}", std::process::id());
        let path = format!("users/{name}");
        live.api(Method::PUT, &path, Some(json!({"password": PASSWORD, "tags": tags})));
        if let Some([configure, write, read]) = permissions {
            let permissions = json!({"configure": configure, "write": write, "read": read});
            live.api(Method::PUT, &format!("permissions/{}/{name}", live.vhost), Some(permissions));
        }
        User { live, name }
    }

    fn url(&self) -> String {
        self.live.url().replace("guest:guest", &format!("{}:{ENCODED}", self.name))
    }

    pub fn evbus(&self, arguments: &[&str]) -> Run {
        self.live.evbus(arguments).env("EVBUS_URL", self.url())
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        self.live.api(Method::DELETE, &format!("users/{}", self.name), None);
    }
}

/// Every character that means something in a URL.
const PASSWORD: &str = "p@s/s:w?o#r%d &é";
const ENCODED: &str = "p%40s%2Fs%3Aw%3Fo%23r%25d%20%26%C3%A9";

#[test]
fn a_wrong_password_is_told_from_everything_else() {
    let Some(live) = broker("connection-login") else { return };
    let url = live.url().replace("guest:guest", "guest:hunter2");
    let error = refused(live.evbus(LOOK).env("EVBUS_URL", &url));
    assert_eq!(error["code"], "login", "{error}");
    assert!(error["message"].as_str().is_some_and(|text| text.ends_with("refuses the user guest")), "{error}");
    let done = live.evbus(DOCTOR).env("EVBUS_URL", &url).done().ends_with(1);
    assert!(check(&done, "management").contains("refuses the user guest ("), "{}", done.whole());
}

#[test]
fn a_virtual_host_that_is_missing_is_told_from_one_that_is_forbidden() {
    let Some(live) = broker("connection-vhost") else { return };
    let error = refused(live.evbus(LOOK).env("EVBUS_URL", format!("{}/evbus-nowhere", live.server_url())));
    assert_eq!(error["code"], "no_vhost", "{error}");
    let user = User::new(&live, "stranger", "management", None);
    let error = refused(user.evbus(LOOK));
    assert_eq!(error["code"], "vhost_forbidden", "{error}");
    let hint = error["hint"].as_str().unwrap_or_default();
    assert!(hint.contains(&format!("set_permissions -p {} {}", live.vhost, user.name)), "{error}");
}

#[test]
fn a_permission_that_is_missing_is_named() {
    let Some(live) = broker("connection-permission") else { return };
    live.queue("q", &[]);
    live.fill("q", 1);
    let user = User::new(&live, "reader", "management", Some(["^none$", "^none$", "^none$"]));
    let error = refused(user.evbus(LOOK));
    assert_eq!(error["code"], "no_permission", "{error}");
    let text = error["message"].as_str().unwrap_or_default();
    assert!(text.contains("read") && text.contains("'q'"), "{error}");

    let endpoint = endpoint(&live, &user.name);
    let broker = Broker::new(endpoint).expect("no certificate is needed");
    let forbidden = live.wait(async {
        let connection = broker.connect("a test").await.expect("it may connect");
        let queue = QueueSpec {
            name: "mine".into(),
            durable: true,
            exclusive: false,
            auto_delete: false,
            arguments: Table::default(),
        };
        let configure = connection.declare_queue(&queue).await;
        let binding = BindingSpec {
            source: "amq.topic".into(),
            destination: "q".into(),
            to_queue: true,
            key: "k".into(),
            arguments: Table::default(),
        };
        let write = connection.bind(&binding).await;
        // A refusal ends a channel, never the connection.
        let still = connection.look_up("q").await;
        connection.close().await;
        [(configure.err(), "configure"), (write.err(), "write"), (still.err(), "")]
    });
    for (error, permission) in forbidden {
        match (&error, permission) {
            // Brokers 4.2.6 and 4.3 to 4.3.0 ask for a permission even for a look.
            (None | Some(Error::NoPermission { .. }), "") => (),
            (Some(Error::NoPermission { what }), permission) => assert!(what.contains(permission), "{what}"),
            _ => panic!("{permission}: {error:?}"),
        }
    }
}

/// Where the broker is, for a user of a test's own.
pub fn endpoint(live: &Live, user: &str) -> Endpoint {
    let port = port(live.server_url()).parse().expect("a port");
    let url = reqwest::Url::parse(live.management_url()).expect("a URL");
    Endpoint {
        addresses: vec![Address {
            tls: false,
            host: Host::Name("localhost".to_owned()),
            port,
            username: user.to_owned(),
            password: PASSWORD.into(),
        }],
        vhost: live.vhost.clone(),
        management: vec![ManagementAddress { url, username: user.to_owned(), password: PASSWORD.into() }],
        tls: TlsOptions::default(),
        connect_timeout: Duration::from_secs(10),
        timeout: Duration::from_secs(30),
    }
}

#[test]
fn a_user_without_a_tag_is_told_from_a_management_api_that_is_not_there() {
    let Some(live) = broker("connection-management") else { return };
    let user = User::new(&live, "plain", "", Some([".*", ".*", ".*"]));
    let done = user.evbus(DOCTOR).done().ends_with(0);
    assert!(check(&done, "management").contains("Not management user"), "{}", done.whole());
    assert!(done.out().contains(&format!("set_user_tags {} management", user.name)), "{}", done.whole());
    let elsewhere = format!("http://127.0.0.1:{}", port(live.server_url()));
    for nobody in ["http://127.0.0.1:1", &elsewhere] {
        let done = live.evbus(DOCTOR).env("EVBUS_MANAGEMENT_URL", nobody).done().ends_with(0);
        let line = check(&done, "management");
        assert!(line.contains(&format!("no management API answers at {nobody}")), "{}", done.whole());
    }
}

#[test]
fn passwords_and_virtual_hosts_may_hold_any_character() {
    let Some(live) = broker("connection-characters") else { return };
    let (vhost, encoded) =
        (format!("a/b c% é {}", std::process::id()), format!("a%2Fb%20c%25%20%C3%A9%20{}", std::process::id()));
    let user = User::new(&live, "encoded", "administrator", None);
    live.api(Method::PUT, &format!("vhosts/{encoded}"), Some(json!({})));
    let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
    live.api(Method::PUT, &format!("permissions/{encoded}/{}", user.name), Some(all));
    let url = user.url().replace(&live.vhost, &encoded);
    let done = live.evbus(DOCTOR).env("EVBUS_URL", url).done();
    let flag = live.evbus(&["doctor", "-o", "json", "--vhost", &vhost]).env("EVBUS_URL", user.url()).done();
    live.api(Method::DELETE, &format!("vhosts/{encoded}"), None);
    for done in [done, flag] {
        let done = done.ends_with(0);
        let found = done.json().pop().unwrap_or_default();
        assert_eq!(found["vhost"], vhost.as_str(), "{found}");
        assert_eq!(found["permissions"]["read"], ".*", "the management API was asked about the same one: {found}");
    }
}

#[test]
fn the_next_broker_is_tried_when_one_is_down() {
    let Some(live) = broker("connection-several") else { return };
    let url = format!("amqp://guest:guest@127.0.0.1:1/{},{}", live.vhost, live.url());
    let done = live.evbus(DOCTOR).env("EVBUS_URL", url).done().ends_with(0);
    let host = done.json().pop().unwrap_or_default()["host"].clone();
    assert_eq!(host, format!("127.0.0.1:{}", port(live.server_url())), "{}", done.whole());
}

#[test]
fn a_system_without_certificates_can_talk_in_clear_and_trusts_nobody_unknown() {
    let Some(live) = broker("connection-bare") else { return };
    let bare = |run: Run| run.env("SSL_CERT_FILE", "/nowhere").env("SSL_CERT_DIR", "/nowhere");
    let done = bare(live.evbus(DOCTOR)).done().ends_with(0);
    assert!(check(&done, "management").starts_with("ok"), "{}", done.whole());
    let Some(secure) = secure("connection-bare") else { return };
    let error = refused(bare(evbus(LOOK).env("EVBUS_URL", format!("amqps://localhost:{}", secure.amqps))));
    assert_eq!(error["code"], "untrusted_certificate", "{error}");
}

#[test]
fn ipv6_literals_are_dialled_as_such() {
    let Some(secure) = secure("connection-ipv6") else { return };
    let Some(port) = secure.ipv6 else { return eprintln!("SKIPPED connection-ipv6: no IPv6 here") };
    let done = evbus(DOCTOR).env("EVBUS_URL", format!("amqp://[::1]:{port}")).done().ends_with(0);
    assert_eq!(done.json().pop().unwrap_or_default()["host"], format!("[::1]:{port}"), "{}", done.whole());
}

#[test]
fn tls_and_a_client_certificate_serve_amqp_and_http_alike() {
    let Some(secure) = secure("connection-tls") else { return };
    let url = format!("amqps://localhost:{}", secure.amqps);
    let done = secure.certified(DOCTOR, &url, "ca.pem").done().ends_with(0);
    let found = done.json().pop().unwrap_or_default();
    assert_eq!((&found["usable"], &found["management"]), (&json!(true), &json!(true)), "{found}");
}

#[test]
fn a_certificate_that_is_not_trusted_is_refused_on_both_ways() {
    let Some(secure) = secure("connection-untrusted") else { return };
    let url = format!("amqps://localhost:{}", secure.amqps);
    assert_eq!(refused(secure.certified(LOOK, &url, "other.pem"))["code"], "untrusted_certificate");
    let done = secure.certified(DOCTOR, &url, "other.pem").done().ends_with(1);
    assert!(check(&done, "management").contains("is not trusted"), "{}", done.whole());
    // Without a word about authorities only the system's count.
    let error = refused(evbus(LOOK).env("EVBUS_URL", &url));
    assert_eq!(error["code"], "untrusted_certificate", "{error}");
}

#[test]
fn a_certificate_for_another_name_is_refused_unless_that_name_is_expected() {
    let Some(secure) = secure("connection-name") else { return };
    let url = format!("amqps://127.0.0.1:{}", secure.amqps);
    let error = refused(secure.certified(LOOK, &url, "ca.pem"));
    assert_eq!(error["code"], "wrong_certificate_name", "{error}");
    assert!(error["causes"].to_string().contains("mq.internal"), "which names it has: {error}");
    let at = format!("https://127.0.0.1:{}", secure.https);
    let expecting = |name: &str| {
        let run = secure.certified(DOCTOR, &url, "ca.pem").env("EVBUS_MANAGEMENT_URL", &at);
        run.and(["--tls-server-name", name]).done()
    };
    let done = expecting("mq.internal").ends_with(0);
    assert!(check(&done, "management").starts_with("ok"), "{}", done.whole());
    let done = expecting("mq.elsewhere").ends_with(1);
    for name in ["amqp", "management"] {
        assert!(check(&done, name).contains("is for another name"), "{}", done.whole());
    }
}

#[test]
fn a_broker_that_wants_a_client_certificate_says_so() {
    let Some(secure) = secure("connection-client-certificate") else { return };
    let url = format!("amqps://localhost:{}", secure.amqps);
    let error = refused(secure.trusting(LOOK, &url, "ca.pem"));
    assert_eq!(error["code"], "client_certificate", "{error}");
}

#[test]
fn tls_ports_and_clear_ports_are_told_apart() {
    let Some(secure) = secure("connection-ports") else { return };
    let clear = format!("amqps://localhost:{}", port(&secure.url()));
    assert_eq!(refused(secure.certified(LOOK, &clear, "ca.pem"))["code"], "no_tls");
    let error = refused(evbus(LOOK).env("EVBUS_URL", format!("amqp://localhost:{}", secure.amqps)));
    assert!(error["code"] == "tls_port" || error["code"] == "hangup", "{error}");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("amqps://")), "{error}");
}
