//! How an error becomes what the operator reads: what failed, why, and the command to type next.
//!
//! Rooms have small error enums of their own; this file turns each into a [`Failure`], adds hints, and decides the exit
//! code. No secret may enter a [`Failure`]: errors are built from addresses without userinfo.

mod broker;
mod demo;
mod dlq;
mod journal;
mod publish;
mod route;
mod sandbox;
mod schema;
mod settings;
mod topology;

use std::borrow::Cow;

pub use broker::word;
pub use publish::Missing;

use crate::{exit::Exit, terminal::Closed};

/// An error on its way to the operator.
#[derive(Debug)]
pub struct Failure {
    /// A stable word for scripts (`error.code` in JSON).
    pub code: &'static str,
    /// What failed, in one line.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What to do or type next.
    pub hint: Option<String>,
    /// What the process ends with.
    pub exit: Exit,
    /// Further text shown as it is below the first line: excerpts of a file with places.
    pub detail: Option<String>,
}

impl Failure {
    /// A failure that did nothing (exit 1).
    pub fn new(code: &'static str, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), causes: Vec::new(), hint: None, exit: Exit::Failed, detail: None }
    }

    /// Wrong usage, a malformed file or missing consent (exit 2).
    pub fn usage(code: &'static str, message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Usage, ..Failure::new(code, message) }
    }

    /// The same failure, ending the process differently.
    #[must_use]
    pub fn exiting(self, exit: Exit) -> Failure {
        Failure { exit, ..self }
    }

    /// The same failure with one more cause below the ones it has.
    #[must_use]
    pub fn because(mut self, cause: impl std::fmt::Display) -> Failure {
        self.causes.push(cause.to_string());
        self
    }

    /// The same failure with a hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<Cow<'static, str>>) -> Failure {
        Failure { hint: Some(hint.into().into_owned()), ..self }
    }

    /// The same failure with text shown as it is below the first line.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Failure {
        Failure { detail: Some(detail.into()), ..self }
    }

    /// The reader of our output is gone: nothing to say, and no failure (exit 0).
    #[must_use]
    pub fn reader_gone() -> Failure {
        Failure::new("reader_gone", "the reader closed the pipe").exiting(Exit::Done)
    }
}

impl From<Closed> for Failure {
    fn from(closed: Closed) -> Failure {
        match closed {
            Closed::Reader => Failure::reader_gone(),
            Closed::Failed(error) => Failure::new("output", "the output cannot be written; what was done is done")
                .because(error)
                .exiting(Exit::Partial),
        }
    }
}

/// The chain of sources of an error, outermost first, without repeating a text that already contains the next.
pub fn causes(error: &dyn std::error::Error) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if causes.last().is_none_or(|last| !last.contains(&text)) {
            causes.push(text);
        }
        next = cause.source();
    }
    causes
}
