//! The two directions of a change: it loosens, or it tightens.

use std::fmt;

use crate::effect::Effect;

/// One direction. Differences of the other are cut off before any path is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::authoring) enum Direction {
    /// The new decision is less strict.
    Loosening,
    /// The new decision is stricter.
    Tightening,
}

impl Direction {
    /// Whether the change from `old` to `new` is of this direction.
    pub(super) fn includes(self, old: Effect, new: Effect) -> bool {
        match self {
            Self::Loosening => new < old,
            Self::Tightening => old < new,
        }
    }
}

/// In which directions something changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Directions {
    /// A decision is less strict: somebody is let in, or is asked for less.
    pub loosens: bool,
    /// A decision is stricter: somebody is refused, or is asked for more.
    pub tightens: bool,
}

impl Directions {
    pub(super) const LOOSENS: Self = Self {
        loosens: true,
        tightens: false,
    };
    pub(super) const TIGHTENS: Self = Self {
        loosens: false,
        tightens: true,
    };

    /// The directions of both.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            loosens: self.loosens || other.loosens,
            tightens: self.tightens || other.tightens,
        }
    }

    /// Whether it has at least one direction.
    pub fn is_some(self) -> bool {
        self.loosens || self.tightens
    }

    /// `loosens`, `tightens`, `both` or `none`.
    pub fn as_str(self) -> &'static str {
        match (self.loosens, self.tightens) {
            (true, true) => "both",
            (true, false) => "loosens",
            (false, true) => "tightens",
            (false, false) => "none",
        }
    }
}

impl From<Direction> for Directions {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Loosening => Self::LOOSENS,
            Direction::Tightening => Self::TIGHTENS,
        }
    }
}

impl fmt::Display for Directions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
