//! What an operator wants to be otherwise: headers that are to stay behind too, and headers that are to go along all the same.

use super::left_behind::{IDENTITY, Item, LEFT_BEHIND, Risk, matches};

/// What differs from the list for one run (`--strip`, `--keep`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    strip: Vec<String>,
    keep: Vec<String>,
}

/// Why rules cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// Not a name.
    #[error("{flag} {name:?} names no header: it takes names, with a * at the end for all that begin so")]
    NoName {
        /// The flag.
        flag: &'static str,
        /// What it was given.
        name: String,
    },
    /// Both are wanted.
    #[error("{name} is to be stripped and to be kept")]
    Both {
        /// The name.
        name: String,
    },
    /// It is no header.
    #[error("{name} is a property and no header: it always travels as it is")]
    Property {
        /// The name.
        name: String,
    },
    /// Evbus goes by it.
    #[error("{name} cannot be stripped: evbus tells by it what a run has put back, and how often")]
    Own {
        /// The name.
        name: String,
    },
    /// The broker would not have it.
    #[error("{name} cannot be kept: {because}")]
    Refused {
        /// The name.
        name: String,
        /// What would happen.
        because: &'static str,
    },
}

/// The properties that travel whatever anybody says.
const PROPERTIES: &[&str] = &[
    "content_type",
    "content_encoding",
    "headers",
    "delivery_mode",
    "priority",
    "correlation_id",
    "reply_to",
    "message_id",
    "timestamp",
    "type",
    "app_id",
    "cluster_id",
];

impl Rules {
    /// Rules that leave these behind too, and take those along.
    ///
    /// # Errors
    /// What cannot be.
    pub fn new(strip: &[String], keep: &[String]) -> Result<Rules, Mistake> {
        for (flag, names) in [("--strip", strip), ("--keep", keep)] {
            for name in names {
                let stem = name.strip_suffix('*').unwrap_or(name);
                if stem.contains('*') || (stem.is_empty() && stem == name) {
                    return Err(Mistake::NoName { flag, name: name.clone() });
                }
                if PROPERTIES.contains(&name.as_str()) {
                    return Err(Mistake::Property { name: name.clone() });
                }
            }
        }
        if let Some(name) = strip.iter().find(|name| keep.contains(name)) {
            return Err(Mistake::Both { name: name.clone() });
        }
        if let Some(name) = strip.iter().find(|name| [super::RUN, super::REPLAYS].contains(&name.as_str())) {
            return Err(Mistake::Own { name: name.clone() });
        }
        for name in keep {
            let item = LEFT_BEHIND.iter().find(|item| item.names.contains(&name.as_str()));
            if let Some(Item { risk: Risk::Refused(because), .. }) = item {
                return Err(Mistake::Refused { name: name.clone(), because });
            }
        }
        Ok(Rules { strip: strip.to_vec(), keep: keep.to_vec() })
    }

    /// What somebody should know who wants it so, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for pattern in &self.keep {
            for item in LEFT_BEHIND.iter().filter(|item| pattern == item.names[0] || !item.is_property()) {
                let meant = item.names.iter().find(|name| overlap(pattern, name));
                if let (Some(name), Risk::Told(what)) = (meant, item.risk) {
                    warnings.push(format!("{name} is kept: {what}"));
                }
            }
        }
        for name in self.strip.iter().filter(|name| is_identity(name)) {
            warnings.push(format!("{name} is stripped, by which others know the message: this run's copies lose it"));
        }
        warnings
    }

    /// Whether what is on the list goes along all the same.
    pub(super) fn keeps(&self, name: &str) -> bool {
        self.keep.iter().any(|pattern| matches(pattern, name))
    }

    /// Whether a property that is on the list goes along all the same: only where it is named in full.
    pub(super) fn keeps_property(&self, name: &str) -> bool {
        self.keep.iter().any(|kept| kept == name)
    }

    /// Whether a header is to stay behind, and not to be kept under another name. What says who a message is, and what evbus
    /// keeps of it, has to be named in full.
    pub(super) fn strips(&self, name: &str) -> bool {
        let spared = is_identity(name) || name.starts_with("x-evbus-");
        self.strip.iter().any(|pattern| pattern == name || !spared && matches(pattern, name))
    }
}

fn is_identity(name: &str) -> bool {
    IDENTITY.iter().any(|pattern| matches(pattern, name))
}

/// Whether two patterns can mean the same name.
fn overlap(one: &str, other: &str) -> bool {
    match (one.strip_suffix('*'), other.strip_suffix('*')) {
        (Some(one), Some(other)) => one.starts_with(other) || other.starts_with(one),
        (Some(_), None) => matches(one, other),
        (None, _) => matches(other, one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(strip: &[&str], keep: &[&str]) -> Result<Rules, Mistake> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        Rules::new(&owned(strip), &owned(keep))
    }

    #[test]
    fn what_the_broker_would_refuse_or_evbus_goes_by_cannot_be() {
        let wrong = |strip: &[&str], keep: &[&str]| rules(strip, keep).expect_err("it is refused").to_string();
        assert!(wrong(&[], &["user_id"]).starts_with("user_id cannot be kept: the broker closes the channel"));
        assert!(wrong(&["x-evbus-run"], &[]).starts_with("x-evbus-run cannot be stripped"));
        assert_eq!(wrong(&["message_id"], &[]), "message_id is a property and no header: it always travels as it is");
        assert_eq!(wrong(&["a", "b"], &["b"]), "b is to be stripped and to be kept");
        for odd in ["", "a*b", "**"] {
            assert!(wrong(&[odd], &[]).contains("names no header"), "{odd:?}");
        }
    }

    #[test]
    fn what_can_do_harm_is_told() {
        let told = |strip: &[&str], keep: &[&str]| rules(strip, keep).expect("rules").warnings();
        assert_eq!(told(&["x-app-*"], &["x-retries", "MT-*"]), [""; 0]);
        assert_eq!(told(&[], &["CC"]), ["CC is kept: copies go to every queue or key that is named there"]);
        assert_eq!(told(&[], &["expiration"]), ["expiration is kept: a message can expire before a consumer sees it"]);
        let trace = "traceparent is stripped, by which others know the message: this run's copies lose it";
        assert_eq!(told(&["traceparent"], &[]), [trace]);
        let all: Vec<String> = told(&[], &["x-de*"]);
        assert!(
            matches!(&all[..], [death, count] if death.starts_with("x-death is") && count.starts_with("x-delivery"))
        );
    }

    #[test]
    fn a_wildcard_takes_no_identity_away() {
        let rules = rules(&["*"], &[]).expect("rules");
        assert!(rules.strips("x-app") && rules.strips("x-death"));
        assert!(!rules.strips("traceparent") && !rules.strips("x-b3-traceid") && !rules.strips("x-evbus-death"));
        assert!(self::rules(&["traceparent"], &[]).is_ok_and(|rules| rules.strips("traceparent")));
    }
}
