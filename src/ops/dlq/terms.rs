//! On which terms does a run hold messages: how many at once, and how does each of them go back unharmed? Decided before anything is held.
//!
//! The [`Decision`] is a value that follows from what is known of the queue and from what is wished. A run tries its ways in turn and
//! takes the first that is open; `--explain` asks of each whether it is, and tries none.

use super::{
    Error, Facts,
    guard::Guard,
    probe,
    reading::Hold,
    session::{Save, Session},
};

/// How a run would hold its messages.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// How a message is saved that giving back would destroy.
    pub save: Save,
    /// How many may be held at once, as the operator says.
    pub window: Option<u16>,
    /// How many may be in hand undecided when nothing is known to be at stake.
    pub in_hand: u16,
    /// How many may be held where a killed evbus would cost each of them an attempt.
    pub careful: u16,
    /// Everything goes back: as long as a few are held and none of them needs it, no policy is set.
    pub only_looks: bool,
}

/// How what is held is kept from harm until it has gone back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Not at all: giving back destroys nothing here.
    Free,
    /// A temporary policy lifts the delivery limit while the run lasts.
    Policy,
    /// A message that its return would destroy is saved when it is found.
    WhenFound,
}

/// A way that cannot be taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The way.
    pub way: Way,
    /// Why.
    pub because: String,
}

/// What a killed evbus or a cut connection would cost the messages that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Nothing: the broker gives them back.
    Nothing,
    /// An attempt each. None of them is lost while the temporary policy is there, which stays behind.
    Attempt,
    /// An attempt each, and those that have none left are gone.
    AttemptOrMessage,
}

/// What follows from what is known of a queue and what is wished, before the broker is asked for anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The ways that may be open, in the order in which they are tried; where there is none, the run is refused.
    pub ways: Vec<Way>,
    /// Those that are closed whoever runs it.
    pub closed: Vec<Closed>,
    /// A spent message that is found is saved by a temporary policy before a copy is thought of.
    pub lifts_when_found: bool,
    undecided: u16,
    window: u16,
}

/// How a run holds its messages.
#[derive(Debug)]
pub struct Terms {
    /// How many at once.
    pub hold: Hold,
    /// What to tell before anything is held, one sentence each.
    pub warnings: Vec<String>,
    /// The temporary policy that lifts the delivery limit while the run lasts.
    pub guarded: Option<String>,
    /// A spent message that is found is saved by a temporary policy before a copy is thought of.
    pub lifts_when_found: bool,
}

impl Decision {
    /// How so many messages of that queue may be held.
    #[must_use]
    pub fn of(facts: &Facts, wish: &Wish, set: u64) -> Decision {
        let mut decision = Decision {
            ways: Vec::new(),
            closed: Vec::new(),
            lifts_when_found: false,
            undecided: wish.window.unwrap_or(facts.in_hand(wish.in_hand)),
            window: wish.window.unwrap_or(wish.careful),
        };
        let Some(custody) = facts.custody.as_ref().filter(|custody| set > 0 && custody.is_at_risk()) else {
            decision.ways.push(Way::Free);
            return decision;
        };
        if matches!(wish.save, Save::Auto | Save::Policy) {
            if custody.can_raise {
                decision.ways.push(Way::Policy);
            } else {
                decision.close(Way::Policy, "no policy can lift a limit that an argument or an operator policy sets");
            }
        }
        if matches!(wish.save, Save::Auto | Save::Copy) {
            if custody.is_bounded {
                decision.close(Way::WhenFound, "a copy might not fit into a queue whose length is limited");
            } else {
                decision.ways.push(Way::WhenFound);
            }
        }
        if wish.only_looks && set <= decision.window.into() && decision.ways.len() > 1 {
            decision.ways.reverse();
        }
        decision.lifts_when_found = wish.only_looks && decision.ways.contains(&Way::Policy);
        decision
    }

    fn close(&mut self, way: Way, because: &str) {
        self.closed.push(Closed { way, because: because.to_owned() });
    }

    /// How many may be held where that way is taken.
    #[must_use]
    pub fn hold(&self, way: Way) -> Hold {
        match way {
            Way::Free | Way::Policy => Hold::Undecided(self.undecided),
            Way::WhenFound => Hold::AtStake(self.window),
        }
    }

    /// How many that are.
    #[must_use]
    pub fn at_once(&self, way: Way) -> u64 {
        let (Hold::Undecided(most) | Hold::AtStake(most)) = self.hold(way);
        most.into()
    }

    /// The first way that is open, and what closed those before it.
    pub async fn first_open<E: std::fmt::Display>(
        &self,
        mut open: impl AsyncFnMut(Way) -> Result<(), E>,
    ) -> (Option<Way>, Vec<Closed>) {
        let mut closed = self.closed.clone();
        for way in &self.ways {
            match open(*way).await {
                Ok(()) => return (Some(*way), closed),
                Err(error) => closed.push(Closed { way: *way, because: error.to_string() }),
            }
        }
        (None, closed)
    }
}

impl Way {
    /// What a killed evbus or a cut connection would cost where this way is taken.
    #[must_use]
    pub fn cut(self) -> Cut {
        match self {
            Way::Free => Cut::Nothing,
            Way::Policy => Cut::Attempt,
            Way::WhenFound => Cut::AttemptOrMessage,
        }
    }
}

impl Session<'_> {
    /// Decides, before anything is held, how much of a set may be held at once and how it goes back unharmed, and sees to that.
    ///
    /// # Errors
    /// [`Error::WouldSpend`] where messages could be lost and no way of saving them is open.
    pub async fn terms(&mut self, wish: &Wish, set: u64) -> Result<Terms, Error> {
        let decision = Decision::of(&self.facts, wish, set);
        let (way, closed) = decision.first_open(async |way| self.take(way).await).await;
        let Some(way) = way else { return Err(Error::would_spend(&self.queue, &self.facts, closed)) };
        let mut warnings = Vec::new();
        if self.unlocked {
            warnings.push("no permission to create the lock queue: nobody else is kept out".to_owned());
        }
        warnings.extend(self.facts.warnings(way));
        Ok(Terms {
            hold: decision.hold(way),
            warnings,
            guarded: self.guard.as_ref().map(|guard| guard.name().to_owned()),
            lifts_when_found: decision.lifts_when_found,
        })
    }

    /// Goes a way, or at least makes certain that it can be gone.
    async fn take(&mut self, way: Way) -> Result<(), crate::broker::Error> {
        match (way, &self.facts.custody) {
            (Way::Policy, Some(custody)) => {
                self.guard = Some(Guard::put(self.broker, &self.queue, custody, &self.run).await?);
                Ok(())
            }
            (Way::WhenFound, _) => probe::may_publish(self.broker, "", &self.run).await,
            (Way::Free, _) | (Way::Policy, None) => Ok(()),
        }
    }
}

impl Facts {
    /// What to tell before anything is held where that way is taken, one sentence each.
    #[must_use]
    pub fn warnings(&self, way: Way) -> Vec<String> {
        let Some(custody) = &self.custody else { return Vec::new() };
        let stakes = (way == Way::WhenFound).then(|| custody.stakes()).flatten();
        custody.warnings().into_iter().chain(stakes).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{Way::*, *};
    use crate::{
        broker::Version,
        ops::dlq::{Custody, Kind},
        topology::bounds::InForce,
    };

    const SERIES: [Version; 3] = [Version::new(3, 10, 8), Version::new(4, 0, 5), Version::new(4, 3, 6)];

    fn facts(kind: Kind, version: Version, arguments: &Value, policy: &Value) -> Facts {
        let map = |value: &Value| -> Map<String, Value> { value.as_object().cloned().unwrap_or_default() };
        let merged = map(policy);
        let in_force = InForce { policy: Some("p"), own: None, operator_policy: None, merged: &merged };
        Facts { custody: Some(Custody::of(kind, version, &map(arguments), in_force)), ..Facts::default() }
    }

    fn wish(save: Save, only_looks: bool) -> Wish {
        Wish { save, window: None, in_hand: 1000, careful: 50, only_looks }
    }

    /// The ways of a run over so many messages, for each series.
    fn ways(kind: Kind, arguments: &Value, policy: &Value, wish: Wish, set: u64) -> [Vec<Way>; 3] {
        SERIES.map(|version| Decision::of(&facts(kind, version, arguments, policy), &wish, set).ways)
    }

    #[test]
    fn without_a_limit_nothing_is_at_stake() {
        let (none, auto) = (json!({}), wish(Save::Auto, false));
        for save in [Save::Auto, Save::Policy, Save::Copy, Save::None] {
            assert_eq!(ways(Kind::Classic, &none, &none, wish(save, false), 9), [[Free], [Free], [Free]]);
        }
        // From 4.0 on there is a limit unless it is taken away.
        assert_eq!(
            ways(Kind::Quorum, &none, &none, auto, 9),
            [vec![Free], vec![Policy, WhenFound], vec![Policy, WhenFound]]
        );
        let unlimited = json!({"delivery-limit": -1});
        assert_eq!(ways(Kind::Quorum, &none, &unlimited, auto, 9), [vec![Policy, WhenFound], vec![Free], vec![Free]]);
        assert_eq!(ways(Kind::Quorum, &json!({"x-delivery-limit": 3}), &none, auto, 0), [[Free], [Free], [Free]]);
    }

    #[test]
    fn what_sets_the_limit_says_how_it_can_be_survived() {
        let (by_argument, none) = (json!({"x-delivery-limit": 3}), json!({}));
        for (save, by_policy, fixed, bounded) in [
            (Save::Auto, vec![Policy, WhenFound], vec![WhenFound], vec![]),
            (Save::Policy, vec![Policy], vec![], vec![]),
            (Save::Copy, vec![WhenFound], vec![WhenFound], vec![]),
            (Save::None, vec![], vec![], vec![]),
        ] {
            let each = |ways: &Vec<Way>| [ways.clone(), ways.clone(), ways.clone()];
            let wish = wish(save, false);
            assert_eq!(ways(Kind::Quorum, &none, &json!({"delivery-limit": 3}), wish, 9), each(&by_policy));
            assert_eq!(ways(Kind::Quorum, &by_argument, &none, wish, 9), each(&fixed));
            let full = json!({"x-delivery-limit": 3, "x-max-length": 5});
            assert_eq!(ways(Kind::Quorum, &full, &none, wish, 9), each(&bounded));
        }
        let decision =
            Decision::of(&facts(Kind::Quorum, SERIES[1], &by_argument, &none), &wish(Save::Policy, false), 9);
        assert_eq!(decision.closed.iter().map(|closed| closed.way).collect::<Vec<_>>(), [Policy]);
    }

    #[test]
    fn a_look_at_a_few_sets_no_policy_unless_one_is_needed() {
        let decision =
            |set| Decision::of(&facts(Kind::Quorum, SERIES[1], &json!({}), &json!({})), &wish(Save::Auto, true), set);
        assert_eq!((decision(50).ways, decision(51).ways), (vec![WhenFound, Policy], vec![Policy, WhenFound]));
        assert!(decision(50).lifts_when_found);
    }

    #[test]
    fn no_more_is_held_than_may_be_at_stake() {
        let facts = facts(Kind::Quorum, SERIES[1], &json!({}), &json!({}));
        let decision = Decision::of(&facts, &wish(Save::Auto, false), 9);
        assert_eq!((decision.hold(Policy), decision.hold(WhenFound)), (Hold::Undecided(1000), Hold::AtStake(50)));
        let narrow = Wish { window: Some(7), ..wish(Save::Auto, false) };
        let decision = Decision::of(&facts, &narrow, 9);
        assert_eq!((decision.hold(Free), decision.hold(WhenFound)), (Hold::Undecided(7), Hold::AtStake(7)));
    }

    #[test]
    fn a_cut_costs_messages_only_where_nothing_keeps_the_limit_from_them() {
        assert_eq!([Free, Policy, WhenFound].map(Way::cut), [Cut::Nothing, Cut::Attempt, Cut::AttemptOrMessage]);
    }
}
