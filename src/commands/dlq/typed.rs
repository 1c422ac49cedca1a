//! What was typed, as a journal keeps it, and back.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    commands::{Context, selection::Selection},
    failure::Failure,
    message::selector::Selector,
    ops::dlq::{
        To,
        journal::{Header, Wanted},
    },
    terminal::word,
};

/// What a journal says of messages that were marked or edited.
pub(super) const BY_HAND: &str = "by_hand";

/// Where the messages of a run go.
pub(super) fn to_of(header: &Header) -> Result<To, Failure> {
    to(&header.to).map_err(|_| unknown(header, "where messages go"))
}

/// Which messages a run means that is gone on with.
///
/// # Errors
/// When they were chosen by hand, or its journal says it in a way that is not known here.
pub(super) fn selector_of(header: &Header, context: &Context) -> Result<Selector, Failure> {
    if header.selectors.get(BY_HAND).is_some() {
        let message =
            format!("the messages of run {} were chosen by hand, and its journal does not hold which", header.run);
        let again = format!("choose again: evbus {} {} --pick", header.command, word(&header.queue));
        return Err(Failure::new("by_hand", message).hint(again));
    }
    let as_of: jiff::Timestamp = header.as_of.parse().map_err(|_| unknown(header, "when it began"))?;
    let selection =
        Selection::deserialize(&header.selectors).map_err(|_| unknown(header, "which messages are meant"))?;
    selection.meant_at(as_of).selector(context)
}

/// The journal of a run that goes on with one which was typed so.
///
/// # Errors
/// When there is no folder for it.
pub(super) fn wanted_again(header: &Header, context: &Context) -> Result<Wanted, Failure> {
    Ok(Wanted {
        state: context.settings.state_folder()?,
        to: header.to.clone(),
        selectors: header.selectors.clone(),
        travel: header.travel.clone(),
        care: header.care.clone(),
        as_of: Some(header.as_of.clone()),
    })
}

/// A journal that cannot be understood.
pub(super) fn unknown(header: &Header, what: &str) -> Failure {
    let message = format!("the journal of run {} says {what} in a way that is not known here", header.run);
    Failure::new("journal", message).hint("another version of evbus wrote it: use that one")
}

/// What was typed of some flags, as a journal keeps it.
pub(super) fn typed(flags: &impl serde::Serialize) -> Value {
    // Texts, lists of texts and lengths of time: nothing that JSON could not say.
    let mut typed = serde_json::to_value(flags).unwrap_or_default();
    if let Value::Object(flags) = &mut typed {
        flags.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
    }
    typed
}

/// A target as it is typed.
pub(super) fn typed_to(to: &To) -> String {
    match to {
        To::Source => "source".to_owned(),
        To::Exchange => "exchange".to_owned(),
        To::Queue(name) => format!("queue:{name}"),
        To::Through(exchange) | To::Address { exchange, key: None } => format!("exchange:{exchange}"),
        To::Address { exchange, key: Some(key) } => format!("exchange:{exchange}/{key}"),
    }
}

/// A target, as it is typed.
///
/// # Errors
/// What was expected.
pub(super) fn to(text: &str) -> Result<To, String> {
    match text.split_once(':') {
        None if text == "source" => Ok(To::Source),
        None if text == "exchange" => Ok(To::Exchange),
        Some(("queue", name)) if !name.is_empty() => Ok(To::Queue(name.to_owned())),
        Some(("exchange", rest)) => Ok(match rest.split_once('/') {
            Some((exchange, key)) => To::Address { exchange: exchange.to_owned(), key: Some(key.to_owned()) },
            None => To::Address { exchange: rest.to_owned(), key: None },
        }),
        _ => Err("expected source, exchange, queue:NAME or exchange:NAME[/KEY]".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_target_may_have_a_key() {
        let address = |exchange: &str, key: Option<&str>| {
            Ok(To::Address { exchange: exchange.to_owned(), key: key.map(str::to_owned) })
        };
        assert_eq!(to("exchange:events/a/b"), address("events", Some("a/b")));
        assert_eq!(to("exchange:events"), address("events", None));
        assert_eq!(to("queue:a:b"), Ok(To::Queue("a:b".to_owned())));
        assert!(to("queue:").is_err() && to("sauce").is_err());
        for text in ["source", "exchange", "queue:a:b", "exchange:events", "exchange:events/a/b"] {
            assert_eq!(to(text).map(|to| typed_to(&to)).as_deref(), Ok(text));
        }
    }
}
