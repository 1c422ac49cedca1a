//! The program as a whole, without a broker: what it says and what it ends with.

#![allow(clippy::disallowed_methods, reason = "tests are told by the environment which broker to use")]
#![allow(clippy::print_stderr, reason = "what is skipped is said aloud")]

#[path = "../support/mod.rs"]
mod support;

mod dlq_groups;
mod dlq_restore;
mod export;
mod help;
mod lint;
mod route;
mod runs;
mod topology;
mod unreachable;
mod usage;
