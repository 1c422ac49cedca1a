//! Laws about the repository.

#[path = "../support/mod.rs"]
mod support;
