//! A broker's URL, read as the RabbitMQ URI specification has it, percent-encoding and IPv6 included.
//!
//! Own reading, because lapin's takes IPv6 literals for `localhost` and prints passwords.

use std::net::IpAddr;

use secrecy::SecretString;
use url::Url;

use crate::broker::{Address, Host};

/// What one URL says.
pub(super) struct Broker {
    pub(super) address: Address,
    /// The path, where there is one. RabbitMQ's own reading of `amqp://h/` is the virtual host with the empty name, which
    /// nobody has; here it is `/`.
    pub(super) vhost: Option<String>,
    pub(super) has_password: bool,
}

/// Reads one URL.
///
/// # Errors
/// What is wrong with it, without repeating it: it may hold a password.
pub(super) fn broker(text: &str) -> Result<Broker, String> {
    let url = Url::parse(text.trim()).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => "it does not begin with amqp:// or amqps://".to_owned(),
        other => other.to_string(),
    })?;
    let tls = match url.scheme() {
        "amqp" => false,
        "amqps" => true,
        other => return Err(format!("its scheme is {other}, and amqp or amqps is expected")),
    };
    let host = match url.host_str().filter(|host| !host.is_empty()) {
        None => return Err("it has no host".to_owned()),
        Some(host) => host.trim_start_matches('[').trim_end_matches(']'),
    };
    let host = match host.parse::<IpAddr>() {
        Ok(ip) => Host::Ip(ip),
        Err(_) => Host::Name(decode("host", host)?),
    };
    if let Some(query) = url.query().filter(|query| !query.is_empty()) {
        let first = query.split(['=', '&']).next().unwrap_or_default();
        return Err(format!("parameters such as {first} have no effect here; evbus has flags for what they mean"));
    }
    let username = match url.username() {
        "" => "guest".to_owned(),
        name => decode("user", name)?,
    };
    let password = match url.password() {
        Some(password) => SecretString::from(decode("password", password)?),
        None if url.username().is_empty() => SecretString::from("guest"),
        None => SecretString::from(""),
    };
    let vhost = match url.path() {
        "" => None,
        "/" => Some("/".to_owned()),
        path => {
            let name = &path[1..];
            if name.contains('/') {
                return Err("its path has more than one part; a / in a virtual host's name is written %2F".to_owned());
            }
            Some(decode("virtual host", name)?)
        }
    };
    let port = url.port().unwrap_or(if tls { 5671 } else { 5672 });
    Ok(Broker {
        address: Address { tls, host, port, username, password },
        vhost,
        has_password: url.password().is_some(),
    })
}

/// A text with the credentials of its URL left out: everything between `://` and the last `@`, however it is written. `None` where
/// there is nothing to leave out.
#[must_use]
pub fn redacted(text: &str) -> Option<String> {
    let start = text.find("://")? + "://".len();
    let end = start + text[start..].rfind('@')?;
    Some(format!("{}…{}", &text[..start], &text[end..]))
}

/// Percent-decodes one part.
pub(super) fn decode(what: &str, text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || u8::try_from(char::from(rest.next()?).to_digit(16)?).ok();
        match (digit(), digit()) {
            (Some(high), Some(low)) => bytes.push(high << 4 | low),
            _ => return Err(format!("a % in the {what} is not followed by two hexadecimal digits; write it as %25")),
        }
    }
    String::from_utf8(bytes).map_err(|_| format!("the {what} is not UTF-8 when decoded"))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn read(text: &str) -> Broker {
        match broker(text) {
            Ok(broker) => broker,
            Err(error) => panic!("{text}: {error}"),
        }
    }

    #[test]
    fn every_part_is_percent_decoded() {
        let url = read("amqps://us%40er:p%2Fa%3As%25s@mq.example:5999/a%2Fb%20c");
        assert_eq!((url.address.to_string().as_str(), url.address.tls), ("mq.example:5999", true));
        assert_eq!((url.address.username.as_str(), url.address.password.expose_secret()), ("us@er", "p/a:s%s"));
        assert_eq!(url.vhost.as_deref(), Some("a/b c"));
    }

    #[test]
    fn an_ipv6_literal_is_an_address() {
        let url = read("amqp://[::1]:5673/v");
        assert_eq!(url.address.host, Host::Ip(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)));
        assert_eq!(url.address.to_string(), "[::1]:5673");
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let url = read("amqp://h");
        assert_eq!((url.address.port, url.address.username.as_str(), url.vhost), (5672, "guest", None));
        assert_eq!(read("amqp://h/").vhost.as_deref(), Some("/"));
        assert_eq!(read("amqps://h").address.port, 5671);
    }

    #[test]
    fn whatever_looks_like_credentials_is_left_out() {
        for (text, shown) in [
            ("amqp://u:p@h/v", "amqp://…@h/v"),
            ("--urll=amqps://u:p/w@x@h", "--urll=amqps://…@h"),
            ("amqp://u:p@a,amqp://u:q@b", "amqp://…@b"),
        ] {
            assert_eq!(redacted(text).as_deref(), Some(shown));
        }
        assert_eq!((redacted("amqp://h/v"), redacted("a@b")), (None, None));
    }

    #[test]
    fn an_error_never_repeats_the_password() {
        for wrong in [
            "http://u:secret@h",
            "amqp://u:secret%@h",
            "amqp://u:secret@h/a/b",
            "amqp://u:secret@h?verify=none",
            "u:secret@h",
            "amqp://u:secret@:5672",
            "amqp://u:secret@h:99999",
        ] {
            let error = broker(wrong).err().unwrap_or_default();
            assert!(!error.is_empty() && !error.contains("secret"), "{wrong}: {error:?}");
        }
    }
}
