//! `--explain`: which way a command on dead letters would take on its queue.

use crate::{
    broker::Broker,
    commands::{Context, Outcome},
    exit::Exit,
    ops::dlq::{Intent, explain},
    views,
};

/// The flag of every command that holds messages for a while.
#[derive(Debug, clap::Args)]
pub struct Explain {
    /// Only say which way would be taken on this queue, and why; nothing is held and nothing is changed
    #[arg(long)]
    explain: bool,
}

impl Explain {
    /// Whether nothing else is wanted.
    pub(super) fn is_asked(&self) -> bool {
        self.explain
    }
}

/// Answers instead of running.
pub async fn run(broker: &Broker, intent: Intent<'_>, context: &mut Context) -> Outcome {
    let explained = context.unless_stopped(explain::run(broker, intent)).await?;
    views::dlq::explain::show(&mut context.terminal, broker.vhost(), &explained)?;
    Ok(Exit::Done)
}
