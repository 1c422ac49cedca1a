//! What a run owes the targets: how fast it may be, when it waits, which messages have been tried often enough.

use std::time::Duration;

use super::{Hold, Replay};
use crate::{
    message::{Message, travel},
    ops::dlq::target::{self, Address},
};

/// How long messages may be held that cannot go on yet.
pub(super) const HOLDING: Duration = Duration::from_secs(10);

/// How many messages are taken at once while few are let go.
const FEW: u16 = 100;

/// How a run takes care of its targets. By default nothing is minded.
#[derive(Debug, Clone, Default)]
pub struct Care {
    /// The time between two messages.
    pub every: Option<Duration>,
    /// How many ready messages a target may have.
    pub max_depth: Option<u64>,
    /// How many consumers a target must have.
    pub consumers: Option<u32>,
    /// How often a message may have been replayed and still be replayed again.
    pub max_replays: Option<u64>,
    /// Where those go that may not.
    pub park: Option<String>,
    /// A few first.
    pub canary: Option<Canary>,
}

/// Sends a few, and waits for what comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// How many at each step.
    pub steps: Vec<u64>,
    /// How long it waits after each.
    pub wait: Duration,
    /// How many of those that were moved may come back, of 10,000.
    pub share: u64,
}

impl Canary {
    /// Whether more have come back than may.
    #[must_use]
    pub fn is_exceeded(&self, moved: u64, bounced: u64) -> bool {
        bounced.saturating_mul(10_000) > self.share.saturating_mul(moved)
    }
}

impl Care {
    /// Whether a run may have to wait for its targets.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.every.is_some() || self.asks() || self.canary.is_some()
    }

    /// Whether the targets are asked.
    pub(super) fn asks(&self) -> bool {
        self.max_depth.is_some() || self.consumers.is_some()
    }

    /// How much may be held at once: what goes soon.
    pub(super) fn bounds(&self, hold: Hold) -> Hold {
        let paced = self.every.map(|every| HOLDING.as_nanos() / every.as_nanos().max(1));
        let canary = self.canary.as_ref().map(|_| u128::from(FEW));
        let soon = [paced, self.max_depth.map(u128::from), canary].into_iter().flatten().min();
        let bound = |most: u16| soon.map_or(most, |soon| u16::try_from(soon).unwrap_or(most).clamp(1, most));
        match hold {
            Hold::Undecided(most) => Hold::Undecided(bound(most)),
            Hold::AtStake(most) => Hold::AtStake(bound(most)),
        }
    }
}

/// Where a message is to go.
pub(super) struct Destination {
    /// The place.
    pub(super) address: Address,
    /// It has been tried often enough, and is put aside.
    pub(super) is_parked: bool,
}

impl Replay<'_> {
    /// Where this message is to go.
    ///
    /// # Errors
    /// Why it goes nowhere.
    pub(super) fn destination(&self, message: &Message) -> Result<Destination, String> {
        let care = &self.request.care;
        let replays = travel::replays_of(message);
        if care.max_replays.is_some_and(|most| replays >= most) {
            let aside = care.park.as_ref().map(|park| Destination { address: Address::queue(park), is_parked: true });
            let times = if replays == 1 { "once".to_owned() } else { format!("{replays} times") };
            return aside.ok_or(format!("it has been replayed {times} already; --park QUEUE puts such messages aside"));
        }
        let address = target::address(&self.request.to, &self.session.queue, message)?;
        Ok(Destination { address, is_parked: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_goes_within_ten_seconds() {
        let paced = |millis| Care { every: Some(Duration::from_millis(millis)), ..Care::default() };
        assert_eq!(paced(50).bounds(Hold::Undecided(3000)), Hold::Undecided(200));
        assert_eq!(paced(60_000).bounds(Hold::AtStake(100)), Hold::AtStake(1));
        assert_eq!(paced(0).bounds(Hold::Undecided(3000)), Hold::Undecided(3000));
        let shallow = Care { max_depth: Some(10), ..paced(1) };
        assert_eq!(shallow.bounds(Hold::Undecided(3000)), Hold::Undecided(10));
        assert_eq!(Care::default().bounds(Hold::Undecided(3000)), Hold::Undecided(3000));
    }

    #[test]
    fn a_share_is_exceeded_by_more_than_itself() {
        let canary = Canary { steps: vec![1], wait: Duration::ZERO, share: 500 };
        assert!(canary.is_exceeded(1, 1) && !canary.is_exceeded(20, 1) && canary.is_exceeded(20, 2));
        assert!(!canary.is_exceeded(0, 0) && canary.is_exceeded(0, 1));
        assert!(Canary { share: 0, ..canary }.is_exceeded(1000, 1));
    }
}
