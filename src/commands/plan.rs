//! `evbus plan`

use std::path::PathBuf;

use crate::{
    commands::{Context, Outcome, reach::Reach},
    exit::Exit,
    ops::plan,
    topology::saved::{self, Basis},
    views,
};

/// Show what apply would change, and why
///
/// Compares the topology file with the broker as the broker itself would, and changes nothing. Needs the management API.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The topology file [default: evbus.yaml]
    file: Option<PathBuf>,

    /// End with 4 when the broker differs from the file
    #[arg(long)]
    exit_code: bool,

    /// Save the plan in this file, for `apply FILE` to carry out exactly that
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    reach: Reach,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    let file = context.require_makeable_topology(args.file.as_deref())?;
    let broker = context.broker(file.topology.vhost.as_ref().map(|vhost| vhost.value.as_str()))?;
    let files = saved::fingerprints(&file.sources);
    let request = args.reach.request(file.topology);
    let planned = context.unless_stopped(plan::run(&broker, &request)).await?;
    let plan = &planned.plan;
    if let Some(path) = &args.out {
        let basis = Basis {
            files,
            prune: request.prune,
            prune_non_empty: request.prune_non_empty,
            replace: request.replace,
            in_place: request.in_place,
            state: request.state.as_ref().map(|path| path.display().to_string()),
            vhost: broker.vhost().to_owned(),
            cluster: planned.cluster.clone(),
            seen: planned.seen.clone(),
            changes: saved::changes(plan),
        };
        super::saved::write(path, &views::plan::saved(plan, &broker.identity(), request.name(), &basis))?;
    }
    views::plan::show(&mut context.terminal, plan, &broker.identity(), request.name())?;
    Ok(if args.exit_code && plan.differs() { Exit::Differs } else { Exit::Done })
}
