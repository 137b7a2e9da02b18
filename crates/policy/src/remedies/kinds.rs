//! Combinations of kinds of actions, in the order in which they are preferred.

/// Some of the five kinds. A more preferred kind has a higher bit, so of two combinations with equally many kinds the preferred one is
/// the greater number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    /// None.
    pub(super) const NONE: Self = Self(0);
    /// The request names the identity: nobody but the caller does anything.
    pub(super) const IDENTIFY: Self = Self(16);
    /// The person authenticates.
    pub(super) const AUTHENTICATE: Self = Self(8);
    /// The person verifies again.
    pub(super) const REVERIFY: Self = Self(4);
    /// The person grants scopes.
    pub(super) const GRANT: Self = Self(2);
    /// The request is made later.
    pub(super) const WAIT: Self = Self(1);

    /// Every combination but the empty one, of these kinds: fewer kinds first, then the preferred ones.
    pub(super) fn combinations(self) -> Vec<Self> {
        let mut all: Vec<Self> = (1..32).map(Self).collect();
        all.retain(|kinds| kinds.are_within(self));
        all.sort_by_key(|kinds| (kinds.0.count_ones(), u8::MAX - kinds.0));
        all
    }

    /// The kinds of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These kinds without those.
    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of these are among those.
    pub(super) fn are_within(self, other: Self) -> bool {
        self.without(other) == Self::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_is_tried_once_fewer_kinds_first_and_then_the_preferred_ones() {
        let all = Kinds(31).combinations();
        let listed: Vec<u8> = all.iter().map(|kinds| kinds.0).collect();
        assert_eq!(listed[..6], [16, 8, 4, 2, 1, 24]);
        assert_eq!((listed.len(), listed[30]), (31, 31));
        let some = Kinds::REVERIFY.and(Kinds::WAIT);
        let listed: Vec<u8> = some.combinations().iter().map(|kinds| kinds.0).collect();
        assert_eq!(listed, [4, 1, 5]);
    }
}
