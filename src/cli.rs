//! What can be typed: the root parser, the flags that every command takes, and the commands.

use clap::{CommandFactory, Parser, Subcommand};

use crate::{
    commands::{apply, demo, dlq, doctor, export, init, lint, plan, publish, queues, route, sandbox, tail},
    settings::Globals,
};

/// Operate an event bus on RabbitMQ: topology as code, events, queues and dead letters.
#[derive(Debug, Parser)]
#[command(name = "evbus", version, max_term_width = 100, disable_help_subcommand = true, args_override_self = true)]
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
    /// Write a live virtual host as a topology file
    Export(export::Args),
    /// Say which queues would get an event, and through which bindings
    Route(route::Args),
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

/// The headings under which the help lists the commands, and which stand where.
const GROUPS: &[(&str, &[&str])] = &[
    ("Topology", &["init", "lint", "plan", "apply", "export", "route"]),
    ("Events", &["publish", "tail"]),
    ("Operate", &["queues", "doctor"]),
    ("Dead letters", &["dlq"]),
    ("Set up", &["sandbox", "demo"]),
];

/// The root parser, with the commands listed under their headings: clap knows headings for flags only.
#[must_use]
pub fn command() -> clap::Command {
    let command = Cli::command();
    let list = GROUPS.iter().fold(String::new(), |list, (heading, names)| {
        let entries: String = names.iter().flat_map(|name| entries(&command, name)).collect();
        format!("{list}{heading}:\n{entries}\n")
    });
    command
        .help_template(format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{list}Everywhere:\n{{options}}"))
}

/// The lines of a command, or of each of its own commands.
fn entries(root: &clap::Command, name: &str) -> Vec<String> {
    let line = |words: &str, command: &clap::Command| {
        format!("  {words:<12} {}\n", command.get_about().map(ToString::to_string).unwrap_or_default())
    };
    // Each name is a command: a test compares both.
    let Some(command) = root.find_subcommand(name) else { return Vec::new() };
    let inner: Vec<_> = command.get_subcommands().filter(|inner| !inner.is_hide_set()).collect();
    if inner.is_empty() {
        return vec![line(name, command)];
    }
    inner.iter().map(|inner| line(&format!("{name} {}", inner.get_name()), inner)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parser_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_command_stands_under_one_heading() {
        let root = Cli::command();
        for command in root.get_subcommands() {
            let name = command.get_name();
            let groups = GROUPS.iter().filter(|(_, names)| names.contains(&name)).count();
            assert_eq!(groups, 1, "{name} stands under {groups} headings of the help");
        }
        for name in GROUPS.iter().flat_map(|(_, names)| *names) {
            assert!(root.find_subcommand(name).is_some(), "{name} is listed, and is no command");
        }
    }
}
