//! How far has a restore come? A record is told by its place in the archive, counted from 1: nothing else is like it.

use std::collections::BTreeMap;

/// Numbers, by the first and the last of those that follow each other: a million in a row take no more room than one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Whether that number is among them.
    #[must_use]
    pub fn has(&self, number: u64) -> bool {
        self.has_all(number, number)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// The last one.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.0.last_key_value().map(|(_, last)| *last)
    }

    /// The first and the last of those that follow each other, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|(first, last)| (*first, *last))
    }

    fn has_all(&self, first: u64, last: u64) -> bool {
        self.0.range(..=first).next_back().is_some_and(|(_, to)| *to >= last)
    }

    fn has_any(&self, first: u64, last: u64) -> bool {
        self.0.range(..=last).next_back().is_some_and(|(_, to)| *to >= first)
    }

    /// Adds numbers none of which is there.
    fn add(&mut self, mut first: u64, mut last: u64) {
        if let Some((from, to)) = self.0.range(..first).next_back().map(|(from, to)| (*from, *to))
            && to + 1 == first
        {
            first = from;
        }
        if let Some(to) = last.checked_add(1).and_then(|next| self.0.remove(&next)) {
            last = to;
        }
        self.0.insert(first, last);
    }

    /// Takes numbers away all of which are there.
    fn take(&mut self, first: u64, last: u64) {
        let Some((from, to)) = self.0.range(..=first).next_back().map(|(from, to)| (*from, *to)) else { return };
        self.0.remove(&from);
        if from < first {
            self.0.insert(from, first - 1);
        }
        if last < to {
            self.0.insert(last + 1, to);
        }
    }
}

/// What a restore has done with the records of its archive. Of those in neither set nothing was published that is known to be anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// At their targets, or left in doubt for good: not to be published again.
    settled: Ranges,
    /// Perhaps at their targets.
    doubtful: Ranges,
    /// How many were left in doubt for good by this run.
    passed: u64,
}

impl Places {
    /// Those that are not to be published again.
    #[must_use]
    pub fn settled(&self) -> &Ranges {
        &self.settled
    }

    /// Those that may be at their targets.
    #[must_use]
    pub fn doubtful(&self) -> &Ranges {
        &self.doubtful
    }

    /// How many were left in doubt for good by this run.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// What an earlier run has done.
    pub(super) fn earlier(&mut self, settled: &[(u64, u64)], doubtful: &[(u64, u64)]) -> Result<(), String> {
        self.put(settled)?;
        self.safe(settled)?;
        self.put(doubtful)
    }

    /// These are about to be published.
    pub(super) fn put(&mut self, ranges: &[(u64, u64)]) -> Result<(), String> {
        for (first, last) in ranges.iter().copied() {
            if self.settled.has_any(first, last) || self.doubtful.has_any(first, last) {
                return Err(format!("some of the records {first} to {last} were put before"));
            }
            self.doubtful.add(first, last);
        }
        Ok(())
    }

    /// These are at their targets.
    pub(super) fn safe(&mut self, ranges: &[(u64, u64)]) -> Result<(), String> {
        for (first, last) in ranges.iter().copied() {
            self.decide(first, last)?;
            self.settled.add(first, last);
        }
        Ok(())
    }

    /// These are not at their targets.
    pub(super) fn stays(&mut self, ranges: &[(u64, u64)]) -> Result<(), String> {
        ranges.iter().try_for_each(|(first, last)| self.decide(*first, *last))
    }

    /// These may be at their targets, and nobody asks any more.
    pub(super) fn pass(&mut self, ranges: &[(u64, u64)]) -> Result<(), String> {
        self.safe(ranges)?;
        self.passed += count(ranges);
        Ok(())
    }

    fn decide(&mut self, first: u64, last: u64) -> Result<(), String> {
        if !self.doubtful.has_all(first, last) {
            return Err(format!("not all of the records {first} to {last} are open"));
        }
        self.doubtful.take(first, last);
        Ok(())
    }
}

/// How many numbers these are.
pub(super) fn count(ranges: &[(u64, u64)]) -> u64 {
    ranges.iter().map(|(first, last)| (last - first).saturating_add(1)).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(of: &[(u64, u64)]) -> Ranges {
        let mut ranges = Ranges::default();
        for (first, last) in of {
            ranges.add(*first, *last);
        }
        ranges
    }

    #[test]
    fn what_follows_each_other_is_one_range_in_whatever_order_it_comes() {
        assert_eq!(ranges(&[(1, 2), (5, 6), (3, 4)]), ranges(&[(1, 6)]));
        assert_eq!(ranges(&[(5, 6), (1, 3)]).iter().collect::<Vec<_>>(), [(1, 3), (5, 6)]);
        let mut some = ranges(&[(1, 10), (20, 20)]);
        some.take(4, 6);
        assert_eq!(some, ranges(&[(1, 3), (7, 10), (20, 20)]));
        some.take(1, 3);
        some.take(20, 20);
        assert_eq!((some.count(), some.last()), (4, Some(10)));
        assert!(some.has(7) && some.has(10) && !some.has(6) && !some.has(11));
        assert!(some.has_any(1, 7) && some.has_any(10, 30) && !some.has_any(1, 6) && !some.has_any(11, 30));
        assert!(some.has_all(8, 9) && !some.has_all(8, 11) && !some.has_all(6, 7));
        assert_eq!(ranges(&[(u64::MAX, u64::MAX)]).count(), 1);
    }

    #[test]
    fn a_million_records_in_order_take_no_room() -> Result<(), String> {
        let mut places = Places::default();
        for batch in 0..4000 {
            let (first, last) = (batch * 250 + 1, batch * 250 + 250);
            places.put(&[(first, last)])?;
            places.safe(&[(first, last - 100)])?;
            places.safe(&[(last - 99, last)])?;
        }
        assert_eq!((places.settled.0.len(), places.doubtful.0.len(), places.settled.count()), (1, 0, 1_000_000));
        Ok(())
    }

    #[test]
    fn a_record_is_put_once_and_decided_once() -> Result<(), String> {
        let mut places = Places::default();
        places.earlier(&[(1, 5)], &[(6, 7)])?;
        assert!(places.put(&[(5, 8)]).is_err() && places.put(&[(7, 8)]).is_err());
        places.put(&[(8, 12)])?;
        assert!(places.safe(&[(12, 13)]).is_err() && places.stays(&[(1, 1)]).is_err());
        places.safe(&[(6, 6), (9, 9)])?;
        places.stays(&[(10, 11)])?;
        places.pass(&[(7, 7)])?;
        assert_eq!(places.settled, ranges(&[(1, 7), (9, 9)]));
        assert_eq!((&places.doubtful, places.passed()), (&ranges(&[(8, 8), (12, 12)]), 1));
        places.put(&[(10, 10)])
    }
}
