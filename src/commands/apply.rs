//! `evbus apply`

use std::{path::PathBuf, time::Duration};

use crate::{
    broker::Broker,
    commands::{Context, Outcome, reach::Reach, saved},
    duration::duration,
    exit::Exit,
    failure::Failure,
    ops::apply::{Apply, Report, Request},
    terminal::Consent,
    topology::saved::Basis,
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
    /// The topology file, or a plan that `plan --out` saved [default: evbus.yaml]
    ///
    /// A saved plan is refused when the broker or the topology file has changed since.
    file: Option<PathBuf>,

    /// Only show what would be changed
    #[arg(long)]
    dry_run: bool,

    /// Where the messages of queues that --prune-non-empty deletes are kept [default: the working directory]
    #[arg(long, value_name = "FOLDER", requires = "prune_non_empty")]
    archives: Option<PathBuf>,

    /// How long consumers of a queue that is made anew may take to finish with what they hold, and with what waits for them
    ///
    /// Without it a queue whose messages somebody holds is not begun with.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    wait: Option<Duration>,

    #[command(flatten)]
    reach: Reach,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    let asked = asked(args, context).await;
    let (broker, request) =
        asked.map_err(|failure| views::apply::failed(&mut context.terminal, failure, args.dry_run))?;
    let name = request.plan.name().map(str::to_owned);
    let prepared = Box::pin(context.unless_stopped(Apply::prepare(&broker, request))).await;
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
    let outcome = Box::pin(apply.run(&interrupt, &mut |event| view.event(&event))).await;
    let report = view.finish(outcome)?;
    if !report.unsettled.is_empty() {
        let amiss = report.unsettled.join(", ");
        return Err(Failure::new("unsettled", format!("the broker confirmed what it does not have: {amiss}"))
            .exiting(Exit::Partial)
            .hint("somebody may be changing it at the same time; evbus plan shows what differs now"));
    }
    Ok(exit(&report))
}

/// What is to be applied, and to which broker.
async fn asked(args: &Args, context: &mut Context) -> Result<(Broker, Request), Failure> {
    let basis = args.file.as_deref().map(saved::basis).transpose()?.flatten();
    let file = match &basis {
        Some(basis) => context.makeable(context.topology_of(basis)?)?,
        None => context.require_makeable_topology(args.file.as_deref())?,
    };
    if !args.dry_run {
        context.require_consent("apply changes the broker")?;
    }
    let broker = context.broker(file.topology.vhost.as_ref().map(|vhost| vhost.value.as_str()))?;
    let plan = match basis {
        Some(basis) => {
            require_same_place(&basis, &broker).await?;
            args.reach.again(file.topology, basis)?
        }
        None => args.reach.request(file.topology),
    };
    let request = Request {
        plan,
        owner: context.settings.owner(),
        archives: args.archives.clone().unwrap_or_default(),
        wait: args.wait,
        only_looks: args.dry_run,
    };
    Ok((broker, request))
}

/// A saved plan is for one virtual host of one broker.
async fn require_same_place(basis: &Basis, broker: &Broker) -> Result<(), Failure> {
    let cluster = broker.management().overview().await?.cluster_name;
    if basis.vhost == broker.vhost() && (basis.cluster.is_none() || basis.cluster == cluster) {
        return Ok(());
    }
    let of =
        |cluster: Option<&str>, vhost: &str| format!("vhost {vhost} of {}", cluster.unwrap_or("an unnamed broker"));
    let (then, now) = (of(basis.cluster.as_deref(), &basis.vhost), of(cluster.as_deref(), broker.vhost()));
    Err(Failure::usage("saved_plan", format!("the plan was made for {then}, and this is {now}"))
        .hint("--url names the broker; evbus plan --out FILE saves a plan for this one"))
}

/// How an apply's report ends the process.
fn exit(report: &Report) -> Exit {
    if report.interrupted {
        Exit::Interrupted
    } else if report.failed + report.skipped == 0 {
        Exit::Done
    } else if report.applied > 0 {
        // What was as wanted before is nothing that this run did.
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
        assert_eq!(exit(&Report { skipped: 1, unchanged: 9, ..Report::default() }), Exit::Failed);
        assert_eq!(exit(&Report { unchanged: 3, ..Report::default() }), Exit::Done);
        assert_eq!(exit(&Report { interrupted: true, ..report }), Exit::Interrupted);
    }
}
