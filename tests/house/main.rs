//! Laws about the repository: what may use what, what is generated, what the README shows.

#![allow(clippy::disallowed_methods, reason = "tests are told by the environment which broker to use")]
#![allow(clippy::print_stderr, reason = "what is skipped is said aloud")]

#[path = "../support/mod.rs"]
mod support;

mod generated;
mod readme;
mod rooms;
mod tree;
