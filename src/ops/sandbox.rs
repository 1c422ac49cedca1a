//! A command and a sandbox around it.

use std::{ffi::OsString, io, path::PathBuf, time::Duration};

use crate::{
    interrupt::Interrupt,
    sandbox::{self, Options, Sandbox},
};

/// What is to run in the sandbox.
pub struct Request {
    /// The command and its arguments; empty only keeps the sandbox.
    pub command: Vec<OsString>,
    /// The server program.
    pub server: Option<PathBuf>,
    /// The evbus program.
    pub keeper: PathBuf,
}

/// What happens.
pub enum Event<'a> {
    /// The server is being started.
    Starting,
    /// It answers, and no command was given.
    Ready(&'a Sandbox),
}

/// Why the command did not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no sandbox.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// The command could not be started.
    #[error("cannot run {command}")]
    Command {
        /// Its name.
        command: String,
        /// Why.
        source: io::Error,
    },
}

/// Starts a sandbox. Blocking work is done beside the runtime, so that signals are heard.
///
/// # Errors
/// See [`sandbox::Error`].
pub async fn start(options: Options, interrupt: &Interrupt) -> Result<Sandbox, sandbox::Error> {
    let interrupt = interrupt.clone();
    let work = tokio::task::spawn_blocking(move || Sandbox::start(&options, || interrupt.is_raised()));
    work.await.unwrap_or_else(|error| Err(sandbox::Error::Setup(io::Error::other(error))))
}

/// Runs the command in a sandbox and says what it ended with; `None` where there was no command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    request: Request,
    interrupt: &Interrupt,
    mut listen: impl FnMut(Event<'_>),
) -> Result<Option<u8>, Error> {
    listen(Event::Starting);
    let sandbox = start(Options { server: request.server, keeper: request.keeper }, interrupt).await?;
    let Some((program, arguments)) = request.command.split_first() else {
        listen(Event::Ready(&sandbox));
        interrupt.raised().await;
        return Ok(None);
    };
    let wrong = |source| Error::Command { command: program.to_string_lossy().into_owned(), source };
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .env("EVBUS_URL", sandbox.url())
        .env("EVBUS_MANAGEMENT_URL", sandbox.management_url())
        .kill_on_drop(true)
        .spawn()
        .map_err(wrong)?;
    let status = tokio::select! {
        status = child.wait() => status.map_err(wrong)?,
        () = interrupt.raised() => {
            // At a terminal the command gets Ctrl-C as we do, and a second signal would keep it from an orderly end.
            let patience = if shares_terminal() { ORDERLY_END } else { Duration::ZERO };
            if let Ok(status) = tokio::time::timeout(patience, child.wait()).await {
                status.map_err(wrong)?
            } else {
                pass_on(&child);
                child.wait().await.map_err(wrong)?
            }
        }
    };
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    let code = status.code().or(signal.map(|signal| 128 + signal)).and_then(|code| u8::try_from(code).ok());
    Ok(Some(code.unwrap_or(1)))
}

/// How long a command that was interrupted with us may take to end by itself.
const ORDERLY_END: Duration = Duration::from_secs(10);

/// Whether what is typed at our terminal reaches the command as well: both are in its foreground.
fn shares_terminal() -> bool {
    rustix::termios::tcgetpgrp(io::stdin()).is_ok_and(|foreground| foreground == rustix::process::getpgrp())
}

fn pass_on(child: &tokio::process::Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // A command that is gone already needs no signal.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}
