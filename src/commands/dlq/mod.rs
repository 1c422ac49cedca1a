//! `evbus dlq`: dead letters.

mod holding;
mod list;
mod purge;
mod replay;
mod show;

use clap::Subcommand;

use super::{Context, Outcome};
use crate::{exit::Exit, failure::Failure, ops::dlq};

/// What can be done with dead letters.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Every dead letter queue: depth, type and whose it is
    List(list::Args),
    /// Look at messages without spending them
    Show(show::Args),
    /// Put dead letters back
    Replay(replay::Args),
    /// Archive dead letters, prove the archive, then remove them
    Purge(purge::Args),
}

/// Runs it.
pub async fn run(command: &Command, context: &mut Context) -> Outcome {
    match command {
        Command::List(args) => list::run(args, context).await,
        Command::Show(args) => show::run(args, context).await,
        Command::Replay(args) => replay::run(args, context).await,
        Command::Purge(args) => purge::run(args, context).await,
    }
}

/// How a run ends the process: with what its report comes to, and with what ended it early told as the failure that it is.
fn ended(exit: Exit, stopped: Option<dlq::Error>) -> Outcome {
    match stopped {
        None => Ok(exit),
        Some(error) => Err(Failure::from(error).exiting(exit)),
    }
}
