//! What each rule finds, and what it does not.

use std::path::Path;

use super::{cases::CASES, *};
use crate::topology::{definitions::is_definitions, file::File};

fn found(text: &str) -> Vec<(&'static str, Level, String)> {
    found_for(text, Version::new(4, 3, 0))
}

fn found_for(text: &str, version: Version) -> Vec<(&'static str, Level, String)> {
    let text = format!("evbus: 1\n{text}");
    let file = File::read(vec![("f".to_owned(), Path::new(""), text.into_bytes())]).expect("a right file");
    let findings = lint(&file.topology, version).findings;
    findings.into_iter().map(|finding| (finding.rule.id, finding.level, finding.message)).collect()
}

/// The rules that find something that is probably not meant.
fn rules(text: &str) -> Vec<&'static str> {
    let matters = |(rule, level, _)| (level >= Level::Warning).then_some(rule);
    found(text).into_iter().filter_map(matters).collect()
}

#[test]
fn a_bus_as_evbus_lays_it_out_has_nothing_wrong_with_it() {
    let text = "events: {OrderPlaced: {routing_key: a}}\nservices: {s: {subscribes: [OrderPlaced]}}\naudit: {stream: log, keep: 30d}\n";
    assert_eq!(found(text), []);
}

#[test]
fn events_that_are_not_there_and_events_nobody_wants_are_found() {
    let text = "events: {Here: {routing_key: h}, Lonely: {routing_key: l.x}}\nservices: {s: {subscribes: [Here, Gone], retry: none}}\n";
    assert_eq!(rules(text), ["unheard-event", "unknown-event"]);
    let text = "events: {Lonely: {routing_key: l.x}}\nservices: {s: {subscribes: [{key: \"l.*\"}], retry: none}}\n";
    assert_eq!(rules(text), Vec::<&str>::new(), "a pattern hears it");
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
    assert!(rules(&wrong_key).contains(&"dead-letters-go-nowhere"));
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
    assert!(rules(&text("b.#")).contains(&"dead-letters-go-nowhere"));
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

/// Definitions with these sections, in one virtual host.
fn definitions(sections: &str) -> String {
    format!("{{\"vhosts\": [{{\"name\": \"/\"}}], {sections}}}").replace('~', "\"vhost\": \"/\"").replace('\'', "\"")
}

/// The rules that find something in a topology or, where it begins with a quote, in definitions.
fn whatever(text: &str) -> Vec<&'static str> {
    if text.starts_with('\'') {
        let text = definitions(text);
        assert!(is_definitions(text.as_bytes()), "{text}");
        let read = Definitions::read("f".to_owned(), Path::new(""), text.as_bytes());
        let definitions = read.unwrap_or_else(|wrong| panic!("{text}: {:?}", wrong.problems));
        let report = lint_definitions(&definitions, Version::new(4, 3, 0));
        report.findings.into_iter().map(|finding| finding.rule.id).collect()
    } else {
        found(text).into_iter().map(|(rule, ..)| rule).collect()
    }
}

#[test]
fn every_rule_finds_what_it_is_for_and_nothing_that_is_right() {
    for (rule, wrong, right) in CASES {
        assert!(whatever(wrong).contains(rule), "{rule} does not find {wrong}");
        assert!(!whatever(right).contains(rule), "{rule} finds {right}");
    }
    // What lies beside the file is looked for by `ops`; one rule is for old brokers alone, and one takes a long text.
    let elsewhere = ["unreadable-schema", "invalid-schema", "stream-loses-dead-letters", "too-long-pattern"];
    let missing = RULES.iter().filter(|rule| !CASES.iter().any(|(id, ..)| *id == rule.id));
    let missing: Vec<&str> = missing.map(|rule| rule.id).filter(|id| !elsewhere.contains(id)).collect();
    assert!(missing.is_empty(), "nothing tries {missing:?}");
}

#[test]
fn names_of_rules_are_words_of_their_own() {
    for (at, rule) in RULES.iter().enumerate() {
        let plain = rule.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        assert!(plain && named(rule.id).is_some_and(|found| std::ptr::eq(found, *rule)), "{}", rule.id);
        assert!(RULES.iter().skip(at + 1).all(|other| other.id != rule.id), "{}", rule.id);
        assert!(!rule.finds.ends_with('.') && rule.why.ends_with('.') && rule.fix.ends_with('.'), "{}", rule.id);
    }
}

#[test]
fn before_3_12_an_audit_stream_misses_what_classic_queues_hand_on() {
    let text = "services: {s: {queue: {type: classic}}}\naudit: {stream: log}";
    let finds = |version| found_for(text, version).iter().any(|(rule, ..)| *rule == "stream-loses-dead-letters");
    assert!(finds(Version::new(3, 11, 0)) && !finds(Version::new(3, 12, 0)));
}

#[test]
fn from_4_3_on_a_pattern_has_at_most_1024_bytes() {
    let text = |bytes: usize| {
        let pattern = format!("^(q|{})", "x".repeat(bytes - 5));
        format!("queues: {{q: {{}}}}\npolicies: {{p: {{pattern: \"{pattern}\", definition: {{expires: 9000}}}}}}\n")
    };
    let finds = |text: &str, version| found_for(text, version).iter().any(|(rule, ..)| *rule == "too-long-pattern");
    assert!(finds(&text(1025), Version::new(4, 3, 0)) && !finds(&text(1024), Version::new(4, 3, 0)));
    assert!(!finds(&text(1025), Version::new(4, 2, 0)));
}

#[test]
fn before_4_0_mirroring_is_no_error_yet() {
    let text = "queues: {q: {type: classic}}\npolicies: {p: {pattern: \"^q\", definition: {ha-mode: all}}}";
    let level = |version| found_for(text, version).iter().find(|it| it.0 == "mirroring-policy").map(|it| it.1);
    assert_eq!(level(Version::new(3, 13, 0)), Some(Level::Warning));
    assert_eq!(level(Version::new(4, 0, 0)), Some(Level::Error));
}

#[test]
fn a_policy_that_is_passed_over_leaves_the_next_one_in_force() {
    let text = |kind: &str| {
        format!(
            "queues: {{q: {{type: {kind}}}}}\npolicies:\n  lazy: {{pattern: ^q, priority: 9, definition: {{queue-mode: lazy}}}}\n  old: {{pattern: ^q, definition: {{message-ttl: 1000}}}}\n"
        )
    };
    let expires = |kind: &str| rules(&text(kind)).contains(&"expires-without-dead-letters");
    assert!(expires("quorum") && !expires("classic"), "on a classic queue the policy lazy goes first");
    assert!(rules(&text("classic")).contains(&"hidden-policy") && !rules(&text("quorum")).contains(&"hidden-policy"));
}

#[test]
fn one_policy_that_is_for_many_queues_is_told_once() {
    let queues: String = (0..50).map(|number| format!("  q{number}: {{max_length: 5}}\n")).collect();
    let text = format!("queues:\n{queues}policies: {{p: {{pattern: \"^q\", definition: {{max-length: 6}}}}}}\n");
    let found = found(&text);
    let told: Vec<_> = found.iter().filter(|(rule, ..)| *rule == "argument-against-policy").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].2.contains("q0, q1, q2 and 47 more"), "{told:?}");
}

#[test]
fn what_is_silenced_is_kept_with_its_reason_and_only_for_what_is_named() {
    let text = "evbus: 1\nqueues: {a: {message_ttl: 1s}, b: {message_ttl: 1s}}\nlint: {ignore: [{rule: expires-without-dead-letters, object: a, because: prices}]}\n";
    let file = File::read(vec![("f".to_owned(), Path::new(""), text.as_bytes().to_vec())]).expect("a right file");
    let report = lint(&file.topology, Version::new(4, 3, 0));
    let left: Vec<&str> = report.findings.iter().map(|finding| finding.object.as_str()).collect();
    assert_eq!(left, ["b"]);
    let [(finding, because)] = report.silenced.as_slice() else { panic!("{:?}", report.silenced) };
    assert_eq!((finding.object.as_str(), because.as_str()), ("a", "prices"));
    let everywhere = text.replace("object: a, ", "");
    let file = File::read(vec![("f".to_owned(), Path::new(""), everywhere.into_bytes())]).expect("a right file");
    let report = lint(&file.topology, Version::new(4, 3, 0));
    assert_eq!((report.findings.len(), report.silenced.len()), (0, 2));
}

#[test]
fn virtual_hosts_of_one_file_have_nothing_to_do_with_each_other() {
    let text = "{\"vhosts\": [{\"name\": \"a\"}, {\"name\": \"b\"}], \"exchanges\": [{\"name\": \"dlx\", \"vhost\": \"a\", \"type\": \"topic\"}], \"queues\": [{\"name\": \"q\", \"vhost\": \"b\", \"arguments\": {\"x-dead-letter-exchange\": \"dlx\"}}]}";
    let definitions = Definitions::read("f".to_owned(), Path::new(""), text.as_bytes()).expect("definitions");
    let report = lint_definitions(&definitions, Version::new(4, 3, 0));
    let nowhere = report.findings.iter().find(|finding| finding.rule.id == "dead-letters-go-nowhere");
    assert_eq!(nowhere.and_then(|finding| finding.vhost.as_deref()), Some("b"), "the exchange is in the other one");
}

#[test]
fn thousands_of_queues_with_keys_of_their_own_are_looked_at_in_seconds() {
    let mut sections = [Vec::new(), Vec::new()];
    for number in 0..5000 {
        sections[0].push(format!("{{'name': 'q{number}', ~, 'arguments': {{'x-dead-letter-exchange': 'dlx'}}}}"));
        sections[0].push(format!("{{'name': 'q{number}.dlq', ~}}"));
        for (source, to, key) in [("in", "", "*"), ("dlx", ".dlq", "x")] {
            sections[1].push(format!(
                "{{'source': '{source}', ~, 'destination': 'q{number}{to}', 'destination_type': 'queue', 'routing_key': 'a.{number}.{key}'}}"
            ));
        }
    }
    let exchanges = "{'name': 'in', ~, 'type': 'topic'}, {'name': 'dlx', ~, 'type': 'direct'}";
    let (queues, bindings) = (sections[0].join(", "), sections[1].join(", "));
    let started = std::time::Instant::now();
    let found = whatever(&format!("'exchanges': [{exchanges}], 'queues': [{queues}], 'bindings': [{bindings}]"));
    assert!(found.is_empty(), "{} findings", found.len());
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
