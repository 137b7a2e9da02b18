//! Intervals: from one instant to another.

use crate::time::Timestamp;

/// The instants from `from` on and before `until`. [`Timestamp::MAX`] as `until` means without end; if `until` is not after
/// `from`, there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    from: Timestamp,
    until: Timestamp,
}

impl Interval {
    /// Every instant.
    pub const ALWAYS: Self = Self {
        from: Timestamp::MIN,
        until: Timestamp::MAX,
    };
    /// No instant.
    pub const NEVER: Self = Self {
        from: Timestamp::MAX,
        until: Timestamp::MIN,
    };

    /// Every instant, or none.
    pub fn constant(holds: bool) -> Self {
        if holds { Self::ALWAYS } else { Self::NEVER }
    }

    /// From this instant on.
    pub fn from(from: Timestamp) -> Self {
        Self {
            from,
            ..Self::ALWAYS
        }
    }

    /// Before this instant.
    pub fn until(until: Timestamp) -> Self {
        Self {
            until,
            ..Self::ALWAYS
        }
    }

    /// The instants in both.
    pub fn and(self, other: Self) -> Self {
        Self {
            from: self.from.max(other.from),
            until: self.until.min(other.until),
        }
    }

    /// Whether it never holds.
    pub fn is_empty(self) -> bool {
        self.from >= self.until && !self.contains(self.from)
    }

    /// Whether it holds at this instant.
    pub fn contains(self, instant: Timestamp) -> bool {
        self.from <= instant && (instant < self.until || self.until == Timestamp::MAX)
    }

    /// The next instant after this one at which it begins or ends.
    pub fn edge(self, instant: Timestamp) -> Option<Timestamp> {
        self.edges().filter(|edge| *edge > instant).min()
    }

    /// The instants at which it begins and ends; without a beginning if it always held, without an end if it always will.
    pub fn edges(self) -> impl Iterator<Item = Timestamp> {
        let real = self.from < self.until;
        let edges = [self.from, self.until].into_iter();
        edges.filter(move |edge| real && *edge > Timestamp::MIN && *edge < Timestamp::MAX)
    }
}
