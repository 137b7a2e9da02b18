//! How much a comparison may cost. It is counted in steps, not in time, so that the same policies get the same answer
//! everywhere.

/// How many steps one comparison may take: about a second's work.
const COMPARISON_MAX: usize = 20_000_000;

/// The steps that are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::policy) struct Work(usize);

impl Work {
    /// So many steps.
    pub(in crate::policy) fn of(steps: usize) -> Self {
        Self(steps)
    }

    /// As many as one comparison may take.
    pub(in crate::policy) fn of_a_comparison() -> Self {
        Self(COMPARISON_MAX)
    }

    /// Counts so many.
    pub(in crate::policy) fn cost(&mut self, steps: usize) {
        self.0 = self.0.saturating_sub(steps);
    }

    /// How many are left.
    pub(in crate::policy) fn left(self) -> usize {
        self.0
    }

    /// Whether none is left.
    pub(in crate::policy) fn is_done(self) -> bool {
        self.0 == 0
    }
}
