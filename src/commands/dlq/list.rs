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
pub struct Args {
    /// Also look at the first 50 messages of each: when the oldest of them died, and why they did
    ///
    /// They are held for a moment and given back, as dlq show does it.
    #[arg(long)]
    look: bool,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    let broker = context.broker_of_bus()?;
    let mut report = context.unless_stopped(list::run(&broker)).await?;
    let mut interrupted = false;
    if args.look {
        let (owner, terminal) = (context.settings.owner(), &context.terminal);
        let listen = |event: list::Event<'_>| views::dlq::list::event(terminal, event);
        interrupted = list::look(&broker, &mut report, &owner, &context.interrupt, listen).await;
    }
    views::dlq::list::show(&mut context.terminal, &report, args.look)?;
    Ok(if interrupted { Exit::Interrupted } else { Exit::Done })
}
