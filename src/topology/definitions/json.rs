//! What does a text say as JSON? The same tree as that of a topology file: every key and value knows where it stands.
//!
//! YAML would take more than a broker does, like a comma behind the last item: what is no JSON is found here.

use std::collections::{
    HashMap,
    hash_map::Entry::{Occupied, Vacant},
};

use crate::topology::{
    file::{Entry, Node, Scalar, Value},
    place::{Place, Problem},
};

/// Reads one file.
///
/// # Errors
/// Why it is not JSON, and where.
pub(super) fn read(text: &str, file: usize) -> Result<Node, Problem> {
    if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
        return Err(problem(text, file, &error));
    }
    // Its syntax is right from here on, and it is not nested deeper than the check allows (128).
    let mut reader = Reader { text, file, at: 0 };
    Ok(reader.value())
}

fn problem(text: &str, file: usize, error: &serde_json::Error) -> Problem {
    let line_start: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let start = (line_start + error.column().saturating_sub(1)).min(text.len());
    let start = (0..=start).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let width = text[start..].chars().next().map_or(0, char::len_utf8);
    let told = error.to_string();
    // The place is told by the excerpt.
    let what = told.split(" at line ").next().unwrap_or_default();
    let problem = Problem::new(format!("this is not JSON: {what}"), Place { file, start, end: start + width });
    if what.contains("trailing comma") {
        problem.help("leave the comma before the closing bracket away: a broker does not take it")
    } else if text.contains("{{") || text.contains("${") || text.contains("<%") {
        problem.help("this looks like a template: fill it in first")
    } else {
        problem.help("a definitions file is JSON, as `rabbitmqctl export_definitions` writes it")
    }
}

struct Reader<'a> {
    text: &'a str,
    file: usize,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// The next byte that is no blank.
    fn next(&mut self) -> u8 {
        while self.peek().is_ascii_whitespace() {
            self.at += 1;
        }
        self.peek()
    }

    fn place(&self, start: usize) -> Place {
        Place { file: self.file, start, end: self.at }
    }

    fn value(&mut self) -> Node {
        let first = self.next();
        let start = self.at;
        let value = match first {
            b'{' => Value::Map(self.entries()),
            b'[' => Value::List(self.items()),
            b'"' => Value::Scalar(self.string(), Scalar::Text),
            _ => self.word(),
        };
        Node { place: self.place(start), value }
    }

    /// Whether the list or map goes on; its bracket or the comma is passed.
    fn goes_on(&mut self, close: u8) -> bool {
        match self.next() {
            b',' => {
                self.at += 1;
                true
            }
            byte if byte == close || byte == 0 => {
                self.at += 1;
                false
            }
            _ => true,
        }
    }

    fn entries(&mut self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        self.at += 1;
        while self.goes_on(b'}') {
            self.next();
            let start = self.at;
            let key = self.string();
            let place = self.place(start);
            self.next();
            self.at += 1;
            let node = self.value();
            // As for a broker, the last of two of the same name counts.
            match seen.entry(key.clone()) {
                Occupied(known) => entries[*known.get()] = Entry { key, place, node },
                Vacant(new) => {
                    new.insert(entries.len());
                    entries.push(Entry { key, place, node });
                }
            }
        }
        entries
    }

    fn items(&mut self) -> Vec<Node> {
        let mut items = Vec::new();
        self.at += 1;
        while self.goes_on(b']') {
            items.push(self.value());
        }
        items
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        while !matches!(self.peek(), b'"' | 0) {
            self.at += if self.peek() == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        serde_json::from_str(self.text.get(start..self.at).unwrap_or_default()).unwrap_or_default()
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Value {
        let start = self.at;
        while self.peek().is_ascii_alphanumeric() || matches!(self.peek(), b'+' | b'-' | b'.') {
            self.at += 1;
        }
        let word = &self.text[start..self.at];
        let scalar = match word {
            "null" => Scalar::Null,
            "true" | "false" => Scalar::Bool(word == "true"),
            _ => match (word.parse(), word.parse()) {
                (Ok(number), _) => Scalar::Integer(number),
                (_, Ok(number)) => Scalar::Float(number),
                _ => Scalar::Text,
            },
        };
        Value::Scalar(word.to_owned(), scalar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_value_knows_where_it_stands() {
        let text = "{\"a\\u00e4\": [1, -2.5e3, {}, []],\n\t\"b\": {\"c\": \"x\\\"y\", \"d\": null}, \"e\": true, \"b2\": \"\"}";
        let node = read(text, 3).expect("it is JSON");
        let keys: Vec<&str> = node.entries().iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["aä", "b", "e", "b2"]);
        let items = node.get("aä").map_or(&[][..], Node::items);
        let shown: Vec<&str> = items.iter().map(|item| &text[item.place.start..item.place.end]).collect();
        assert_eq!(shown, ["1", "-2.5e3", "{}", "[]"]);
        let c = node.get("b").and_then(|b| b.get("c")).expect("it is there");
        assert!(matches!(&c.value, Value::Scalar(text, Scalar::Text) if text == "x\"y"));
        assert_eq!((c.place.file, &text[c.place.start..c.place.end]), (3, "\"x\\\"y\""));
    }

    #[test]
    fn of_two_keys_of_one_name_the_last_counts() {
        let node = read(r#"{"a": 1, "a": 2}"#, 0).expect("it is JSON");
        assert!(matches!(node.get("a").map(|a| &a.value), Some(Value::Scalar(text, _)) if text == "2"));
    }

    #[test]
    fn what_a_broker_would_not_take_is_told_in_its_place() {
        for (text, at, told) in [
            ("{\"queues\": [1,]}", 14, "trailing comma"),
            ("{ {", 2, "key must be a string"),
            ("{\"a\": ${x}}", 6, "expected value"),
            ("", 0, "EOF"),
        ] {
            let problem = read(text, 0).expect_err("it is no JSON");
            assert!(problem.message.contains(told) && problem.place.start == at, "{text:?}: {problem:?}");
        }
    }
}
