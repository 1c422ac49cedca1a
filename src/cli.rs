//! What can be typed: the root parser, the flags that every command takes, and the commands.

use clap::{Parser, Subcommand};

use crate::{
    commands::{apply, demo, dlq, doctor, init, lint, plan, publish, queues, sandbox, tail},
    settings::Globals,
};

/// Operate an event bus on RabbitMQ: topology as code, events, queues and dead letters.
#[derive(Debug, Parser)]
#[command(name = "evbus", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub globals: Globals,

    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Every command there is.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented topology file to start from
    Init(init::Args),
    /// Check the topology file offline
    Lint(lint::Args),
    /// Show what apply would change, and why
    Plan(plan::Args),
    /// Make the broker match the topology file
    Apply(apply::Args),
    /// Send events in the bus's envelope, checked against the catalog
    Publish(publish::Args),
    /// Show events as they pass, harmlessly
    Tail(tail::Args),
    /// Depths, consumers and rates of queues
    Queues(queues::Args),
    /// Look at dead letters, put them back, remove them
    #[command(subcommand)]
    Dlq(dlq::Command),
    /// Say whether the broker can be used, and what is wrong with it
    Doctor(doctor::Args),
    /// Run a command against a private, throw-away RabbitMQ
    Sandbox(sandbox::Args),
    /// Tell the whole story on an example bus, in a sandbox
    Demo(demo::Args),
}
