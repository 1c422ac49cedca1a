//! What is true on a real broker. See `tests/support` for where it comes from.

#[path = "../support/mod.rs"]
mod support;

mod connection;
mod dlq_look;
mod dlq_loss;
mod dlq_purge;
mod dlq_replay;
mod doctor;
mod fidelity;
mod sandbox;
mod secure;
