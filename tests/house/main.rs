//! Laws about the repository.

#![allow(clippy::disallowed_methods, reason = "tests are told by the environment which broker to use")]
#![allow(clippy::print_stderr, reason = "what is skipped is said aloud")]

#[path = "../support/mod.rs"]
mod support;
