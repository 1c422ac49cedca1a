//! What makes a group, and what its id is good for.

use proptest::prelude::*;

use super::*;
use crate::message::{Field, Message, Properties, Table, testing, validity::Validity};

fn rejected(queue: &str, error: &str) -> Message {
    let death = Table::from([
        ("queue".to_owned(), Field::text(queue)),
        ("reason".to_owned(), Field::text("rejected")),
        ("exchange".to_owned(), Field::text("events")),
        ("routing-keys".to_owned(), Field::Array(vec![Field::text("email.classified")])),
    ]);
    let headers = Table::from([
        ("x-death".to_owned(), Field::Array(vec![Field::Table(death)])),
        ("error".to_owned(), Field::text(error)),
    ]);
    let body = br#"{"event_id":"1","event_type":"EmailClassified","payload":{"tenant":"acme"}}"#.to_vec();
    Message { properties: Properties { headers: Some(headers), ..Properties::default() }, body, ..Message::default() }
}

fn field(text: &str) -> Option<FieldOf> {
    let expression = Expression::compile(text).ok()?;
    Some(FieldOf { text: text.to_owned(), expression })
}

fn id(grouping: &Grouping, message: &Message) -> GroupId {
    grouping.id(&grouping.values(&Traits::read_from("dlq", message)))
}

#[test]
fn an_id_is_the_same_everywhere_and_for_ever() {
    let usual = Grouping::new(&Dimension::USUAL, None, None);
    assert_eq!(id(&usual, &rejected("work", "ValueError: 1")).to_string(), "rqex-443bfd7504");
    let turned =
        Grouping::new(&[Dimension::Exception, Dimension::Event, Dimension::Queue, Dimension::Reason], None, None);
    assert_eq!(id(&turned, &rejected("work", "ValueError: 2")), id(&usual, &rejected("work", "ValueError: 1")));
    assert_ne!(id(&usual, &rejected("work", "KeyError: 1")), id(&usual, &rejected("work", "ValueError: 1")));
    assert_ne!(id(&usual, &rejected("other", "ValueError: 1")), id(&usual, &rejected("work", "ValueError: 1")));
}

#[test]
fn values_stand_under_the_names_of_their_dimensions() {
    let judge: Judge = std::sync::Arc::new(|_| Validity::Invalid);
    let named = [Dimension::USUAL.as_slice(), &[Dimension::Key, Dimension::Exchange, Dimension::App]].concat();
    let grouping = Grouping::new(&named, field("{t: .body.json.payload.tenant}"), Some(judge));
    let message = rejected("work", "no 17");
    let values = grouping.values(&Traits::read_from("dlq", &message));
    let shown: serde_json::Map<String, Value> =
        values.named(&grouping).map(|(dimension, value)| (dimension.word().to_owned(), value)).collect();
    let expected = serde_json::json!({ "reason": "rejected", "queue": "work", "event": "EmailClassified",
        "exception": "no #", "key": "email.classified", "exchange": "events", "app": null, "valid": "invalid",
        "field": { "t": "acme" } });
    assert_eq!(Value::Object(shown), expected);
    assert_eq!(
        id(&grouping, &message).to_string().split_once('-').map(|(head, _)| head.to_owned()),
        Some("rqexkcavj61c3".to_owned())
    );
    let failing = Grouping::new(&[], field(".queue.x"), None);
    assert!(failing.values(&Traits::read_from("dlq", &message)).failed);
}

#[test]
fn groups_are_chosen_by_their_ids_alone() {
    let grouping = || Grouping::new(&Dimension::USUAL, None, None);
    let (one, other) = (rejected("work", "ValueError: 1"), rejected("work", "KeyError"));
    let chosen = Chosen::new(grouping(), BTreeSet::from([id(&grouping(), &one)]));
    let has = |message: &Message| chosen.has(&Traits::read_from("elsewhere", message));
    assert_eq!((has(&one), has(&other)), (Some(true), Some(false)));
    let failing = Chosen::new(Grouping::new(&[], field(".queue.x"), None), BTreeSet::new());
    assert_eq!(failing.has(&Traits::read_from("dlq", &one)), None);
}

#[test]
fn what_is_no_id_is_called_that() {
    for text in ["rqex-0a1b2c3d4e", "rj3f2a-0a1b2c3d4e", "rqexkcavj0000-ffffffffff", "v-0000000000"] {
        assert_eq!(text.parse::<GroupId>().map(|id| id.to_string()), Ok(text.to_owned()));
    }
    for text in [
        "",
        "-0a1b2c3d4e",
        "rqex",
        "rqex-0a1b2c3d4",
        "rqex-0A1B2C3D4E",
        "qr-0a1b2c3d4e",
        "rr-0a1b2c3d4e",
        "z-0a1b2c3d4e",
        "rj-0a1b2c3d4e",
        "j3f2ar-0a1b2c3d4e",
        "r-+a1b2c3d4e",
    ] {
        assert_eq!(text.parse::<GroupId>(), Err(NoGroupId), "{text}");
    }
}

proptest! {
    #[test]
    fn every_message_has_a_group_and_every_id_reads_back(
        headers in proptest::option::of(testing::tables(testing::fields())),
        body in any::<Vec<u8>>(),
        texts in any::<(Option<String>, Option<String>, String, String)>(),
    ) {
        let (kind, app_id, exchange, routing_key) = texts;
        let properties = Properties { headers, kind, app_id, ..Properties::default() };
        let message = Message { exchange, routing_key, properties, body, ..Message::default() };
        let grouping = Grouping::new(&Dimension::NAMED, field(".properties.headers"), None);
        let found = id(&grouping, &message);
        prop_assert_eq!(found.to_string().parse::<GroupId>(), Ok(found.clone()));
        prop_assert!(found.is_by(".properties.headers") && found.dimensions().len() == 8);
        prop_assert_eq!(id(&grouping, &message), found);
    }

    #[test]
    fn no_text_is_feared_as_an_id(text in any::<String>()) {
        if let Ok(id) = text.parse::<GroupId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }
}
