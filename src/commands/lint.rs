//! `evbus lint`

use std::path::PathBuf;

use crate::{
    commands::{Context, Outcome, topology::Lintable},
    exit::Exit,
    nearest,
    ops::lint,
    topology::{
        lint::{Level, RULES, Report, Rule, named},
        place::Sources,
    },
    version::Version,
    views::{self, lint::Format},
};

/// Check the topology file offline
///
/// Finds what would lose messages, be refused or not do what it says, and schemas that cannot be used. Needs no broker. Reads
/// definitions files as well, as rabbitmqctl export_definitions writes them.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The topology file, or a definitions file [default: evbus.yaml]
    file: Option<PathBuf>,

    /// Look at what the broker really has in the virtual host; needs the management API
    #[arg(long, conflicts_with = "file")]
    live: bool,

    /// End with 4 when there is a finding of this level or above
    #[arg(long, value_enum, default_value_t = Level::Error, value_name = "LEVEL")]
    level: Level,

    /// The series of RabbitMQ it is for [default: 4.3; with --live the broker's own]
    #[arg(long, value_name = "VERSION")]
    broker_version: Option<Version>,

    /// How findings are written [default: table; json with -o json]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,

    /// Say what a rule finds, why it matters and what to do about it
    #[arg(long, value_name = "RULE", value_parser = rule, conflicts_with_all = ["file", "live", "level", "broker_version", "format"])]
    explain: Option<&'static Rule>,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    if let Some(rule) = args.explain {
        views::lint::explain(&mut context.terminal, rule)?;
        return Ok(Exit::Done);
    }
    let (report, sources) = if args.live { live(args, context).await? } else { offline(args, context)? };
    views::lint::show(&mut context.terminal, &report, &sources, args.format)?;
    Ok(if report.reaches(args.level) { Exit::Differs } else { Exit::Done })
}

fn offline(args: &Args, context: &Context) -> Result<(Report, Sources), crate::failure::Failure> {
    let version = args.broker_version.unwrap_or(lint::LATEST);
    Ok(match context.require_lintable(args.file.as_deref())? {
        Lintable::Topology(file) => (lint::run(&file.topology, version), file.sources),
        Lintable::Definitions(definitions) => (lint::definitions(&definitions, version), definitions.sources),
    })
}

/// What the topology file silences, where there is one, is silent here too.
async fn live(args: &Args, context: &Context) -> Result<(Report, Sources), crate::failure::Failure> {
    let broker = context.broker_of_bus()?;
    let file = context.topology().unwrap_or_default();
    let topology = file.as_ref().map(|file| &file.topology);
    let report = context.unless_stopped(lint::live(&broker, args.broker_version, topology)).await?;
    Ok((report, Sources::default()))
}

fn rule(id: &str) -> Result<&'static Rule, String> {
    named(id).ok_or_else(|| match nearest::among(id, RULES.iter().map(|rule| rule.id)) {
        Some(near) => format!("there is no such rule; did you mean {near}?"),
        None => "there is no such rule; the RULE column of evbus lint shows the names".to_owned(),
    })
}
