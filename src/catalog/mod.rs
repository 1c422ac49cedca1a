//! WHAT AN EVENT IS: its envelope and its schemas. Pure, but for reading schema files.

pub mod envelope;
pub mod schema;
