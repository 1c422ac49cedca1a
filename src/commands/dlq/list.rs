//! `evbus dlq list`

use crate::{
    commands::{Context, Outcome},
    exit::Exit,
    ops::dlq::list,
    views,
};

/// Every dead letter queue: depth, type and whose it is
///
/// A dead letter queue is one that other queues send their dead letters to, whatever its name is. No message is touched.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub async fn run(_: &Args, context: &mut Context) -> Outcome {
    let broker = context.broker_of_bus()?;
    let report = context.unless_stopped(list::run(&broker)).await?;
    views::dlq::list::show(&mut context.terminal, &report)?;
    Ok(Exit::Done)
}
