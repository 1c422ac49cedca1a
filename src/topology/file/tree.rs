//! What does the text say as YAML? A tree in which every key and value knows where it stands.
//!
//! The parser's events are taken one by one, so that a file can have many faults and each is told; only faults of the syntax
//! itself end the reading. Nothing recurses and everything is counted: no file costs more than its size allows.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::syntax::{meaning, syntax};
use crate::topology::place::{Place, Problem};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// One word: as it is written, and what YAML takes it for.
    Scalar(String, Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// What a word that is not quoted means in YAML 1.2 (and in JSON).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

impl Node {
    /// The value under a key of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries of a map; of anything else none.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; of anything else none.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Scalar(_, Scalar::Null))
    }

    /// What it is, in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Scalar(_, Scalar::Null) => "nothing",
            Value::Scalar(_, Scalar::Bool(_)) => "true or false",
            Value::Scalar(_, Scalar::Integer(_)) => "a whole number",
            Value::Scalar(_, Scalar::Float(_)) => "a number",
            Value::Scalar(_, Scalar::Text) => "text",
        }
    }
}

/// How many levels a file may nest.
pub(crate) const DEPTH: usize = 64;
/// How many values a file may hold, those that aliases repeat included.
pub(crate) const NODES: usize = 1_000_000;

/// Reads one file. `None` beside problems: there is no tree to look at further.
pub(crate) fn read(text: &str, file: usize) -> (Option<Node>, Vec<Problem>) {
    let mut builder =
        Builder { file, problems: Vec::new(), stack: Vec::new(), anchors: HashMap::new(), nodes: 0, root: None };
    let options = granit_parser::options! {
        emit_comments: false,
        disallow_directives: true,
        flow_nesting_limit: DEPTH,
        block_nesting_limit: DEPTH
    };
    let mut documents = 0;
    for next in Parser::new_from_str_with_options(text, options) {
        let step = match next {
            Ok((Event::DocumentStart(..), span)) => {
                documents += 1;
                if documents > 1 {
                    let place = place(file, span);
                    Err(Problem::new("a second document begins here", place)
                        .label("only one is read")
                        .help("give each document a file of its own, and name them with -f A -f B"))
                } else {
                    Ok(())
                }
            }
            Ok((event, span)) => builder.event(event, span),
            Err(error) => Err(syntax(text, file, &error)),
        };
        if let Err(problem) = step {
            builder.problems.push(problem);
            return (None, builder.problems);
        }
    }
    (builder.root, builder.problems)
}

fn place(file: usize, span: Span) -> Place {
    let range = span.byte_range().unwrap_or(0..0);
    Place { file, start: range.start, end: range.end.max(range.start) }
}

struct Builder {
    file: usize,
    problems: Vec<Problem>,
    stack: Vec<Frame>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    root: Option<Node>,
}

/// A list or map that is not closed yet.
struct Frame {
    anchor: usize,
    start: usize,
    /// How many values had been counted when it began.
    before: usize,
    open: Open,
}

enum Open {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, merges: Vec<Node>, seen: HashMap<String, Place>, key: Key },
}

/// The key whose value comes next.
enum Key {
    /// None yet: a key comes next.
    Awaited,
    Known(String, Place),
    /// `<<`, without quotes: a map whose entries are taken over comes next.
    Merge(Place),
    /// Not a word: that has been told, and its value goes with it.
    Unusable,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let core = tag.as_ref().and_then(|tag| tag.core_suffix());
                if tag.is_some() && core.is_none() {
                    self.problems.push(foreign_tag(place(self.file, span)));
                }
                let place = place(self.file, span);
                // In quotes it is a key like any other: a queue can be called so.
                if plain && text == "<<" && self.awaits_key() {
                    return self.merge_key(place);
                }
                let scalar = if plain && core != Some("str") { meaning(&text) } else { Scalar::Text };
                self.complete(Node { place, value: Value::Scalar(text.into_owned(), scalar) }, anchor, 1)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.open(anchor, span, tag.is_some(), Open::List(Vec::new()));
                Ok(())
            }
            Event::MappingStart(_, anchor, tag) => {
                let open =
                    Open::Map { entries: Vec::new(), merges: Vec::new(), seen: HashMap::new(), key: Key::Awaited };
                self.open(anchor, span, tag.is_some(), open);
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(frame) = self.stack.pop() else { return Ok(()) };
                let end = place(self.file, span).end.max(frame.start);
                let place = Place { file: self.file, start: frame.start, end };
                let value = match frame.open {
                    Open::List(items) => Value::List(items),
                    Open::Map { entries, merges, .. } => Value::Map(merged(entries, merges, &mut self.problems)),
                };
                let weight = self.nodes - frame.before + 1;
                self.complete(Node { place, value }, frame.anchor, weight)
            }
            Event::Alias(anchor) => {
                let here = place(self.file, span);
                let Some((node, weight)) = self.anchors.get(&anchor) else {
                    return Err(
                        Problem::new("an alias stands for something that contains it", here).label("would never end")
                    );
                };
                let weight = *weight;
                if self.nodes + weight > NODES {
                    return Err(self.too_many(here));
                }
                let node = node.clone();
                self.nodes += weight - 1;
                self.complete(node, 0, weight)
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, anchor: usize, span: Span, tagged: bool, open: Open) {
        let place = place(self.file, span);
        if tagged {
            self.problems.push(foreign_tag(place));
        }
        self.stack.push(Frame { anchor, start: place.start, before: self.nodes, open });
    }

    fn awaits_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { open: Open::Map { key: Key::Awaited, .. }, .. }))
    }

    fn merge_key(&mut self, place: Place) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > NODES {
            return Err(self.too_many(place));
        }
        if let Some(Frame { open: Open::Map { key, .. }, .. }) = self.stack.last_mut() {
            *key = Key::Merge(place);
        }
        Ok(())
    }

    fn too_many(&self, place: Place) -> Problem {
        if self.anchors.is_empty() {
            Problem::new(format!("this file has more than {NODES} values"), place).label("too many")
        } else {
            Problem::new(format!("aliases blow this file up to more than {NODES} values"), place)
                .label("repeats too much")
        }
    }

    /// A value is there with all it holds: `weight` values in all.
    fn complete(&mut self, node: Node, anchor: usize, weight: usize) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > NODES {
            return Err(self.too_many(node.place));
        }
        if anchor != 0 {
            self.nodes += weight;
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut frame.open {
            Open::List(items) => items.push(node),
            Open::Map { entries, merges, seen, key } => match std::mem::replace(key, Key::Awaited) {
                Key::Awaited => *key = as_key(node, &mut self.problems),
                Key::Unusable => (),
                Key::Merge(place) => merges.push(placed(node, place)),
                Key::Known(key, place) => match seen.get(&key) {
                    Some(first) => self.problems.push(
                        Problem::new(format!("`{key}` is there twice"), place)
                            .label("again here")
                            .also(*first, "first here"),
                    ),
                    None => {
                        seen.insert(key.clone(), place);
                        entries.push(Entry { key, place, node: placed(node, place) });
                    }
                },
            },
        }
        Ok(())
    }
}

/// What is not written has the place of its key: there is no other.
fn placed(node: Node, key: Place) -> Node {
    if node.is_null() && node.place.start >= node.place.end { Node { place: key, ..node } } else { node }
}

fn foreign_tag(place: Place) -> Problem {
    Problem::new("tags mean nothing in a topology file", place).help("leave the `!…` away")
}

fn as_key(node: Node, problems: &mut Vec<Problem>) -> Key {
    match node.value {
        Value::Scalar(_, Scalar::Null) => {
            problems.push(Problem::new("a key is missing", node.place).help("something must stand before the `:`"));
            Key::Unusable
        }
        Value::Scalar(text, _) => Key::Known(text, node.place),
        Value::List(_) | Value::Map(_) => {
            problems.push(
                Problem::new("a key must be a word", node.place)
                    .label("is a list or a map")
                    .help("quote it if these brackets belong to a name; in a template, the placeholder was not filled"),
            );
            Key::Unusable
        }
    }
}

/// The entries of a map with those that `<<` brings in; what stands in the map itself goes first.
fn merged(mut own: Vec<Entry>, merges: Vec<Node>, problems: &mut Vec<Problem>) -> Vec<Entry> {
    for merge in merges {
        let maps = match merge.value {
            Value::List(items) => items,
            _ => vec![merge],
        };
        for map in maps {
            match map.value {
                Value::Map(entries) => {
                    for entry in entries {
                        if !own.iter().any(|other| other.key == entry.key) {
                            own.push(entry);
                        }
                    }
                }
                _ => problems.push(Problem::new("`<<` takes a map, or a list of maps", map.place).label("is neither")),
            }
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_is_there_twice_is_told_with_both_places() {
        let (root, problems) = read("a: 1\nb: {c: 1, c: 2}\na: 3\n", 0);
        assert!(root.is_some());
        let starts: Vec<_> = problems.iter().map(|problem| problem.place.start).collect();
        assert_eq!(starts, [15, 21]);
        assert_eq!(problems[1].also.as_ref().map(|also| also.0.start), Some(0));
    }

    #[test]
    fn aliases_and_merges_are_followed_and_their_cost_is_counted() {
        let (root, problems) = read("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: [*x, *x]\n", 0);
        assert!(problems.is_empty(), "{problems:?}");
        let root = root.expect("it is a file");
        let y = root.get("y").expect("y is there");
        assert!(matches!(&y.get("b").map(|node| &node.value), Some(Value::Scalar(text, _)) if text == "3"));
        assert!(y.get("a").is_some());
        assert_eq!(root.get("z").map(|z| z.items().len()), Some(2));

        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for n in 1..20 {
            let previous = format!("*a{}", n - 1);
            bomb.push_str(&format!("a{n}: &a{n} [{}]\n", vec![previous; 10].join(",")));
        }
        let started = std::time::Instant::now();
        let (root, problems) = read(&bomb, 0);
        assert!(root.is_none() && problems.len() == 1, "{problems:?}");
        assert!(problems[0].message.contains("aliases"), "{problems:?}");
        assert!(started.elapsed().as_secs() < 5);
    }

    #[test]
    fn a_key_in_quotes_is_a_key_even_where_it_is_the_word_of_a_merge() {
        let (root, problems) = read("x: &x {a: 1}\ny: {\"<<\": *x, b: <<}\n", 0);
        assert!(problems.is_empty(), "{problems:?}");
        let root = root.expect("it is a file");
        let keys: Vec<&str> =
            root.get("y").map_or(&[][..], Node::entries).iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["<<", "b"]);
    }

    #[test]
    fn an_alias_inside_what_it_stands_for_is_refused() {
        let (root, problems) = read("a: &a [*a]\n", 0);
        assert!(root.is_none() && problems.len() == 1);
    }
}
