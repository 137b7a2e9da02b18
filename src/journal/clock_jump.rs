//! How old what a folder has is, by the beginnings of its segments, whichever clock has dated them.
//!
//! Each beginning is dated by the clock of its process, which may have been behind or ahead. What counts goes forwards: one that is ahead of now, or
//! before another one that counts, says nothing. A jump, from one that counts to the next, is more than a running service explains: nothing was
//! recorded for so long, or the clock was behind before it, or is ahead since. In each case at least the time outside of the jumps has passed, and
//! so only that counts as age.
//!
//! Why not the vendor's clock: retention has to work where no vendor is asked. Why jumps are never believed later: a clock that was behind and was
//! corrected leaves the same instants as a service that was off, and what was recorded just before must not be removed.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::own::{ChangeEvent, Own};
use crate::policy::{Timestamp, before, between, rfc3339};

/// What a wrong clock has dated is further ahead than this.
pub(super) const AHEAD_MAX: Duration = Duration::from_hours(1);

/// A jump of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Jump {
    /// The last instant before it.
    pub(super) from: Timestamp,
    /// The first one after it.
    pub(super) to: Timestamp,
}

impl Jump {
    /// How far it is.
    fn gap(self) -> Duration {
        between(self.from, self.to)
    }

    /// What the journal says of it, if the oldest file stays until then because of it.
    pub(super) fn event(self, until: Timestamp) -> Own {
        let members = [
            ("last", json!(rfc3339(self.from))),
            ("next", json!(rfc3339(self.to))),
            ("until", json!(rfc3339(until))),
        ];
        let members = members.map(|(key, value): (&str, Value)| (key.to_owned(), value));
        Own::Changed(ChangeEvent {
            event: "retention_held",
            members: Map::from_iter(members),
        })
    }
}

/// Ages at an instant.
#[derive(Debug)]
pub(super) struct Ages {
    now: Timestamp,
    /// For each beginning, the first one at or after it that counts.
    counting: Vec<Option<Timestamp>>,
    jumps: Vec<Jump>,
}

impl Ages {
    /// By the beginnings of segments in their order, `None` where one cannot be read, and that of the process. No pause is longer than `pause_max` while
    /// a service runs.
    pub(super) fn new(
        beginnings: &[Option<Timestamp>],
        process: Timestamp,
        pause_max: Duration,
        now: Timestamp,
    ) -> Self {
        // It began with a clock that was ahead, and that was set back since.
        let process = process.min(now);
        let mut counting = only_counting(beginnings, now);
        let mut instants: Vec<Timestamp> = counting.iter().copied().flatten().collect();
        instants.push(process);
        instants.sort_unstable();
        let jumps = instants.windows(2).filter_map(|pair| match pair {
            // What follows the beginning of the process is confirmed by its uptime.
            [from, to] if between(*from, *to) > pause_max && *to <= process => Some(Jump {
                from: *from,
                to: *to,
            }),
            _ => None,
        });
        let jumps = jumps.collect();
        let mut next = None;
        for at in counting.iter_mut().rev() {
            next = at.or(next);
            *at = next;
        }
        Self {
            now,
            counting,
            jumps,
        }
    }

    /// When the segment with this number had ended for certain; `None` if nothing says that.
    pub(super) fn ended_at(&self, segment: usize) -> Option<Timestamp> {
        let next = segment.checked_add(1)?;
        self.counting.get(next).copied().flatten()
    }

    /// At least how long ago this was.
    pub(super) fn age_of(&self, at: Timestamp) -> Duration {
        let jumps = self.jumps.iter().filter(|jump| jump.from >= at);
        let believed = jumps.fold(self.now, |now, jump| before(now, jump.gap()));
        between(at, believed)
    }

    /// The last jump.
    pub(super) fn last_jump(&self) -> Option<Jump> {
        self.jumps.last().copied()
    }
}

/// These, without those that do not count.
fn only_counting(beginnings: &[Option<Timestamp>], now: Timestamp) -> Vec<Option<Timestamp>> {
    let mut last = Timestamp::MIN;
    let counting = beginnings.iter().map(|at| {
        let at = at.filter(|at| (last..=now).contains(at))?;
        last = at;
        Some(at)
    });
    counting.collect()
}

#[cfg(test)]
mod tests;
