//! Weekly times on a clock whose offset from UTC is fixed. Schedules become this between two changes of offset, so that
//! schedules of several zones can be combined.

use super::{limits::WEEK_MS, time::Timestamp};

/// 1970 began on a Thursday, three days after a Monday.
const MONDAY_TO_EPOCH_MS: i64 = 3 * 24 * 60 * 60 * 1000;

/// Half-open intervals in milliseconds since Monday began: sorted, and not adjacent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Week(Vec<(i64, i64)>);

impl Week {
    /// These intervals, in any order. One that ends after the week continues at the beginning of the week.
    pub fn new(intervals: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut cut = Vec::new();
        for (begins, ends) in intervals {
            cut.push((begins, ends.min(WEEK_MS)));
            if ends > WEEK_MS {
                cut.push((0, ends.saturating_sub(WEEK_MS)));
            }
        }
        cut.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::with_capacity(cut.len());
        for (begins, ends) in cut {
            match joined.last_mut() {
                Some((_, last)) if begins <= *last => *last = ends.max(*last),
                _ => joined.push((begins, ends)),
            }
        }
        Self(joined)
    }

    /// The whole week, or no time.
    pub fn constant(holds: bool) -> Self {
        Self::new(holds.then_some((0, WEEK_MS)))
    }

    /// Whether it has no time.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is the whole week.
    pub fn is_full(&self) -> bool {
        self.0 == [(0, WEEK_MS)]
    }

    /// The intervals.
    pub fn intervals(&self) -> &[(i64, i64)] {
        &self.0
    }

    /// The times in both.
    pub fn and(&self, other: &Self) -> Self {
        let meet = |(a, b): &(i64, i64)| {
            let (a, b) = (*a, *b);
            let met = other.0.iter().map(move |(c, d)| (a.max(*c), b.min(*d)));
            met.filter(|(begins, ends)| begins < ends)
        };
        Self::new(self.0.iter().flat_map(meet))
    }

    /// The times in either.
    pub fn or(&self, other: &Self) -> Self {
        Self::new(self.0.iter().chain(&other.0).copied())
    }

    /// The same times, as read by a clock that is `by_ms` behind this one.
    pub fn behind(&self, by_ms: i64) -> Self {
        let earlier = |(begins, ends): &(i64, i64)| {
            let length = ends.saturating_sub(*begins);
            let begins = begins.saturating_sub(by_ms).rem_euclid(WEEK_MS);
            (begins, begins.saturating_add(length))
        };
        Self::new(self.0.iter().map(earlier))
    }

    /// Whether the time `week_ms` milliseconds after Monday began is one of these.
    pub fn contains(&self, week_ms: i64) -> bool {
        self.around(week_ms).is_some()
    }

    fn around(&self, week_ms: i64) -> Option<&(i64, i64)> {
        let mut intervals = self.0.iter();
        intervals.find(|(begins, ends)| (*begins..*ends).contains(&week_ms))
    }

    /// The first instant, from `from` on, whose time in UTC is inside (or, if not `inside`, outside).
    pub fn next(&self, inside: bool, from: Timestamp) -> Option<Timestamp> {
        let now = week_ms(from, 0);
        let around = self.around(now);
        let wait = match around {
            None if !inside => return Some(from),
            Some(_) if inside => return Some(from),
            None => {
                let ahead = self
                    .0
                    .iter()
                    .map(|(begins, _)| (begins - now).rem_euclid(WEEK_MS));
                ahead.min()?
            }
            Some(_) if self.is_full() => return None,
            Some((_, ends)) => {
                // An interval that ends with the week may continue in the next.
                let more = match self.0.first() {
                    Some((0, more)) if *ends == WEEK_MS => *more,
                    _ => 0,
                };
                ends.saturating_sub(now).saturating_add(more)
            }
        };
        // Nothing begins or ends after the last instant.
        Timestamp::from_millisecond(from.as_millisecond().saturating_add(wait)).ok()
    }
}

/// The milliseconds since Monday began, on a clock that is `ahead_ms` ahead of UTC.
pub(crate) fn week_ms(instant: Timestamp, ahead_ms: i64) -> i64 {
    instant
        .as_millisecond()
        .saturating_add(ahead_ms)
        .saturating_add(MONDAY_TO_EPOCH_MS)
        .rem_euclid(WEEK_MS)
}

#[cfg(test)]
mod tests;
