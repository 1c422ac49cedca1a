//! What may stand where in a file, and what is wrong with what stands there? One description serves the check of a file, the
//! suggestions it makes, and the JSON Schema for editors.

use crate::{
    duration::duration,
    nearest,
    topology::{
        argument::{ARGUMENTS, Argument, Holds, LONGEST},
        file::tree::{Entry, Node, Scalar, Value},
        lint::{self, RULES},
        place::{Place, Problem},
    },
};

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Any text.
    Text,
    /// The name of an object of the broker; the word says of what.
    Name(&'static str),
    /// A routing key, or the pattern of a binding.
    Key,
    /// A whole number between two.
    Integer(i64, i64),
    /// A number not below this.
    Number(f64),
    /// `true` or `false`.
    Flag,
    /// A length of time.
    Time,
    /// A number of bytes.
    Size,
    /// One of these words.
    Word(&'static [&'static str]),
    /// The name of a rule of lint.
    Rule,
    /// Anything.
    Any,
    /// A map with known keys.
    Object(&'static Object),
    /// A map whose keys are names.
    Map(&'static Map),
    /// A list.
    List(&'static Shape),
    /// A word, or a map with known keys.
    WordOr(&'static str, &'static Object),
    /// A text of the kind that is said, or a map with known keys.
    TextOr(&'static str, &'static Object),
    /// The same, or nothing at all: then the defaults hold.
    Optional(&'static Shape),
}

/// A map with known keys.
#[derive(Debug)]
pub(crate) struct Object {
    /// What it describes: `a service`.
    pub(crate) what: &'static str,
    pub(crate) fields: &'static [Field],
    /// Whether arguments of queues are keys of it too, and which.
    pub(crate) arguments: fn(&Argument) -> bool,
}

/// One key of a map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
}

/// A map whose keys are names.
#[derive(Debug)]
pub(crate) struct Map {
    /// What a key names, if it is an object of the broker and has to obey its rules.
    pub(crate) key: Option<&'static str>,
    pub(crate) of: Shape,
}

/// For maps in which no argument of a queue is a key.
pub(crate) fn no_arguments(_: &Argument) -> bool {
    false
}

impl Object {
    /// Whether no argument of a queue is a key of it.
    fn is_without_arguments(&self) -> bool {
        !ARGUMENTS.iter().any(self.arguments)
    }

    /// Every key it knows.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field> {
        let arguments = ARGUMENTS.iter().filter(|argument| (self.arguments)(argument)).map(Field::of_argument);
        self.fields.iter().copied().chain(arguments)
    }
}

/// Why a service's queue does not take every argument.
pub(crate) const DECIDED: &str = "where its dead letters go and what happens when it is full follows from its being a service's; a queue of your own under `queues:` takes anything";

impl Field {
    /// The key of an argument of a queue.
    fn of_argument(argument: &'static Argument) -> Field {
        let shape = match argument.holds {
            Holds::Time | Holds::Age => Shape::Time,
            Holds::Number(least, most) => Shape::Integer(least, most),
            Holds::Size => Shape::Size,
            Holds::Flag => Shape::Flag,
            Holds::Text => Shape::Text,
            Holds::Word(words) => Shape::Word(words),
        };
        Field { name: argument.key, doc: argument.doc, shape, required: false }
    }
}

/// How long the broker lets a name or a key be, in bytes.
pub(crate) const LONGEST_NAME: usize = 255;

/// Checks a value and all that is in it. The owner is the key it stands under.
pub(crate) fn check(node: &Node, shape: &Shape, owner: (&str, Place), problems: &mut Vec<Problem>) {
    let (key, _) = owner;
    match shape {
        Shape::Any => (),
        Shape::Optional(shape) => {
            if !node.is_null() {
                check(node, shape, owner, problems);
            }
        }
        Shape::Object(object) => check_object(node, object, owner, problems),
        Shape::Map(map) => check_map(node, map, owner, problems),
        Shape::List(shape) => match &node.value {
            Value::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    check(item, shape, (&format!("{key}[{at}]"), item.place), problems);
                }
            }
            _ => problems.push(wrong(key, "a list", node).help(format!("write `{key}: [ … ]`"))),
        },
        Shape::WordOr(word, object) => match &node.value {
            Value::Scalar(text, _) if text == word => (),
            Value::Map(_) => check_object(node, object, owner, problems),
            _ => problems.push(wrong(key, &format!("`{word}`, or a map that describes {}", object.what), node)),
        },
        Shape::TextOr(what, object) => match &node.value {
            Value::Scalar(text, Scalar::Text) if !text.is_empty() => (),
            Value::Map(_) => check_object(node, object, owner, problems),
            _ => problems.push(wrong(key, what, node)),
        },
        Shape::Text | Shape::Name(_) | Shape::Key => check_text(node, shape, key, problems),
        Shape::Flag => {
            if !matches!(node.value, Value::Scalar(_, Scalar::Bool(_))) {
                let problem = wrong(key, "true or false", node);
                let said = |words: &[&str]| matches!(&node.value, Value::Scalar(text, _) if words.contains(&text.to_lowercase().as_str()));
                problems.push(if said(&["yes", "on", "y", "1", "true"]) {
                    problem.help("write `true`, without quotes")
                } else if said(&["no", "off", "n", "0", "false"]) {
                    problem.help("write `false`, without quotes")
                } else {
                    problem
                });
            }
        }
        Shape::Integer(least, most) => match node.value {
            Value::Scalar(_, Scalar::Integer(number)) if (*least..=*most).contains(&number) => (),
            Value::Scalar(_, Scalar::Integer(number)) => {
                let label = if number < *least { "is less" } else { "is more" };
                problems.push(wrong(key, &range(*least, *most), node).label(label));
            }
            _ => problems.push(wrong(key, &range(*least, *most), node)),
        },
        Shape::Number(least) => {
            #[expect(clippy::cast_precision_loss, reason = "only compared with a small number")]
            let number = match node.value {
                Value::Scalar(_, Scalar::Integer(number)) => Some(number as f64),
                Value::Scalar(_, Scalar::Float(number)) => Some(number),
                _ => None,
            };
            if number.is_none_or(|number| number < *least) {
                let problem = wrong(key, &format!("a number, at least {least}"), node);
                problems.push(if number.is_some() { problem.label("is less") } else { problem });
            }
        }
        Shape::Time => {
            if let Err(problem) = time(node, key) {
                problems.push(problem);
            }
        }
        Shape::Size => {
            if size(node).is_none() {
                problems.push(wrong(key, "a number of bytes, like 1048576, 512kB, 10MB or 2GiB", node));
            }
        }
        Shape::Rule => match &node.value {
            Value::Scalar(text, _) if lint::named(text).is_some() => (),
            Value::Scalar(text, _) => {
                let problem = Problem::new(format!("lint has no rule `{text}`"), node.place);
                problems.push(match nearest::among(text, RULES.iter().map(|rule| rule.id)) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help("the RULE column of `evbus lint` shows the names"),
                });
            }
            _ => problems.push(wrong(key, "the name of a rule of lint", node)),
        },
        Shape::Word(words) => match &node.value {
            Value::Scalar(text, _) if words.contains(&text.as_str()) => (),
            Value::Scalar(text, _) => {
                let problem = wrong(key, &one_of(words), node).label("is none of them");
                problems.push(match nearest::among(text, words.iter().copied()) {
                    Some(word) => problem.help(format!("did you mean `{word}`?")),
                    None => problem,
                });
            }
            _ => problems.push(wrong(key, &one_of(words), node)),
        },
    }
}

fn check_object(node: &Node, object: &Object, (key, place): (&str, Place), problems: &mut Vec<Problem>) {
    let Value::Map(entries) = &node.value else {
        problems.push(wrong(key, &format!("a map that describes {}", object.what), node));
        return;
    };
    for entry in entries {
        match object.fields().find(|field| field.name == entry.key) {
            Some(field) => check(&entry.node, &field.shape, (&entry.key, entry.place), problems),
            None => problems.push(unknown(entry, object)),
        }
    }
    for field in object.fields().filter(|field| field.required && node.entry(field.name).is_none()) {
        problems.push(
            Problem::new(format!("{} needs `{}`", object.what, field.name), place)
                .label(format!("`{}` is missing", field.name))
                .help(field.doc),
        );
    }
}

fn check_map(node: &Node, map: &Map, (key, _): (&str, Place), problems: &mut Vec<Problem>) {
    let Value::Map(entries) = &node.value else {
        problems.push(wrong(key, "a map from names to what they stand for", node));
        return;
    };
    for entry in entries {
        if let Some(problem) = map.key.and_then(|what| bad_name(what, &entry.key, entry.place)) {
            problems.push(problem);
        }
        check(&entry.node, &map.of, (&entry.key, entry.place), problems);
    }
}

fn check_text(node: &Node, shape: &Shape, key: &str, problems: &mut Vec<Problem>) {
    let Some(text) = text(node) else {
        let problem = wrong(key, "text", node);
        let is_word = matches!(node.value, Value::Scalar(_, Scalar::Bool(_)));
        problems.push(if is_word { problem.help("quote it if this is the text") } else { problem });
        return;
    };
    match shape {
        Shape::Name(what) => problems.extend(bad_name(what, text, node.place)),
        Shape::Key if text.len() > LONGEST_NAME => problems.push(too_long("a routing key", text, node.place)),
        _ => (),
    }
}

/// What the broker would have against a name.
pub(crate) fn bad_name(what: &str, name: &str, place: Place) -> Option<Problem> {
    if name.is_empty() {
        Some(Problem::new(format!("the name of {what} cannot be empty"), place).label("empty"))
    } else if name.len() > LONGEST_NAME {
        Some(too_long(&format!("the name of {what}"), name, place))
    } else if name.starts_with("amq.") {
        Some(
            Problem::new(format!("the name of {what} cannot begin with `amq.`"), place)
                .label("reserved")
                .help("the broker keeps names that begin so to itself and answers 403 to who declares one"),
        )
    } else if name.chars().any(char::is_control) {
        Some(
            Problem::new(format!("the name of {what} has a control character in it"), place)
                .help("some brokers and clients strip line ends from names: then nobody finds the object again"),
        )
    } else {
        None
    }
}

fn too_long(what: &str, text: &str, place: Place) -> Problem {
    Problem::new(format!("{what} can have {LONGEST_NAME} bytes, and this has {}", text.len()), place).label("too long")
}

fn wrong(key: &str, expected: &str, node: &Node) -> Problem {
    // The file as a whole stands under no key.
    let message =
        if key.is_empty() { format!("the file has to be {expected}") } else { format!("`{key}` takes {expected}") };
    Problem::new(message, node.place).label(format!("this is {}", node.kind()))
}

fn range(least: i64, most: i64) -> String {
    if least == most {
        format!("the number {least}")
    } else if most == i64::MAX {
        format!("a whole number, at least {least}")
    } else {
        format!("a whole number from {least} to {most}")
    }
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    format!("one of {}", quoted.join(", "))
}

fn unknown(entry: &Entry, object: &Object) -> Problem {
    let problem =
        Problem::new(format!("{} has no key `{}`", object.what, entry.key), entry.place).label("not known here");
    let written = entry.key.replace('-', "_").to_lowercase();
    let plain = written.strip_prefix("x_").unwrap_or(&written);
    let names: Vec<&str> = object.fields().map(|field| field.name).collect();
    let argument = ARGUMENTS.iter().find(|argument| argument.name == entry.key || argument.key == plain);
    if let (Some(_), false) =
        (argument.filter(|argument| !names.contains(&argument.key)), object.is_without_arguments())
    {
        return problem.help(DECIDED);
    }
    match argument.map(|argument| argument.key).filter(|key| names.contains(key)) {
        Some(key) => problem.help(format!("write `{key}`; raw arguments stand under `arguments:`")),
        None => match nearest::among(plain, names.iter().copied()) {
            Some(name) => problem.help(format!("did you mean `{name}`?")),
            None if entry.key.starts_with("x-") && names.contains(&"arguments") => {
                problem.help("raw arguments stand under `arguments:`")
            }
            None => problem.help(format!("it has {}", names.join(", "))),
        },
    }
}

/// The text of a value that may be one: numbers are taken as they are written.
pub(crate) fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(text, Scalar::Text | Scalar::Integer(_) | Scalar::Float(_)) => Some(text),
        _ => None,
    }
}

/// A length of time that the broker would take.
pub(crate) fn time(node: &Node, key: &str) -> Result<std::time::Duration, Problem> {
    let expected = "a length of time, like 500ms, 10s, 2m, 1h30m or 14d";
    let Some(text) = text(node) else { return Err(wrong(key, expected, node)) };
    let problem = |label: &str| Problem::new(format!("`{key}` takes {expected}"), node.place).label(label);
    match duration(text) {
        Err(_) if matches!(node.value, Value::Scalar(_, Scalar::Integer(_) | Scalar::Float(_))) => {
            Err(problem("has no unit"))
        }
        Err(_) => Err(problem("is not one")),
        Ok(time) if time.is_zero() => Err(problem("is no time at all")),
        Ok(time) if time.as_millis() > u128::from(LONGEST) => Err(problem("is more than the ten years a broker takes")),
        Ok(time) => Ok(time),
    }
}

/// A number of bytes.
pub(crate) fn size(node: &Node) -> Option<i64> {
    let text = text(node)?;
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit: i64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    text[..digits].parse::<i64>().ok()?.checked_mul(unit)
}
