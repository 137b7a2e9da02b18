//! The work budget of a comparison. It counts steps and not time, so that the same policies get the same answer on every
//! machine.

/// How many steps one comparison may take: about a second's work.
const COMPARISON_STEPS_MAX: usize = 20_000_000;

/// The steps that are left. It is neither `Copy` nor `Clone` and is borrowed by `&mut`, so that every step is counted once.
#[derive(Debug)]
pub(crate) struct WorkBudget {
    remaining: usize,
}

impl WorkBudget {
    /// A budget of this many steps.
    pub(crate) fn new(steps: usize) -> Self {
        Self { remaining: steps }
    }

    /// A budget of this many steps, at most that of one comparison.
    pub(crate) fn for_part(steps: usize) -> Self {
        Self::new(steps.min(COMPARISON_STEPS_MAX))
    }

    /// The budget of one comparison.
    pub(crate) fn for_comparison() -> Self {
        Self::new(COMPARISON_STEPS_MAX)
    }

    /// Takes this many steps out of it.
    pub(crate) fn spend(&mut self, steps: usize) {
        self.remaining = self.remaining.saturating_sub(steps);
    }

    /// How many steps are left.
    pub(crate) fn remaining(&self) -> usize {
        self.remaining
    }

    /// Whether no step is left.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.remaining == 0
    }
}
