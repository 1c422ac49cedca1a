//! `evbus dlq`: dead letters.

mod care;
mod edit;
mod explain;
mod export;
mod groups;
mod holding;
mod list;
mod looking;
mod pick;
mod purge;
mod receipt;
mod replay;
mod restore;
mod resuming;
mod runs;
mod show;
mod travel;
mod typed;

use clap::Subcommand;

use self::holding::Holding;
use super::{Context, Outcome};
use crate::{
    exit::Exit,
    failure::Failure,
    message::selector::Selector,
    ops::dlq::{self, Error, run::Report},
};

/// What can be done with dead letters.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Every dead letter queue: depth, type and whose it is
    List(list::Args),
    /// What failed and how often, without spending a message
    Groups(groups::Args),
    /// Look at messages without spending them
    Show(show::Args),
    /// Write messages into an archive without removing them
    Export(export::Args),
    /// Put dead letters back
    Replay(Box<replay::Args>),
    /// Put an archive's messages back
    Restore(Box<restore::Args>),
    /// Archive dead letters, prove the archive, then remove them
    Purge(Box<purge::Args>),
    /// What moved what on this machine, when, and how far it came
    Runs(runs::Args),
}

/// Runs it.
pub async fn run(command: &Command, context: &mut Context) -> Outcome {
    match command {
        Command::List(args) => list::run(args, context).await,
        Command::Groups(args) => groups::run(args, context).await,
        Command::Show(args) => show::run(args, context).await,
        Command::Export(args) => export::run(args, context).await,
        Command::Replay(args) => Box::pin(replay::run(args, context)).await,
        Command::Restore(args) => Box::pin(restore::run(args, context)).await,
        Command::Purge(args) => Box::pin(purge::run(args, context)).await,
        Command::Runs(args) => runs::run(args, context),
    }
}

/// A look at what is selected, before a run over some of it.
fn look(queue: &str, selector: Selector, holding: &Holding, context: &Context) -> dlq::show::Request {
    dlq::show::Request { subject: holding.of(queue, selector, context), limit: u64::MAX, skip: 0 }
}

/// How a run ends the process: with what its report comes to, and with what ended it early told as the failure that it is. No report is
/// a no to the question.
fn ended(report: Option<Report>) -> Outcome {
    let Some(report) = report else { return Ok(Exit::Usage) };
    let exit = exit(&report);
    stopped(exit, report.stopped)
}

/// An end with what came to it early.
fn stopped(exit: Exit, error: Option<Error>) -> Outcome {
    match error {
        None => Ok(exit),
        Some(error) => Err(Failure::from(error).exiting(exit)),
    }
}

/// What a report comes to. A dry run ends as the run would, as far as that can be seen.
fn exit(report: &Report) -> Exit {
    if report.interrupted {
        Exit::Interrupted
    } else if report.stopped.is_none() && report.stayed() + report.missing == 0 {
        Exit::Done
    } else if report.done() > 0 || report.unknown + report.in_doubt > 0 {
        Exit::Partial
    } else {
        Exit::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_moved_nothing_failed_and_one_that_left_something_is_partial() {
        let all_stayed = Report { selected: 2, skipped: 2, ..Report::default() };
        assert_eq!(exit(&all_stayed), Exit::Failed);
        assert_eq!(exit(&Report { replayed: 1, ..all_stayed }), Exit::Partial);
        assert_eq!(exit(&Report { unknown: 1, ..Report::default() }), Exit::Partial);
        assert_eq!(exit(&Report::default()), Exit::Done);
        let dry = Report { dry_run: true, selected: 2, ..Report::default() };
        assert_eq!(exit(&Report { skipped: 1, ..dry }), Exit::Partial);
        let all_would_stay = Report { dry_run: true, selected: 2, skipped: 2, ..Report::default() };
        assert_eq!(exit(&all_would_stay), Exit::Failed);
        let gone = Report { selected: 1, missing: 1, ..Report::default() };
        assert_eq!(exit(&gone), Exit::Failed);
        assert_eq!(exit(&Report { replayed: 1, ..gone }), Exit::Partial);
        assert_eq!(exit(&Report { interrupted: true, replayed: 5, ..Report::default() }), Exit::Interrupted);
    }
}
