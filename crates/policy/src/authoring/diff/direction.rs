//! The direction of interest: all differences, or only those that loosen or tighten.

use crate::effect::Effect;

/// Which differences are of interest. With one direction the others are cut off before any path is enumerated: two policies
/// that differ in a million ways may differ in none that loosens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// All differences. If there are too many, the comparison fails.
    Both,
    /// Only those where the new decision is less strict. If there are too many, the comparison has the first of them.
    Loosening,
    /// Only those where the new decision is stricter. If there are too many, the comparison has the first of them.
    Tightening,
}

impl Direction {
    /// Whether the change from `old` to `new` is of interest.
    pub(super) fn includes(self, old: Effect, new: Effect) -> bool {
        match self {
            Self::Both => old != new,
            Self::Loosening => new < old,
            Self::Tightening => old < new,
        }
    }
}
