//! Saved plans: written by `plan --out`, taken by `apply`.

use std::{fs, path::Path};

use serde_json::Value;

use super::Context;
use crate::{
    failure::Failure,
    ops::whole,
    topology::{
        file::File,
        saved::{self, Basis},
    },
};

/// What a plan says in its `format`.
const FORMAT: &str = "evbus.plan/1";

/// What a file that is named to `apply` was made from, if it is a saved plan; `None` if it is not.
///
/// # Errors
/// A plan that was not saved, or by another evbus.
pub fn basis(path: &Path) -> Result<Option<Basis>, Failure> {
    // What cannot be read is told as a topology file that cannot be.
    let Ok(text) = fs::read_to_string(path) else { return Ok(None) };
    if !text.trim_start().starts_with('{') || !text.contains(FORMAT) {
        return Ok(None);
    }
    let Ok(document) = serde_json::from_str::<Value>(&text) else { return Ok(None) };
    if document["format"] != FORMAT {
        return Ok(None);
    }
    let name = path.display();
    let hint = "evbus plan --out FILE writes one that can be applied";
    match document.get("basis") {
        None => Err(Failure::usage("saved_plan", format!("{name} does not say what it was made from")).hint(hint)),
        Some(basis) => serde_json::from_value(basis.clone()).map(Some).map_err(|error| {
            Failure::usage("saved_plan", format!("{name} cannot be read as a saved plan")).because(error).hint(hint)
        }),
    }
}

/// Writes a plan in one step: half a plan is none.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, document: &Value) -> Result<(), Failure> {
    let text = format!("{document:#}\n");
    whole::write(path, text.as_bytes())
        .map_err(|error| Failure::new("saved_plan", format!("cannot write {}", path.display())).because(error))
}

impl Context {
    /// The topology that a saved plan was made from, as it was then.
    ///
    /// # Errors
    /// When one of its files has changed, or is another one than `-f` names.
    pub fn topology_of(&self, basis: &Basis) -> Result<File, Failure> {
        if !self.settings.files().is_empty() {
            return Err(Failure::usage("usage", "a saved plan says itself which topology files it is for")
                .hint("leave -f out, or save another plan with it"));
        }
        let paths: Vec<_> = basis.files.iter().map(|file| file.path.clone().into()).collect();
        let file = self.read_topology(paths)?;
        let now = saved::fingerprints(&file.sources);
        let moved = basis.files.iter().zip(&now).filter(|(then, now)| then != now);
        let causes: Vec<String> = moved.map(|(then, _)| format!("{} is not as it was", then.path)).collect();
        if causes.is_empty() {
            return Ok(file);
        }
        let mut failure = Failure::new("moved", "the topology has changed since the plan was saved");
        failure.causes = causes;
        Err(failure.hint("nothing was changed; look at it again, and save a new plan: evbus plan --out FILE"))
    }
}
