//! Windows: one stretch of time.

use crate::time::Timestamp;

/// The instants from `from` on and before `until`. `Timestamp::MAX` as `until` means for ever; crossed bounds mean never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    from: Timestamp,
    until: Timestamp,
}

impl Window {
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

    /// The instants that are in both.
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
        let real = self.from < self.until;
        let edges = [self.from, self.until].into_iter();
        let edges = edges.filter(|edge| real && *edge > instant && *edge < Timestamp::MAX);
        edges.min()
    }
}
