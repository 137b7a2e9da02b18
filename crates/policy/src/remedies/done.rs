//! Combinations of actions.

/// Every set of four bits, fewer bits first, and then by value.
const COMBINATIONS: [u8; 16] = [0, 1, 2, 4, 8, 3, 5, 6, 9, 10, 12, 7, 11, 13, 14, 15];

/// Which actions are done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four actions, each done or not"
)]
pub(super) struct Done {
    /// The person verifies again.
    pub(super) reverify: bool,
    /// The person authenticates again, or more strongly.
    pub(super) authenticate: bool,
    /// The person grants scopes.
    pub(super) grant: bool,
    /// The request names the identity.
    pub(super) identify: bool,
}

impl Done {
    /// Every combination, fewer actions first.
    pub(super) fn combinations() -> impl Iterator<Item = Self> {
        COMBINATIONS.into_iter().map(|bits| Self {
            reverify: bits & 1 > 0,
            authenticate: bits & 2 > 0,
            grant: bits & 4 > 0,
            identify: bits & 8 > 0,
        })
    }

    fn all(self) -> [bool; 4] {
        [self.reverify, self.authenticate, self.grant, self.identify]
    }

    pub(super) fn count(self) -> usize {
        self.all().into_iter().filter(|done| *done).count()
    }

    /// Whether every action of this combination is in the other too.
    pub(super) fn is_within(self, other: Self) -> bool {
        let mut pairs = self.all().into_iter().zip(other.all());
        pairs.all(|(done, other)| !done || other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_is_tried_once_and_fewer_actions_first() {
        let combinations: Vec<Done> = Done::combinations().collect();
        let counts = combinations.iter().map(|done| done.count());
        assert!(counts.is_sorted());
        for (index, done) in combinations.iter().enumerate() {
            assert!(!combinations[..index].contains(done), "{done:?}");
        }
        assert_eq!(combinations.len(), 16);
    }
}
