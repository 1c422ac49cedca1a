//! Which event a message is: by the bus's envelope, or by the names that frameworks give to what they send.
//!
//! MassTransit names it in its envelope (`messageType`, most specific first) or in `MT-MessageType`, NServiceBus in
//! `NServiceBus.EnclosedMessageTypes`, Spring's converters in `__TypeId__`, Celery's tasks in `task`.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Field, Message, failure};

/// The type of the event in a message: the envelope's, else the property's, else what a framework calls it.
#[must_use]
pub fn kind(message: &Message) -> Option<Cow<'_, str>> {
    #[derive(serde::Deserialize)]
    struct Envelope<'a> {
        event_type: Option<String>,
        #[serde(borrow, rename = "messageType")]
        message_types: Option<&'a RawValue>,
    }
    let is_object = message.body.first() == Some(&b'{') || message.body.trim_ascii_start().first() == Some(&b'{');
    let envelope = is_object.then(|| serde_json::from_slice::<Envelope<'_>>(&message.body).ok()).flatten();
    let (event_type, message_types) = match envelope {
        Some(Envelope { event_type, message_types }) => (event_type, message_types),
        None => (None, None),
    };
    let masstransit = || {
        let names: Vec<String> = serde_json::from_str(message_types?.get()).ok()?;
        names.into_iter().next().map(|name| Cow::Owned(without_urn(&name).to_owned()))
    };
    let property = || message.properties.kind.as_deref().map(Cow::Borrowed);
    event_type.map(Cow::Owned).or_else(property).or_else(masstransit).or_else(|| in_headers(message).map(Cow::Borrowed))
}

fn in_headers(message: &Message) -> Option<&str> {
    let headers = message.properties.headers.as_ref()?;
    let text = |name| headers.get(name).and_then(Field::as_str).filter(|text| !text.is_empty());
    let first = |names: &'_ str| names.find([',', ';']).unwrap_or(names.len());
    failure::task(headers)
        .or_else(|| text("NServiceBus.EnclosedMessageTypes").map(|names| &names[..first(names)]))
        .or_else(|| text("MT-MessageType").map(|names| without_urn(&names[..first(names)])))
        .or_else(|| text("__TypeId__"))
}

fn without_urn(name: &str) -> &str {
    name.strip_prefix("urn:message:").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Properties, Table};

    fn kind_of(body: &str, property: Option<&str>, headers: &[(&str, &str)]) -> Option<String> {
        let headers: Table = headers.iter().map(|(name, text)| ((*name).to_owned(), Field::text(*text))).collect();
        let kind = property.map(str::to_owned);
        let properties = Properties { headers: Some(headers), kind, ..Properties::default() };
        let message = Message { properties, body: body.as_bytes().to_vec(), ..Message::default() };
        super::kind(&message).map(Cow::into_owned)
    }

    #[test]
    fn the_envelope_speaks_first_and_frameworks_where_nothing_else_does() {
        let found = |body: &str, property, headers: &[(&str, &str)], expected: Option<&str>| {
            assert_eq!(kind_of(body, property, headers).as_deref(), expected, "{body} {property:?} {headers:?}");
        };
        found(r#"{"event_type":"OrderPlaced"}"#, Some("other"), &[], Some("OrderPlaced"));
        found(r#" {"event_type":"OrderPlaced"}"#, None, &[], Some("OrderPlaced"));
        found(r#"{"event_type":7}"#, Some("other"), &[], Some("other"));
        found(
            r#"{"messageType":["urn:message:Shop:OrderPlaced","urn:message:Shop:Event"]}"#,
            None,
            &[],
            Some("Shop:OrderPlaced"),
        );
        found(r#"{"messageType":{}}"#, None, &[], None);
        found("[[1],{},{}]", None, &[("task", "shop.charge"), ("id", "1")], Some("shop.charge"));
        found("[]", None, &[("task", "clean")], None);
        found(
            "x",
            None,
            &[("NServiceBus.EnclosedMessageTypes", "Shop.OrderPlaced, Shop, Version=1.0")],
            Some("Shop.OrderPlaced"),
        );
        found("{}", None, &[("__TypeId__", "com.shop.OrderPlaced")], Some("com.shop.OrderPlaced"));
        found("", None, &[], None);
    }
}
