//! What to do when the broker ends a publish, and about lines that cannot be sent.

use super::{Failure, word};
use crate::{
    broker::{Error, Identity},
    ops::publish::{compose::Wrong, source::Invalid},
    terminal::neutralise,
};

/// How many lines that cannot be sent an error repeats.
const REPEATED: usize = 20;

/// What else is known of an exchange that is not there.
pub enum Missing<'a> {
    /// The topology file would have it made.
    Planned,
    /// One with a name like it is there.
    Near(&'a str),
    /// Nothing.
    Unknown,
}

impl Failure {
    /// The exchange that the broker says is not there, in its own words.
    #[must_use]
    pub fn missing_exchange(error: &Error) -> Option<&str> {
        match error {
            Error::NotFound { what } => {
                what.split_once("no exchange '")?.1.split_once("' in vhost").map(|found| found.0)
            }
            _ => None,
        }
    }

    /// The broker ended a publish.
    #[must_use]
    pub fn publishing(error: &Error, identity: &Identity, missing: &Missing<'_>) -> Failure {
        let failure = Failure::from(error);
        match error {
            Error::NotFound { .. } => failure.hint(match missing {
                Missing::Planned => "the topology file has it, and the broker has not: evbus apply makes it".to_owned(),
                Missing::Near(near) => format!("did you mean {0}? --exchange {0} names it", word(&neutralise(near))),
                Missing::Unknown => "name another: --exchange NAME; evbus apply makes what a topology file has".to_owned(),
            }),
            Error::NoPermission { what } if what.contains("internal exchange") => {
                failure.hint("only other exchanges may publish to it: name one that is bound to it with --exchange NAME")
            }
            Error::NoPermission { .. } => failure.hint(format!(
                "an administrator allows it with: rabbitmqctl set_permissions -p {} {} CONFIGURE WRITE READ, where WRITE matches the exchange; evbus doctor shows what this user may do",
                word(&identity.vhost),
                word(&identity.user)
            )),
            Error::Precondition { what } if what.contains("max size") || what.contains("max message size") => {
                let hint = "an administrator can allow more with max_message_size in rabbitmq.conf; large data is better kept elsewhere, and its place published";
                Failure { code: "too_large", ..failure }.hint(hint)
            }
            // It is about the message, and not about an object that exists differently.
            Error::Precondition { .. } => Failure { hint: None, ..failure },
            _ => failure,
        }
    }

    /// Lines, or a payload, that cannot be sent; `nothing` was sent then, or else what stood before them.
    #[must_use]
    pub fn invalid(place: &str, found: &[Invalid], total: u64, nothing: bool) -> Failure {
        let so = if nothing { "nothing was sent" } else { "nothing was sent from there on" };
        let (message, causes) = match found {
            [Invalid { line: None, wrong }] => (format!("{place} {}; {so}", short(wrong)), wrong.texts()),
            [Invalid { line: Some(line), wrong }] if total == 1 => {
                (format!("line {line} of {place} {}; {so}", short(wrong)), wrong.texts())
            }
            several => {
                let text = |invalid: &Invalid| {
                    let place = invalid.line.map(|line| format!("line {line}: ")).unwrap_or_default();
                    format!("{place}{}", invalid.wrong.texts().join("; "))
                };
                let mut causes: Vec<String> = several.iter().take(REPEATED).map(text).collect();
                if total > causes.len() as u64 {
                    causes.push(format!("and {} more; -o json lists every one", total - causes.len() as u64));
                }
                (format!("{total} lines of {place} cannot be sent; {so}"), causes)
            }
        };
        let causes = causes.iter().map(|cause| neutralise(cause).into_owned()).collect();
        let failure = Failure { causes, ..Failure::usage("invalid", message) };
        match found.first().map(|invalid| &invalid.wrong) {
            Some(Wrong::NoExchange) => failure.hint("name one: --exchange NAME, or a topology file: -f FILE"),
            Some(Wrong::NoKey) => failure.hint("give one: --key KEY"),
            Some(Wrong::NoRecord) => {
                failure.hint("say what the payloads are: evbus publish EVENT --from FILE, or --key KEY")
            }
            _ => failure,
        }
    }

    /// How many such [`Failure::invalid`] wants to see.
    #[must_use]
    pub fn wants_more_invalid(found: &[Invalid]) -> bool {
        found.len() < REPEATED
    }
}

fn short(wrong: &Wrong) -> String {
    match wrong {
        Wrong::Violations(found) if found.len() == 1 => "breaks its schema".to_owned(),
        Wrong::Violations(found) => format!("breaks its schema in {} places", found.len()),
        _ => "cannot be sent".to_owned(),
    }
}
