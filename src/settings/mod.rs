//! WHERE VALUES COME FROM: flag, environment, default. The only room that reads the environment.
//!
//! [`Globals`] is what was typed; [`Settings`] is what follows from it, each value with its origin.

use clap::Args;

/// Flags of every command.
#[derive(Debug, Clone, Default, Args)]
pub struct Globals {}

/// The resolved settings.
#[derive(Debug, Clone, Default)]
pub struct Settings {}
