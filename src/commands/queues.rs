//! `evbus queues`

use clap::ValueEnum;

use crate::{
    broker::Broker,
    commands::{Context, Outcome},
    exit::Exit,
    failure::Failure,
    ops::queues::{self, limits::Reviewed},
    topology::{file::File, review},
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

    /// What bounds each queue, who says so, and what that means in time
    ///
    /// Arguments, policies and operator policies as the broker puts them together; and what the topology file says is too much, where
    /// there is one. A row that begins with ! is to be looked at: nothing bounds the queue, it is full, or it has more than the file
    /// says.
    #[arg(long, conflicts_with = "rates")]
    limits: bool,

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
    let (broker, reviewed) = broker(args, context)?;
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
    let request = queues::Request {
        filter: args.filter.clone(),
        all_vhosts: args.all_vhosts,
        rates,
        limits: args.limits,
        reviewed,
        sort,
    };
    let report = context.unless_stopped(queues::run(&broker, &request)).await?;
    if args.limits {
        views::queues::limits::show(&mut context.terminal, &report, args.all_vhosts)?;
    } else {
        views::queues::show(&mut context.terminal, &report, rates, args.all_vhosts)?;
    }
    Ok(Exit::Done)
}

/// The broker that is meant, and what the topology at hand says is too much, where limits are asked for.
fn broker(args: &Args, context: &Context) -> Result<(Broker, Option<Reviewed>), Failure> {
    let file = if args.limits { context.topology_at_hand()? } else { None };
    let broker = match (args.all_vhosts, args.limits) {
        (true, _) => context.broker(None)?,
        (false, true) => context.broker_beside(file.as_ref())?,
        (false, false) => context.broker_of_bus()?,
    };
    let is_named = !context.settings.files().is_empty();
    let reviewed = file.map(|file| Reviewed {
        vhost: vhost(&file, &broker, is_named && !args.all_vhosts),
        thresholds: review::thresholds(&file.topology),
    });
    Ok((broker, reviewed))
}

/// The virtual host that a topology is for: its own, or, where it names none or was named for this look, the one that is looked at.
fn vhost(file: &File, broker: &Broker, is_for_this: bool) -> String {
    match &file.topology.vhost {
        Some(vhost) if !is_for_this => vhost.value.clone(),
        _ => broker.vhost().to_owned(),
    }
}
