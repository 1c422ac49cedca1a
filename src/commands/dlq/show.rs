//! `evbus dlq show`

use super::{explain, looking::Looking};
use crate::{
    commands::{Context, Outcome},
    exit::Exit,
    ops::dlq::show,
    views::dlq::show::View,
};

/// Look at messages without spending them
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show at most so many messages
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,

    /// Pass over so many of the selected messages first
    #[arg(long, default_value_t = 0, value_name = "N")]
    skip: u64,

    #[command(flatten)]
    looking: Looking,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    let broker = context.broker_of_bus()?;
    let request = show::Request {
        limit: args.limit,
        skip: args.skip,
        subject: args.looking.at(args.looking.selection.selector(context)?, context),
    };
    if args.looking.explain.is_asked() {
        return explain::run(&broker, request.intent(), context).await;
    }
    let view = View::new(&mut context.terminal, &args.looking.queue);
    let report = show::run(&broker, &request, &context.interrupt, |event| view.event(event)).await;
    let report = view.finish(report)?;
    if args.skip == 0 {
        args.looking.selection.tell_of_empty_groups(&context.terminal, &args.looking.queue, report.shown);
    }
    Ok(if report.interrupted { Exit::Interrupted } else { Exit::Done })
}
