//! `evbus init`

use std::{io::Write, path::PathBuf};

use crate::{
    commands::{Context, Outcome},
    exit::Exit,
    failure::Failure,
};

/// Write a commented topology file to start from
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file to write; one that exists is left as it is
    #[arg(default_value = "evbus.yaml")]
    path: PathBuf,
}

/// The file it writes.
const STARTER: &str = include_str!("starter.yaml");

/// Runs it.
pub fn run(args: &Args, context: &mut Context) -> Outcome {
    let name = args.path.display();
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&args.path);
    let mut file = file.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::usage("exists", format!("{name} exists, and is left as it is"))
            .hint("name another file: evbus init FILE"),
        _ => Failure::new("write", format!("cannot write {name}")).because(error),
    })?;
    file.write_all(STARTER.as_bytes())
        .map_err(|error| Failure::new("write", format!("cannot write {name}")).because(error))?;
    context.terminal.say(&format!("wrote {name}"));
    context.terminal.say(&format!("next: evbus lint {name}, evbus plan {name}, evbus apply {name}"));
    Ok(Exit::Done)
}
