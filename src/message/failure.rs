//! What failed: what the framework that gave a message up wrote about it into the headers.
//!
//! Brokers say only why a queue let go of a message. Names are taken from the frameworks' sources:
//!
//! - Spring AMQP: `RepublishMessageRecoverer` (spring-rabbit, `retry/RepublishMessageRecoverer.java`). The message is that of the cause
//!   of what was thrown, and the stack trace begins with Spring's own exception around it.
//! - MassTransit: `MessageHeaders` (MassTransit.Abstractions). `MT-Reason` is `fault`, or `dead-letter` in a `_skipped` queue, where
//!   nothing was thrown.
//! - NServiceBus: the headers of errors (docs.particular.net, "Message headers"), `FaultsHeaderKeys` (NServiceBus.Core).
//! - Celery: version 2 of its message protocol (docs.celeryq.dev, "Message Protocol"). A task that is rejected says what it is, and
//!   nothing of what was thrown.
//! - Anybody else: a few names that people use for the text or the type of an error.
//!
//! Anybody can send anything under these names: every shape is tolerated, and what is not text is not believed.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{Field, Message, Table};

/// Whose headers tell of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Framework {
    /// Spring AMQP, Spring Cloud Stream.
    Spring,
    /// MassTransit.
    MassTransit,
    /// NServiceBus.
    NServiceBus,
    /// Celery.
    Celery,
    /// Nobody in particular.
    Plain,
}

/// What a message tells of its failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure<'a> {
    /// Whose headers tell it.
    pub framework: Framework,
    /// The type of what was thrown.
    pub kind: Option<&'a str>,
    /// Its text.
    pub message: Option<&'a str>,
    /// The queue it was thrown at.
    pub queue: Option<&'a str>,
    /// The exchange and the key with which the message had come there.
    pub address: Option<(&'a str, &'a str)>,
    /// When.
    pub failed_at: Option<jiff::Timestamp>,
    /// The task, of Celery.
    pub task: Option<&'a str>,
    /// How often it was tried again, where that is told.
    pub retries: Option<i64>,
}

/// Headers of nobody in particular that hold a type.
const TYPES: [&str; 3] = ["x-exception-type", "exception-type", "x-error-type"];
/// Headers of nobody in particular that hold a text, which may begin with a type.
const TEXTS: [&str; 8] = [
    "x-exception",
    "x-error",
    "exception",
    "error",
    "x-exception-message",
    "x-error-message",
    "exception-message",
    "error-message",
];
/// Exceptions that Spring puts around what a listener threw are of these packages.
const SPRING: &str = "org.springframework.amqp.";

/// Headers whose content a failure repeats in a readable way; a stack trace fills a screen.
#[must_use]
pub fn is_decoded(name: &str) -> bool {
    const DECODED: [&str; 10] = [
        "NServiceBus.ExceptionInfo.ExceptionType",
        "NServiceBus.ExceptionInfo.Message",
        "NServiceBus.FailedQ",
        "NServiceBus.TimeOfFailure",
        "MT-Fault-ExceptionType",
        "MT-Fault-Message",
        "MT-Fault-InputAddress",
        "MT-Fault-Timestamp",
        "x-original-exchange",
        "x-original-routingKey",
    ];
    DECODED.contains(&name)
}

/// What a message tells of its failure, if it does.
#[must_use]
pub fn of(message: &Message) -> Option<Failure<'_>> {
    let headers = message.properties.headers.as_ref()?;
    nservicebus(headers).or_else(|| masstransit(headers)).or_else(|| spring(headers)).or_else(|| {
        let plain = plain(headers);
        match celery(headers) {
            Some(task) => {
                Some(plain.map_or(task.clone(), |told| Failure { task: task.task, retries: task.retries, ..told }))
            }
            None => plain,
        }
    })
}

impl Framework {
    /// Its name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Framework::Spring => "Spring",
            Framework::MassTransit => "MassTransit",
            Framework::NServiceBus => "NServiceBus",
            Framework::Celery => "Celery",
            Framework::Plain => "header",
        }
    }
}

impl<'a> Failure<'a> {
    fn by(framework: Framework) -> Failure<'a> {
        let (kind, message, queue, address, failed_at, task, retries) = (None, None, None, None, None, None, None);
        Failure { framework, kind, message, queue, address, failed_at, task, retries }
    }

    /// What failures of one kind have in common: the type, or else the text's first line with its numbers masked.
    #[must_use]
    pub fn label(&self) -> Option<Cow<'a, str>> {
        let text = || self.message.and_then(|text| text.lines().next()).map(|line| Cow::Owned(masked(line)));
        self.kind.map(Cow::Borrowed).or_else(text)
    }
}

impl Serialize for Failure<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("framework", &self.framework)?;
        map.serialize_entry("type", &self.kind)?;
        map.serialize_entry("message", &self.message)?;
        for (name, text) in [("queue", self.queue), ("task", self.task)] {
            if let Some(text) = text {
                map.serialize_entry(name, text)?;
            }
        }
        if let Some(at) = &self.failed_at {
            map.serialize_entry("failed_at", at)?;
        }
        if let Some(retries) = &self.retries {
            map.serialize_entry("retries", retries)?;
        }
        map.end()
    }
}

fn nservicebus(headers: &Table) -> Option<Failure<'_>> {
    let kind = text(headers, "NServiceBus.ExceptionInfo.ExceptionType");
    let queue = text(headers, "NServiceBus.FailedQ");
    (kind.is_some() || queue.is_some()).then(|| Failure {
        kind,
        message: text(headers, "NServiceBus.ExceptionInfo.Message"),
        queue,
        // Its own notation: 2026-11-24 13:29:15:123456 Z
        failed_at: text(headers, "NServiceBus.TimeOfFailure").and_then(|time| {
            let time = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", time.get(..19)?).ok()?;
            Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        }),
        ..Failure::by(Framework::NServiceBus)
    })
}

fn masstransit(headers: &Table) -> Option<Failure<'_>> {
    let kind = text(headers, "MT-Fault-ExceptionType");
    let reason = text(headers, "MT-Reason");
    let queue = text(headers, "MT-Fault-InputAddress").and_then(last_segment);
    (kind.is_some() || reason.is_some() || queue.is_some()).then(|| Failure {
        kind,
        message: text(headers, "MT-Fault-Message").or(reason),
        queue,
        failed_at: text(headers, "MT-Fault-Timestamp").and_then(|time| time.parse().ok()),
        retries: headers.get("MT-Fault-RetryCount").and_then(Field::as_int),
        ..Failure::by(Framework::MassTransit)
    })
}

fn spring(headers: &Table) -> Option<Failure<'_>> {
    let trace = text(headers, "x-exception-stacktrace");
    let (exchange, key) = (text(headers, "x-original-exchange"), text(headers, "x-original-routingKey"));
    // Republished from the default exchange it may say no exchange at all.
    let address = key.map(|key| (exchange.unwrap_or_default(), key));
    (trace.is_some() || address.is_some()).then(|| Failure {
        kind: trace.and_then(thrown),
        message: text(headers, "x-exception-message"),
        queue: address.filter(|(exchange, key)| exchange.is_empty() && !key.is_empty()).map(|(_, key)| key),
        address,
        ..Failure::by(Framework::Spring)
    })
}

fn celery(headers: &Table) -> Option<Failure<'_>> {
    // Every message of Celery is like that: what died is a failure, and what did not is a task.
    let task = task(headers)?;
    let retries = headers.get("retries").and_then(Field::as_int);
    headers.contains_key("x-death").then(|| Failure { task: Some(task), retries, ..Failure::by(Framework::Celery) })
}

/// The task that a message of Celery is.
pub(super) fn task(headers: &Table) -> Option<&str> {
    text(headers, "id").and(text(headers, "task"))
}

fn plain(headers: &Table) -> Option<Failure<'_>> {
    let message = TEXTS.iter().find_map(|name| text(headers, name));
    let kind = TYPES.iter().find_map(|name| text(headers, name)).or_else(|| message.and_then(class));
    (kind.is_some() || message.is_some()).then(|| Failure { kind, message, ..Failure::by(Framework::Plain) })
}

/// The text of a header that is not empty.
fn text<'a>(headers: &'a Table, name: &str) -> Option<&'a str> {
    let text = match headers.get(name)? {
        Field::Text(bytes) | Field::Bytes(bytes) => std::str::from_utf8(bytes).ok()?,
        _ => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

/// The queue at the end of an address, as in `rabbitmq://host/vhost/orders?durable=false`.
fn last_segment(address: &str) -> Option<&str> {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    path.rsplit('/').next().filter(|name| !name.is_empty())
}

/// The class that a Java stack trace is of: the one it begins with, or the first cause of what Spring put around it.
fn thrown(trace: &str) -> Option<&str> {
    let first = word(trace.trim_start())?;
    if !first.starts_with(SPRING) {
        return Some(first);
    }
    trace.split("\nCaused by: ").nth(1).and_then(word).or(Some(first))
}

/// What stands before the first colon or blank.
fn word(line: &str) -> Option<&str> {
    line.split(|c: char| c == ':' || c.is_whitespace()).next().filter(|word| !word.is_empty())
}

/// The class a text begins with, as in `ValueError: no such thing`, `IOError('x')` and `ActiveRecord::RecordNotFound`.
fn class(text: &str) -> Option<&str> {
    let line = text.lines().next().unwrap_or_default();
    let end = [line.find(": "), line.find('(')].into_iter().flatten().min().unwrap_or(line.len());
    let name = line[..end].trim_end_matches(':');
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '$' | ':' | '\\' | '+' | '`');
    let last = name.rsplit(['.', ':', '\\']).next().unwrap_or_default();
    let qualified = last.len() < name.len();
    let is_class = name.chars().all(is_name)
        && last.starts_with(char::is_uppercase)
        && (qualified || last.ends_with("Error") || last.ends_with("Exception"));
    is_class.then_some(name)
}

/// How long a text may be that failures have in common.
const LABEL: usize = 120;

/// A line without what differs from message to message: each run of digits, and of letters that digits stand in, is a `#`.
fn masked(line: &str) -> String {
    let mut shown = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len()).max(c.len_utf8());
        let (run, behind) = rest.split_at(end);
        let has_digits = run.contains(|c: char| c.is_ascii_digit());
        // Of what holds several such runs, as a UUID does, one is enough.
        match (has_digits, shown.ends_with("#-")) {
            (true, true) => drop(shown.pop()),
            (true, false) => shown.push('#'),
            (false, _) => shown.push_str(run),
        }
        rest = behind;
        if shown.len() >= LABEL * 4 {
            break;
        }
    }
    if let Some((end, _)) = shown.char_indices().nth(LABEL) {
        shown.truncate(end);
    }
    shown
}

#[cfg(test)]
mod tests;
