//! How is what a broker has written as a topology file? Everything in it comes back exactly when the file is read and expanded; what
//! cannot be is told instead.
//!
//! | question | file |
//! |---|---|
//! | how is one object written | `raw` |
//! | what is a service | `services` |
//! | what is without effect | `idle` |
//! | how does it become text | `document` |

mod document;
mod idle;
mod raw;
mod services;
mod sift;

use std::path::Path;

pub use sift::LeftOut;

use self::{
    document::{Entry, Node},
    idle::Idle,
};
use super::{diff::Observed, expand::expand, file::File};
use crate::version::Version;

/// A broker's topology as a file.
#[derive(Debug, Clone)]
pub struct Export {
    entries: Vec<Entry>,
    /// What the broker has and the file has not, in the order it is told.
    pub left_out: Vec<LeftOut>,
    /// How many services there are in it.
    pub services: usize,
    /// How many queues have the shape of a service and are listed, since the policy of their dead letter queues is missing.
    pub uncovered: usize,
    /// Why there are no services in it, where they were asked for.
    pub without_services: Option<&'static str>,
    /// What the reader of files has against the whole of it, where it is too large.
    pub unreadable: Option<String>,
}

/// What is to be exported, and how.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The virtual host.
    pub vhost: &'a str,
    /// The broker's version.
    pub version: Version,
    /// Whether what has the shape of a service is written as one.
    pub services: bool,
}

/// Writes what a broker has as a file.
#[must_use]
pub fn export(observed: &Observed, request: Request<'_>) -> Export {
    let Request { vhost, version, services } = request;
    let idle = Idle::of(observed, version);
    let (objects, left_out) = sift::sift(observed, &idle, version);
    let mut export =
        Export { entries: Vec::new(), left_out, services: 0, uncovered: 0, without_services: None, unreadable: None };
    let head = [Entry::new("evbus", Node::Integer(1)), Entry::new("vhost", Node::text(vhost))];
    if services {
        match services::find(&objects, version, &idle) {
            Ok(bus) => {
                let mut rest = objects.clone();
                rest.without(&bus.objects);
                let (services, uncovered) = (bus.services, bus.uncovered);
                let entries: Vec<Entry> =
                    head.iter().cloned().chain(bus.entries).chain(raw::sections(&rest, &idle)).collect();
                if understood(&entries, version).is_ok_and(|back| back.is_same(&objects)) {
                    (export.services, export.uncovered) = (services, uncovered);
                    export.entries = entries;
                    return export;
                }
                export.without_services = Some("they would become something else than the broker has");
            }
            Err(why) => export.without_services = Some(why),
        }
    }
    export.entries = head.into_iter().chain(raw::sections(&objects, &idle)).collect();
    export.unreadable = understood(&export.entries, version).err();
    export
}

impl Export {
    /// The file, with what is not in it as comments at its top.
    #[must_use]
    pub fn yaml(&self, title: &str) -> String {
        let mut top = vec![title.to_owned()];
        if !self.left_out.is_empty() {
            top.extend([String::new(), "Not exported:".to_owned()]);
            top.extend(self.left_out.iter().map(|left_out| format!("- {left_out}")));
        }
        document::yaml(&top, &self.entries)
    }

    /// The file as JSON. There is no place for comments in it.
    #[must_use]
    pub fn json(&self) -> String {
        document::json(&self.entries)
    }
}

/// What sections become once they are read, or the first thing that is wrong with them.
fn understood(entries: &[Entry], version: Version) -> Result<Observed, String> {
    let mut entries = entries.to_vec();
    if !entries.iter().any(|entry| entry.key == "evbus") {
        entries.insert(0, Entry::new("evbus", Node::Integer(1)));
    }
    let text = document::yaml(&[], &entries);
    let file = File::read(vec![(String::new(), Path::new(""), text.into_bytes())])
        .map_err(|malformed| malformed.problems.first().map_or_else(String::new, |problem| problem.message.clone()))?;
    let (wanted, problems) = expand(&file.topology, version);
    match problems.first() {
        Some(problem) => Err(problem.message.clone()),
        None => Ok(Observed::of(&wanted)),
    }
}

#[cfg(test)]
mod tests;
