//! What the catalog knows of the event that a record says it is.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::value::RawValue;

use super::compose::Wrong;
use crate::{
    catalog::schema::{self, Schema},
    message::{
        Message, death,
        validity::{Judge, Validity},
    },
    topology::file::Event,
};

/// The events of a catalog that have a schema. Each schema is read when a record first needs it.
#[derive(Default)]
pub struct Known {
    events: Vec<Event>,
    by_name: HashMap<String, usize>,
    by_key: HashMap<String, usize>,
    schemas: HashMap<PathBuf, Schema>,
}

/// What was found where nothing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// Its payload is what the schema says.
    Right,
    /// No schema says anything about it.
    Unknown,
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

    /// Says of messages what this catalog says of them. Every schema is read at once: one that cannot be used is no reason to stop
    /// while messages are held.
    ///
    /// # Errors
    /// A schema that cannot be used.
    pub fn judge(events: &[Event]) -> Result<Judge, schema::Error> {
        let mut known = Known::of(events);
        for version in events.iter().flat_map(|event| &event.versions) {
            let path: &Path = &version.schema;
            if !known.schemas.contains_key(path) {
                known.schemas.insert(path.to_owned(), Schema::load(path)?);
            }
        }
        let known = Mutex::new(known);
        Ok(Arc::new(move |message| match known.lock().unwrap_or_else(PoisonError::into_inner).check(message) {
            Ok(Checked::Right) => Validity::Valid,
            Ok(Checked::Unknown) => Validity::Unknown,
            Err(_) => Validity::Invalid,
        }))
    }

    /// Holds a record against the schema of the event that it is: by its type, by its envelope, or by its key. A body that is in no
    /// envelope and has no type is somebody else's message that happened to pass: nothing is known of it.
    ///
    /// # Errors
    /// Everything that is wrong with its payload; a schema that cannot be used.
    pub fn check(&mut self, message: &Message) -> Result<Checked, Wrong> {
        if message.properties.content_encoding.is_some() {
            return Ok(Checked::Unknown);
        }
        let envelope = serde_json::from_slice::<Envelope<'_>>(&message.body).ok();
        let by_type = message.properties.kind.as_ref().and_then(|kind| self.by_name.get(kind));
        let by_envelope = envelope.as_ref().and_then(|envelope| {
            let original = || {
                // A dead letter has the key of its own way here.
                let keys = death::original_address(message).map(|original| original.routing_keys);
                keys.and_then(|keys| self.by_key.get(keys.first()?))
            };
            let by_key = || self.by_key.get(&message.routing_key).or_else(original);
            self.by_name.get(&envelope.event_type).or_else(by_key)
        });
        let Some(event) = by_type.or(by_envelope).and_then(|at| self.events.get(*at)) else {
            return Ok(Checked::Unknown);
        };
        let Some(envelope) = envelope else {
            let what = format!("its type is {}, and its body is not in the envelope of an event", *event.name);
            return Err(Wrong::Unreadable(what));
        };
        let version = match &envelope.version {
            Some(named) => event.versions.iter().find(|version| *version.version == *named),
            None => event.versions.last(),
        };
        // A version that the catalog no longer has cannot be held against anything.
        let Some(version) = version else { return Ok(Checked::Unknown) };
        let payload = serde_json::from_str(envelope.payload.get());
        let payload = payload.map_err(|error| Wrong::Unreadable(format!("its payload cannot be read: {error}")))?;
        let violations = schema(&mut self.schemas, &version.schema)?.violations(&payload);
        if violations.is_empty() { Ok(Checked::Right) } else { Err(Wrong::Violations(violations)) }
    }
}

fn schema<'a>(schemas: &'a mut HashMap<PathBuf, Schema>, path: &Path) -> Result<&'a Schema, Wrong> {
    if !schemas.contains_key(path) {
        let loaded = Schema::load(path).map_err(|error| Wrong::Unreadable(error.to_string()))?;
        schemas.insert(path.to_owned(), loaded);
    }
    schemas.get(path).ok_or_else(|| Wrong::Unreadable(format!("no schema {}", path.display())))
}
