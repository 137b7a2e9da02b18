//! Values in order, cut into intervals at thresholds.

use std::collections::BTreeSet;

use super::super::regions::Regions;

/// The region of a value that is not known.
pub(super) const UNKNOWN: u16 = 0;

/// The intervals between some thresholds. Region [`UNKNOWN`] is that there is no value; region 1 ends at the first
/// threshold, and each further region begins at one.
#[derive(Debug, Clone)]
pub(super) struct Intervals<T> {
    thresholds: Vec<T>,
}

impl<T: Copy + Ord> Intervals<T> {
    pub(super) fn between(thresholds: BTreeSet<T>) -> Self {
        Self {
            thresholds: thresholds.into_iter().collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.thresholds.len().saturating_add(2)
    }

    /// The region of a value. `has_passed` says whether the value has passed a threshold; then it has passed all lower ones too.
    pub(super) fn region_of(&self, has_passed: impl Fn(T) -> bool) -> u16 {
        let passed = self.thresholds.iter().take_while(|at| has_passed(**at));
        u16::try_from(passed.count().saturating_add(1)).unwrap_or(u16::MAX)
    }

    /// The regions of known values.
    pub(super) fn known(&self) -> impl Iterator<Item = u16> {
        (1..=u16::MAX).take(self.thresholds.len().saturating_add(1))
    }

    /// The regions that end at this threshold or before it.
    pub(super) fn before(&self, threshold: T) -> impl Iterator<Item = u16> {
        self.known()
            .filter(move |region| self.end(*region).is_some_and(|end| end <= threshold))
    }

    /// The regions that begin at this threshold or after it.
    pub(super) fn from(&self, threshold: T) -> impl Iterator<Item = u16> {
        self.known()
            .filter(move |region| self.start(*region).is_some_and(|start| start >= threshold))
    }

    /// The threshold at which a region begins; the first has none.
    pub(super) fn start(&self, region: u16) -> Option<T> {
        let index = usize::from(region).checked_sub(2)?;
        self.thresholds.get(index).copied()
    }

    /// The threshold at which a region ends; the last has none.
    pub(super) fn end(&self, region: u16) -> Option<T> {
        let index = usize::from(region).checked_sub(1)?;
        self.thresholds.get(index).copied()
    }

    /// These regions with those that touch as one, each from a threshold to another.
    pub(super) fn merged(&self, regions: &Regions) -> Vec<(Option<T>, Option<T>)> {
        let mut merged: Vec<(Option<T>, Option<T>)> = Vec::new();
        let mut previous = None;
        for region in self.known().filter(|region| regions.contains(*region)) {
            let end = self.end(region);
            match merged.last_mut() {
                Some((_, until)) if previous == region.checked_sub(1) => *until = end,
                _ => merged.push((self.start(region), end)),
            }
            previous = Some(region);
        }
        merged
    }
}

/// The regions to take an example from, the better one first: the lowest of these that is known, then [`UNKNOWN`].
pub(super) fn candidates(allowed: &Regions) -> impl Iterator<Item = u16> {
    let known = allowed.iter().find(|region| *region != UNKNOWN);
    let unknown = allowed.contains(UNKNOWN).then_some(UNKNOWN);
    known.into_iter().chain(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_that_touch_are_one_interval() {
        let intervals = Intervals::between(BTreeSet::from([10, 20, 30]));
        let regions = Regions::of(5, [0, 1, 2, 4]);
        let merged = [(None, Some(20)), (Some(30), None)];
        assert_eq!(intervals.merged(&regions), merged);
        assert_eq!(intervals.before(20).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(intervals.from(20).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(
            [9, 10, 30].map(|at| intervals.region_of(|threshold| threshold <= at)),
            [1, 2, 4]
        );
    }
}
