//! What does one value of a file mean, in the units and types that the broker takes?

use std::time::Duration;

use super::{
    model::Argument,
    shape,
    tree::{Entry, Node, Scalar, Value},
};
use crate::{
    duration::duration,
    message::{Field, Table},
    topology::{
        argument::{self, Holds, QueueType},
        place::Spanned,
    },
};

pub(super) fn queue_type(node: &Node) -> Option<Spanned<QueueType>> {
    let word = text(node.get("type")?)?;
    Some(Spanned::new(QueueType::from_word(&word)?, word.place))
}

/// An argument by its key, in the broker's units.
pub(super) fn keyed_argument(known: &argument::Argument, entry: &Entry) -> Option<Argument> {
    let node = &entry.node;
    let time = || duration(shape::text(node)?).ok();
    let value = match known.holds {
        Holds::Time => Field::I64(i64::try_from(time()?.as_millis()).ok()?),
        Holds::Age => Field::text(age(time()?)),
        Holds::Number(..) => Field::I64(integer(node)?),
        Holds::Size => Field::I64(shape::size(node)?),
        Holds::Flag => Field::Bool(flag(node)?),
        Holds::Text | Holds::Word(_) => Field::text(text(node)?.value),
    };
    Some(Argument { name: known.name.to_owned(), value, place: entry.place })
}

/// A length of time as the broker reads it from text: one number, one unit, nothing finer than a second.
fn age(time: Duration) -> String {
    let seconds = time.as_secs().max(1);
    match [("D", 86_400), ("h", 3600), ("m", 60)].iter().find(|(_, unit)| seconds.is_multiple_of(*unit)) {
        Some((word, unit)) => format!("{}{word}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

/// What a raw argument should be, if it is not.
pub(super) fn raw_problem(known: &argument::Argument, node: &Node) -> Option<String> {
    let (expected, right) = match known.holds {
        Holds::Time => ("a whole number of milliseconds".to_owned(), integer(node).is_some_and(|n| n >= 0)),
        Holds::Size => ("a whole number of bytes".to_owned(), integer(node).is_some_and(|n| n >= 0)),
        Holds::Number(least, _) => {
            (format!("a whole number, at least {least}"), integer(node).is_some_and(|n| n >= least))
        }
        Holds::Flag => ("true or false".to_owned(), flag(node).is_some()),
        Holds::Age => ("a number and a unit of Y, M, D, h, m, s, like 7D".to_owned(), is_age(shape::text(node))),
        Holds::Text => ("text".to_owned(), matches!(node.value, Value::Scalar(_, Scalar::Text))),
        Holds::Word(words) => (words.join(", or "), shape::text(node).is_some_and(|text| words.contains(&text))),
    };
    (!right).then_some(expected)
}

fn is_age(text: Option<&str>) -> bool {
    let number = text.and_then(|text| text.strip_suffix(['Y', 'M', 'D', 'h', 'm', 's']));
    number.is_some_and(|number| number.parse::<u64>().is_ok())
}

pub(in crate::topology) fn text(node: &Node) -> Option<Spanned<String>> {
    shape::text(node).map(|text| Spanned::new(text.to_owned(), node.place))
}

pub(in crate::topology) fn flag(node: &Node) -> Option<bool> {
    match node.value {
        Value::Scalar(_, Scalar::Bool(flag)) => Some(flag),
        _ => None,
    }
}

pub(in crate::topology) fn integer(node: &Node) -> Option<i64> {
    match node.value {
        Value::Scalar(_, Scalar::Integer(number)) => Some(number),
        _ => None,
    }
}

pub(super) fn count(node: &Node) -> Option<u64> {
    integer(node).and_then(|number| u64::try_from(number).ok())
}

pub(super) fn number(node: &Node) -> Option<f64> {
    match node.value {
        #[expect(clippy::cast_precision_loss, reason = "a factor: nobody writes one beyond 2^52")]
        Value::Scalar(_, Scalar::Integer(number)) => Some(number as f64),
        Value::Scalar(_, Scalar::Float(number)) => Some(number),
        _ => None,
    }
}

pub(in crate::topology) fn table(node: &Node) -> Table {
    node.entries().iter().map(|entry| (entry.key.clone(), field(&entry.node))).collect()
}

/// Any value as the broker takes it.
pub(super) fn field(node: &Node) -> Field {
    match &node.value {
        Value::Scalar(_, Scalar::Null) => Field::Void,
        Value::Scalar(_, Scalar::Bool(flag)) => Field::Bool(*flag),
        Value::Scalar(_, Scalar::Integer(number)) => Field::I64(*number),
        Value::Scalar(_, Scalar::Float(number)) => Field::F64(*number),
        Value::Scalar(text, Scalar::Text) => Field::text(text.as_str()),
        Value::List(items) => Field::Array(items.iter().map(field).collect()),
        Value::Map(_) => Field::Table(table(node)),
    }
}

pub(in crate::topology) fn json(node: &Node) -> serde_json::Value {
    use serde_json::Value as Json;
    match &node.value {
        Value::Scalar(_, Scalar::Null) => Json::Null,
        Value::Scalar(_, Scalar::Bool(flag)) => (*flag).into(),
        Value::Scalar(_, Scalar::Integer(number)) => (*number).into(),
        Value::Scalar(_, Scalar::Float(number)) => (*number).into(),
        Value::Scalar(text, Scalar::Text) => text.as_str().into(),
        Value::List(items) => items.iter().map(json).collect::<Vec<_>>().into(),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|entry| (entry.key.clone(), json(&entry.node))).collect())
        }
    }
}
