//! `evbus export`

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use crate::{
    commands::{Context, Outcome},
    exit::Exit,
    failure::Failure,
    ops::export,
    views,
};

/// Write a live virtual host as a topology file
///
/// Applied to an empty virtual host, the file makes the same exchanges, queues, bindings and policies; a plan with it against this
/// one has nothing to do. What has no place in it is told. Needs the management API, and no administrator. With -o json the file is
/// JSON, without comments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write queues that have exactly the shape of a service, with all that belongs to them, as services
    #[arg(long)]
    services: bool,

    /// Write to this file and not to stdout; one that exists is left as it is
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Write over a file that exists
    #[arg(long, requires = "out")]
    force: bool,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    if let Some(out) = args.out.as_deref().filter(|out| !args.force && out.exists()) {
        return Err(exists(out));
    }
    let broker = context.broker_of_bus()?;
    let report = context.unless_stopped(export::run(&broker, args.services)).await?;
    let text = views::export::text(&context.terminal, &report);
    match &args.out {
        Some(out) => {
            write(out, &text, args.force)?;
            context.terminal.say(&format!("wrote {}", out.display()));
        }
        None => views::export::show(&mut context.terminal, &text)?,
    }
    views::export::tell(&context.terminal, &report);
    Ok(Exit::Done)
}

fn write(path: &Path, text: &str, over: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true);
    let opened =
        if over { options.create(true).truncate(true).open(path) } else { options.create_new(true).open(path) };
    opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => exists(path),
        _ => Failure::new("write", format!("cannot write {}", path.display())).because(error),
    })
}

fn exists(path: &Path) -> Failure {
    Failure::usage("exists", format!("{} exists, and is left as it is", path.display()))
        .hint("name another file, or add --force to write over it")
}
