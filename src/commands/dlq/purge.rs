//! `evbus dlq purge`

use std::{mem, path::PathBuf};

use super::{
    ended,
    explain::{self, Explain},
    holding::Holding,
    look, pick,
};
use crate::{
    commands::{Context, Outcome, selection::Selection},
    ops::dlq::purge::{Purge, Request},
    views::dlq::run::{Verb, View},
};

/// Archive dead letters, prove the archive, then remove them
///
/// Exactly the messages that were archived are removed; what arrives meanwhile stays. At the end it says the command that puts them
/// back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The dead letter queue
    queue: String,

    /// Where the messages are kept, compressed when the name ends in .zst [default: evbus-purge-RUN.ndjson.zst in the working
    /// directory]
    #[arg(long, value_name = "FILE", conflicts_with = "no_archive")]
    archive: Option<PathBuf>,

    /// Keep no copy: what is removed cannot be had back
    #[arg(long)]
    no_archive: bool,

    /// Remove at most so many of the selected messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,

    /// Mark the messages to be removed in a list at the terminal, of at most 200
    #[arg(long, conflicts_with = "limit")]
    pick: bool,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    holding: Holding,

    #[command(flatten)]
    explain: Explain,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    if !args.dry_run && !args.explain.is_asked() {
        context.require_consent("purge removes messages")?;
    }
    let broker = context.broker_of_bus()?;
    let mut request = Request {
        queue: args.queue.clone(),
        limit: args.limit,
        selector: args.selection.selector(context)?,
        marked: None,
        save: args.holding.save(),
        assume: args.holding.assume(),
        window: args.holding.window(),
        archives: !args.no_archive,
        archive: args.archive.clone(),
        dry_run: args.dry_run,
        owner: context.settings.owner(),
    };
    if args.explain.is_asked() {
        return explain::run(&broker, request.intent(), context).await;
    }
    let chosen = if args.pick {
        let look = look(&args.queue, mem::take(&mut request.selector), &args.holding, context);
        pick::marked(&broker, look, context).await?.map(|marks| request.marked = Some(marks))
    } else {
        Ok(())
    };
    let view = View::new(&mut context.terminal, Verb::Purge, &args.queue, broker.identity());
    if let Err(exit) = chosen {
        return Ok(view.not_begun(exit));
    }
    let purge = match Purge::prepare(&broker, request, &mut |event| view.event(event)).await {
        Ok(purge) => purge,
        Err(error) => return Err(view.failed(error)),
    };
    view.begin(purge.run_id(), purge.set());
    let outcome =
        purge.run(&context.interrupt, |preview| view.consent_to_purge(preview), &mut |event| view.event(event)).await;
    let report = view.finish(outcome)?;
    if let Some(report) = &report {
        args.selection.tell_of_empty_groups(&context.terminal, &args.queue, report.selected);
    }
    ended(report)
}
