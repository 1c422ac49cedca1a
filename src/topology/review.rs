//! What does a file want somebody to look at: which queue is too deep, which dead letters are too many or too old?

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{expand::expand, file::Topology};
use crate::version::Version;

/// What is too much for a queue. The broker knows nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Thresholds {
    /// More ready messages than this (`alerts.depth`).
    pub depth: Option<u64>,
    /// More dead letters than this (`dead_letters.max`).
    pub max: Option<u64>,
    /// Dead letters older than this (`dead_letters.keep`).
    pub keep: Option<Duration>,
}

/// The thresholds that a topology sets, by the queue they are for: `alerts` for the queues of services, `dead_letters` for their
/// dead letter queues.
#[must_use]
pub fn thresholds(topology: &Topology) -> BTreeMap<String, Thresholds> {
    // Names of queues are the same on every version.
    let (wanted, _) = expand(topology, Version::new(4, 0, 0));
    let dead_letter_queues = wanted.dead_letter_queues();
    let mut found: BTreeMap<String, Thresholds> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for service in &topology.services {
        let queue = service.queue.as_str();
        // Of two services on one queue the first says what the queue is.
        if !seen.insert(queue) {
            continue;
        }
        found.entry(queue.to_owned()).or_default().depth = service.alerts.depth;
        if let Some(dead) = dead_letter_queues.get(queue) {
            let letters = service.dead_letters;
            let entry = found.entry((*dead).to_owned()).or_default();
            (entry.max, entry.keep) = (letters.max, letters.keep);
        }
    }
    found.retain(|_, thresholds| *thresholds != Thresholds::default());
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::topology::file::File;

    #[test]
    fn each_threshold_is_for_the_queue_that_the_service_is_given() {
        let text = "evbus: 1\nnaming: { dead_letter_queue: \"{queue}_error\" }\ndefaults: { dead_letters: { keep: 14d, max: 9 } }\nservices:\n  a: { alerts: { depth: 5 } }\n  b: { queue: { name: bee }, dead_letters: { max: 7 } }\n  c: { queue: { name: a }, alerts: { depth: 1 } }\n  d: { dead_letters: {} }\n";
        let file = File::read([("evbus.yaml".to_owned(), Path::new(""), text.as_bytes().to_vec())].into());
        let found = thresholds(&file.expect("a topology").topology);
        let keep = Some(Duration::from_secs(14 * 86_400));
        let expected = [
            ("a", Thresholds { depth: Some(5), ..Thresholds::default() }),
            ("a_error", Thresholds { max: Some(9), keep, ..Thresholds::default() }),
            ("bee_error", Thresholds { max: Some(7), ..Thresholds::default() }),
        ];
        assert_eq!(found, BTreeMap::from(expected.map(|(name, thresholds)| (name.to_owned(), thresholds))));
    }
}
