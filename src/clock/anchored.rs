//! The clock that decisions are made by: the wall clock, but never earlier than an anchor plus the uptime since. Beside it, the
//! vendor's clock, once its answers have shown it.
//!
//! Why an anchor: an age is the difference of two instants, and a wall clock that is set back makes everything younger. The uptime
//! cannot be set. Why the anchor moves: a wall clock that was wrong and is corrected must count again, in both directions. It moves
//! only while the vendor's clock says that the wall clock is right, and never to before the vendor's clock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use super::{Clock, Moment, Reading};
use crate::policy::{Timestamp, from_millis};

/// Clocks that differ by more than this are apart: half of what `verifiedAt` may lie in the future.
const SKEW_MAX_MS: u64 = 30_000;
const UNKNOWN: i64 = i64::MIN;

/// A wall clock with an anchor, and what is known of the vendor's clock.
#[derive(Debug)]
pub struct AnchoredClock {
    behind: Arc<dyn Clock>,
    /// The anchor: a reading of the wall clock, less the uptime of that reading, in milliseconds.
    anchor_ms: AtomicI64,
    /// The vendor's clock less the uptime, in milliseconds.
    vendor_ms: AtomicI64,
    /// The most that it may be.
    vendor_latest_ms: AtomicI64,
}

impl AnchoredClock {
    /// Anchors a clock at its present reading. Nothing is known of the vendor's clock.
    pub fn new(behind: Arc<dyn Clock>) -> Self {
        let Reading { wall, moment, .. } = behind.read();
        Self {
            behind,
            anchor_ms: AtomicI64::new(offset_ms(wall, moment.uptime)),
            vendor_ms: AtomicI64::new(UNKNOWN),
            vendor_latest_ms: AtomicI64::new(UNKNOWN),
        }
    }

    /// The vendor's clock at this reading, if it and ours are apart: it differs by more than 30 s from the wall clock, or from the
    /// instant that decisions are made for. `None` also while it is not known. If only the latter differs, the wall clock has been
    /// corrected, and the anchor is renewed for the readings that follow.
    pub fn vendor_if_apart(&self, reading: &Reading) -> Option<Timestamp> {
        let offset = self.vendor_ms.load(Ordering::Relaxed);
        if offset == UNKNOWN {
            return None;
        }
        let Moment { now, uptime } = reading.moment;
        let vendor = offset.saturating_add(millis(uptime));
        let agrees = |ours: Timestamp| is_within_skew(vendor, ours.as_millisecond());
        match (agrees(reading.wall), agrees(now)) {
            (true, true) => return None,
            (true, false) => self.renew(reading),
            (false, _) => {}
        }
        Some(from_millis(vendor))
    }

    /// How far the vendor's clock, if it is known, is ahead of the wall clock at this reading, in milliseconds.
    pub fn vendor_ahead_ms(&self, reading: &Reading) -> Option<i64> {
        let offset = self.vendor_ms.load(Ordering::Relaxed);
        (offset != UNKNOWN).then(|| ahead_ms(offset, reading))
    }

    /// The vendor's clock was found to be in this range. The anchor is renewed if the wall clock agrees with it.
    pub fn confirm(&self, vendor: OffsetRange) {
        self.vendor_latest_ms
            .store(vendor.latest_ms, Ordering::Relaxed);
        self.vendor_ms.store(vendor.middle_ms(), Ordering::Relaxed);
        let reading = self.behind.read();
        let wall = offset_ms(reading.wall, reading.moment.uptime);
        if is_within_skew(vendor.middle_ms(), wall) {
            self.renew(&reading);
        }
    }

    /// Renews the anchor at a reading whose wall clock agrees with the vendor's: raises it to the wall clock; or lowers it, if it is
    /// ahead of both clocks, to the later one.
    fn renew(&self, reading: &Reading) {
        let wall = offset_ms(reading.wall, reading.moment.uptime);
        let anchor = self.anchor_ms.load(Ordering::Relaxed);
        let latest = self.vendor_latest_ms.load(Ordering::Relaxed);
        let renewed = anchor.min(latest).max(wall);
        self.anchor_ms.store(renewed, Ordering::Relaxed);
    }
}

impl Clock for AnchoredClock {
    fn read(&self) -> Reading {
        let reading = self.behind.read();
        let Moment { now, uptime } = reading.moment;
        let anchor = self.anchor_ms.load(Ordering::Relaxed);
        let earliest = anchor.saturating_add(millis(uptime));
        if earliest <= now.as_millisecond() {
            return reading;
        }
        Reading {
            moment: Moment {
                now: from_millis(earliest),
                uptime,
            },
            ..reading
        }
    }
}

/// Where another clock is, as its distance from our uptime. The uptime cannot be set, so the range holds until one of both is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetRange {
    /// The clock less the uptime is at least this, in milliseconds.
    pub earliest_ms: i64,
    /// It is at most this. Not less than `earliest_ms`.
    pub latest_ms: i64,
}

impl OffsetRange {
    /// The range of a clock that showed an instant from `shown` to `shown_until` at some time between two uptimes.
    pub fn new(
        shown: Timestamp,
        shown_until: Timestamp,
        not_before: Duration,
        not_after: Duration,
    ) -> Self {
        let earliest_ms = offset_ms(shown, not_after);
        Self {
            earliest_ms,
            latest_ms: offset_ms(shown_until, not_before).max(earliest_ms),
        }
    }

    /// The middle of the range.
    pub fn middle_ms(self) -> i64 {
        let width = self.latest_ms.saturating_sub(self.earliest_ms);
        self.earliest_ms.saturating_add(width / 2)
    }

    /// What both ranges allow; `None` if nothing.
    pub fn and(self, other: Self) -> Option<Self> {
        let both = Self {
            earliest_ms: self.earliest_ms.max(other.earliest_ms),
            latest_ms: self.latest_ms.min(other.latest_ms),
        };
        (both.earliest_ms <= both.latest_ms).then_some(both)
    }

    /// The range, wider by this at both ends.
    pub fn widened(self, by_ms: i64) -> Self {
        Self {
            earliest_ms: self.earliest_ms.saturating_sub(by_ms),
            latest_ms: self.latest_ms.saturating_add(by_ms),
        }
    }

    /// How far the middle of the range is ahead of the wall clock at this reading, in milliseconds.
    pub fn ahead_ms(self, reading: &Reading) -> i64 {
        ahead_ms(self.middle_ms(), reading)
    }
}

fn ahead_ms(offset: i64, reading: &Reading) -> i64 {
    offset
        .saturating_add(millis(reading.moment.uptime))
        .saturating_sub(reading.wall.as_millisecond())
}

fn offset_ms(shown: Timestamp, uptime: Duration) -> i64 {
    shown.as_millisecond().saturating_sub(millis(uptime))
}

fn millis(uptime: Duration) -> i64 {
    i64::try_from(uptime.as_millis()).unwrap_or(i64::MAX)
}

fn is_within_skew(one_ms: i64, other_ms: i64) -> bool {
    one_ms.abs_diff(other_ms) <= SKEW_MAX_MS
}

#[cfg(test)]
mod tests;
