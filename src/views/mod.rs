//! WHAT IS SEEN: events and reports become words, tables and JSON.

pub mod apply;
mod bounds;
pub mod demo;
pub mod dlq;
pub mod doctor;
pub mod export;
pub mod lint;
pub mod plan;
pub mod publish;
pub mod queues;
pub mod route;
pub mod sandbox;
mod table;
pub mod tail;

use std::fmt::Display;

/// A count with its word, of which there may be one.
fn counted<N: Display + PartialEq + From<u8>>(count: N, word: &str) -> String {
    let many = if count == N::from(1) { "" } else { "s" };
    format!("{count} {word}{many}")
}

/// That `--where` could not be worked out for some messages.
fn undecided(count: u64, so: &str) -> String {
    format!("--where failed on {}, {so}", counted(count, "message"))
}
