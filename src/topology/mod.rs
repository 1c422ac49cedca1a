//! WHAT A TOPOLOGY IS.

pub mod routing;
pub mod spec;
