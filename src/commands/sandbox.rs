//! `evbus sandbox`

use std::{ffi::OsString, path::PathBuf};

use crate::{
    commands::{Context, Outcome},
    exit::Exit,
    failure::Failure,
    ops::sandbox,
    views,
};

/// Run a command against a private, throw-away RabbitMQ
///
/// The command finds it in EVBUS_URL and EVBUS_MANAGEMENT_URL. Without a command both are shown, and the sandbox lives until
/// Ctrl-C. Nothing of it is left afterwards.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The command and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,

    /// Carry the server of a sandbox that another evbus has set up
    #[arg(long, hide = true, value_name = "FOLDER", conflicts_with = "command")]
    keep: Option<PathBuf>,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    if let Some(folder) = &args.keep {
        return match crate::sandbox::keep(folder) {
            Ok(()) => Ok(Exit::Done),
            Err(error) => Err(Failure::new("sandbox", "cannot keep the sandbox").because(error)),
        };
    }
    let request = sandbox::Request {
        command: args.command.clone(),
        server: context.settings.rabbitmq_server(),
        keeper: context.settings.program()?,
    };
    let code =
        sandbox::run(request, &context.interrupt, |event| views::sandbox::event(&mut context.terminal, event)).await?;
    Ok(match code {
        None => Exit::Done,
        Some(code) => Exit::Command(code),
    })
}
