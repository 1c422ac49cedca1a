//! WHAT IS SEEN: events and reports become words, tables and JSON.

pub mod apply;
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

/// A count with its word, of which there may be one.
fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
