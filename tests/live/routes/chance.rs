//! Topologies and messages made by chance, the same for the same seed.

use evbus::{
    message::{Field, Table},
    topology::{
        routing::{ALTERNATE_EXCHANGE, Routes},
        spec::{BindingSpec, ExchangeSpec},
    },
    version::Version,
};

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn of_seed(seed: u64) -> Dice {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        dice.below(2);
        dice
    }

    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.below(sides) == 0
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// A key of up to four words, empty ones among them; wildcards where it is a pattern: no more `#` than 4.3 takes.
    fn key(&mut self, pattern: bool) -> String {
        let words: &[&str] = if pattern { &["a", "b", "", "*", "#", "#"] } else { &["a", "b", "a", "b", "", "*"] };
        loop {
            let key: Vec<&str> = (0..self.below(5)).map(|_| self.of(words)).collect();
            if key.iter().filter(|word| **word == "#").count() <= 2 {
                return key.join(".");
            }
        }
    }

    /// A value of any type; many of them are equal to some broker, or to some version of it.
    fn value(&mut self) -> Field {
        self.of(&[
            Field::I64(1),
            Field::I64(1),
            Field::I8(1),
            Field::U16(1),
            Field::I32(1000),
            Field::F64(1.0),
            Field::F32(1.5),
            Field::F64(1.5),
            Field::text("1"),
            Field::text("1"),
            Field::text("undefined"),
            Field::Bytes(b"1".to_vec()),
            Field::Bool(true),
            Field::text("true"),
            Field::Void,
            Field::Void,
            Field::Timestamp(1),
            Field::Decimal { scale: 1, value: 15 },
            Field::Array(vec![Field::I64(1)]),
            Field::Array(vec![Field::I8(1)]),
            Field::Table(Table::from([("a".to_owned(), Field::text("1"))])),
        ])
    }

    fn headers(&mut self, most: usize) -> Table {
        let count = self.below(most + 1);
        (0..count).map(|_| (self.of(&["h", "g", "x-h", "CD"]).to_owned(), self.value())).collect()
    }
}

pub const QUEUES: [&str; 4] = ["q0", "q1", "q2", "q3"];

/// Where the policy sends what nothing takes.
pub const REST: &str = "rest";

/// What a name ends in that the policy is for.
pub const BY_POLICY: &str = "@policy";

/// Exchanges of every type that lead to queues and to each other.
pub struct Topology {
    pub seed: u64,
    pub exchanges: Vec<ExchangeSpec>,
    pub bindings: Vec<BindingSpec>,
    pub messages: Vec<Letter>,
}

#[derive(Debug)]
pub struct Letter {
    pub exchange: String,
    pub keys: Vec<String>,
    pub headers: Option<Table>,
}

impl Topology {
    pub fn of_seed(seed: u64) -> Topology {
        let mut dice = Dice::of_seed(seed);
        let names: Vec<String> = (0..2 + dice.below(5))
            .map(|at| format!("{seed}-{at}{}", if dice.one_in(5) { BY_POLICY } else { "" }))
            .collect();
        let exchanges: Vec<ExchangeSpec> = names
            .iter()
            .map(|name| {
                let mut arguments = Table::new();
                if dice.one_in(3) {
                    let missing = format!("{seed}-missing");
                    let alternate = if dice.one_in(8) {
                        dice.of(&[missing, "amq.fanout".to_owned(), String::new()])
                    } else {
                        dice.of(&names)
                    };
                    arguments.insert(ALTERNATE_EXCHANGE.to_owned(), Field::text(alternate));
                }
                let kind = dice.of(&["topic", "topic", "direct", "fanout", "headers", "headers"]).to_owned();
                ExchangeSpec {
                    name: name.clone(),
                    kind,
                    durable: false,
                    auto_delete: false,
                    internal: false,
                    arguments,
                }
            })
            .collect();
        let bindings = (0..4 + dice.below(12)).map(|_| binding(&mut dice, &exchanges)).collect();
        let messages = (0..12).map(|_| letter(&mut dice, &names)).collect();
        Topology { seed, exchanges, bindings, messages }
    }

    pub fn routes(&self, version: Version) -> Routes {
        let mut routes = Routes::default().on(version);
        let rest = ExchangeSpec {
            name: REST.to_owned(),
            kind: "fanout".to_owned(),
            durable: true,
            auto_delete: false,
            internal: false,
            arguments: Table::new(),
        };
        self.exchanges.iter().chain([&rest]).for_each(|exchange| routes.exchange(exchange));
        QUEUES.iter().chain([&REST]).for_each(|queue| routes.queue(*queue));
        self.bindings.iter().for_each(|binding| routes.bind(binding));
        routes.bind(&BindingSpec {
            source: REST.to_owned(),
            destination: REST.to_owned(),
            to_queue: true,
            key: String::new(),
            arguments: Table::new(),
        });
        for exchange in self.exchanges.iter().filter(|exchange| exchange.name.ends_with(BY_POLICY)) {
            routes.alternate(&exchange.name, REST);
        }
        routes
    }

    pub fn id(&self, message: usize) -> String {
        format!("{}.{message}", self.seed)
    }
}

fn binding(dice: &mut Dice, exchanges: &[ExchangeSpec]) -> BindingSpec {
    let source = dice.of(exchanges);
    let to_queue = !dice.one_in(3);
    let destination = if to_queue { dice.of(&QUEUES).to_owned() } else { dice.of(exchanges).name };
    let mut arguments = Table::new();
    if source.kind == "headers" {
        arguments = dice.headers(3);
        if !dice.one_in(4) {
            let mode = dice.of(&["all", "any", "all-with-x", "any-with-x"]);
            arguments.insert("x-match".to_owned(), Field::text(mode));
        }
    }
    BindingSpec { source: source.name, destination, to_queue, key: dice.key(true), arguments }
}

fn letter(dice: &mut Dice, exchanges: &[String]) -> Letter {
    let keys: Vec<String> = (0..=usize::from(dice.one_in(4))).map(|_| dice.key(false)).collect();
    let mut headers = dice.headers(4);
    if let Some(copy) = keys.get(1) {
        headers.insert("CC".to_owned(), Field::Array(vec![Field::text(copy.as_str())]));
    }
    let headers = (!headers.is_empty() || dice.one_in(2)).then_some(headers);
    Letter { exchange: dice.of(exchanges), keys, headers }
}
