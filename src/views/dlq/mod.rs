//! What the commands on dead letters show.

pub mod list;
pub mod purge;
pub mod replay;
pub mod show;
