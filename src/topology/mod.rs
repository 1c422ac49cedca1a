//! WHAT A TOPOLOGY IS.

pub mod spec;
