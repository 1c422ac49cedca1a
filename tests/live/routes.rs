//! Whether the broker routes as we say it does.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use evbus::{
    message::{Field, Table},
    topology::{expand::expand, file::File},
};
use lapin::types::{AMQPValue, FieldArray, FieldTable, LongString, ShortString};

use crate::support::live::{broker, numbered};

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    /// A key of up to four words, empty ones among them; wildcards where it is a pattern: no more `#` than 4.3 takes.
    fn key(&mut self, pattern: bool) -> String {
        let words: &[&str] = if pattern { &["a", "b", "", "*", "#", "#"] } else { &["a", "b", ""] };
        loop {
            let key: Vec<&str> = (0..self.below(5)).map(|_| self.of(words)).collect();
            if key.iter().filter(|word| **word == "#").count() <= 2 {
                return key.join(".");
            }
        }
    }
}

const EXCHANGES: usize = 5;
const QUEUES: usize = 5;

/// A topology file with exchanges of every type that lead to queues and to each other.
fn topology(dice: &mut Dice, number: usize) -> String {
    let mut text = "evbus: 1\nexchanges:\n".to_owned();
    for at in 0..EXCHANGES {
        let kind = ["topic", "direct", "fanout", "headers", "topic"][at];
        let alternate = if dice.below(3) == 0 {
            format!(", alternate_exchange: x{number}-{}", dice.below(EXCHANGES))
        } else {
            String::new()
        };
        let _ = writeln!(text, "  x{number}-{at}: {{ type: {kind}{alternate} }}");
    }
    text.push_str("queues:\n");
    for at in 0..QUEUES {
        let _ = writeln!(text, "  q{number}-{at}: {{ type: classic }}");
    }
    text.push_str("bindings:\n");
    for _ in 0..14 {
        let from = dice.below(EXCHANGES);
        let to = if dice.below(3) == 0 {
            format!("to_exchange: x{number}-{}", dice.below(EXCHANGES))
        } else {
            format!("to: q{number}-{}", dice.below(QUEUES))
        };
        let arguments = if from == 3 {
            let mode = dice.of(&["all", "any", "all-with-x", "any-with-x"]);
            let (h, x) = (dice.of(&["1", "one", "true"]), dice.of(&["1", "2"]));
            format!(", arguments: {{ x-match: {mode}, h: {h}, x-h: {x} }}")
        } else {
            String::new()
        };
        let _ = writeln!(text, "  - {{ from: x{number}-{from}, {to}, key: {:?}{arguments} }}", dice.key(true));
    }
    text
}

#[test]
fn the_broker_routes_as_the_offline_routes_say() {
    let Some(live) = broker("routes") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut dice = Dice(2026);
    let (mut reached, mut lost) = (0, 0);
    for number in 0..12 {
        let text = topology(&mut dice, number);
        fs::write(folder.path().join("evbus.yaml"), &text).expect("it is written");
        live.evbus(&["apply", "--yes", "-q"]).within(folder.path()).done().ends_with(0);
        let file = File::read(vec![("f".to_owned(), Path::new(""), text.clone().into_bytes())]).expect("a right file");
        let routes = expand(&file.topology, live.version()).0.routes();
        let mut expected: Vec<BTreeSet<String>> = vec![BTreeSet::new(); QUEUES];
        for message in 0..40 {
            let exchange = format!("x{number}-{}", dice.below(EXCHANGES));
            let keys: Vec<String> = (0..=usize::from(dice.below(4) == 0)).map(|_| dice.key(false)).collect();
            let mut headers = FieldTable::default();
            let mut ours = Table::new();
            for name in ["h", "x-h"] {
                let (theirs, field) = match dice.below(4) {
                    0 => (AMQPValue::ShortShortInt(1), Field::I8(1)),
                    1 => (AMQPValue::LongString(LongString::from("one")), Field::text("one")),
                    2 => (AMQPValue::Boolean(true), Field::Bool(true)),
                    _ => continue,
                };
                headers.insert(ShortString::from(name), theirs);
                ours.insert(name.to_owned(), field);
            }
            if let Some(copy) = keys.get(1) {
                let copies = vec![AMQPValue::LongString(LongString::from(copy.as_str()))];
                headers.insert(ShortString::from("CC"), AMQPValue::FieldArray(FieldArray::from(copies)));
                ours.insert("CC".to_owned(), Field::Array(vec![Field::text(copy.as_str())]));
            }
            let borrowed: Vec<&str> = keys.iter().map(String::as_str).collect();
            let found = routes.reach(&exchange, &borrowed, Some(&ours));
            lost += usize::from(found.is_empty());
            reached += found.len();
            for queue in found {
                let at: usize = queue.queue.rsplit('-').next().and_then(|at| at.parse().ok()).expect("a number");
                expected[at].insert(format!("m{message}"));
            }
            live.publish_to(&exchange, &keys[0], [(numbered(message).with_headers(headers), Vec::new())]);
        }
        for (at, expected) in expected.iter().enumerate() {
            let found: Vec<String> = live.ids(&format!("q{number}-{at}"));
            let unique: BTreeSet<String> = found.iter().cloned().collect();
            assert_eq!(found.len(), unique.len(), "one copy, however many ways lead to it");
            assert_eq!(&unique, expected, "queue {at} of\n{text}");
        }
    }
    assert!(reached > 300 && lost > 50, "the dice are too kind: {reached} reached, {lost} lost");
}
