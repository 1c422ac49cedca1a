//! What the management API says. Every field may be missing, and what is missing is unknown, never 0 or empty: nodes emit
//! statistics seconds after the fact, and some not at all.

mod force;
mod objects;
mod queues;
mod server;

use super::{Error, http::Http};

pub use objects::{BindingInfo, ExchangeInfo, GlobalParameter, Parameter, Policy};
pub use queues::{Columns, Consumer, QueueInfo, QueuePage};
pub use server::{NodeState, Overview, Permissions, WhoAmI};

/// The management API of a broker.
#[derive(Clone)]
pub struct Management {
    http: Http,
}

impl Management {
    pub(super) fn new(http: Http) -> Management {
        Management { http }
    }

    /// The user asked with.
    #[must_use]
    pub fn user(&self) -> &str {
        self.http.user()
    }
}

/// Reads a list page by page. Lists move between pages: what comes twice is dropped by its key.
async fn paged<T: serde::de::DeserializeOwned>(
    http: &Http,
    path: &[&str],
    query: &[(&str, &str)],
    key: impl Fn(&T) -> String,
) -> Result<Vec<T>, Error> {
    let mut seen = std::collections::HashSet::new();
    let mut all = Vec::new();
    let mut page = 1;
    loop {
        let number = page.to_string();
        let mut query = query.to_vec();
        query.extend([("page", number.as_str()), ("page_size", PAGE)]);
        let found: Page<T> = match http.get(path, &query).await {
            Ok(found) => found,
            // The list became shorter while it was read: a page past its end is refused.
            Err(Error::Management { .. }) if page > 1 => return Ok(all),
            Err(error) => return Err(error),
        };
        let last = found.items.is_empty() || page >= found.pages;
        all.extend(found.items.into_iter().filter(|item| seen.insert(key(item))));
        if last {
            return Ok(all);
        }
        page += 1;
    }
}

/// The largest page that every series allows.
const PAGE: &str = "500";

#[derive(serde::Deserialize)]
struct Page<T> {
    #[serde(default = "Vec::new")]
    items: Vec<T>,
    #[serde(default, rename = "page_count")]
    pages: u64,
    #[serde(default)]
    total_count: Option<u64>,
}

/// Objects that some series send as `[]` when they are empty.
mod lenient {
    use std::fmt;

    use serde::{
        Deserialize, Deserializer,
        de::{DeserializeOwned, Error, MapAccess, Visitor},
    };
    use serde_json::{Map, Value};

    /// An object in which a key may come twice: the first one counts. Broker fact (4.0.5): a quorum queue that has lost most of its
    /// nodes comes with the states `minority` and `running` where totals are asked for.
    pub(super) struct Once<T>(pub(super) T);

    impl<'de, T: DeserializeOwned> Deserialize<'de> for Once<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Once<T>, D::Error> {
            let fields = deserializer.deserialize_map(Fields)?;
            T::deserialize(Value::Object(fields)).map(Once).map_err(D::Error::custom)
        }
    }

    struct Fields;

    impl<'de> Visitor<'de> for Fields {
        type Value = Map<String, Value>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut fields = Map::new();
            while let Some((key, value)) = access.next_entry()? {
                fields.entry::<String>(key).or_insert(value);
            }
            Ok(fields)
        }
    }

    /// An object, or whatever else stands in its place as an empty one.
    pub(super) fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::Object(map) => map,
            _ => Map::new(),
        })
    }

    /// An object that is there, or whatever else stands in its place as an empty one.
    pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Map<String, Value>>, D::Error> {
        object(deserializer).map(Some)
    }

    /// Whether it is so. Broker fact (4.0.5): of an exchange that was imported from definitions which do not say it, the answer is
    /// the text "undefined", and it behaves as if it were not.
    pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
        Ok(Value::deserialize(deserializer)? == Value::Bool(true))
    }

    /// A count; anything else is unknown.
    pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        Ok(Value::deserialize(deserializer)?.as_u64())
    }

    /// A list; anything else is unknown.
    pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Value>>, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::Array(items) => Some(items),
            _ => None,
        })
    }

    /// A text; anything else is unknown. An empty one too: brokers say "no policy" that way.
    pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => None,
        })
    }
}
