//! `evbus queues`

use clap::ValueEnum;

use crate::{
    commands::{Context, Outcome},
    exit::Exit,
    ops::queues,
    views,
};

/// Depths, consumers and rates of queues
///
/// Depths are those of this moment. What is not known is shown as ?, never as 0.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only queues whose name contains this, or matches it as a whole where it has * or ?
    #[arg(value_name = "FILTER")]
    filter: Option<String>,

    /// Those of every virtual host
    #[arg(long, conflicts_with = "vhost")]
    all_vhosts: bool,

    /// Messages per second in and out; these are up to some seconds old
    #[arg(long)]
    rates: bool,

    /// What the list is sorted by [default: name]
    #[arg(long, value_enum, value_name = "COLUMN")]
    sort: Option<Sort>,
}

/// Columns a list can be sorted by.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sort {
    Name,
    Ready,
    Unacked,
    Total,
    Consumers,
    In,
    Out,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    let broker = if args.all_vhosts { context.broker(None)? } else { context.broker_of_bus()? };
    let sort = match args.sort {
        None | Some(Sort::Name) => queues::Sort::Name,
        Some(Sort::Ready) => queues::Sort::Ready,
        Some(Sort::Unacked) => queues::Sort::Unacked,
        Some(Sort::Total) => queues::Sort::Total,
        Some(Sort::Consumers) => queues::Sort::Consumers,
        Some(Sort::In) => queues::Sort::In,
        Some(Sort::Out) => queues::Sort::Out,
    };
    let rates = args.rates || matches!(sort, queues::Sort::In | queues::Sort::Out);
    let request = queues::Request { filter: args.filter.clone(), all_vhosts: args.all_vhosts, rates, sort };
    let report = context.unless_stopped(queues::run(&broker, &request)).await?;
    views::queues::show(&mut context.terminal, &report, rates, args.all_vhosts)?;
    Ok(Exit::Done)
}
