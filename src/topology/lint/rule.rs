//! Which rules are there? Every one with its name, how much it matters and what it means, for the README, for `lint --explain` and
//! for the programs that read findings.
//!
//! A rule stands beside the check that finds it; this file lists them.

use super::{Level, arguments, bindings, dead_letters, events, imports, limits, policies, services, silence};

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Its stable name.
    pub id: &'static str,
    /// How much what it finds matters, unless the finding says otherwise.
    pub level: Level,
    /// What it finds, in half a sentence.
    pub finds: &'static str,
    /// Why that matters.
    pub why: &'static str,
    /// What to do about it.
    pub fix: &'static str,
}

/// Every rule, family by family.
pub static RULES: &[&Rule] = &[
    &events::UNKNOWN_EVENT,
    &events::UNHEARD_EVENT,
    &events::UNMATCHED_SUBSCRIPTION,
    &events::NOT_PAST,
    &events::UNREADABLE_SCHEMA,
    &events::INVALID_SCHEMA,
    &services::SHARED_QUEUE,
    &services::AT_MOST_ONCE,
    &services::ENFORCED,
    &services::STREAM_LOSES,
    &dead_letters::NOWHERE,
    &dead_letters::SELF,
    &dead_letters::MOVE_ON,
    &dead_letters::UNFED,
    &dead_letters::SOME_WITHOUT,
    &dead_letters::KEY_ALONE,
    &dead_letters::SHARED_RETRY,
    &dead_letters::ASTRAY,
    &limits::EXPIRES,
    &limits::DROPS,
    &limits::DEAD_EXPIRE,
    &limits::DEAD_LIMITED,
    &arguments::UNKNOWN,
    &arguments::REFUSED,
    &arguments::WRONG_VALUE,
    &arguments::QUEUE_MODE,
    &arguments::TRANSIENT_QUEUE,
    &arguments::TRANSIENT_EXCHANGE,
    &policies::CATCHES_DEAD,
    &policies::HIDDEN,
    &policies::TIE,
    &policies::AGAINST,
    &policies::PASSED_OVER,
    &policies::UNKNOWN_KEY,
    &policies::MIRRORING,
    &policies::NOTHING,
    &policies::UNANCHORED,
    &policies::CATCH_ALL,
    &policies::UNREADABLE,
    &policies::TOO_LONG,
    &bindings::WILDCARD_ON_DIRECT,
    &bindings::WILDCARD_INSIDE,
    &bindings::TOO_MANY,
    &bindings::REDUNDANT,
    &bindings::KEY_ON_FANOUT,
    &bindings::EMPTY_ON_DIRECT,
    &bindings::EMPTY_HEADERS,
    &bindings::UNDECLARED,
    &bindings::ALTERNATE,
    &bindings::LITERAL_TOPIC,
    &bindings::UNBOUND_EXCHANGE,
    &bindings::UNBOUND_QUEUE,
    &bindings::DEFAULT_EXCHANGE,
    &imports::UNDECLARED_VHOST,
    &imports::MISSING_VHOST,
    &imports::INCOMPLETE,
    &imports::UNKNOWN_FIELD,
    &imports::DUPLICATE,
    &imports::CLEAR_TEXT,
    &imports::GUEST,
    &imports::WITHOUT_PERMISSION,
    &silence::UNUSED,
];

/// The rule of that name.
#[must_use]
pub fn named(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}
