//! WHAT IS SEEN: events and reports become words, tables and JSON.

pub mod dlq;
pub mod sandbox;
mod table;
