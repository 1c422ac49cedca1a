//! `evbus dlq export`

use std::path::PathBuf;

use super::{explain, looking::Looking, stopped};
use crate::{
    commands::{Context, Outcome},
    exit::Exit,
    failure::Failure,
    ops::dlq::export,
    views::dlq::export::View,
};

/// Write messages into an archive without removing them
///
/// One record a line, between a line that says where they are from and one with their count and checksum. `dlq restore` puts any of
/// them back, `publish --from` sends them. An archive that ends before its end (an interruption, a lost connection) says so in its last
/// line, or has none.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write to this new file and not to stdout; compressed when its name ends in .zst
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Export at most so many of the selected messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    #[command(flatten)]
    looking: Looking,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    if let Some(out) = args.out.as_deref().filter(|out| out.exists()) {
        let message = format!("{} exists, and is left as it is", out.display());
        return Err(Failure::usage("exists", message).hint("name another file"));
    }
    let broker = context.broker_of_bus()?;
    let request = export::Request {
        limit: args.limit,
        subject: args.looking.at(args.looking.selection.selector(context)?, context),
        out: args.out.clone(),
    };
    if args.looking.explain.is_asked() {
        return explain::run(&broker, request.intent(), context).await;
    }
    let view = View::new(&mut context.terminal, request.out.is_some());
    let listen = &mut |event: export::Event<'_>| view.event(event);
    let report = export::run(&broker, &request, &context.interrupt, listen, &mut |line| view.line(line)).await;
    let report = view.finish(report)?;
    args.looking.selection.tell_of_empty_groups(&context.terminal, &args.looking.queue, report.exported);
    let exit = if report.interrupted {
        Exit::Interrupted
    } else if report.stopped.is_some() || report.cut {
        Exit::Partial
    } else {
        Exit::Done
    };
    stopped(exit, report.stopped)
}
