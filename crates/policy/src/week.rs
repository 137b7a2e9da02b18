//! Times of a week that comes again: what a schedule is on an even clock, and what becomes of schedules that are combined.

use super::{limits::WEEK_MS, time::Timestamp};

/// 1970 began on a Thursday, three days after a Monday.
const MONDAY_TO_EPOCH_MS: i64 = 3 * 24 * 60 * 60 * 1000;

/// Half-open stretches in milliseconds since Monday began; sorted, and apart from one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Week(Vec<(i64, i64)>);

impl Week {
    /// These stretches, whatever their order; one that ends after the week goes on at its beginning.
    pub fn new(stretches: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut cut = Vec::new();
        for (begins, ends) in stretches {
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

    /// All of the week, or nothing of it.
    pub fn constant(holds: bool) -> Self {
        Self::new(holds.then_some((0, WEEK_MS)))
    }

    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is all of the week.
    pub fn is_full(&self) -> bool {
        self.0 == [(0, WEEK_MS)]
    }

    /// The stretches.
    pub fn stretches(&self) -> &[(i64, i64)] {
        &self.0
    }

    /// The times that both have.
    pub fn and(&self, other: &Self) -> Self {
        let meet = |(a, b): &(i64, i64)| {
            let (a, b) = (*a, *b);
            let met = other.0.iter().map(move |(c, d)| (a.max(*c), b.min(*d)));
            met.filter(|(begins, ends)| begins < ends)
        };
        Self::new(self.0.iter().flat_map(meet))
    }

    /// The times that either has.
    pub fn or(&self, other: &Self) -> Self {
        Self::new(self.0.iter().chain(&other.0).copied())
    }

    /// What a clock that is so far behind reads at these times of this one.
    pub fn behind(&self, by_ms: i64) -> Self {
        let earlier = |(begins, ends): &(i64, i64)| {
            let length = ends.saturating_sub(*begins);
            let begins = begins.saturating_sub(by_ms).rem_euclid(WEEK_MS);
            (begins, begins.saturating_add(length))
        };
        Self::new(self.0.iter().map(earlier))
    }

    /// Whether a clock reads a time of these, so many milliseconds after Monday began.
    pub fn contains(&self, week_ms: i64) -> bool {
        self.around(week_ms).is_some()
    }

    fn around(&self, week_ms: i64) -> Option<&(i64, i64)> {
        let mut stretches = self.0.iter();
        stretches.find(|(begins, ends)| (*begins..*ends).contains(&week_ms))
    }

    /// The first instant, from `from` on, at which a clock in UTC reads a time of these, or, if not `inside`, another time.
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
                // A stretch that ends with the week may go on in the next.
                let more = match self.0.first() {
                    Some((0, more)) if *ends == WEEK_MS => *more,
                    _ => 0,
                };
                ends.saturating_sub(now).saturating_add(more)
            }
        };
        // Beyond the last instant that there is, nothing begins and nothing ends.
        Timestamp::from_millisecond(from.as_millisecond().saturating_add(wait)).ok()
    }
}

/// The milliseconds since Monday began, on a wall clock that is so far ahead of UTC.
pub fn week_ms(instant: Timestamp, ahead_ms: i64) -> i64 {
    instant
        .as_millisecond()
        .saturating_add(ahead_ms)
        .saturating_add(MONDAY_TO_EPOCH_MS)
        .rem_euclid(WEEK_MS)
}

#[cfg(test)]
mod tests;
