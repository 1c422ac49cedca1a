//! WHAT IS SEEN: events and reports become words, tables and JSON.

pub mod dlq;
pub mod doctor;
pub mod publish;
pub mod sandbox;
mod table;
pub mod tail;
