//! May a queue that exists differently be made anew, and what has to be known for it?

use std::{cell::OnceCell, collections::HashMap};

use super::{Observed, Scope, leftovers::said, ways::Ways};
use crate::{
    topology::{
        argument::QueueType,
        expand::kind,
        order::Object,
        plan::{Action, Blocked, Change},
        replacement::{self, Replacement, holding_queue},
        spec::QueueSpec,
    },
    version::Version,
};

/// What a replace costs even where all goes well.
const RISK: &str = "who publishes to it by its name may find no such queue for a moment; its messages may come twice";

/// What has to be known of a broker to make its queues anew.
pub(super) struct Anew<'a> {
    observed: &'a Observed,
    ways: &'a Ways<'a>,
    version: Version,
    feeders: OnceCell<HashMap<&'a str, Vec<String>>>,
}

impl<'a> Anew<'a> {
    pub(super) fn of(observed: &'a Observed, ways: &'a Ways<'a>, version: Version) -> Anew<'a> {
        Anew { observed, ways, version, feeders: OnceCell::new() }
    }

    /// Settles whether a change that would make a queue anew is done, and how.
    pub(super) fn settle(&self, change: &mut Change, scope: &Scope) {
        let (Action::Replace, Object::Queue(wanted)) = (change.action, &change.object) else { return };
        let found = self.observed.queues.get(&wanted.name);
        let held = self.observed.queues.get(&replacement::holding(&wanted.name));
        // Where it is as wanted, or gone, only what was begun is to be ended.
        let goes = found.filter(|_| !change.because.is_empty());
        if held.is_some() {
            let begun = format!("a replace was begun, and messages wait in {}", replacement::holding(&wanted.name));
            change.because = if change.because.is_empty() { begun } else { format!("{}; {begun}", change.because) };
        }
        if let Some(has) = self.observed.inside.get(&wanted.name).and_then(said) {
            change.because = format!("{}; {has}", change.because);
        }
        let asked = || {
            let asked = "--replace makes it anew and keeps its messages".to_owned();
            (!scope.replace).then_some(asked)
        };
        let because = self.impossible(found, wanted).or_else(asked);
        change.blocked = because.map(|because| Blocked { because, bearable: false });
        if change.blocked.is_some() {
            return;
        }
        // Without either there is nothing to take messages from, and it would be made like any other.
        let Some(like) = found.or(held) else { return };
        let letters = found.and_then(|found| self.ways.letters(found));
        let holding = held.cloned().unwrap_or_else(|| holding_queue(like, wanted, letters, self.version));
        change.replacement =
            Some(Replacement { found: goes.cloned(), holding, feeders: self.feeders(&wanted.name).to_vec() });
        change.risk = Some(RISK.to_owned());
    }

    /// Why a queue cannot be made anew at all.
    fn impossible(&self, found: Option<&QueueSpec>, wanted: &QueueSpec) -> Option<String> {
        let is_stream = |queue: &QueueSpec| kind(queue) == QueueType::Stream;
        if found.is_some_and(is_stream) || is_stream(wanted) {
            return Some(
                "a stream is not made anew: its readers know their place in it, and nothing can be taken from it. Make another under a new name".to_owned(),
            );
        }
        let held = replacement::holding(&wanted.name);
        if let Some(why) = self.observed.unusable(&wanted.name).or_else(|| self.observed.unusable(&held)) {
            return Some(format!("{why}: nobody can get at its messages"));
        }
        match found {
            Some(found) if found.exclusive => Some("it belongs to one connection, and goes with it".to_owned()),
            Some(found) if found.auto_delete => Some(
                "it deletes itself with its last consumer: stop those, and it is made as the file wants it".to_owned(),
            ),
            _ => None,
        }
    }

    /// The queues whose dead letters go to this one by its name.
    fn feeders(&self, queue: &str) -> &[String] {
        let all = self.feeders.get_or_init(|| {
            let mut all: HashMap<&str, Vec<String>> = HashMap::new();
            for feeder in self.observed.queues.values() {
                if let Some(("", Some(to))) = self.ways.letters(feeder)
                    && to != feeder.name
                {
                    all.entry(to).or_default().push(feeder.name.clone());
                }
            }
            all
        });
        all.get(queue).map_or(&[][..], Vec::as_slice)
    }
}
