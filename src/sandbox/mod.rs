//! A private RabbitMQ of our own: started when it is wanted, gone when it is not, beside any number of others.
//!
//! Two processes make a sandbox. The one that wants it holds a pipe to a *keeper*, a second evbus that runs the server. When
//! the pipe closes, for whatever reason, SIGKILL included, the keeper ends the server and removes its files; should the keeper
//! be killed too, the next sandbox finds what it left by its lock and clears it away.

mod files;
mod keeper;
mod ready;
mod server;

use std::{
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

pub use keeper::keep;
pub use server::{find, installer};

use files::Files;

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No server program was found.
    #[error("RabbitMQ is not installed here")]
    NotInstalled,
    /// The program that was named is not there.
    #[error("there is no server program at {path}")]
    NoProgram {
        /// The path.
        path: String,
    },
    /// A file or process could not be made.
    #[error("cannot set up a sandbox")]
    Setup(#[from] io::Error),
    /// The server ended, or was not ready in time.
    #[error("the sandbox's RabbitMQ {what}")]
    NotReady {
        /// What happened.
        what: &'static str,
        /// The last lines it wrote.
        said: String,
    },
    /// The operator did not want to wait.
    #[error("interrupted while the sandbox was starting")]
    Interrupted,
}

/// What a sandbox is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server program; `None` looks for it where it is usually installed.
    pub server: Option<PathBuf>,
    /// The evbus program, which keeps the server.
    pub keeper: PathBuf,
}

/// A running sandbox. It goes when this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    keeper: Child,
    amqp_port: u16,
    management_port: u16,
    folder: PathBuf,
}

/// How long a server may take to start. Three seconds are usual, a loaded machine takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

impl Sandbox {
    /// Starts a server and returns when it answers.
    ///
    /// # Errors
    /// See [`Error`]. Nothing is left behind then.
    pub fn start(options: &Options, interrupted: impl Fn() -> bool) -> Result<Sandbox, Error> {
        let server = match &options.server {
            Some(path) if !path.is_file() => return Err(Error::NoProgram { path: path.display().to_string() }),
            Some(path) => path.clone(),
            None => find().ok_or(Error::NotInstalled)?,
        };
        files::clear_stale();
        let mut last = None;
        // A port that was free a moment ago can be taken by the time the server wants it.
        for _ in 0..3 {
            match Sandbox::attempt(&server, &options.keeper, &interrupted) {
                Ok(sandbox) => return Ok(sandbox),
                Err(error @ Error::NotReady { what: ready::ENDED, .. }) => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or(Error::NotInstalled))
    }

    fn attempt(server: &Path, keeper: &Path, interrupted: &impl Fn() -> bool) -> Result<Sandbox, Error> {
        let ports = server::Ports::free()?;
        let (amqp_port, management_port) = (ports.amqp, ports.management);
        let files = Files::create(server, &ports)?;
        let console = files.console()?;
        let keeper = Command::new(keeper)
            .args(["sandbox", "--keep"])
            .arg(files.folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(console.writer()?)
            .process_group_of_its_own()
            .spawn()?;
        let folder = files.into_folder();
        let mut sandbox = Sandbox { keeper, amqp_port, management_port, folder };
        match ready::wait(amqp_port, management_port, PATIENCE, interrupted, || {
            matches!(sandbox.keeper.try_wait(), Ok(None))
        }) {
            Ok(()) => Ok(sandbox),
            Err(ready::Never::Interrupted) => Err(Error::Interrupted),
            Err(ready::Never::NotReady(what)) => Err(Error::NotReady { what, said: console.last_words() }),
        }
    }

    /// Its AMQP address, with the user that may do everything.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}", self.amqp_port)
    }

    /// Its management API.
    #[must_use]
    pub fn management_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.management_port)
    }

    /// The port of its AMQP listener, on 127.0.0.1.
    #[must_use]
    pub fn amqp_port(&self) -> u16 {
        self.amqp_port
    }

    /// The port of its management API, on 127.0.0.1.
    #[must_use]
    pub fn management_port(&self) -> u16 {
        self.management_port
    }

    /// Where its files are, logs included.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // The keeper sees the pipe end, clears up and ends; nothing more can be done here if it does not.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A process group of its own: Ctrl-C at the terminal is for the command that uses the sandbox, not for what carries it.
trait Grouped {
    fn process_group_of_its_own(&mut self) -> &mut Self;
}

impl Grouped for Command {
    fn process_group_of_its_own(&mut self) -> &mut Command {
        std::os::unix::process::CommandExt::process_group(self, 0)
    }
}
