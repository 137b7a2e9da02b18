//! How much a search has done and may do. Whatever it does in a loop is charged here, so that no policy makes a decision slow.

use std::cell::Cell;

/// Steps of about 10 ns each: a plan, a group of methods, a scope or a prefix that is looked at or copied.
#[derive(Debug, Default)]
pub(super) struct Work {
    max: usize,
    done: Cell<usize>,
}

impl Work {
    /// This number of steps, and the same number again for what does without alternatives.
    pub(super) fn of(max: usize) -> Self {
        Self {
            max,
            done: Cell::new(0),
        }
    }

    /// Charges these steps.
    pub(super) fn spend(&self, steps: usize) {
        self.done.set(self.done.get().saturating_add(steps));
    }

    /// How many steps were charged.
    pub(super) fn done(&self) -> usize {
        self.done.get()
    }

    /// Whether nothing is left to look at alternatives.
    pub(super) fn is_spent(&self) -> bool {
        self.done.get() >= self.max
    }

    /// Whether nothing is left at all.
    pub(super) fn is_over(&self) -> bool {
        self.done.get() >= self.max.saturating_mul(2)
    }
}
