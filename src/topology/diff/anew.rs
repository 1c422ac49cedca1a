//! May a queue or an exchange that exists differently be made anew, and what has to be known for it?

use std::{cell::OnceCell, collections::HashMap};

use super::{
    Observed, Scope,
    in_place::Said,
    leftovers::said,
    ways::{Ways, may_take},
};
use crate::{
    topology::{
        argument::QueueType,
        expand::kind,
        order::Object,
        plan::{Action, Blocked, Change},
        replacement::{self, ExchangeReplacement, QueueReplacement, Replacement, holding_queue},
        routing::ALTERNATE_EXCHANGE,
        spec::{BindingSpec, ExchangeSpec, PolicySpec, QueueSpec},
    },
    version::Version,
};

/// What a replace costs even where all goes well.
const RISK: &str = "who publishes to it by its name may find no such queue for a moment; its messages may come twice";

/// What it costs for an exchange.
const EXCHANGE_RISK: &str = "for a moment there is none: the broker closes the channel of who publishes then, and what it has not confirmed is to be sent again";

/// The types of which it is known what leads everything through them.
const KINDS: [&str; 4] = ["direct", "fanout", "headers", "topic"];

/// What has to be known of a broker to make its queues anew.
pub(super) struct Anew<'a> {
    observed: &'a Observed,
    ways: &'a Ways<'a>,
    version: Version,
    feeders: OnceCell<Feeders<'a>>,
}

/// Queues whose dead letters go to queues by their names.
#[derive(Default)]
struct Feeders<'a> {
    /// By the queue that a key names.
    named: HashMap<&'a str, Vec<&'a str>>,
    /// Those whose messages keep the keys they came with, each with what leads to it.
    keyless: HashMap<&'a str, Vec<&'a BindingSpec>>,
}

impl<'a> Anew<'a> {
    pub(super) fn of(observed: &'a Observed, ways: &'a Ways<'a>, version: Version) -> Anew<'a> {
        Anew { observed, ways, version, feeders: OnceCell::new() }
    }

    /// Settles whether a change that would make an object anew is done, and how.
    pub(super) fn settle(&self, change: &mut Change, scope: &Scope) {
        match (change.action, change.object.clone()) {
            (Action::Replace, Object::Queue(wanted)) => self.settle_queue(change, &wanted, scope),
            (Action::Replace, Object::Exchange(wanted)) => self.settle_exchange(change, &wanted, scope),
            _ => (),
        }
    }

    fn settle_exchange(&self, change: &mut Change, wanted: &ExchangeSpec, scope: &Scope) {
        let found = self.observed.exchanges.get(&wanted.name);
        let begun = self.observed.exchanges.get(&replacement::stand_in_name(&wanted.name));
        // Where it is as wanted, or gone, only what was begun is to be ended.
        let goes = found.filter(|_| !change.because.is_empty());
        if let Some(begun) = begun {
            let said = format!("a replace was begun, and {} stands in for it", begun.name);
            change.because = if change.because.is_empty() { said } else { format!("{}; {said}", change.because) };
        }
        let asked = || (!scope.replace).then(|| "--replace makes it anew and keeps its bindings".to_owned());
        // An argument is stronger than any policy.
        let follows = |exchange: &ExchangeSpec| !exchange.arguments.contains_key(ALTERNATE_EXCHANGE);
        let needs_policy = follows(wanted) || goes.is_some_and(follows);
        let because = self.impossible_exchange(goes, wanted, needs_policy).or_else(asked);
        change.blocked = because.map(|because| Blocked { because, bearable: false });
        let Some(like) = found.or(begun).filter(|_| change.blocked.is_none()) else { return };
        let alternate = found.and_then(|found| self.ways.alternate(found));
        let stand_in = begun.cloned().unwrap_or_else(|| replacement::stand_in(like, alternate));
        let mut replacement = ExchangeReplacement { found: goes.cloned(), stand_in, policy: None };
        replacement.policy = needs_policy.then(|| self.leading(&wanted.name, &replacement));
        change.replacement = Some(Replacement::Exchange(replacement));
        change.risk = Some(EXCHANGE_RISK.to_owned());
    }

    /// Why an exchange cannot be made anew without losing events.
    fn impossible_exchange(
        &self,
        found: Option<&ExchangeSpec>,
        wanted: &ExchangeSpec,
        needs_policy: bool,
    ) -> Option<String> {
        let name = wanted.name.as_str();
        if needs_policy && !self.observed.may_set_policies {
            return Some(
                "that takes a policy for a moment, and the user has not the tag policymaker: without it events would go nowhere"
                    .to_owned(),
            );
        }
        let found = found?;
        let kinds = [found.kind.as_str(), wanted.kind.as_str()];
        if let Some(kind) = kinds.iter().find(|kind| !KINDS.contains(kind)) {
            return Some(format!("evbus does not know how exchanges of the type {kind} route"));
        }
        if kinds[0] != kinds[1] && kinds.contains(&"headers") {
            return Some(
                "to a headers exchange its bindings mean something else. Make another under a new name".to_owned(),
            );
        }
        if let Some(other) = self.ways.leading_to(name).find(|other| *other != name) {
            return Some(format!("what {other} cannot route goes to it, and would be lost in the moment without it"));
        }
        let mut own =
            [found, wanted].into_iter().filter_map(|exchange| exchange.arguments.get(ALTERNATE_EXCHANGE)?.as_str());
        if let Some(because) = own.find_map(|alternate| self.shared(alternate, name)) {
            return Some(because);
        }
        let loses = |queue: &&QueueSpec| {
            self.ways.letters(queue).is_some_and(|(exchange, _)| exchange == name) && !self.ways.is_at_least_once(queue)
        };
        let queue = self.observed.queues.values().find(loses)?;
        Some(format!(
            "dead letters of {} would be lost in the moment without it: they are not sent at least once",
            queue.name
        ))
    }

    /// Why an alternate exchange cannot lead to a stand-in: it would lead there what has nothing to do with it.
    fn shared(&self, alternate: &str, name: &str) -> Option<String> {
        let ours = [name, &replacement::stand_in_name(name)];
        let others = self.ways.leading_to(alternate).find(|other| !ours.contains(other)).or_else(|| {
            let bound = self.observed.bindings.values().find(|binding| {
                !binding.is_to_queue() && binding.destination == alternate && !ours.contains(&binding.source.as_str())
            });
            let dying = || {
                let leads = |queue: &&QueueSpec| self.ways.letters(queue).is_some_and(|(to, _)| to == alternate);
                self.observed.queues.values().find(leads).map(|queue| queue.name.as_str())
            };
            bound.map(|binding| binding.source.as_str()).or_else(dying)
        })?;
        Some(format!(
            "its alternate exchange {alternate} gets events of {others} too, and would lead them to the queues of {name} meanwhile"
        ))
    }

    /// The policy that leads to a stand-in what an exchange cannot route. It has the keys of the one that it hides.
    fn leading(&self, exchange: &str, replacement: &ExchangeReplacement) -> PolicySpec {
        let name = replacement.policy_name();
        let hidden = self.ways.policy_on_exchange(exchange);
        // It is there already where a replace was begun.
        if let Some(begun) = hidden.filter(|policy| policy.name == name) {
            return begun.clone();
        }
        let mut definition = hidden.map_or_else(Default::default, |policy| policy.definition.clone());
        definition.insert(ALTERNATE_EXCHANGE.to_owned(), replacement.stand_in.name.as_str().into());
        PolicySpec {
            name,
            pattern: format!("^{}$", fancy_regex::escape(exchange)),
            apply_to: "exchanges".to_owned(),
            priority: hidden.map_or(0, |policy| policy.priority.saturating_add(1)),
            definition,
        }
    }

    fn settle_queue(&self, change: &mut Change, wanted: &QueueSpec, scope: &Scope) {
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
        let ask = "--replace makes it anew and keeps its messages";
        let impossible = self.impossible_queue(found, wanted);
        let because = match (impossible, scope.in_place.said(&wanted.name)) {
            (Some(why), Some(Said::Possible)) => Some(format!("{why}; --in-place sets it by a policy")),
            (None, Some(Said::Possible)) if !scope.replace => Some(format!("--in-place sets it by a policy, {ask}")),
            (Some(why), Some(Said::Impossible(told))) => Some(format!("{told}; {why}")),
            (None, Some(Said::Impossible(told))) if !scope.replace => Some(format!("{told}; {ask}")),
            (Some(why), None) => Some(why),
            (None, _) => (!scope.replace).then(|| ask.to_owned()),
        };
        change.blocked = because.map(|because| Blocked { because, bearable: false });
        if change.blocked.is_some() {
            return;
        }
        // Without either there is nothing to take messages from, and it would be made like any other.
        let Some(like) = found.or(held) else { return };
        let letters = found.and_then(|found| self.ways.letters(found));
        let holding = held.cloned().unwrap_or_else(|| holding_queue(like, wanted, letters, self.version));
        let feeders = self.feeders(&wanted.name);
        change.replacement = Some(Replacement::Queue(QueueReplacement { found: goes.cloned(), holding, feeders }));
        change.risk = Some(RISK.to_owned());
    }

    /// Why a queue cannot be made anew at all.
    fn impossible_queue(&self, found: Option<&QueueSpec>, wanted: &QueueSpec) -> Option<String> {
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

    /// The queues whose dead letters go to this one by its name, or may do so where they keep their keys.
    fn feeders(&self, queue: &str) -> Vec<String> {
        let all = self.feeders.get_or_init(|| self.all_feeders());
        let may_lead_on = |binding: &&BindingSpec| {
            let kind = self.observed.exchanges.get(&binding.source).map_or("direct", |exchange| exchange.kind.as_str());
            may_take(kind, &binding.key, Some(queue))
        };
        let keyless =
            all.keyless.iter().filter(|(feeder, leading)| **feeder != queue && leading.iter().any(may_lead_on));
        let named = all.named.get(queue).into_iter().flatten();
        let mut feeders: Vec<String> =
            named.chain(keyless.map(|(feeder, _)| feeder)).map(|&name| name.into()).collect();
        feeders.sort_unstable();
        feeders
    }

    fn all_feeders(&self) -> Feeders<'a> {
        let mut all = Feeders::default();
        for feeder in self.observed.queues.values() {
            match self.ways.letters(feeder) {
                Some(("", Some(to))) if to != feeder.name => all.named.entry(to).or_default().push(&feeder.name),
                Some(("", None)) => drop(all.keyless.insert(&feeder.name, Vec::new())),
                _ => (),
            }
        }
        if !all.keyless.is_empty() {
            for binding in self.observed.bindings.values().filter(|binding| binding.is_to_queue()) {
                if let Some(leading) = all.keyless.get_mut(binding.destination.as_str()) {
                    leading.push(binding);
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};
    use crate::topology::diff::diff;

    #[test]
    fn a_queue_whose_letters_keep_their_keys_feeds_those_that_one_may_name() {
        let text = |kind: &str| {
            format!(
                "evbus: 1\nexchanges: {{t: {{type: topic}}, d: {{type: direct}}, f: {{type: fanout}}}}\nqueues:\n  q.a: {{type: {kind}}}\n  one: {{type: quorum, dead_letter_exchange: \"\"}}\n  two: {{type: quorum, dead_letter_exchange: \"\"}}\n  three: {{type: quorum, dead_letter_exchange: \"\"}}\n  four: {{type: quorum, dead_letter_exchange: \"\", dead_letter_routing_key: q.a}}\nbindings: [{{from: t, to: one, key: \"q.*\"}}, {{from: d, to: two, key: q}}, {{from: f, to: three}}]\n"
            )
        };
        let observed = made(&steps(&text("classic")));
        let scope = Scope { replace: true, ..Scope::default() };
        let plan = diff(&steps(&text("quorum")), &observed, V4, &scope);
        let replacement = named(&plan, "q.a").and_then(|change| change.replacement.as_ref());
        let Some(Replacement::Queue(replacement)) = replacement else { panic!("it is made anew: {plan:?}") };
        assert_eq!(replacement.feeders, ["four", "one", "three"]);
    }
}
