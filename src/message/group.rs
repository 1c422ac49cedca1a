//! What messages have in common: by what they are grouped, and the id of a group, which says that of itself.
//!
//! An id is a letter for each dimension, with a field four digits that stand for its expression, and ten digits that stand for the
//! values: `rqex-0a1b2c3d4e`, `rj3f2a-0a1b2c3d4e`. It depends on nothing else, so that the same group has the same id in every queue,
//! on every machine and tomorrow.

use std::{borrow::Cow, collections::BTreeSet, fmt, str::FromStr};

use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::{selector::Expression, traits::Traits, validity::Judge};

/// By what messages can be grouped, in the order in which it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// Why they died.
    Reason,
    /// The queue they died in.
    Queue,
    /// The type of the event.
    Event,
    /// The type of what was thrown.
    Exception,
    /// The key they were first published with.
    Key,
    /// The exchange they were first published to.
    Exchange,
    /// The application that sent them.
    App,
    /// Whether their payload is what the catalog says.
    Valid,
    /// The value of an expression over their record.
    Field,
}

impl Dimension {
    /// Those that can be named.
    pub const NAMED: [Dimension; 7] = [
        Dimension::Reason,
        Dimension::Queue,
        Dimension::Event,
        Dimension::Exception,
        Dimension::Key,
        Dimension::Exchange,
        Dimension::App,
    ];

    /// By what messages are grouped where nothing else is said.
    pub const USUAL: [Dimension; 4] = [Dimension::Reason, Dimension::Queue, Dimension::Event, Dimension::Exception];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Dimension::Reason => "reason",
            Dimension::Queue => "queue",
            Dimension::Event => "event",
            Dimension::Exception => "exception",
            Dimension::Key => "key",
            Dimension::Exchange => "exchange",
            Dimension::App => "app",
            Dimension::Valid => "valid",
            Dimension::Field => "field",
        }
    }

    fn letter(self) -> char {
        match self {
            Dimension::Reason => 'r',
            Dimension::Queue => 'q',
            Dimension::Event => 'e',
            Dimension::Exception => 'x',
            Dimension::Key => 'k',
            Dimension::Exchange => 'c',
            Dimension::App => 'a',
            Dimension::Valid => 'v',
            Dimension::Field => FIELD,
        }
    }

    fn of(letter: char) -> Option<Dimension> {
        Dimension::NAMED.into_iter().chain([Dimension::Valid]).find(|dimension| dimension.letter() == letter)
    }
}

/// The letter of a field.
const FIELD: char = 'j';
/// How long a value may be; one that is longer is cut. Names on a broker are no longer than 255 bytes.
const LONGEST: usize = 256;

/// The id of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct GroupId {
    dimensions: Vec<Dimension>,
    /// What stands for the expression of a field.
    field: Option<u16>,
    values: u64,
}

impl GroupId {
    /// By what its messages are grouped.
    #[must_use]
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// Whether its messages are grouped by that expression among others.
    #[must_use]
    pub fn is_by(&self, expression: &str) -> bool {
        self.field == Some(mark(expression))
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for dimension in &self.dimensions {
            write!(f, "{}", dimension.letter())?;
        }
        if let Some(mark) = self.field {
            write!(f, "{mark:04x}")?;
        }
        write!(f, "-{:010x}", self.values)
    }
}

/// That a text is no id of a group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id is expected as `evbus dlq groups QUEUE` shows it, such as rqex-0a1b2c3d4e")]
pub struct NoGroupId;

impl From<GroupId> for String {
    fn from(id: GroupId) -> String {
        id.to_string()
    }
}

impl TryFrom<String> for GroupId {
    type Error = NoGroupId;

    fn try_from(text: String) -> Result<GroupId, NoGroupId> {
        text.parse()
    }
}

impl FromStr for GroupId {
    type Err = NoGroupId;

    fn from_str(text: &str) -> Result<GroupId, NoGroupId> {
        let digits = |text: &str, count: usize| {
            let is_plain = text.len() == count && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            is_plain.then(|| u64::from_str_radix(text, 16).ok()).flatten().ok_or(NoGroupId)
        };
        let (head, values) = text.split_once('-').ok_or(NoGroupId)?;
        let (letters, field) = match head.split_once(FIELD) {
            Some((letters, mark)) => (letters, Some(digits(mark, 4)?)),
            None => (head, None),
        };
        let mut dimensions = letters.chars().map(Dimension::of).collect::<Option<Vec<_>>>().ok_or(NoGroupId)?;
        dimensions.extend(field.map(|_| Dimension::Field));
        if dimensions.is_empty() || !dimensions.is_sorted_by(|a, b| a < b) {
            return Err(NoGroupId);
        }
        let field = field.map(u16::try_from).transpose().map_err(|_| NoGroupId)?;
        Ok(GroupId { dimensions, field, values: digits(values, 10)? })
    }
}

/// A field: an expression, and its text.
pub struct FieldOf {
    /// As it was typed.
    pub text: String,
    /// As it runs.
    pub expression: Expression,
}

/// By what messages are grouped.
pub struct Grouping {
    dimensions: Vec<Dimension>,
    field: Option<FieldOf>,
    judge: Option<Judge>,
}

/// The values of one message.
pub struct Values {
    values: Vec<Option<String>>,
    /// The expression of the field failed on it.
    pub failed: bool,
}

impl Grouping {
    /// By these dimensions; by an expression too, and by what whoever knows the catalog says, where they are given.
    #[must_use]
    pub fn new(named: &[Dimension], field: Option<FieldOf>, judge: Option<Judge>) -> Grouping {
        let mut dimensions: Vec<Dimension> = named.to_vec();
        dimensions.extend(judge.as_ref().map(|_| Dimension::Valid));
        dimensions.extend(field.as_ref().map(|_| Dimension::Field));
        dimensions.sort_unstable();
        dimensions.dedup();
        Grouping { dimensions, field, judge }
    }

    /// By what, in the order of the values.
    #[must_use]
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// The values of a message.
    #[must_use]
    pub fn values(&self, traits: &Traits<'_>) -> Values {
        let mut failed = false;
        let mut value = |dimension: &Dimension| -> Option<String> {
            let message = traits.message();
            let found: Option<Cow<'_, str>> = match dimension {
                Dimension::Reason => traits.death().map(|death| death.reason.as_str().into()),
                Dimension::Queue => traits.source_queue().map(Into::into),
                Dimension::Event => traits.event().map(Into::into),
                Dimension::Exception => traits.failure().and_then(super::failure::Failure::label),
                Dimension::Key => {
                    let first = traits.original().and_then(|original| original.routing_keys.first());
                    Some(first.unwrap_or(&message.routing_key).as_str().into())
                }
                Dimension::Exchange => {
                    Some(traits.original().map_or(&message.exchange, |original| &original.exchange).as_str().into())
                }
                Dimension::App => message.properties.app_id.as_deref().map(Into::into),
                Dimension::Valid => self.judge.as_ref().map(|judge| traits.validity(judge).word().into()),
                Dimension::Field => {
                    let answer = self.field.as_ref().map(|field| field.expression.first(traits));
                    failed |= answer.as_ref().is_some_and(Result::is_err);
                    answer.and_then(Result::ok).flatten().map(|value| value.to_string().into())
                }
            };
            found.map(|text| cut(&text).to_owned())
        };
        let values = self.dimensions.iter().map(&mut value).collect();
        Values { values, failed }
    }

    /// The id of the group that a message with these values is in.
    #[must_use]
    pub fn id(&self, values: &Values) -> GroupId {
        let mut text = values.key();
        for dimension in &self.dimensions {
            text.extend(dimension.word().as_bytes());
            text.push(0);
        }
        text.extend(self.field.as_ref().map(|field| field.text.as_bytes()).unwrap_or_default());
        let field = self.field.as_ref().map(|field| mark(&field.text));
        GroupId { dimensions: self.dimensions.clone(), field, values: number::<5>(&text) }
    }
}

impl Values {
    /// Bytes that no other values have.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(64);
        for value in &self.values {
            // Longer than any value: nothing is there.
            let length = value.as_ref().map_or(u16::MAX, |text| u16::try_from(text.len()).unwrap_or(u16::MAX - 1));
            key.extend(length.to_be_bytes());
            key.extend(value.as_deref().unwrap_or_default().as_bytes());
        }
        key
    }

    /// Each with its dimension. A field is a value of JSON as long as it is whole.
    pub fn named<'a>(&'a self, grouping: &'a Grouping) -> impl Iterator<Item = (Dimension, Value)> + 'a {
        grouping.dimensions.iter().copied().zip(&self.values).map(|(dimension, value)| {
            let text = |text: &String| match dimension {
                Dimension::Field => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
                _ => text.as_str().into(),
            };
            (dimension, value.as_ref().map_or(Value::Null, text))
        })
    }
}

/// Groups that are meant, all of them by the same dimensions.
pub struct Chosen {
    grouping: Grouping,
    ids: BTreeSet<GroupId>,
}

impl Chosen {
    /// The groups of these ids, whose grouping is this.
    #[must_use]
    pub fn new(grouping: Grouping, ids: BTreeSet<GroupId>) -> Chosen {
        Chosen { grouping, ids }
    }

    /// Whether a message is in one of them; `None` where the expression of the field failed on it and it is in none.
    #[must_use]
    pub fn has(&self, traits: &Traits<'_>) -> Option<bool> {
        let values = self.grouping.values(traits);
        let is_in = self.ids.contains(&self.grouping.id(&values));
        (is_in || !values.failed).then_some(is_in)
    }
}

/// What stands for an expression.
fn mark(expression: &str) -> u16 {
    u16::try_from(number::<2>(expression.as_bytes())).unwrap_or_default()
}

/// A number of so many bytes that stands for a text.
fn number<const BYTES: usize>(text: &[u8]) -> u64 {
    digest(&SHA256, text).as_ref().iter().take(BYTES).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests;
