//! What to do about an error of the broker.

use super::{Failure, causes};
use crate::broker::Error;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::from(&error)
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Failure {
        let (code, hint) = advice(error);
        let mut failure = Failure::new(code, error.to_string());
        failure.causes = causes(error);
        match error {
            Error::NoneOf(errors) => {
                for each in errors {
                    failure.causes.push(each.to_string());
                    failure.causes.extend(causes(each));
                }
            }
            Error::LargeFrame { what: because }
            | Error::Lost { because }
            | Error::Hangup { because, .. }
            | Error::NoManagement { because, .. } => {
                failure.causes.push(because.clone());
            }
            _ => (),
        }
        Failure { hint, ..failure }
    }
}

fn advice(error: &Error) -> (&'static str, Option<String>) {
    let say = |text: &str| Some(text.to_owned());
    match error {
        Error::Refused { .. } => {
            ("refused", say("is the broker running, and is that its AMQP port? evbus doctor --wait 60s waits for it"))
        }
        Error::UnknownHost { .. } => ("unknown_host", say("check the host in --url or EVBUS_URL")),
        Error::ConnectTimeout { .. } => {
            ("connect_timeout", say("a firewall may drop the packets; --connect-timeout 30s waits longer"))
        }
        Error::Unreachable { .. } => {
            ("unreachable", say("check the address in --url and the network between here and there"))
        }
        Error::NoneOf(_) => ("no_broker", say("check the brokers in --url; evbus doctor asks each")),
        Error::Login { .. } => (
            "login",
            say(
                "check user and password in --url or EVBUS_URL (special characters are percent-encoded); guest may only connect from the broker's own host",
            ),
        ),
        Error::NoVhost { .. } => (
            "no_vhost",
            say(
                "check --vhost; in a URL a / in its name is written %2F. An administrator creates one with: rabbitmqctl add_vhost NAME",
            ),
        ),
        Error::VhostForbidden { vhost, user, .. } => (
            "vhost_forbidden",
            Some(format!(
                "an administrator allows it with: rabbitmqctl set_permissions -p {} {} CONFIGURE WRITE READ",
                word(vhost),
                word(user)
            )),
        ),
        Error::NoPermission { .. } => (
            "no_permission",
            say(
                "the README lists what each command needs; an administrator sees what a user may do with: rabbitmqctl list_user_permissions USER",
            ),
        ),
        Error::ExclusiveConsumer { .. } => {
            ("exclusive_consumer", say("stop that consumer first: evbus queues shows which queues have consumers"))
        }
        Error::Untrusted { .. } => (
            "untrusted_certificate",
            say("if the broker's certificate comes from an authority of your own, name it: --tls-ca FILE"),
        ),
        Error::WrongName { .. } => (
            "wrong_certificate_name",
            say("connect by a name in the certificate, or say which one to expect: --tls-server-name NAME"),
        ),
        Error::ClientCertificate { .. } => (
            "client_certificate",
            say("the broker wants a client certificate it knows: --tls-cert FILE --tls-key FILE"),
        ),
        Error::NoTls { .. } => (
            "no_tls",
            say(
                "that port speaks in clear: use its TLS port (5671 by default), or amqp:// (http://) if clear text is meant",
            ),
        ),
        Error::TlsPort { .. } => ("tls_port", say("use amqps:// for this port")),
        Error::Hangup { .. } => (
            "hangup",
            say("if that is a TLS port, use amqps://; if a proxy listens there, the broker behind it may be down"),
        ),
        Error::NotAmqp { .. } => {
            ("not_amqp", say("is that the AMQP port (5672), and not the management port (15672)?"))
        }
        Error::TlsFile { .. } => ("tls_file", say("PEM files are expected, and a key that is not encrypted")),
        Error::ServerName { .. } => ("server_name", say("--tls-server-name takes a host name or an IP address")),
        Error::NotFound { .. } => ("not_found", say("evbus queues lists what there is in this virtual host")),
        Error::Precondition { .. } => ("precondition", say("it exists with other properties; evbus plan shows both")),
        Error::Locked { .. } => ("locked", say("another connection has it for itself")),
        Error::Blocked { .. } => {
            ("blocked", say("the broker has raised an alarm (memory or disk); evbus doctor shows it"))
        }
        Error::Timeout { .. } => ("timeout", say("--timeout 2m waits longer; evbus doctor shows what the broker says")),
        Error::QueueGone { .. } => ("queue_gone", None),
        Error::TakenBack { .. } => (
            "taken_back",
            say("its log says why; it does so when consumer_timeout is over, 30 minutes unless set otherwise"),
        ),
        Error::Lost { .. } => ("connection_lost", say("run it again when the broker is back: evbus doctor --wait 60s")),
        Error::Protocol { .. } | Error::Ended { .. } => ("broker", None),
        Error::LargeFrame { .. } => (
            "large_frame",
            say(
                "an administrator can allow more for as long as it takes, with frame_max = 262144 in rabbitmq.conf, or take that one message out in the management UI",
            ),
        ),
        Error::NotText => (
            "not_text",
            say("what is in the queue is still there; take that one message out with the client that sent it"),
        ),
        Error::TooLong { .. } => ("too_long", None),
        Error::NoManagement { answered: false, .. } => (
            "no_management",
            say(
                "is the broker running? evbus doctor tells. If it is, enable its rabbitmq_management plugin, or name the address: --management-url http://HOST:15672",
            ),
        ),
        Error::NoManagement { .. } => (
            "no_management",
            say(
                "is that the management port, and the plugin rabbitmq_management enabled? --management-url http://HOST:15672 names another",
            ),
        ),
        Error::ManagementLogin { .. } => {
            ("management_login", say("check user and password in --url or --management-url"))
        }
        Error::ManagementTag { user, .. } => (
            "management_tag",
            Some(format!(
                "an administrator gives a tag with: rabbitmqctl set_user_tags {} management (or policymaker, monitoring)",
                word(user)
            )),
        ),
        Error::Management { .. } => ("management", None),
    }
}

/// A name as a shell takes it.
#[must_use]
pub fn word(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}
