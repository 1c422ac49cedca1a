//! What the commands on dead letters show.

pub mod purge;
pub mod replay;
pub mod show;
