//! A list from which somebody marks some.

use std::io;

use dialoguer::MultiSelect;

use super::prompt::{self, Answer};

/// What was marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picked {
    /// These, by their places in the list.
    These(Vec<usize>),
    /// None of them.
    Nothing,
    /// The operator wants to stop (Ctrl-C).
    Interrupted,
}

/// Shows the list on stderr, page by page, and reads keys from stdin, which is a terminal.
pub(super) fn pick(head: String, lines: Vec<String>, stopped: impl Fn() -> bool) -> Picked {
    let asked = prompt::answer(stopped, move || {
        match MultiSelect::new().with_prompt(head).items(lines).report(false).interact_opt() {
            Ok(marked) => Ok(marked.unwrap_or_default()),
            Err(dialoguer::Error::IO(error)) => Err(error),
        }
    });
    match asked {
        Answer::Given(marked) if !marked.is_empty() => Picked::These(marked),
        Answer::Failed(error) if error.kind() == io::ErrorKind::Interrupted => Picked::Interrupted,
        Answer::Given(_) | Answer::Failed(_) => Picked::Nothing,
        Answer::Stopped => Picked::Interrupted,
    }
}
