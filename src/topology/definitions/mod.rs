//! What does a definitions file say, as `rabbitmqctl export_definitions` and the management API write it?
//!
//! Real files lack much of what a broker writes, and have much that it does not: all of that is told as it is, and judged by the
//! rules of lint. Only what cannot be read as definitions at all makes a file malformed.

mod json;
mod read;

use std::path::Path;

use super::{
    file::{Malformed, Node, Value, decode},
    objects::Objects,
    place::{Place, Source, Sources},
};

/// What a definitions file says.
#[derive(Debug, Clone, Default)]
pub struct Definitions {
    /// The objects of each virtual host.
    pub vhosts: Vec<Objects>,
    /// The users.
    pub users: Vec<User>,
    /// The users that have permissions somewhere.
    pub permitted: Vec<String>,
    /// What an import would stumble over, or pass over: what it is, where, and in the description of which object.
    pub oddities: Vec<(Oddity, Place, &'static str, String)>,
    /// The file.
    pub sources: Sources,
}

/// A user. Passwords and their hashes are not kept.
#[derive(Debug, Clone)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// Where its password stands in clear text.
    pub password: Option<Place>,
}

/// What is odd about the description of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Oddity {
    /// It is in a virtual host that the file does not list.
    UndeclaredVhost(String),
    /// It is in no virtual host, and others are.
    MissingVhost,
    /// It lacks this field.
    Missing(&'static str),
    /// It has this field, which means nothing.
    Unknown(String),
    /// It was there before.
    Again,
}

/// Keys that a definitions file has and a topology file has not.
const MARKS: [&str; 7] =
    ["rabbit_version", "rabbitmq_version", "vhosts", "permissions", "topic_permissions", "users", "global_parameters"];

/// Whether this is a definitions file, well-formed or not: told from a topology file by what is in it.
#[must_use]
pub fn is_definitions(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    if !text.trim_start().starts_with('{') {
        return false;
    }
    match json::read(&text, 0) {
        Ok(node) => has_shape(&node),
        // What is broken is told by its words.
        Err(_) => !text.contains("evbus") && MARKS.iter().any(|mark| text.contains(&format!("\"{mark}\""))),
    }
}

fn has_shape(node: &Node) -> bool {
    let is_list = |key: &str| node.get(key).is_some_and(|node| matches!(node.value, Value::List(_)));
    let has_sources =
        || node.get("bindings").is_some_and(|list| list.items().iter().any(|it| it.get("source").is_some()));
    node.get("evbus").is_none()
        && (MARKS.iter().any(|mark| node.get(mark).is_some())
            || ["queues", "exchanges", "policies"].into_iter().any(is_list)
            || has_sources())
}

impl Definitions {
    /// Reads a definitions file.
    ///
    /// # Errors
    /// Why it cannot be read as one.
    pub fn read(name: String, folder: &Path, bytes: &[u8]) -> Result<Definitions, Malformed> {
        let source = |text: String| Sources(vec![Source { name: name.clone(), folder: folder.to_owned(), text }]);
        let text = match decode(bytes, 0) {
            Ok(text) => text,
            Err(undecoded) => {
                let (text, problem) = *undecoded;
                return Err(Malformed { problems: vec![problem], sources: source(text) });
            }
        };
        let node = match json::read(&text, 0) {
            Ok(node) => node,
            Err(problem) => return Err(Malformed { problems: vec![problem], sources: source(text) }),
        };
        let (definitions, problems) = read::read(&node);
        let sources = source(text);
        if problems.is_empty() {
            Ok(Definitions { sources, ..definitions })
        } else {
            Err(Malformed { problems, sources })
        }
    }
}
