//! What nearly took a message: bindings with a key like its own, or with headers that it nearly has.

use std::collections::BTreeSet;

use super::{
    Exchange, Kind, Routes,
    matching::{Comparison, Wants, has},
};
use crate::{message::Table, topology::spec::BindingSpec};

/// A queue that would have got a message, had its key or its headers been a little different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// The exchange of the binding; empty is the default exchange.
    pub exchange: String,
    /// The key of the binding, wildcards and all.
    pub key: String,
    /// The queue that it leads to.
    pub queue: String,
    /// What the binding asks of headers, where that decides.
    pub arguments: Table,
    /// The headers that are not as it asks for.
    pub missed: Vec<String>,
}

/// How like two keys must be for one to be worth a mention.
const NEAR: f64 = 0.8;

/// How many bindings are worth a mention, each with all of its queues.
const MENTIONED: usize = 3;

impl Routes {
    /// The bindings behind an exchange that come nearest to taking a message and do not take it, nearest first, each with the queues
    /// that do not get it in another way.
    #[must_use]
    pub fn nearest(&self, exchange: &str, key: &str, headers: Option<&Table>) -> Vec<Near> {
        let reached: BTreeSet<String> =
            self.reach(exchange, &[key], headers).into_iter().map(|reached| reached.queue).collect();
        let mut near: Vec<(f64, Near)> = Vec::new();
        if exchange.is_empty() {
            near.extend(self.queues.iter().map(|queue| (likeness(key, queue), named(queue))));
        }
        for (name, here) in self.behind(exchange) {
            let taking = here.places_taking(&[key], headers, self.comparison);
            let others = here.bindings.iter().enumerate().filter(|(at, _)| !taking.contains(at));
            for (_, binding) in others {
                let score = here.score(binding, key, headers, self.comparison);
                if score > NEAR {
                    let through = self.through(binding, key, headers);
                    near.extend(through.into_iter().map(|queue| {
                        let arguments = here.deciding(binding);
                        let missed = missed(&arguments, headers, self.comparison);
                        let (exchange, key) = (name.to_owned(), binding.key.clone());
                        (score, Near { exchange, key, queue, arguments, missed })
                    }));
                }
            }
        }
        near.retain(|(score, near)| *score > NEAR && !reached.contains(&near.queue));
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| told(&a.1).cmp(&told(&b.1))));
        let mut near: Vec<Near> = near.into_iter().map(|(_, near)| near).collect();
        near.dedup();
        let mut bindings = 0;
        let mut last: Option<Near> = None;
        near.retain(|near| {
            let is_same = last.as_ref().is_some_and(|last| Near { queue: near.queue.clone(), ..last.clone() } == *near);
            bindings += usize::from(!is_same);
            last = Some(near.clone());
            bindings <= MENTIONED
        });
        near
    }

    /// The exchanges that a message can come to from this one, itself first, whatever its key.
    fn behind<'a>(&'a self, exchange: &'a str) -> Vec<(&'a str, &'a Exchange)> {
        let mut names = vec![exchange];
        let mut seen = BTreeSet::from([exchange]);
        let mut all = Vec::new();
        let mut at = 0;
        while let Some(name) = names.get(at).copied() {
            at += 1;
            let Some(here) = self.exchanges.get(name) else { continue };
            let bound =
                here.bindings.iter().filter(|binding| !binding.is_to_queue()).map(|binding| &binding.destination);
            names.extend(bound.chain(&here.alternate).map(String::as_str).filter(|next| seen.insert(*next)));
            all.push((name, here));
        }
        all
    }

    /// The queues that a binding leads to, given a message that it would have taken.
    fn through(&self, binding: &BindingSpec, key: &str, headers: Option<&Table>) -> Vec<String> {
        if binding.is_to_queue() {
            return self.queues.get(&binding.destination).cloned().into_iter().collect();
        }
        let would = corrected(&binding.key, key);
        self.reach(&binding.destination, &[&would], headers).into_iter().map(|reached| reached.queue).collect()
    }
}

impl Exchange {
    /// How near a binding comes to a message that it does not take: from 0 to 1.
    fn score(&self, binding: &BindingSpec, key: &str, headers: Option<&Table>, comparison: Comparison) -> f64 {
        if self.kind != Kind::Headers {
            return if binding.key.is_empty() { 0.0 } else { likeness(key, &binding.key) };
        }
        let (mut wanted, mut points) = (0_u32, 0_u32);
        for (name, value) in Wants::of(&binding.arguments).headers() {
            wanted += 2;
            points += match headers.and_then(|headers| headers.get(name)) {
                Some(_) if has(headers, name, value, comparison) => 2,
                Some(_) => 1,
                None => 0,
            };
        }
        // A binding that shares a single header with the message is near.
        if points == 0 { 0.0 } else { NEAR + (1.0 - NEAR) * f64::from(points) / f64::from(wanted) }
    }
}

fn named(queue: &str) -> Near {
    let (exchange, key, queue) = (String::new(), queue.to_owned(), queue.to_owned());
    Near { exchange, key, queue, arguments: Table::new(), missed: Vec::new() }
}

/// The order in which equally near ones are told.
fn told(near: &Near) -> (&str, &str, String, &str) {
    (&near.exchange, &near.key, format!("{:?}", near.arguments), &near.queue)
}

fn missed(arguments: &Table, headers: Option<&Table>, comparison: Comparison) -> Vec<String> {
    let wanted = Wants::of(arguments).headers();
    wanted.filter(|(name, value)| !has(headers, name, value, comparison)).map(|(name, _)| name.to_owned()).collect()
}

/// How like a bound key is to one that it does not take, from 0 to 1. Of a pattern its words count, each against the word that stands
/// in its place: `email.#` is near to `emial.sent`, however long the rest.
fn likeness(key: &str, bound: &str) -> f64 {
    let pattern: Vec<&str> = bound.split('.').collect();
    if !pattern.iter().any(|word| is_wildcard(word)) {
        return strsim::jaro_winkler(key, bound);
    }
    let given: Vec<&str> = key.split('.').collect();
    let hash = pattern.iter().position(|word| *word == "#").unwrap_or(pattern.len());
    // Behind a `#` places count from the end.
    let place = |at: usize| if at < hash { Some(at) } else { (given.len() + at).checked_sub(pattern.len()) };
    let literal = pattern.iter().enumerate().filter(|(_, word)| !is_wildcard(word));
    let (words, theirs): (Vec<&str>, Vec<&str>) =
        literal.map(|(at, word)| (*word, place(at).and_then(|at| given.get(at)).copied().unwrap_or_default())).unzip();
    if words.is_empty() { 0.0 } else { strsim::jaro_winkler(&words.join("."), &theirs.join(".")) }
}

fn is_wildcard(word: &str) -> bool {
    word == "#" || word == "*"
}

/// A key that a pattern takes and that is otherwise like the one that it did not take.
fn corrected(pattern: &str, key: &str) -> String {
    let given: Vec<&str> = key.split('.').collect();
    let words: Vec<&str> = pattern.split('.').collect();
    let mut made = Vec::new();
    for (at, word) in words.iter().enumerate() {
        match *word {
            "*" => made.push(given.get(at).copied().unwrap_or("x")),
            // What is left of the key, but for as many words as the pattern has behind it.
            "#" => made.extend(given.get(at..given.len().saturating_sub(words.len() - at - 1)).unwrap_or_default()),
            literal => made.push(literal),
        }
    }
    made.join(".")
}

#[cfg(test)]
mod tests {
    use super::{super::tests::routes, *};
    use crate::message::Field;

    fn near(routes: &Routes, exchange: &str, key: &str) -> Vec<(String, String)> {
        routes.nearest(exchange, key, None).into_iter().map(|near| (near.key, near.queue)).collect()
    }

    fn pair(key: &str, queue: &str) -> (String, String) {
        (key.to_owned(), queue.to_owned())
    }

    #[test]
    fn the_nearest_bound_keys_are_named_with_their_queues() {
        let all = routes(&["mail", "stock", "e:topic", "e -email.classified-> mail", "e -stock.#-> stock"]);
        assert_eq!(near(&all, "e", "emial.clasified")[0], pair("email.classified", "mail"));
        assert_eq!(near(&all, "e", "stok.reserved")[0], pair("stock.#", "stock"));
        assert_eq!(near(&all, "e", "zzz"), []);
        assert_eq!(near(&all, "", "mial")[0], pair("mail", "mail"));
    }

    #[test]
    fn a_queue_that_gets_it_anyway_is_not_near() {
        let all = routes(&["log", "mail", "e:topic", "e -#-> log", "e -email.sent-> log", "e -email.sent-> mail"]);
        assert_eq!(near(&all, "e", "email.snet"), [pair("email.sent", "mail")]);
    }

    #[test]
    fn what_lies_behind_other_exchanges_is_near_too() {
        let all = routes(&["q", "r", "e:topic", "o:topic", "f:fanout", "e -order.#=> o", "o -order.placed-> q"]);
        assert_eq!(near(&all, "e", "order.plcaed"), [pair("order.placed", "q")]);
        assert_eq!(near(&all, "e", "ordr.placed"), [pair("order.placed", "q"), pair("order.#", "q")]);
        let all = routes(&["r", "e:topic", "f:fanout", "e -order.#=> f", "f --> r"]);
        assert_eq!(near(&all, "e", "ordr.placed"), [pair("order.#", "r")]);
    }

    #[test]
    fn all_queues_of_three_bindings_are_named_and_no_more() {
        let all = routes(&[
            "p",
            "q",
            "e:topic",
            "e -aab-> p",
            "e -aab-> q",
            "e -aac-> p",
            "e -aad-> p",
            "e -aae-> p",
            "e -aaf-> q",
        ]);
        let found = near(&all, "e", "aaa");
        assert_eq!(found, [pair("aab", "p"), pair("aab", "q"), pair("aac", "p"), pair("aad", "p")]);
    }

    #[test]
    fn of_headers_those_that_differ_are_named() {
        let mut all = routes(&["q", "h:headers"]);
        let table = |fields: &[(&str, Field)]| -> Table {
            fields.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect()
        };
        let wanted = table(&[("n", Field::I64(1)), ("kind", Field::text("order"))]);
        all.bind(&crate::topology::spec::BindingSpec {
            source: "h".to_owned(),
            destination: "q".to_owned(),
            to_queue: true,
            key: String::new(),
            arguments: wanted.clone(),
        });
        let near = |headers: &Table| all.nearest("h", "", Some(headers));
        let found = near(&table(&[("n", Field::text("1")), ("kind", Field::text("order"))]));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].queue.as_str(), &found[0].missed[..]), ("q", &["n".to_owned()][..]));
        assert_eq!(near(&table(&[("other", Field::I64(1))])), []);
        assert_eq!(near(&wanted), []);
    }

    #[test]
    fn of_a_pattern_the_words_count_and_not_what_its_wildcards_take() {
        for (bound, key) in [
            ("email.#", "emial.a.long.rest"),
            ("#.placed", "order.eu.plcaed"),
            ("*.placed.*", "order.placed"),
            ("order.*", "order.placed.late"),
        ] {
            assert!(likeness(key, bound) > NEAR, "{bound} is near to {key}");
        }
        for (bound, key) in [("stock.#", "email.a.long.rest"), ("order.placed", "report.daily"), ("*.*", "a")] {
            assert!(likeness(key, bound) < NEAR, "{bound} is not near to {key}");
        }
    }

    #[test]
    fn a_key_is_corrected_by_the_words_of_the_pattern_alone() {
        for (pattern, key, made) in [
            ("order.#", "ordr.placed.late", "order.placed.late"),
            ("*.placed", "order.plcaed", "order.placed"),
            ("a.#.z", "b.c.d.y", "a.c.d.z"),
            ("a.*.*", "b", "a.x.x"),
            ("a.#", "b", "a"),
        ] {
            assert_eq!(corrected(pattern, key), made);
        }
    }
}
