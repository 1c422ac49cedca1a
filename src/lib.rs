//! The map of the house.
//!
//! - [`cli`]: what can be typed.
//! - [`commands`]: WHAT WAS ASKED. Arguments and their translation to a request; no logic.
//! - [`settings`]: WHERE VALUES COME FROM. Flag, environment, default, each with its origin; the only reader of the environment.
//! - [`ops`]: WHAT HAPPENS. Verbs over the broker; they tell events to a listener and return reports.
//! - [`topology`]: WHAT A TOPOLOGY IS. The file, what it expands to, what is wrong with it, how it differs from a broker. Pure.
//! - [`catalog`]: WHAT AN EVENT IS. Envelope and schemas. Pure.
//! - [`message`]: WHAT A MESSAGE IS. Records, properties, death, selectors, what travels on replay. Pure.
//! - [`broker`]: WHO WE TALK TO. The only room that knows lapin and HTTP.
//! - [`sandbox`]: a private RabbitMQ of our own.
//! - [`views`]: WHAT IS SEEN. Events and reports become words, tables, JSON.
//! - [`terminal`]: THE ONE PEN. Streams, colour, width, prompts, foreign text.
//!
//! [`failure`] says how an error reads, [`exit`] what a number means, [`interrupt`] what a signal does, [`nearest`] which
//! word was meant, [`duration`] how a length of time is written, [`version`] which series a broker is of.
//! Which room may use which is data in `tests/house`.

use std::{ffi::OsString, process::ExitCode};

pub mod broker;
pub mod catalog;
pub mod cli;
pub mod commands;
pub mod duration;
pub mod exit;
pub mod failure;
pub mod interrupt;
pub mod message;
pub mod nearest;
pub mod ops;
pub mod sandbox;
pub mod settings;
pub mod terminal;
pub mod topology;
pub mod version;
pub mod views;

/// Runs the program with these arguments (the first is its name) and returns what the process ends with.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    commands::run(arguments).into()
}
