//! Sets of regions. An axis has a few regions that two policies distinguish, in place of the many values that it has; they are
//! numbered from 0, so that a set of them is a bit set.

const WORD_BITS: u16 = 64;

/// A set of regions of one axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Regions(Vec<u64>);

impl Regions {
    /// These regions of an axis that has `size` of them.
    pub(super) fn of(size: u16, regions: impl IntoIterator<Item = u16>) -> Self {
        let mut words = vec![0; usize::from(size.div_ceil(WORD_BITS))];
        for region in regions {
            if let Some(word) = words.get_mut(usize::from(region / WORD_BITS)) {
                *word |= 1_u64 << (region % WORD_BITS);
            }
        }
        Self(words)
    }

    /// Every region of an axis that has `size` of them.
    pub(super) fn all(size: u16) -> Self {
        Self::of(size, 0..size)
    }

    /// The intersection with another set of the same axis.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    /// The union with another set of the same axis.
    pub(super) fn or(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a | b).collect())
    }

    /// The regions of an axis of `size` regions that are not in this set.
    pub(super) fn complement(&self, size: u16) -> Self {
        Self::of(size, (0..size).filter(|region| !self.contains(*region)))
    }

    /// How many words of 64 bits it takes: what an operation on it costs.
    pub(super) fn words(&self) -> usize {
        self.0.len()
    }

    pub(super) fn contains(&self, region: u16) -> bool {
        let word = self.0.get(usize::from(region / WORD_BITS));
        word.is_some_and(|word| word >> (region % WORD_BITS) & 1 == 1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The regions in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u16> {
        let size = u16::try_from(self.0.len())
            .unwrap_or(u16::MAX)
            .saturating_mul(WORD_BITS);
        (0..size).filter(|region| self.contains(*region))
    }

    /// The region with the lowest number.
    pub(super) fn first(&self) -> Option<u16> {
        self.iter().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_regions_may_be_larger_than_a_word() {
        let regions = Regions::of(130, [0, 64, 129]);
        assert_eq!(regions.iter().collect::<Vec<_>>(), [0, 64, 129]);
        assert!(regions.and(&Regions::of(130, [1])).is_empty());
        assert_eq!(regions.or(&Regions::all(130)), Regions::all(130));
    }
}
