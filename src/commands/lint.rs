//! `evbus lint`

use std::path::PathBuf;

use crate::{
    commands::{Context, Outcome},
    exit::Exit,
    ops::lint,
    topology::lint::Level,
    version::Version,
    views,
};

/// Check the topology file offline
///
/// Finds what would lose messages, be refused or not do what it says, and schemas that cannot be used. Needs no broker.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The topology file [default: evbus.yaml]
    file: Option<PathBuf>,

    /// End with 4 when there is a finding of this level or above
    #[arg(long, value_enum, default_value_t = Level::Error, value_name = "LEVEL")]
    level: Level,

    /// The series of RabbitMQ it is for
    #[arg(long, default_value = "4.3", value_name = "VERSION")]
    broker_version: Version,
}

/// Runs it.
pub fn run(args: &Args, context: &mut Context) -> Outcome {
    let file = context.require_topology(args.file.as_deref())?;
    let findings = lint::run(&file.topology, args.broker_version);
    views::lint::show(&mut context.terminal, &findings, &file.sources)?;
    Ok(if findings.iter().any(|finding| finding.level >= args.level) { Exit::Differs } else { Exit::Done })
}
