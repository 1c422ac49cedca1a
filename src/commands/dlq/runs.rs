//! `evbus dlq runs`

use crate::{
    commands::{Context, Outcome},
    exit::Exit,
    failure::Failure,
    ops::dlq::journal,
    views,
};

/// What moved what on this machine, when, and how far it came
///
/// Each run keeps a journal. One that was cut off, or has left something, is gone on with by --resume RUN of its command. Journals are
/// kept until somebody removes them: EVBUS_STATE_DIR, else $XDG_STATE_HOME/evbus, else ~/.local/state/evbus.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only runs over this queue
    queue: Option<String>,
}

/// Runs it.
pub fn run(args: &Args, context: &mut Context) -> Outcome {
    let state = context.settings.state_folder()?;
    let (mut runs, wrong) = journal::list(&state)?;
    runs.retain(|run| args.queue.as_ref().is_none_or(|queue| *queue == run.header.queue));
    for error in wrong {
        let failure = Failure::from(error);
        let causes: String = failure.causes.iter().map(|cause| format!(": {cause}")).collect();
        context.terminal.warn(&format!("{}{causes}", failure.message));
    }
    views::dlq::runs::show(&mut context.terminal, &runs, jiff::Timestamp::now())?;
    Ok(Exit::Done)
}
