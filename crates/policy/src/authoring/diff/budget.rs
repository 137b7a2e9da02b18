//! How much a comparison may cost. It is counted in steps, not in time, so that the same policies get the same answer
//! everywhere.

/// How many steps one comparison may take: about a second's work.
const COMPARISON_MAX: usize = 20_000_000;

/// The steps that are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Work(usize);

impl Work {
    /// So many steps.
    pub(crate) fn of(steps: usize) -> Self {
        Self(steps)
    }

    /// As many as one comparison may take.
    pub(crate) fn of_a_comparison() -> Self {
        Self(COMPARISON_MAX)
    }

    /// Counts so many.
    pub(crate) fn cost(&mut self, steps: usize) {
        self.0 = self.0.saturating_sub(steps);
    }

    /// How many are left.
    pub(crate) fn left(self) -> usize {
        self.0
    }

    /// Whether none is left.
    pub(crate) fn is_done(self) -> bool {
        self.0 == 0
    }
}
