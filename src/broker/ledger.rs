//! Whose return is it, and when is a fate certain? The bookkeeping of what was published, told in confirmations and returns.
//!
//! The broker says «routed nowhere» (`basic.return`) without naming the publish it means, always before it confirms that
//! publish. lapin hands each return to *some* confirmation: it keeps returns in a queue and every confirmation that arrives
//! takes the oldest, whichever message it belongs to. So a confirmation on its own proves nothing, and two rules make it safe:
//!
//! 1. **Whose return it is** is decided by content (exchange, key, properties, body), never by the confirmation it came
//!    with. Equal messages are interchangeable.
//! 2. **When no return can come any more**: returns arrive in the order of publishing, each before its own confirmation, and
//!    each confirmation takes one. Hence the return of message k has been taken by the time everything up to k is confirmed,
//!    by a confirmation that arrived by then. It belongs to a message published before that moment; so when everything
//!    published before that moment is confirmed too, we hold it. [`Ledger`] therefore settles in two steps: a mark is set
//!    where everything is confirmed, and what lies before the mark is settled when all that had been published when it was
//!    set is confirmed. Nothing waits for the window to run empty.
//!
//! A third thing a confirmation does not prove is told in `Ledger::stopped_routing`: the queue may be going away.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::publisher::{Fate, Letter};

/// A message that the broker gave back.
#[derive(Debug)]
pub(super) struct Returned {
    /// The broker's code (312: no route).
    pub(super) code: u16,
    /// The broker's words.
    pub(super) reason: String,
    /// The message, with the address it was published to.
    pub(super) letter: Letter,
}

/// What arrived for one publish: whether the broker took it, with a return that may belong to any publish; or why nothing
/// can arrive.
pub(super) type Answer = Result<(bool, Option<Returned>), String>;

struct Sent {
    ticket: u64,
    letter: Arc<Letter>,
    confirmed: Option<Result<bool, String>>,
    returned: Option<(u16, String)>,
    doubtful: bool,
}

/// What was published and is not settled, in the order of publishing, and the fates of what is.
#[derive(Default)]
pub(super) struct Ledger {
    sent: VecDeque<Sent>,
    /// The number of the first of `sent`; numbers count publishes from 0.
    first: u64,
    /// How many of `sent`, from the front, are confirmed.
    confirmed: usize,
    /// Everything before the first number is settled when everything before the second is confirmed.
    mark: Option<(u64, u64)>,
    settled: VecDeque<(u64, Fate)>,
    /// Addresses that returned a message, and the number of the last one.
    dead_ends: HashMap<(String, String), u64>,
    pending: usize,
    pending_bytes: usize,
}

impl Ledger {
    /// How many messages were published whose fate [`Ledger::take`] has not told.
    pub(super) fn unsettled(&self) -> usize {
        self.sent.len() + self.settled.len()
    }

    /// Messages that are not confirmed, and the bytes of their bodies.
    pub(super) fn pending(&self) -> (usize, usize) {
        (self.pending, self.pending_bytes)
    }

    /// Whether anything is published and not settled.
    pub(super) fn is_waiting(&self) -> bool {
        !self.sent.is_empty()
    }

    /// Enters a publish and gives it its number.
    pub(super) fn publish(&mut self, ticket: u64, letter: Arc<Letter>) -> u64 {
        let number = self.first + self.sent.len() as u64;
        self.pending += 1;
        self.pending_bytes += letter.body.len();
        self.sent.push_back(Sent { ticket, letter, confirmed: None, returned: None, doubtful: false });
        number
    }

    /// Enters the answer to a publish, once for each.
    pub(super) fn answer(&mut self, number: u64, answer: Answer) {
        let Some(sent) = number.checked_sub(self.first).and_then(|at| self.sent.get_mut(usize::try_from(at).ok()?))
        else {
            return;
        };
        self.pending -= 1;
        self.pending_bytes -= sent.letter.body.len();
        let returned = match answer {
            Ok((taken, returned)) => {
                sent.confirmed = Some(Ok(taken));
                returned
            }
            Err(because) => {
                sent.confirmed = Some(Err(because));
                None
            }
        };
        if let Some(returned) = returned {
            self.returned(returned);
        }
        while self.sent.get(self.confirmed).is_some_and(|sent| sent.confirmed.is_some()) {
            self.confirmed += 1;
        }
        self.settle();
    }

    /// The fate of the next message, in the order of publishing, where it is certain.
    pub(super) fn take(&mut self) -> Option<(u64, Fate)> {
        self.settled.pop_front()
    }

    /// Gives up waiting: everything not settled becomes [`Fate::Unknown`]. Nothing can be published afterwards.
    pub(super) fn give_up(&mut self, because: &str) {
        for sent in self.sent.drain(..) {
            let fate = match sent.returned {
                Some((code, reason)) => Fate::Unroutable { code, reason },
                None => Fate::Unknown { because: because.to_owned() },
            };
            self.settled.push_back((sent.ticket, fate));
        }
        (self.first, self.confirmed, self.mark, self.pending, self.pending_bytes) = (u64::MAX, 0, None, 0, 0);
    }

    /// Finds the message that a return belongs to. One that fits none (the broker changed it) makes all in flight doubtful.
    fn returned(&mut self, returned: Returned) {
        let Returned { code, reason, letter } = returned;
        match self.sent.iter_mut().zip(self.first..).find(|(sent, _)| sent.returned.is_none() && *sent.letter == letter)
        {
            Some((sent, number)) => {
                sent.returned = Some((code, reason));
                self.dead_ends.insert((letter.exchange, letter.routing_key), number);
            }
            None => self.sent.iter_mut().for_each(|sent| sent.doubtful = true),
        }
    }

    /// Whether a later message for the same address came back while this one was on its way.
    ///
    /// Broker fact (all series): what is routed to a queue that is being deleted is confirmed, though no queue has it. So a
    /// confirmation proves nothing while the messages behind it are returned.
    fn stopped_routing(&self, sent: &Sent, number: u64) -> bool {
        !self.dead_ends.is_empty()
            && self
                .dead_ends
                .get(&(sent.letter.exchange.clone(), sent.letter.routing_key.clone()))
                .is_some_and(|last| *last > number)
    }

    fn settle(&mut self) {
        let confirmed = self.first + self.confirmed as u64;
        let published = self.first + self.sent.len() as u64;
        if let Some((until, needed)) = self.mark
            && confirmed >= needed
        {
            let until = if confirmed == published { published } else { until };
            while self.first < until {
                let Some(sent) = self.sent.pop_front() else { break };
                let stopped_routing = self.stopped_routing(&sent, self.first);
                self.first += 1;
                self.confirmed -= 1;
                self.settled.push_back((sent.ticket, fate(sent, stopped_routing)));
            }
            self.dead_ends.retain(|_, last| *last >= self.first);
            self.mark = None;
        }
        if self.mark.is_none() && self.confirmed > 0 {
            let published = self.first + self.sent.len() as u64;
            self.mark = Some((confirmed, published));
            if confirmed == published {
                self.settle();
            }
        }
    }
}

fn fate(sent: Sent, stopped_routing: bool) -> Fate {
    match (sent.returned, sent.confirmed) {
        (Some((code, reason)), _) => Fate::Unroutable { code, reason },
        (None, _) if sent.doubtful => {
            Fate::Unknown { because: "the broker returned a message that is none of those sent".to_owned() }
        }
        (None, Some(Ok(true))) if stopped_routing => {
            Fate::Unknown { because: "its target went away at about that time".to_owned() }
        }
        (None, Some(Ok(true))) => Fate::Routed,
        (None, Some(Ok(false))) => Fate::Refused,
        (None, Some(Err(because))) => Fate::Unknown { because },
        (None, None) => Fate::Unknown { because: "the broker did not answer".to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::Properties;

    fn letter(key: &str, body: u64) -> Letter {
        Letter {
            exchange: "e".to_owned(),
            routing_key: key.to_owned(),
            properties: Properties::default(),
            body: body.to_string().into_bytes(),
        }
    }

    fn returned(letter: &Letter) -> Returned {
        Returned { code: 312, reason: "NO_ROUTE".to_owned(), letter: letter.clone() }
    }

    fn fates(ledger: &mut Ledger) -> Vec<(u64, Fate)> {
        std::iter::from_fn(|| ledger.take()).collect()
    }

    fn unroutable() -> Fate {
        Fate::Unroutable { code: 312, reason: "NO_ROUTE".to_owned() }
    }

    #[test]
    fn a_return_belongs_to_its_content_and_not_to_the_confirmation_that_brought_it() {
        // As seen of lapin: messages 0 and 2 arrive, 1 is returned, and the confirmation of 0 carries that return.
        let mut ledger = Ledger::default();
        let letters = ["there", "nowhere", "there"].map(|key| letter(key, 1));
        for (ticket, letter) in (0..).zip(&letters) {
            ledger.publish(ticket, Arc::new(letter.clone()));
        }
        ledger.answer(0, Ok((true, Some(returned(&letters[1])))));
        ledger.answer(2, Ok((true, None)));
        assert_eq!(fates(&mut ledger), [], "message 1 is not confirmed: a return could still come");
        ledger.answer(1, Ok((true, None)));
        assert_eq!(fates(&mut ledger), [(0, Fate::Routed), (1, unroutable()), (2, Fate::Routed)]);
        assert_eq!(ledger.unsettled(), 0);
    }

    #[test]
    fn nothing_is_certain_while_a_later_confirmation_may_bring_its_return() {
        let mut ledger = Ledger::default();
        let (first, second) = (letter("nowhere", 1), letter("there", 2));
        ledger.publish(0, Arc::new(first.clone()));
        ledger.publish(1, Arc::new(second));
        ledger.answer(0, Ok((true, None)));
        assert_eq!(fates(&mut ledger), []);
        ledger.answer(1, Ok((true, Some(returned(&first)))));
        assert_eq!(fates(&mut ledger), [(0, unroutable()), (1, Fate::Routed)]);
    }

    #[test]
    fn a_return_that_fits_nothing_makes_everything_in_flight_doubtful() {
        let mut ledger = Ledger::default();
        ledger.publish(0, Arc::new(letter("a", 1)));
        ledger.publish(1, Arc::new(letter("a", 2)));
        ledger.answer(0, Ok((true, Some(returned(&letter("a", 3))))));
        ledger.answer(1, Ok((true, None)));
        assert!(fates(&mut ledger).iter().all(|(_, fate)| matches!(fate, Fate::Unknown { .. })));
    }

    #[test]
    fn a_confirmation_is_not_believed_while_what_follows_it_comes_back() {
        let mut ledger = Ledger::default();
        let letters: Vec<Letter> = (0..3).map(|body| letter("dying", body)).collect();
        for (ticket, letter) in (0..).zip(&letters) {
            ledger.publish(ticket, Arc::new(letter.clone()));
        }
        ledger.answer(0, Ok((true, None)));
        ledger.answer(1, Ok((true, Some(returned(&letters[1])))));
        ledger.answer(2, Ok((true, Some(returned(&letters[2])))));
        let fates = fates(&mut ledger);
        assert!(matches!(fates[0].1, Fate::Unknown { .. }), "{fates:?}");
        assert_eq!([&fates[1].1, &fates[2].1], [&unroutable(), &unroutable()]);
    }

    #[test]
    fn what_was_given_up_is_unknown_unless_its_return_has_come() {
        let mut ledger = Ledger::default();
        let letters = [letter("nowhere", 1), letter("there", 2), letter("there", 3)];
        for (ticket, letter) in (0..).zip(&letters) {
            ledger.publish(ticket, Arc::new(letter.clone()));
        }
        ledger.answer(1, Ok((true, Some(returned(&letters[0])))));
        ledger.give_up("it was silent");
        let unknown = Fate::Unknown { because: "it was silent".to_owned() };
        assert_eq!(fates(&mut ledger), [(0, unroutable()), (1, unknown.clone()), (2, unknown)]);
        assert_eq!(ledger.pending(), (0, 0));
    }

    /// What a broker does with one message.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Deed {
        Routes,
        Returns,
        Refuses,
    }

    /// A broker and lapin, as both were measured: returns in the order of publishing and each before its own confirmation;
    /// confirmations in any order, in groups; every confirmation takes the oldest return there is; and what lapin has resolved
    /// is seen by us in any order.
    fn run(deeds: &[Deed], bodies: &[u64], mut chance: u64) -> Vec<(u64, Fate)> {
        let mut below = |bound: usize| {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(chance >> 33).unwrap_or(0) % bound.max(1)
        };
        let mut ledger = Ledger::default();
        let (mut told, mut published, mut routed) = (Vec::new(), 0, 0);
        let (mut unconfirmed, mut waiting, mut resolved) = (Vec::new(), VecDeque::new(), Vec::new());
        let letter = |at: usize| letter(if deeds[at] == Deed::Returns { "nowhere" } else { "there" }, bodies[at]);
        while told.len() < deeds.len() {
            match below(4) {
                0 if published < deeds.len() => {
                    let number = ledger.publish(published as u64, Arc::new(letter(published)));
                    assert_eq!(number, published as u64);
                    published += 1;
                }
                1 if routed < published => {
                    if deeds[routed] == Deed::Returns {
                        waiting.push_back(returned(&letter(routed)));
                    }
                    unconfirmed.push(routed);
                    routed += 1;
                }
                2 if !unconfirmed.is_empty() => {
                    for _ in 0..=below(unconfirmed.len()) {
                        let at = unconfirmed.swap_remove(below(unconfirmed.len()));
                        resolved.push((at, Ok((deeds[at] != Deed::Refuses, waiting.pop_front()))));
                    }
                }
                3 if !resolved.is_empty() => {
                    let (at, answer) = resolved.swap_remove(below(resolved.len()));
                    ledger.answer(at as u64, answer);
                    told.extend(fates(&mut ledger));
                }
                _ => (),
            }
        }
        told
    }

    proptest! {
        #[test]
        fn every_fate_is_the_true_one_whatever_the_order(
            deeds in prop::collection::vec(prop_oneof![5 => Just(Deed::Routes), 2 => Just(Deed::Returns), 1 => Just(Deed::Refuses)], 1..60),
            distinct in any::<bool>(),
            chance in any::<u64>(),
        ) {
            let bodies: Vec<u64> = (0..deeds.len() as u64).map(|at| if distinct { at } else { at % 2 }).collect();
            let told = run(&deeds, &bodies, chance);
            prop_assert_eq!(told.iter().map(|(ticket, _)| *ticket).collect::<Vec<_>>(), (0..deeds.len() as u64).collect::<Vec<_>>());
            for (deed, (ticket, fate)) in deeds.iter().zip(&told) {
                let expected = match deed {
                    Deed::Routes => Fate::Routed,
                    Deed::Returns => unroutable(),
                    Deed::Refuses => Fate::Refused,
                };
                prop_assert_eq!(fate, &expected, "message {}", ticket);
            }
        }
    }
}
