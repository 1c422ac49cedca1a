//! Topology files that cannot be used.

use super::Failure;
use crate::topology::file::Malformed;

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Failure {
        let names: Vec<&str> = malformed.sources.0.iter().map(|source| source.name.as_str()).collect();
        let count = malformed.problems.len();
        let things = if count == 1 { "something is".to_owned() } else { format!("{count} things are") };
        Failure::usage("topology_file", format!("{things} wrong with {}", names.join(", ")))
            .detail(malformed.sources.explain(&malformed.problems))
    }
}
