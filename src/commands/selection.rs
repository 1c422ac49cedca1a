//! The flags that select messages, the same on every command.

use std::time::Duration;

use clap::Args;

use crate::{
    failure::Failure,
    message::selector::{Expression, Selector},
    settings::duration,
};

/// Which messages are meant. Flags that are given must all hold.
#[derive(Debug, Default, Args)]
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

    /// Messages whose record this jq expression holds for, as in '.body.json.payload.n > 7'
    #[arg(long = "where", value_name = "JQ")]
    expression: Option<String>,
}

impl Selection {
    /// The selector that follows from the flags, as of now.
    ///
    /// # Errors
    /// An expression that does not compile, with its place.
    pub fn selector(&self) -> Result<Selector, Failure> {
        let ago = |time: Option<Duration>| {
            time.map(|time| jiff::Timestamp::now().checked_sub(time).unwrap_or(jiff::Timestamp::MIN))
        };
        Ok(Selector {
            event: self.event.clone(),
            key: self.key.clone(),
            from_queue: self.from_queue.clone(),
            reason: self.reason.clone(),
            before: ago(self.older_than),
            after: ago(self.newer_than),
            id: self.id.clone(),
            correlation_id: self.correlation_id.clone(),
            expression: self.expression.as_deref().map(expression).transpose()?,
        })
    }
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
