//! Does what goes along know who it is, and does what stays behind stay behind?

use super::*;

static NONE: std::sync::LazyLock<Rules> = std::sync::LazyLock::new(Rules::default);

fn facts(run: &str) -> Facts<'_> {
    Facts { run, user: "us", also: &[], rules: &NONE }
}

fn table(fields: impl IntoIterator<Item = (&'static str, Field)>) -> Table {
    fields.into_iter().map(|(name, field)| (name.to_owned(), field)).collect()
}

fn message(properties: Properties) -> Message {
    Message { properties, body: b"body".to_vec(), ..Message::default() }
}

fn death() -> Field {
    Field::Array(vec![Field::Table(table([
        ("queue", Field::text("work")),
        ("reason", Field::text("rejected")),
        ("exchange", Field::text("events")),
        ("routing-keys", Field::Array(vec![Field::text("a.b")])),
    ]))])
}

#[test]
fn what_moves_as_it_is_loses_counts_and_a_foreign_user_alone() {
    let headers = table([
        ("x-death", death()),
        ("x-delivery-count", Field::I64(3)),
        ("CC", Field::Array(vec![Field::text("c")])),
        ("x-evbus-attempt", Field::I64(6)),
    ]);
    let properties = Properties {
        headers: Some(headers),
        expiration: Some("60000".into()),
        user_id: Some("them".into()),
        ..Properties::default()
    };
    let wanted = table([
        ("x-death", death()),
        ("CC", Field::Array(vec![Field::text("c")])),
        ("x-evbus-attempt", Field::I64(6)),
        ("x-evbus-user-id", Field::text("them")),
    ]);
    let gone = moved(message(properties), "us");
    let expected = Properties { headers: Some(wanted), expiration: Some("60000".into()), ..Properties::default() };
    assert_eq!(gone.properties, expected);
    assert_eq!(moved(message(Properties::default()), "us").properties, Properties::default());
}

#[test]
fn identity_travels_and_what_reroutes_expires_or_misleads_does_not() {
    let headers = table([
        ("x-death", death()),
        ("x-first-death-queue", Field::text("work")),
        ("x-last-death-reason", Field::text("rejected")),
        ("x-delivery-count", Field::I64(21)),
        ("CC", Field::Array(vec![Field::text("c")])),
        ("x-evbus-attempt", Field::I64(6)),
        ("traceparent", Field::text("00-1-2-01")),
    ]);
    let properties = Properties {
        headers: Some(headers),
        message_id: Some("id".into()),
        timestamp: Some(0),
        expiration: Some("60000".into()),
        user_id: Some("them".into()),
        delivery_mode: Some(1),
        ..Properties::default()
    };
    let gone = outgoing(message(properties), &facts("r1"));
    assert_eq!(gone.body, b"body");
    let expected = table([
        ("CC", Field::Void),
        ("traceparent", Field::text("00-1-2-01")),
        ("x-evbus-cc", Field::Array(vec![Field::text("c")])),
        ("x-evbus-death", death()),
        ("x-evbus-exchange", Field::text("events")),
        ("x-evbus-expiration", Field::text("60000")),
        ("x-evbus-routing-key", Field::text("a.b")),
        ("x-evbus-run", Field::text("r1")),
        ("x-evbus-user-id", Field::text("them")),
    ]);
    let expected: Table = expected.into_iter().filter(|(name, _)| name != "CC").collect();
    let wanted = Properties {
        headers: Some(expected),
        message_id: Some("id".into()),
        timestamp: Some(0),
        delivery_mode: Some(1),
        ..Properties::default()
    };
    assert_eq!(gone.properties, wanted);
}

/// The names of the headers that a replay with these rules sends, of a message with those.
fn sent(headers: &[(&'static str, Field)], strip: &[&str], keep: &[&str]) -> Table {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let rules = Rules::new(&owned(strip), &owned(keep)).expect("rules that can be");
    let properties = Properties { headers: Some(table(headers.iter().cloned())), ..Properties::default() };
    let gone = outgoing(message(properties), &Facts { rules: &rules, ..facts("r1") });
    gone.properties.headers.unwrap_or_default()
}

#[test]
fn what_frameworks_count_and_say_of_a_failure_stays_behind_and_their_identity_travels() {
    let text = |text: &str| Field::text(text);
    let mine: &[(&str, Field)] = &[
        ("MT-Fault-Address", text("queue:faults")),
        ("MT-Host-MachineName", text("m")),
        ("NServiceBus.EnclosedMessageTypes", text("T")),
        ("NServiceBus.MessageId", text("1")),
        ("expires", text("not a task's")),
        ("retries", Field::I64(1)),
        ("x-evbus-run", text("r1")),
    ];
    let theirs: &[(&str, Field)] = &[
        ("MT-Fault-ExceptionType", text("System.InvalidOperationException")),
        ("MT-Fault-StackTrace", text("at …")),
        ("MT-Reason", text("fault")),
        ("MT-Redelivery-Count", Field::I32(3)),
        ("NServiceBus.ExceptionInfo.StackTrace", text("at …")),
        ("NServiceBus.FLRetries", text("2")),
        ("NServiceBus.FailedQ", text("work")),
        ("NServiceBus.Retries", text("2")),
        ("NServiceBus.Retries.Timestamp", text("2026")),
        ("NServiceBus.TimeOfFailure", text("2026")),
        ("x-exception-message", text(&format!("{}é and more\nat …", "x".repeat(199)))),
        ("x-exception-stacktrace", text("at …")),
        ("x-original-exchange", text("events")),
        ("x-original-routingKey", text("a.b")),
        ("x-retry-count", Field::I64(3)),
    ];
    let kept: &[(&str, Field)] = &[
        ("x-evbus-exception-message", text(&"x".repeat(199))),
        ("x-evbus-exception-type", text("System.InvalidOperationException")),
        ("x-evbus-exchange", text("events")),
        ("x-evbus-routing-key", text("a.b")),
    ];
    let wanted = table(mine.iter().chain(kept).cloned());
    assert_eq!(sent(&[&mine[..6], theirs].concat(), &[], &[]), wanted);
}

#[test]
fn a_task_of_celery_begins_anew_and_does_not_expire() {
    let task: &[(&str, Field)] = &[
        ("expires", Field::text("2020-01-01T00:00:00+00:00")),
        ("id", Field::text("1")),
        ("parent_id", Field::Void),
        ("retries", Field::I64(3)),
        ("root_id", Field::text("1")),
        ("task", Field::text("app.add")),
        ("timelimit", Field::Array(vec![Field::Void, Field::Void])),
    ];
    let names: Vec<String> = sent(task, &[], &[]).into_keys().collect();
    let wanted = ["id", "parent_id", "root_id", "task", "timelimit", "x-evbus-expires", "x-evbus-run"];
    assert_eq!(names, wanted);
    assert!(sent(task, &[], &["expires", "retries"]).contains_key("retries"));
}

#[test]
fn an_operator_may_strip_and_keep() {
    let copies = Field::Array(vec![Field::text("c")]);
    let headers: &[(&str, Field)] =
        &[("CC", copies.clone()), ("x-app-a", Field::I64(1)), ("x-death", death()), ("x-retries", Field::I64(1))];
    let names = |strip: &[&str], keep: &[&str]| sent(headers, strip, keep).into_keys().collect::<Vec<_>>().join(" ");
    let address = "x-evbus-exchange x-evbus-routing-key x-evbus-run";
    assert_eq!(names(&[], &[]), format!("x-app-a x-evbus-cc x-evbus-death {address}"));
    assert_eq!(names(&["x-app-*", "x-death"], &["CC", "x-retries"]), format!("CC {address} x-retries"));
    assert_eq!(names(&["*"], &["x-death"]), address);
    // What the broker would close the channel for does not go whatever is wanted.
    assert!(!sent(&[("CC", Field::text("c"))], &[], &["CC"]).contains_key("CC"));
}

#[test]
fn expiration_can_be_kept() {
    let rules = Rules::new(&[], &["expiration".to_owned()]).expect("rules that can be");
    let properties = Properties { expiration: Some("60000".into()), ..Properties::default() };
    let gone = outgoing(message(properties), &Facts { rules: &rules, ..facts("r1") });
    assert_eq!(gone.properties.expiration.as_deref(), Some("60000"));
}

#[test]
fn replays_are_counted_from_what_a_message_carries() {
    let count = |headers: &[(&'static str, Field)]| {
        let headers = Some(table(headers.iter().cloned()));
        replays_of(&message(Properties { headers, ..Properties::default() }))
    };
    assert_eq!(count(&[]), 0);
    assert_eq!(count(&[(RUN, Field::text("r"))]), 1);
    assert_eq!(count(&[(RUN, Field::text("r")), (REPLAYS, Field::I64(4))]), 4);
}

#[test]
fn replaying_again_counts_and_does_not_grow() {
    let mut message = message(Properties::default());
    let mut seen = Vec::new();
    for run in ["r1", "r2", "r3"] {
        message.properties.headers.get_or_insert_default().insert("x-death".to_owned(), death());
        message.properties = outgoing(message.clone(), &facts(run)).properties;
        assert_eq!(message.properties.header("x-evbus-run").and_then(Field::as_str), Some(run));
        let count = message.properties.header("x-evbus-replays").and_then(Field::as_int);
        seen.push((count, message.properties.headers.as_ref().map(table_size)));
    }
    assert_eq!(seen.iter().map(|(count, _)| *count).collect::<Vec<_>>(), [None, Some(2), Some(3)]);
    assert_eq!(seen[1].1, seen[2].1);
}

#[test]
fn what_a_replay_adds_to_a_small_message_keeps_it_small() {
    let small = Properties { message_id: Some("m12345".into()), delivery_mode: Some(2), ..Properties::default() };
    let run = "20261231T235959Z-ffffff";
    let replayed = outgoing(message(small), &facts(run)).properties;
    assert!(replayed.wire_size() <= 64, "{} bytes", replayed.wire_size());
}

#[test]
fn our_own_user_id_travels() {
    let own = Properties { user_id: Some("us".into()), ..Properties::default() };
    assert_eq!(outgoing(message(own), &facts("r1")).properties.user_id.as_deref(), Some("us"));
}

#[test]
fn history_gives_way_before_a_header_frame_would_be_too_large() {
    let long = Field::Array(vec![Field::Bytes(vec![0; 40_000]), Field::Bytes(vec![0; 40_000])]);
    let headers = table([("x-death", long), ("own", Field::Bytes(vec![0; 60_000]))]);
    let gone = outgoing(message(Properties { headers: Some(headers), ..Properties::default() }), &facts("r1"));
    let headers = gone.properties.headers.unwrap_or_default();
    assert!(table_size(&headers) <= HEADERS);
    assert_eq!(headers.get("own"), Some(&Field::Bytes(vec![0; 60_000])));
    assert_eq!(headers.get("x-evbus-death-trimmed"), Some(&Field::Bool(true)));
}

#[test]
fn a_copy_in_place_keeps_its_history() {
    let headers = table([("x-death", death()), ("x-delivery-count", Field::I64(21)), ("BCC", Field::Array(vec![]))]);
    let copy = put_back(message(Properties { headers: Some(headers), ..Properties::default() }), "us");
    let expected = table([("x-death", death()), ("x-evbus-cc", Field::Array(vec![]))]);
    assert_eq!(copy.properties.headers, Some(expected));
    assert_eq!(put_back(message(Properties::default()), "us").properties, Properties::default());
}

#[test]
fn what_comes_out_of_an_archive_has_its_history_and_does_not_expire() {
    let headers = table([
        ("x-death", death()),
        ("x-first-death-queue", Field::text("work")),
        ("x-delivery-count", Field::I64(3)),
        ("CC", Field::Array(vec![Field::text("c")])),
    ]);
    let properties = Properties {
        headers: Some(headers),
        expiration: Some("60000".into()),
        user_id: Some("us".into()),
        ..Properties::default()
    };
    let wanted = table([
        ("x-death", death()),
        ("x-first-death-queue", Field::text("work")),
        ("x-evbus-cc", Field::Array(vec![Field::text("c")])),
        ("x-evbus-expiration", Field::text("60000")),
    ]);
    let back = restored(message(properties), "us");
    assert_eq!(
        back.properties,
        Properties { headers: Some(wanted), user_id: Some("us".into()), ..Properties::default() }
    );
    assert_eq!(restored(message(Properties::default()), "us").properties, Properties::default());
}
