//! The program as a whole, without a broker: what it says and what it ends with.

#[path = "../support/mod.rs"]
mod support;

mod topology;
mod unreachable;
mod usage;
