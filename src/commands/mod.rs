//! WHAT WAS ASKED: each file holds the arguments of one command and their translation to a request of `ops`.

pub mod apply;
pub mod demo;
pub mod dlq;
pub mod doctor;
pub mod export;
pub mod init;
pub mod lint;
pub mod plan;
pub mod publish;
pub mod queues;
mod reach;
pub mod route;
pub mod sandbox;
mod saved;
mod selection;
pub mod tail;
mod topology;
mod usage;

use std::ffi::OsString;

use clap::FromArgMatches;
use tracing_subscriber::EnvFilter;

use crate::{
    broker::Broker,
    cli::{self, Cli, Command},
    exit::Exit,
    failure::Failure,
    interrupt::Interrupt,
    settings::Settings,
    terminal::{Closed, Terminal},
};

/// What every command gets: the resolved settings, the pen and the signal.
pub struct Context {
    /// Where values come from.
    pub settings: Settings,
    /// Streams, colour and prompts.
    pub terminal: Terminal,
    /// Whether the operator wants to stop.
    pub interrupt: Interrupt,
}

/// What a command returns: how it ended, or why it could not.
pub type Outcome = Result<Exit, Failure>;

impl Context {
    /// The broker that is meant, given the virtual host of the topology file where there is one.
    ///
    /// # Errors
    /// Settings or certificate files that cannot be used.
    pub fn broker(&self, file_vhost: Option<&str>) -> Result<Broker, Failure> {
        let resolved = self.settings.endpoint(file_vhost)?;
        for variable in &resolved.exposed {
            self.terminal.warn(&format!(
                "a password on the command line can be read by everybody on this machine; {variable} is read as well"
            ));
        }
        if self.settings.verbosity() > 0 {
            let addresses: Vec<String> = resolved.endpoint.addresses.iter().map(ToString::to_string).collect();
            self.terminal.say(&format!("broker {} ({})", addresses.join(", "), resolved.url_origin));
            self.terminal.say(&format!("vhost {} ({})", resolved.endpoint.vhost, resolved.vhost_origin));
            self.terminal.say(&format!("management {} ({})", resolved.management, resolved.management_origin));
        }
        Ok(Broker::new(resolved.endpoint)?)
    }

    /// Waits for work that only looks and can be left at any moment.
    ///
    /// # Errors
    /// The work's own; and that the operator wants to stop (exit 130).
    pub async fn unless_stopped<T, E: Into<Failure>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            done = work => done.map_err(Into::into),
            () = self.interrupt.raised() => Err(Failure::new("interrupted", "interrupted; nothing was changed").exiting(Exit::Interrupted)),
        }
    }

    /// Refuses to begin what needs a yes where nobody can give one.
    ///
    /// # Errors
    /// Without `--yes` and without a terminal to ask on.
    pub fn require_consent(&self, what: &str) -> Result<(), Failure> {
        if self.terminal.can_consent() {
            return Ok(());
        }
        Err(Failure::usage("consent", format!("{what}, and nobody can be asked here"))
            .hint("add --yes to go ahead, or --dry-run to see what would happen"))
    }
}

/// Parses, runs, reports, and says how it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let parsed = cli::command().try_get_matches_from(&arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return usage::told(&error, &arguments),
    };
    let settings = Settings::resolve(cli.globals);
    let mut terminal = Terminal::of_process(settings.manner());
    log(&settings);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal.failure(&Failure::new("runtime", "cannot start").because(error));
            return Exit::Failed;
        }
    };
    let exit = runtime.block_on(async {
        let interrupt = match Interrupt::listen() {
            Ok(interrupt) => interrupt,
            Err(error) => {
                terminal.failure(&Failure::new("signals", "cannot listen to signals").because(error));
                return Exit::Failed;
            }
        };
        let stopped = interrupt.clone();
        terminal.heed(move || stopped.is_raised());
        let mut context = Context { settings, terminal, interrupt };
        let outcome = dispatch(&cli.command, &mut context).await;
        let outcome = outcome.and_then(|exit| match context.terminal.flush() {
            // A reader that has seen enough changes nothing about how the work ended.
            Ok(()) | Err(Closed::Reader) => Ok(exit),
            Err(failed) => Err(Failure::from(failed).exiting(if exit == Exit::Done { Exit::Partial } else { exit })),
        });
        outcome.unwrap_or_else(|failure| {
            if failure.exit != Exit::Done {
                context.terminal.failure(&failure);
            }
            failure.exit
        })
    });
    // A connection that cannot be closed in order must not keep the process.
    runtime.shutdown_background();
    exit
}

async fn dispatch(command: &Command, context: &mut Context) -> Outcome {
    match command {
        Command::Apply(args) => apply::run(args, context).await,
        Command::Demo(args) => demo::run(args, context).await,
        Command::Dlq(command) => dlq::run(command, context).await,
        Command::Doctor(args) => doctor::run(args, context).await,
        Command::Export(args) => export::run(args, context).await,
        Command::Init(args) => init::run(args, context),
        Command::Lint(args) => lint::run(args, context).await,
        Command::Plan(args) => plan::run(args, context).await,
        Command::Publish(args) => publish::run(args, context).await,
        Command::Tail(args) => tail::run(args, context).await,
        Command::Queues(args) => queues::run(args, context).await,
        Command::Route(args) => route::run(args, context).await,
        Command::Sandbox(args) => sandbox::run(args, context).await,
    }
}

fn log(settings: &Settings) {
    // A filter that cannot be read is none: logs are for looking closer, never a reason to fail.
    let filter = EnvFilter::try_new(settings.log_filter()).unwrap_or_else(|_| EnvFilter::new("off"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .finish();
    // Set once a process; a second run in the same one keeps the first.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
