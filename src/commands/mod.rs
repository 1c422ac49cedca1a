//! WHAT WAS ASKED: each file holds the arguments of one command and their translation to a request of `ops`.

use std::ffi::OsString;

use clap::Parser;

use crate::{
    cli::{Cli, Command},
    exit::Exit,
    failure::Failure,
    interrupt::Interrupt,
    settings::Settings,
    terminal::Terminal,
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

/// Parses, runs, reports, and says how it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = Cli::parse_from(arguments);
    match cli.command {}
}
