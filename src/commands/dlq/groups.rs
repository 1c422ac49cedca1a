//! `evbus dlq groups`

use clap::ValueEnum;

use super::{explain, looking::Looking, stopped};
use crate::{
    commands::{Context, Outcome},
    exit::Exit,
    message::group::Dimension,
    ops::dlq::groups,
    views::dlq::groups::{View, show},
};

/// What failed and how often, without spending a message
///
/// Reads every message and gives it back. Messages that have everything in common by which they are grouped are one group, with an id
/// that --group takes: everywhere, and for as long as there is such a message. While it runs the queue looks empty to others.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// By what, several with commas between them [default: reason,queue,event,exception]
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    by: Vec<By>,

    /// Also by whether the payload matches the schema of the topology file's catalog today: valid, invalid or unknown
    #[arg(long)]
    valid: bool,

    #[command(flatten)]
    looking: Looking,
}

/// By what messages can be grouped.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    /// Why they died
    Reason,
    /// The queue they died in
    Queue,
    /// The type of the event
    Event,
    /// The type of what was thrown, as frameworks write it into headers
    Exception,
    /// The routing key they were first published with
    Key,
    /// The exchange they were first published to
    Exchange,
    /// The application that sent them
    App,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    let by: Vec<Dimension> = args.by.iter().copied().map(dimension).collect();
    let by = if by.is_empty() { &Dimension::USUAL } else { by.as_slice() };
    let (selector, grouping) = args.looking.selection.grouped(context, by, args.valid)?;
    let broker = context.broker_of_bus()?;
    let request = groups::Request { subject: args.looking.at(selector, context), grouping };
    if args.looking.explain.is_asked() {
        return explain::run(&broker, request.intent(), context).await;
    }
    let view = View::new(&context.terminal);
    let outcome = groups::run(&broker, &request, &context.interrupt, |event| view.event(&event)).await;
    let saved = view.done();
    let report = outcome?;
    show(&mut context.terminal, &request, &report, saved)?;
    args.looking.selection.tell_of_empty_groups(&context.terminal, &args.looking.queue, report.selected);
    let exit = if report.interrupted {
        Exit::Interrupted
    } else if report.is_partial() {
        Exit::Partial
    } else {
        Exit::Done
    };
    stopped(exit, report.stopped)
}

fn dimension(by: By) -> Dimension {
    match by {
        By::Reason => Dimension::Reason,
        By::Queue => Dimension::Queue,
        By::Event => Dimension::Event,
        By::Exception => Dimension::Exception,
        By::Key => Dimension::Key,
        By::Exchange => Dimension::Exchange,
        By::App => Dimension::App,
    }
}
