//! What is wrong with a topology that the file alone can tell? One file a family of rules.
//!
//! A finding is no malformed file: everything here can be declared on some broker, and most of it loses messages there.

mod dead_letters;
mod events;
mod queues;

use super::{
    expand::{self, Wanted},
    file::Topology,
    place::Place,
    routing::Routes,
};
use crate::version::Version;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Probably not meant.
    Warning,
    /// Loses messages, or is refused.
    Error,
}

impl Level {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

/// Something a rule found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's stable name.
    pub rule: &'static str,
    /// How much it matters.
    pub level: Level,
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub fix: String,
}

/// What the rules look at.
struct Subject<'a> {
    topology: &'a Topology,
    wanted: Wanted,
    routes: Routes,
    version: Version,
}

/// Everything that the rules find in a topology for brokers of that version, in the order of the file.
#[must_use]
pub fn lint(topology: &Topology, version: Version) -> Vec<Finding> {
    let (wanted, _) = expand::expand(topology, version);
    let routes = wanted.routes();
    let subject = Subject { topology, wanted, routes, version };
    let mut findings = Vec::new();
    events::check(&subject, &mut findings);
    queues::check(&subject, &mut findings);
    dead_letters::check(&subject, &mut findings);
    findings.sort_by(|a, b| (a.place, a.rule).cmp(&(b.place, b.rule)));
    findings
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::topology::file::File;

    fn found(text: &str) -> Vec<(&'static str, Level, String)> {
        found_for(text, Version::new(4, 3, 0))
    }

    fn found_for(text: &str, version: Version) -> Vec<(&'static str, Level, String)> {
        let text = format!("evbus: 1\n{text}");
        let file = File::read(vec![("f".to_owned(), Path::new(""), text.into_bytes())]).expect("a right file");
        let findings = lint(&file.topology, version);
        findings.into_iter().map(|finding| (finding.rule, finding.level, finding.message)).collect()
    }

    fn rules(text: &str) -> Vec<&'static str> {
        found(text).into_iter().map(|(rule, ..)| rule).collect()
    }

    #[test]
    fn a_bus_as_evbus_lays_it_out_has_nothing_wrong_with_it() {
        let text = "events: {A: {routing_key: a}}\nservices: {s: {subscribes: [A]}}\naudit: {stream: log, keep: 30d}\n";
        assert_eq!(found(text), []);
    }

    #[test]
    fn events_that_are_not_there_and_events_nobody_wants_are_found() {
        let text = "events: {Here: {routing_key: h}, Lonely: {routing_key: l.x}}\nservices: {s: {subscribes: [Here, Gone], retry: none}}\n";
        assert_eq!(rules(text), ["unheard-event", "unknown-event"]);
        let text = "events: {Lonely: {routing_key: l.x}}\nservices: {s: {subscribes: [{key: \"l.*\"}], retry: none}}\n";
        assert_eq!(found(text), [], "a pattern hears it");
        let text = "events: {Lonely: {routing_key: l.x}}\nservices: {t: {retry: none}}\naudit: {stream: log}\n";
        assert_eq!(rules(text), ["unheard-event"], "that the audit stream keeps it does not make anybody want it");
    }

    #[test]
    fn two_services_on_one_queue_take_each_others_events() {
        let text = "services: {a: {queue: {name: q}, retry: none}, b: {queue: {name: q}, retry: none}}\n";
        assert_eq!(rules(text), ["shared-queue"]);
    }

    #[test]
    fn dead_letters_that_go_nowhere_are_found_also_where_the_exchange_exists() {
        let nothing_bound =
            "exchanges: {dlx: {type: direct}}\nqueues: {q: {dead_letter_exchange: dlx, dead_letter_routing_key: k}}\n";
        assert_eq!(rules(nothing_bound), ["dead-letters-go-nowhere"]);
        let wrong_key = format!("{nothing_bound}  d: {{}}\nbindings: [{{from: dlx, to: d, key: other}}]\n")
            .replace("k}}\n  d", "k}\n  d")
            .replace("queues: {q:", "queues:\n  q:");
        assert_eq!(rules(&wrong_key), ["dead-letters-go-nowhere"]);
        assert_eq!(rules(&wrong_key.replace("key: other", "key: k")), Vec::<&str>::new());
        let undeclared = "queues: {q: {dead_letter_exchange: theirs}}\n";
        assert_eq!(found(undeclared)[0].1, Level::Warning, "somebody else may have made it");
        let default = "queues: {q: {dead_letter_exchange: \"\", dead_letter_routing_key: gone}}\n";
        assert_eq!(rules(default), ["dead-letters-go-nowhere"]);
    }

    #[test]
    fn without_a_key_of_their_own_dead_letters_keep_the_keys_they_came_with() {
        let text = |key: &str| {
            format!(
                "exchanges: {{in: {{}}, dlx: {{}}}}\nqueues:\n  q: {{dead_letter_exchange: dlx}}\n  d: {{}}\nbindings:\n  - {{from: in, to: q, key: \"a.*\"}}\n  - {{from: dlx, to: d, key: \"{key}\"}}\n"
            )
        };
        assert_eq!(rules(&text("a.#")), Vec::<&str>::new());
        assert_eq!(rules(&text("a.b")), Vec::<&str>::new(), "some of them arrive");
        assert_eq!(rules(&text("b.#")), ["dead-letters-go-nowhere"]);
    }

    #[test]
    fn a_queue_that_dead_letters_to_itself_is_found_by_argument_and_by_policy() {
        let text = "queues: {q: {dead_letter_exchange: \"\"}}\n";
        assert_eq!(rules(text), ["self-dead-lettering"]);
        let text = "exchanges: {dlx: {type: fanout}}\nqueues: {work: {}, work.dead: {}}\nbindings: [{from: dlx, to: work.dead}]\npolicies: {p: {pattern: \"^work\", definition: {dead-letter-exchange: dlx}}}\n";
        assert_eq!(rules(text), ["self-dead-lettering"]);
        assert_eq!(rules(&text.replace("^work\"", "^work$\"")), Vec::<&str>::new());
    }

    #[test]
    fn a_wildcard_on_a_direct_exchange_is_taken_literally() {
        let text = "exchanges: {d: {type: direct}}\nqueues: {q: {}}\nbindings: [{from: d, to: q, key: \"a.#\"}]\n";
        assert_eq!(rules(text), ["wildcard-on-direct"]);
        assert_eq!(rules(&text.replace("type: direct", "type: topic")), Vec::<&str>::new());
    }

    #[test]
    fn three_hashes_are_too_many_for_4_3() {
        let text = "services: {s: {subscribes: [{key: \"#.a.#.#\"}], retry: none}}\n";
        assert_eq!(rules(text), ["too-many-wildcards"]);
        assert_eq!(found_for(text, Version::new(4, 2, 0)), []);
    }

    #[test]
    fn arguments_that_do_not_exist_or_are_for_other_queues_are_found() {
        let text = "queues: {q: {type: quorum, max_priority: 5, arguments: {x-max-retries: 3}}}\n";
        assert_eq!(rules(text), ["refused-argument", "unknown-argument"]);
        let timeout = "queues: {q: {type: classic, consumer_timeout: 1h}}\n";
        assert_eq!(rules(timeout), ["refused-argument"]);
        assert_eq!(found_for(timeout, Version::new(4, 0, 0)), []);
        let exchange = "exchanges: {e: {arguments: {x-queue-type: quorum}}}\n";
        assert_eq!(rules(exchange), ["unknown-argument"]);
    }

    #[test]
    fn what_a_classic_service_and_an_enforced_limit_cost_is_said() {
        let text = "services: {s: {queue: {type: classic}, dead_letters: {max: 5, enforce: true}, retry: none}}\n";
        assert_eq!(rules(text), ["at-most-once", "enforced-dead-letters"]);
    }
}
