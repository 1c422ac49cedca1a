//! What frameworks wrote of a failure stays behind, and who a message is goes along.

use std::collections::BTreeMap;

use lapin::types::{AMQPValue, FieldArray, FieldTable, LongString, ShortString};

use crate::support::live::{Live, broker, numbered};

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(text))
}

/// The headers that arrive of a message with these, replayed so.
fn arrives(live: &Live, headers: &[(&str, AMQPValue)], flags: &[&str]) -> (BTreeMap<String, String>, String) {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        table.insert(ShortString::from(*name), value.clone());
    }
    live.publish("dead", [(numbered(0).with_headers(table), b"x".to_vec())]);
    let done = live.evbus(&["dlq", "replay", "dead", "--to", "queue:work", "--yes"]).and(flags).done().ends_with(0);
    let arrived = live.drain("work");
    assert_eq!(arrived.len(), 1, "{}", done.whole());
    let headers = arrived[0].properties.headers().clone().unwrap_or_default();
    let shown = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => text.to_string(),
        other => format!("{other:?}"),
    };
    let headers = headers.inner().iter().map(|(name, value)| (name.to_string(), shown(value)));
    (headers.filter(|(name, _)| name != "x-evbus-run").collect(), done.err())
}

#[test]
fn consumers_begin_anew_and_an_operator_may_want_it_otherwise() {
    let Some(live) = broker("travel") else { return };
    live.pair("classic", "work", "dead");
    live.queue("copies", &[]);
    let mine = [("NServiceBus.MessageId", text("7")), ("traceparent", text("00-1-2-01"))];
    let theirs = [
        ("NServiceBus.FailedQ", text("work")),
        ("NServiceBus.Retries", text("3")),
        ("NServiceBus.ExceptionInfo.ExceptionType", text("System.TimeoutException")),
        ("NServiceBus.ExceptionInfo.StackTrace", text("at …")),
    ];
    let (arrived, told) = arrives(&live, &[&mine[..], &theirs].concat(), &[]);
    let plain = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
    };
    let identity = [("NServiceBus.MessageId", "7"), ("traceparent", "00-1-2-01")];
    let kept = ("x-evbus-exception-type", "System.TimeoutException");
    assert_eq!(arrived, plain(&[identity[0], identity[1], kept]), "{told}");
    let flags = ["--keep", "NServiceBus.Retries,NServiceBus.F*", "--strip", "NServiceBus.ExceptionInfo.*,trace*"];
    let (arrived, told) = arrives(&live, &[&mine[..], &theirs].concat(), &flags);
    let back = [("NServiceBus.FailedQ", "work"), ("NServiceBus.Retries", "3")];
    assert_eq!(arrived, plain(&[identity[0], identity[1], back[0], back[1]]), "{told}");
    assert!(!told.contains("warning"), "{told}");
    let copies = AMQPValue::FieldArray(FieldArray::from(vec![text("copies")]));
    let (arrived, told) = arrives(&live, &[("x-app", text("1"))], &["--keep", "CC", "--strip", "traceparent"]);
    assert_eq!(arrived, plain(&[("x-app", "1")]));
    assert!(told.contains("warning: CC is kept: copies go to") && told.contains("traceparent is stripped"), "{told}");
    // What is named in CC gets it when it is first published, and again when it is wanted so.
    arrives(&live, &[("CC", copies)], &["--keep", "CC"]);
    assert_eq!(live.ready("copies"), 2);
}
