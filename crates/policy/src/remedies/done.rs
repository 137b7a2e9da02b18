//! Combinations of things that can be done.

/// Which things are done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four things, each done or not"
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
    /// Every combination, fewer things first.
    pub(super) fn combinations() -> impl Iterator<Item = Self> {
        let all = (0_u8..16).map(|bits| Self {
            reverify: bits & 1 > 0,
            authenticate: bits & 2 > 0,
            grant: bits & 4 > 0,
            identify: bits & 8 > 0,
        });
        (0..=4).flat_map(move |count| all.clone().filter(move |done| done.count() == count))
    }

    fn all(self) -> [bool; 4] {
        [self.reverify, self.authenticate, self.grant, self.identify]
    }

    pub(super) fn count(self) -> usize {
        self.all().into_iter().filter(|done| *done).count()
    }

    /// Whether only things are done that are done in the other too.
    pub(super) fn is_within(self, other: Self) -> bool {
        let mut pairs = self.all().into_iter().zip(other.all());
        pairs.all(|(done, other)| !done || other)
    }
}
