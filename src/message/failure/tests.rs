//! What each framework writes, and every other shape, tells of a failure.

use proptest::prelude::*;

use super::*;
use crate::message::{Properties, record, testing};

fn failed<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Message {
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), Field::text(value))).collect();
    Message { properties: Properties { headers: Some(headers), ..Properties::default() }, ..Message::default() }
}

/// Framework, type and text.
fn told(message: &Message) -> Option<(Framework, Option<&str>, Option<&str>)> {
    of(message).map(|failure| (failure.framework, failure.kind, failure.message))
}

#[test]
fn springs_own_exception_is_looked_through() {
    let wrapped = "org.springframework.amqp.rabbit.support.ListenerExecutionFailedException: Listener method threw\n\tat a.B.c(B.java:1)\nCaused by: java.lang.IllegalStateException: no stock\n\tat d.E.f(E.java:2)\nCaused by: java.io.IOException\n";
    let message = failed([
        ("x-exception-stacktrace", wrapped),
        ("x-exception-message", "no stock"),
        ("x-original-exchange", "events"),
        ("x-original-routingKey", "order.placed"),
    ]);
    let kind = Some("java.lang.IllegalStateException");
    assert_eq!(told(&message), Some((Framework::Spring, kind, Some("no stock"))));
    assert_eq!(of(&message).and_then(|failure| failure.address), Some(("events", "order.placed")));
    assert_eq!(of(&message).and_then(|failure| failure.queue), None, "an exchange says nothing of a queue");
    let direct = failed([
        ("x-exception-stacktrace", "com.shop.OutOfStock: 3\n\tat x\nCaused by: a.B: c"),
        ("x-original-routingKey", "orders"),
    ]);
    assert_eq!(told(&direct), Some((Framework::Spring, Some("com.shop.OutOfStock"), None)));
    assert_eq!(of(&direct).and_then(|failure| failure.queue), Some("orders"));
    let cut_short = failed([("x-exception-stacktrace", "org.springframework.amqp.AmqpException")]);
    assert_eq!(told(&cut_short), Some((Framework::Spring, Some("org.springframework.amqp.AmqpException"), None)));
}

#[test]
fn masstransit_tells_where_it_was_and_what_was_skipped() {
    let message = failed([
        ("MT-Reason", "fault"),
        ("MT-Fault-ExceptionType", "System.InvalidOperationException"),
        ("MT-Fault-Message", "no stock"),
        ("MT-Fault-InputAddress", "rabbitmq://localhost/shop/orders?durable=false"),
        ("MT-Fault-Timestamp", "2026-11-24T13:29:15.1234567Z"),
    ]);
    let failure = of(&message);
    assert_eq!(
        told(&message),
        Some((Framework::MassTransit, Some("System.InvalidOperationException"), Some("no stock")))
    );
    assert_eq!(failure.as_ref().and_then(|failure| failure.queue), Some("orders"));
    let at = failure.and_then(|failure| failure.failed_at).map(jiff::Timestamp::as_second);
    assert_eq!(at, Some(1_795_526_955));
    assert_eq!(
        told(&failed([("MT-Reason", "dead-letter")])),
        Some((Framework::MassTransit, None, Some("dead-letter")))
    );
}

#[test]
fn nservicebus_tells_where_it_was() {
    let message = failed([
        ("NServiceBus.ExceptionInfo.ExceptionType", "System.TimeoutException"),
        ("NServiceBus.ExceptionInfo.Message", "too late"),
        ("NServiceBus.FailedQ", "Sales"),
        ("NServiceBus.TimeOfFailure", "2026-11-24 13:29:15:123456 Z"),
    ]);
    assert_eq!(told(&message), Some((Framework::NServiceBus, Some("System.TimeoutException"), Some("too late"))));
    let failure = of(&message);
    assert_eq!(failure.as_ref().and_then(|failure| failure.queue), Some("Sales"));
    assert_eq!(failure.and_then(|failure| failure.failed_at).map(jiff::Timestamp::as_second), Some(1_795_526_955));
}

#[test]
fn a_task_of_celery_has_failed_once_it_has_died() {
    let mut message = failed([("task", "shop.charge"), ("id", "1"), ("lang", "py")]);
    assert_eq!(told(&message), None);
    let headers = message.properties.headers.get_or_insert_default();
    headers.insert("x-death".to_owned(), Field::Array(Vec::new()));
    headers.insert("retries".to_owned(), Field::I32(3));
    let failure = of(&message);
    assert_eq!(
        failure.as_ref().map(|failure| (failure.framework, failure.task, failure.retries)),
        Some((Framework::Celery, Some("shop.charge"), Some(3)))
    );
    message.properties.headers.get_or_insert_default().insert("error".to_owned(), Field::text("ValueError: no"));
    assert_eq!(told(&message), Some((Framework::Plain, Some("ValueError"), Some("ValueError: no"))));
    assert_eq!(of(&message).and_then(|failure| failure.task), Some("shop.charge"));
}

#[test]
fn a_plain_text_has_a_type_where_it_begins_with_one() {
    for (text, kind) in [
        ("ValueError: no such thing", Some("ValueError")),
        ("requests.exceptions.ConnectionError: x", Some("requests.exceptions.ConnectionError")),
        ("ActiveRecord::RecordNotFound: x", Some("ActiveRecord::RecordNotFound")),
        ("KeyError('x')", Some("KeyError")),
        ("java.lang.NullPointerException", Some("java.lang.NullPointerException")),
        ("timeout: after 30 s", None),
        ("Order 7 is not there", None),
        ("could not connect to 10.0.0.1", None),
    ] {
        for name in ["x-exception", "x-error", "error", "exception"] {
            assert_eq!(told(&failed([(name, text)])), Some((Framework::Plain, kind, Some(text))), "{text}");
        }
    }
    let apart = failed([("x-exception-type", "Oops"), ("x-exception-message", "it broke")]);
    assert_eq!(told(&apart), Some((Framework::Plain, Some("Oops"), Some("it broke"))));
    assert_eq!(told(&failed([("error", " ")])), None);
    assert_eq!(told(&Message::default()), None);
}

#[test]
fn texts_that_differ_in_their_numbers_alone_are_the_same_failure() {
    let label = |text: &str| of(&failed([("error", text)])).and_then(|failure| failure.label().map(Cow::into_owned));
    assert_eq!(label("order 17 is gone\nat x").as_deref(), Some("order # is gone"));
    assert_eq!(label("no 01a20dbf-0595-7667-bfb1-69999c37cb62 here").as_deref(), Some("no # here"));
    assert_eq!(label("größer als 日本語").as_deref(), Some("größer als 日本語"));
    assert_eq!(label("IOError: 5").as_deref(), Some("IOError"));
    assert_eq!(label(&"ä".repeat(500)).map(|label| label.chars().count()), Some(LABEL));
}

proptest! {
    #[test]
    fn no_shape_of_a_header_is_feared(
        named in prop::collection::btree_map(prop::sample::select(&KNOWN[..]), testing::fields(), 0..8),
        text in any::<String>(),
    ) {
        let mut headers: Table = named.into_iter().map(|(name, field)| (name.to_owned(), field)).collect();
        for odd in [true, false] {
            let message = Message { properties: Properties { headers: Some(headers.clone()), ..Properties::default() }, ..Message::default() };
            let _ = of(&message).map(|failure| failure.label());
            let mut line = Vec::new();
            record::write(&mut line, None, &message).expect("a vector takes every byte");
            if odd {
                for name in KNOWN {
                    headers.insert(name.to_owned(), Field::text(text.clone()));
                }
            }
        }
    }
}

const KNOWN: [&str; 17] = [
    "NServiceBus.ExceptionInfo.ExceptionType",
    "NServiceBus.ExceptionInfo.Message",
    "NServiceBus.FailedQ",
    "NServiceBus.TimeOfFailure",
    "MT-Reason",
    "MT-Fault-ExceptionType",
    "MT-Fault-InputAddress",
    "MT-Fault-Timestamp",
    "x-exception-stacktrace",
    "x-original-exchange",
    "x-original-routingKey",
    "task",
    "id",
    "retries",
    "x-death",
    "error",
    "x-exception",
];
