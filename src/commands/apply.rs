//! `evbus apply`

use std::path::PathBuf;

use crate::{
    commands::{Context, Outcome, reach::Reach},
    exit::Exit,
    failure::Failure,
    ops::apply::{Apply, Report, Request},
    terminal::Consent,
    views::{self, apply::View},
};

/// Make the broker match the topology file
///
/// Creates what is missing, in an order in which no message is lost between two steps. What exists differently is reported with
/// both values and left as it is, and so is what would lose messages without it; everything else goes on. What it makes is
/// written down under the file's name, so that --prune knows later what may go. Works with AMQP alone where the management API
/// cannot be reached, and says what it cannot see then.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The topology file [default: evbus.yaml]
    file: Option<PathBuf>,

    /// Only show what would be changed
    #[arg(long)]
    dry_run: bool,

    /// Where the messages of queues that --prune-non-empty deletes are kept [default: the working directory]
    #[arg(long, value_name = "FOLDER", requires = "prune_non_empty")]
    archives: Option<PathBuf>,

    #[command(flatten)]
    reach: Reach,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    let file = context.require_makeable_topology(args.file.as_deref())?;
    if !args.dry_run {
        context.require_consent("apply changes the broker")?;
    }
    let broker = context.broker(file.topology.vhost.as_ref().map(|vhost| vhost.value.as_str()))?;
    let name = file.topology.name.as_ref().map(|name| name.value.clone());
    let request = Request {
        plan: args.reach.request(file.topology),
        owner: context.settings.owner(),
        archives: args.archives.clone().unwrap_or_default(),
        only_looks: args.dry_run,
    };
    let prepared = context.unless_stopped(Apply::prepare(&broker, request)).await;
    let apply = prepared.map_err(|failure| views::apply::failed(&mut context.terminal, failure, args.dry_run))?;
    if args.dry_run {
        views::plan::show(&mut context.terminal, &apply.plan, &apply.identity(), name.as_deref())?;
        return Ok(Exit::Done);
    }
    let interrupt = context.interrupt.clone();
    let mut view = View::new(&mut context.terminal);
    let answer = view.consent(&apply.plan, &apply.identity(), name.as_deref());
    if answer != Consent::Given {
        apply.end().await;
        return Ok(view.nothing_changed(answer)?);
    }
    let outcome = apply.run(&interrupt, &mut |event| view.event(&event)).await;
    let report = view.finish(outcome)?;
    if !report.unsettled.is_empty() {
        let amiss = report.unsettled.join(", ");
        return Err(Failure::new("unsettled", format!("the broker confirmed what it does not have: {amiss}"))
            .exiting(Exit::Partial)
            .hint("somebody may be changing it at the same time; evbus plan shows what differs now"));
    }
    Ok(exit(&report))
}

/// How an apply's report ends the process.
fn exit(report: &Report) -> Exit {
    if report.interrupted {
        Exit::Interrupted
    } else if report.failed + report.skipped == 0 {
        Exit::Done
    } else if report.applied + report.unchanged > 0 {
        Exit::Partial
    } else {
        Exit::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_that_was_not_done_is_partial_and_nothing_done_is_a_failure() {
        let report = Report { applied: 1, skipped: 1, ..Report::default() };
        assert_eq!(exit(&report), Exit::Partial);
        assert_eq!(exit(&Report { failed: 2, ..Report::default() }), Exit::Failed);
        assert_eq!(exit(&Report { unchanged: 3, ..Report::default() }), Exit::Done);
        assert_eq!(exit(&Report { interrupted: true, ..report }), Exit::Interrupted);
    }
}
