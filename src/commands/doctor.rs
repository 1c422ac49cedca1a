//! `evbus doctor`

use std::time::Duration;

use crate::{
    commands::{Context, Outcome},
    exit::Exit,
    ops::doctor::{self, Request},
    settings::duration,
    views,
};

/// Say whether the broker can be used, and what is wrong with it
///
/// Shows the version, what this user may do in the virtual host, plugins, alarms, and what interrupted runs of evbus left behind.
/// Ends with 1 when nobody could use it: it is not reached, refuses us, or takes no messages for an alarm. What the management
/// API does not show to this user is unknown, not wrong.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Ask again until the broker can be used, but not longer than this: for start-ups
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait: Option<Duration>,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    let broker = context.broker_of_bus()?;
    let request = Request { wait: args.wait };
    let view = views::doctor::View::new(&mut context.terminal);
    let report = doctor::run(&broker, &request, &context.interrupt, |event| view.event(event)).await;
    view.show(&report)?;
    Ok(match () {
        () if report.is_usable() => Exit::Done,
        () if report.interrupted => Exit::Interrupted,
        () => Exit::Failed,
    })
}
