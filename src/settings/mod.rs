//! WHERE VALUES COME FROM: flag, environment, URL, file, default. The only room that reads the environment.
//!
//! [`Globals`] is what was typed; [`Settings`] is what follows from it, each value with its origin.

mod endpoint;
mod url;

use std::{fmt, path::PathBuf, time::Duration};

use clap::{ArgAction, Args};
use secrecy::SecretString;

pub use self::url::redacted;
pub use crate::duration::{duration, rate};
pub use endpoint::Error;

use crate::terminal::{Colour, Format, Manner};

/// Flags of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Globals {
    /// The topology file [default: evbus.yaml]; may be repeated
    #[arg(short, long = "file", global = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// The broker, amqp(s)://user:password@host:port/vhost; several, comma separated, are tried in turn [env: EVBUS_URL]
    #[arg(long, global = true, value_name = "URL", value_parser = secret)]
    url: Option<SecretString>,

    /// The management API, http(s)://host:port [env: EVBUS_MANAGEMENT_URL] [default: the broker's host, port 15672 or 15671]
    #[arg(long, global = true, value_name = "URL", value_parser = secret)]
    management_url: Option<SecretString>,

    /// The virtual host [default: the URL's, then the file's, then /]
    #[arg(long, global = true, value_name = "NAME")]
    vhost: Option<String>,

    /// How long any single operation of the broker may take [default: 30s]
    #[arg(long, global = true, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,

    /// How long connecting may take [default: 10s]
    #[arg(long, global = true, value_name = "TIME", value_parser = duration)]
    connect_timeout: Option<Duration>,

    /// The only certificate authorities to trust (PEM) [default: the system's]
    #[arg(long, global = true, value_name = "FILE")]
    tls_ca: Option<PathBuf>,

    /// Our own certificate (PEM)
    #[arg(long, global = true, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The key of our own certificate (PEM, not encrypted)
    #[arg(long, global = true, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// The name to expect in the broker's certificate instead of its host
    #[arg(long, global = true, value_name = "NAME")]
    tls_server_name: Option<String>,

    /// How data is written to stdout
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,

    /// Say only what matters
    #[arg(short, long, global = true)]
    quiet: bool,

    /// Say where settings come from; twice: also what goes on underneath
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,

    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Colour,

    /// Answer yes to every question
    #[arg(long, global = true)]
    yes: bool,

    /// Never ask
    #[arg(long, global = true)]
    no_input: bool,
}

/// A URL as it was typed: it may hold a password, and is never printed.
#[allow(clippy::unnecessary_wraps, reason = "clap asks for a result")]
fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(text.into())
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Typed.
    Flag,
    /// An environment variable.
    Environment,
    /// The broker's URL.
    Url,
    /// The topology file.
    File,
    /// Nobody said.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Flag => "flag",
            Origin::Environment => "environment",
            Origin::Url => "URL",
            Origin::File => "topology file",
            Origin::Default => "default",
        })
    }
}

/// What the environment says, read once.
#[derive(Clone, Default)]
struct Environment {
    url: Option<SecretString>,
    management_url: Option<SecretString>,
    rabbitmq_server: Option<PathBuf>,
    no_color: bool,
    user: Option<String>,
    editor: Option<String>,
    columns: Option<u16>,
    state: Option<PathBuf>,
}

/// The resolved settings.
#[derive(Clone)]
pub struct Settings {
    globals: Globals,
    environment: Environment,
}

impl Settings {
    /// Settles what was typed against the environment.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is where the environment is read")]
    pub fn resolve(globals: Globals) -> Settings {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let environment = Environment {
            url: text("EVBUS_URL").map(SecretString::from),
            management_url: text("EVBUS_MANAGEMENT_URL").map(SecretString::from),
            rabbitmq_server: text("EVBUS_RABBITMQ_SERVER").map(PathBuf::from),
            no_color: text("NO_COLOR").is_some(),
            user: text("USER").or_else(|| text("LOGNAME")),
            editor: text("VISUAL").or_else(|| text("EDITOR")),
            columns: text("COLUMNS").and_then(|columns| columns.parse().ok()),
            state: path("EVBUS_STATE_DIR")
                .or_else(|| path("XDG_STATE_HOME").filter(|home| home.is_absolute()).map(|home| home.join("evbus")))
                .or_else(|| path("HOME").map(|home| home.join(".local/state/evbus"))),
        };
        Settings { globals, environment }
    }

    /// What the pen is told.
    #[must_use]
    pub fn manner(&self) -> Manner {
        Manner {
            colour: self.globals.color,
            format: self.globals.output,
            quiet: self.globals.quiet,
            no_input: self.globals.no_input,
            yes: self.globals.yes,
            width: self.environment.columns,
            no_colour_wish: self.environment.no_color,
        }
    }

    /// The topology files that were named; empty is the default file.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.globals.files
    }

    /// Whether the virtual host was typed: nothing else can have a say in it then.
    #[must_use]
    pub fn names_vhost(&self) -> bool {
        self.globals.vhost.is_some()
    }

    /// How much to say beside the data: 0, 1 or 2.
    #[must_use]
    pub fn verbosity(&self) -> u8 {
        self.globals.verbose
    }

    /// Which log lines are wanted. Only our own ever are: what lapin and hyper log can hold payloads and secrets.
    #[must_use]
    pub fn log_filter(&self) -> &'static str {
        if self.globals.verbose >= 2 { "evbus=debug" } else { "evbus=warn" }
    }

    /// How long any single operation may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.globals.timeout.unwrap_or(Duration::from_secs(30))
    }

    /// The server program a sandbox starts, where one is named (`EVBUS_RABBITMQ_SERVER`).
    #[must_use]
    pub fn rabbitmq_server(&self) -> Option<PathBuf> {
        self.environment.rabbitmq_server.clone()
    }

    /// The command that edits a file (`VISUAL`, else `EDITOR`).
    #[must_use]
    pub fn editor(&self) -> &str {
        self.environment.editor.as_deref().unwrap_or("vi")
    }

    /// The folder for what outlives a run: journals (`EVBUS_STATE_DIR`, else `$XDG_STATE_HOME/evbus`, else `~/.local/state/evbus`).
    ///
    /// # Errors
    /// Where the environment names neither.
    pub fn state_folder(&self) -> Result<PathBuf, Error> {
        self.environment.state.clone().ok_or(Error::NoState)
    }

    /// The program that is running.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn program(&self) -> Result<PathBuf, Error> {
        std::env::current_exe().map_err(|error| Error::Program { because: error.to_string() })
    }

    /// Who we are on this machine, `user@host`.
    #[must_use]
    pub fn owner(&self) -> String {
        let user = self.environment.user.as_deref().unwrap_or("someone");
        format!("{user}@{}", self.hostname())
    }

    /// The name of this machine.
    #[must_use]
    pub fn hostname(&self) -> String {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    }
}
