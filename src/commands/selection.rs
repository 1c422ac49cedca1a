//! The flags that select messages, the same on every command.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::Context;
use crate::{
    failure::Failure,
    message::{
        group::{Chosen, Dimension, FieldOf, GroupId, Grouping},
        selector::{Expression, Selector},
        validity::{Judge, Validity},
    },
    ops::publish::known::Known,
    settings::duration,
    terminal::Terminal,
};

/// Which messages are meant. Flags that are given must all hold.
#[derive(Debug, Default, Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(next_help_heading = "Which messages")]
pub struct Selection {
    /// Events of this type
    #[arg(long, value_name = "TYPE")]
    event: Option<String>,

    /// Messages first published with a key that matches, as in email.#
    #[arg(long, value_name = "PATTERN")]
    key: Option<String>,

    /// Messages that died in this queue
    #[arg(long, value_name = "QUEUE")]
    from_queue: Option<String>,

    /// Messages that died for this reason
    #[arg(long, value_name = "REASON", value_parser = ["rejected", "expired", "maxlen", "delivery_limit"])]
    reason: Option<String>,

    /// Messages that first died longer ago than this
    #[arg(long, value_name = "TIME", value_parser = duration)]
    older_than: Option<Duration>,

    /// Messages that first died more recently than this
    #[arg(long, value_name = "TIME", value_parser = duration)]
    newer_than: Option<Duration>,

    /// The message with this message_id
    #[arg(long, value_name = "ID")]
    id: Option<String>,

    /// Messages with this correlation_id
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,

    /// Messages of this group, as dlq groups shows its id; given again, of that one too
    #[arg(long = "group", value_name = "ID")]
    groups: Vec<GroupId>,

    /// The jq expression by whose value groups are made: for --group, the one that dlq groups was given
    #[arg(long, value_name = "JQ")]
    field: Option<String>,

    /// Messages whose payload matches the schema of the topology file's catalog, breaks it, or has none there
    #[arg(long, value_enum, value_name = "WHAT")]
    only: Option<Only>,

    /// Messages whose record this jq expression holds for, as in '.body.json.payload.n > 7'
    #[arg(long = "where", value_name = "JQ")]
    expression: Option<String>,

    /// When it was typed, where that is not now
    #[arg(skip)]
    #[serde(skip)]
    as_of: Option<jiff::Timestamp>,
}

/// What a schema says of a payload.
#[derive(Debug, Clone, Copy, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Only {
    Valid,
    Invalid,
    Unknown,
}

impl Selection {
    /// The same, as it was meant at that moment.
    #[must_use]
    pub fn meant_at(self, moment: jiff::Timestamp) -> Selection {
        Selection { as_of: Some(moment), ..self }
    }

    /// The selector that follows from the flags, as of now.
    ///
    /// # Errors
    /// An expression that does not compile, with its place; what --group and --only need and is not there.
    pub fn selector(&self, context: &Context) -> Result<Selector, Failure> {
        if let (Some(field), []) = (&self.field, self.groups.as_slice()) {
            return Err(Failure::usage("field", format!("--field {field} selects nothing by itself")).hint(
                "evbus dlq groups QUEUE --field JQ shows the ids of groups, and --group ID selects one of them",
            ));
        }
        Ok(self.grouped(context, &[], false)?.0)
    }

    /// The same, and by what `dlq groups` groups: these dimensions, the expression of --field, and, if that is wished, what the catalog
    /// says.
    ///
    /// # Errors
    /// As [`Selection::selector`].
    pub fn grouped(&self, context: &Context, by: &[Dimension], valid: bool) -> Result<(Selector, Grouping), Failure> {
        let now = self.as_of.unwrap_or_else(jiff::Timestamp::now);
        let ago = |time: Option<Duration>| time.map(|time| now.checked_sub(time).unwrap_or(jiff::Timestamp::MIN));
        let judges = |id: &GroupId| id.dimensions().contains(&Dimension::Valid);
        let flag = match (self.only, valid) {
            (Some(_), _) => Some("--only"),
            (None, true) => Some("--valid"),
            (None, false) => self.groups.iter().any(judges).then_some("a --group made with --valid"),
        };
        let judge = flag.map(|flag| judge(flag, context)).transpose()?;
        let only = self.only.map(|only| match only {
            Only::Valid => Validity::Valid,
            Only::Invalid => Validity::Invalid,
            Only::Unknown => Validity::Unknown,
        });
        let selector = Selector {
            event: self.event.clone(),
            key: self.key.clone(),
            from_queue: self.from_queue.clone(),
            reason: self.reason.clone(),
            before: ago(self.older_than),
            after: ago(self.newer_than),
            id: self.id.clone(),
            correlation_id: self.correlation_id.clone(),
            groups: self.chosen(judge.as_ref())?,
            only: only.zip(judge.clone()),
            expression: self.expression.as_deref().map(expression).transpose()?,
        };
        let grouping = Grouping::new(by, self.field()?, judge.filter(|_| valid));
        Ok((selector, grouping))
    }

    /// Says that no message is in the groups that were asked for, where that is why nothing was selected.
    pub fn tell_of_empty_groups(&self, terminal: &Terminal, queue: &str, selected: u64) {
        if selected == 0 && !self.groups.is_empty() {
            let ids: Vec<String> = self.groups.iter().map(ToString::to_string).collect();
            terminal.say(&format!(
                "no message that was read is in {}; evbus dlq groups {queue} shows the groups there are",
                ids.join(" or ")
            ));
        }
    }

    fn field(&self) -> Result<Option<FieldOf>, Failure> {
        let field = |text: &String| Ok(FieldOf { text: text.clone(), expression: expression(text)? });
        self.field.as_ref().map(field).transpose()
    }

    /// The groups that are meant, those that are by the same dimensions together.
    fn chosen(&self, judge: Option<&Judge>) -> Result<Vec<Chosen>, Failure> {
        let mut alike: BTreeMap<&[Dimension], BTreeSet<GroupId>> = BTreeMap::new();
        for id in &self.groups {
            alike.entry(id.dimensions()).or_default().insert(id.clone());
        }
        let chosen = |(dimensions, ids): (&[Dimension], BTreeSet<GroupId>)| {
            let field = if dimensions.contains(&Dimension::Field) { self.field_of(&ids)? } else { None };
            let judge = judge.filter(|_| dimensions.contains(&Dimension::Valid));
            Ok(Chosen::new(Grouping::new(dimensions, field, judge.cloned()), ids))
        };
        alike.into_iter().map(chosen).collect()
    }

    /// The expression by which these groups were made.
    fn field_of(&self, ids: &BTreeSet<GroupId>) -> Result<Option<FieldOf>, Failure> {
        let again = "give the expression again that dlq groups was given: --field JQ";
        for id in ids {
            let message = match &self.field {
                Some(field) if id.is_by(field) => continue,
                Some(field) => format!("the group {id} was made by another expression than --field {field}"),
                None => format!("the group {id} was made with --field, and an id does not hold the expression"),
            };
            return Err(Failure::usage("field", message).hint(again));
        }
        self.field()
    }
}

/// Who says what the catalog of the topology file says of a payload.
fn judge(flag: &str, context: &Context) -> Result<Judge, Failure> {
    let Some(file) = context.topology()? else {
        return Err(Failure::usage("no_catalog", format!("{flag} needs a catalog, and there is no topology file"))
            .hint("name one: -f FILE; evbus.yaml in the working directory is read without being named"));
    };
    Ok(Known::judge(&file.topology.events)?)
}

/// Compiles a jq expression.
///
/// # Errors
/// Its first mistake, shown under the text.
pub fn expression(text: &str) -> Result<Expression, Failure> {
    Expression::compile(text).map_err(|mistake| {
        let failure = Failure::usage("expression", mistake.to_string()).detail(format!(
            "  {}\n  {}^",
            text.replace('\n', " "),
            " ".repeat(mistake.column - 1)
        ));
        match mistake.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}
