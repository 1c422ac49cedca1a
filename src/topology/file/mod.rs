//! The topology file: what it may say, and what it says.
//!
//! | question | file |
//! |---|---|
//! | what keys are there, and what do they take | `format` |
//! | what does the text say as YAML | `tree`, `syntax` |
//! | what is wrong with the shape of it | `shape` |
//! | what does it mean | `read`, `ladder`, `values`, `model` |
//! | what do editors get | `schema` |

mod format;
mod ladder;
mod model;
mod read;
mod schema;
mod services;
mod shape;
mod syntax;
mod tree;
mod values;

use std::{collections::HashSet, path::Path};

pub(in crate::topology) use format::of_work_queues as is_for_work_queues;
pub use model::{
    Alerts, Argument, Audit, Binding, DeadLetters, Event, EventVersion, Exchange, Naming, Policy, Queue, Service,
    Silence, Subscription, Topology,
};
pub use schema::schema;
pub(in crate::topology) use shape::{LONGEST_NAME, bad_name};
pub(in crate::topology) use tree::{Entry, Node, Scalar, Value};
pub(in crate::topology) use values::{flag, integer, json, table, text};

use super::{
    clashes,
    place::{Place, Problem, Source, Sources},
};

/// How many bytes one topology file may have.
pub const LARGEST: usize = 16 << 20;

/// A topology and the texts it was read from.
#[derive(Debug, Clone, Default)]
pub struct File {
    /// What the files say.
    pub topology: Topology,
    /// The files.
    pub sources: Sources,
}

/// Files that cannot be understood: everything that is wrong with them.
#[derive(Debug, Clone)]
pub struct Malformed {
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// The files.
    pub sources: Sources,
}

impl File {
    /// Reads files that together say one topology.
    ///
    /// # Errors
    /// Everything that is wrong with any of them.
    pub fn read(files: Vec<(String, &Path, Vec<u8>)>) -> Result<File, Malformed> {
        let mut problems = Vec::new();
        let mut sources = Sources::default();
        let mut trees = Vec::new();
        for (at, (name, folder, bytes)) in files.into_iter().enumerate() {
            let text = match decode(&bytes, at) {
                Ok(text) => text,
                Err(undecoded) => {
                    let (text, problem) = *undecoded;
                    problems.push(problem);
                    sources.0.push(Source { name, folder: folder.to_owned(), text });
                    continue;
                }
            };
            let (tree, found) = tree::read(&text, at);
            let unread = tree.is_none() && !found.is_empty();
            problems.extend(found);
            match tree {
                Some(node) if !node.is_null() => {
                    let whole = Place { file: at, start: node.place.start, end: node.place.start };
                    shape::check(&node, &shape::Shape::Object(&format::FILE), ("", whole), &mut problems);
                    trees.push((node, folder));
                }
                _ if unread => (),
                _ => problems.push(
                    Problem::new("the file is empty", Place { file: at, start: 0, end: 0 })
                        .help("`evbus init` writes a file to start from"),
                ),
            }
            sources.0.push(Source { name, folder: folder.to_owned(), text });
        }
        let topology = read::read(&trees, &mut problems);
        if trees.len() == sources.0.len() && !naming_is_wrong(&trees, &problems) {
            let told: HashSet<Place> = problems.iter().map(|problem| problem.place).collect();
            problems.extend(clashes::clashes(&topology).into_iter().filter(|problem| !told.contains(&problem.place)));
        }
        if problems.is_empty() { Ok(File { topology, sources }) } else { Err(Malformed { problems, sources }) }
    }
}

/// Whether a word that is not in quotes is text, and not a number, true, false or nothing.
pub(in crate::topology) fn means_text(word: &str) -> bool {
    syntax::meaning(word) == tree::Scalar::Text
}

/// What a text says, whatever it is about.
#[cfg(test)]
pub(in crate::topology) fn read_back(text: &str) -> Result<serde_json::Value, String> {
    decode(text.as_bytes(), 0).map_err(|undecoded| undecoded.1.message)?;
    let (tree, problems) = tree::read(text, 0);
    match (tree, problems.first()) {
        (Some(node), None) => Ok(values::json(&node)),
        (_, problem) => Err(problem.map_or_else(String::new, |problem| problem.message.clone())),
    }
}

/// Whether names would clash for a reason that has been told.
fn naming_is_wrong(trees: &[(tree::Node, &Path)], problems: &[Problem]) -> bool {
    let naming = trees.iter().filter_map(|(tree, _)| tree.get("naming")).map(|node| node.place);
    let within =
        |place: Place, naming: Place| place.file == naming.file && (naming.start..=naming.end).contains(&place.start);
    naming.into_iter().any(|naming| problems.iter().any(|problem| within(problem.place, naming)))
}

/// The text of a file, or what of it can be shown and why it is none.
pub(in crate::topology) fn decode(bytes: &[u8], file: usize) -> Result<String, Box<(String, Problem)>> {
    let start = Place { file, start: 0, end: 0 };
    if bytes.len() > LARGEST {
        let problem = Problem::new(
            format!("the file has more than the {} MiB that a topology file can have", LARGEST >> 20),
            start,
        );
        return Err(Box::new((
            String::new(),
            problem.help("is this the right file? Several can be named with -f A -f B"),
        )));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(Box::new((String::new(), Problem::new("the file is UTF-16", start).help("save it as UTF-8"))));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.valid_up_to();
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(at + 64)]).into_owned();
            let place = Place { file, start: at, end: at + '\u{fffd}'.len_utf8() };
            let problem = Problem::new(format!("byte {at} of the file is not UTF-8 text"), place)
                .help("is this the right file? A topology file is YAML or JSON, saved as UTF-8");
            return Err(Box::new((shown, problem)));
        }
    };
    let strange = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    if let Some(at) = text.find(strange) {
        let shown: String = text.chars().map(|c| if strange(c) { '\u{fffd}' } else { c }).collect();
        let at = text[..at].chars().map(|c| if strange(c) { 3 } else { c.len_utf8() }).sum();
        let place = Place { file, start: at, end: at + '\u{fffd}'.len_utf8() };
        let problem = Problem::new("the file has a control character in it", place).label("not text");
        return Err(Box::new((shown, problem)));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
