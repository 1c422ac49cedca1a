//! What the catalog knows of the event that a record says it is.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use serde_json::value::RawValue;

use super::compose::Wrong;
use crate::{catalog::schema::Schema, message::Message, topology::file::Event};

/// The events of a catalog that have a schema. Each schema is read when a record first needs it.
#[derive(Default)]
pub struct Known {
    events: Vec<Event>,
    by_name: HashMap<String, usize>,
    by_key: HashMap<String, usize>,
    schemas: HashMap<PathBuf, Schema>,
}

#[derive(serde::Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "event_id")]
    _event_id: String,
    event_type: String,
    version: Option<String>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

impl Known {
    /// Those of this catalog.
    #[must_use]
    pub fn of(events: &[Event]) -> Known {
        let mut known = Known::default();
        for event in events.iter().filter(|event| !event.versions.is_empty()) {
            let at = known.events.len();
            known.by_name.insert(event.name.to_string(), at);
            known.by_key.insert(event.routing_key.to_string(), at);
            known.events.push(event.clone());
        }
        known
    }

    /// Holds a record against the schema of the event that it is: by its type, by its envelope, or by its key. A body that is in no
    /// envelope and has no type is somebody else's message that happened to pass: nothing is known of it.
    ///
    /// # Errors
    /// Everything that is wrong with its payload; a schema that cannot be used.
    pub fn check(&mut self, message: &Message) -> Result<(), Wrong> {
        if message.properties.content_encoding.is_some() {
            return Ok(());
        }
        let envelope = serde_json::from_slice::<Envelope<'_>>(&message.body).ok();
        let by_type = message.properties.kind.as_ref().and_then(|kind| self.by_name.get(kind));
        let by_envelope = envelope.as_ref().and_then(|envelope| {
            self.by_name.get(&envelope.event_type).or_else(|| self.by_key.get(&message.routing_key))
        });
        let Some(event) = by_type.or(by_envelope).and_then(|at| self.events.get(*at)) else { return Ok(()) };
        let Some(envelope) = envelope else {
            let what = format!("its type is {}, and its body is not in the envelope of an event", *event.name);
            return Err(Wrong::Unreadable(what));
        };
        let version = match &envelope.version {
            Some(named) => event.versions.iter().find(|version| *version.version == *named),
            None => event.versions.last(),
        };
        // A version that the catalog no longer has cannot be held against anything.
        let Some(version) = version else { return Ok(()) };
        let payload = serde_json::from_str(envelope.payload.get());
        let payload = payload.map_err(|error| Wrong::Unreadable(format!("its payload cannot be read: {error}")))?;
        let violations = schema(&mut self.schemas, &version.schema)?.violations(&payload);
        if violations.is_empty() { Ok(()) } else { Err(Wrong::Violations(violations)) }
    }
}

fn schema<'a>(schemas: &'a mut HashMap<PathBuf, Schema>, path: &Path) -> Result<&'a Schema, Wrong> {
    if !schemas.contains_key(path) {
        let loaded = Schema::load(path).map_err(|error| Wrong::Unreadable(error.to_string()))?;
        schemas.insert(path.to_owned(), loaded);
    }
    schemas.get(path).ok_or_else(|| Wrong::Unreadable(format!("no schema {}", path.display())))
}
