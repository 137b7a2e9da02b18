//! Compares the upstream's clock with ours, by the `Date` of each response.
//!
//! Why: the age of a verification is the difference of two clocks, the one that set `verifiedAt` and the one that judges. If they
//! differ, ages are wrong, and nothing else in the service shows it.

use std::sync::atomic::{AtomicI64, Ordering};

use http::{HeaderMap, header::DATE};

use super::http_date::http_date;
use crate::{
    clock::Moment,
    log_throttle::{LogThrottle, throttled},
};

/// A larger difference is logged: half of what `verifiedAt` may lie in the future.
const SKEW_MAX_MS: u64 = 30_000;
/// `Date` has whole seconds: on average it is half a second behind.
const HALF_A_SECOND_MS: i64 = 500;
const UNKNOWN: i64 = i64::MIN;

/// The last comparison of the two clocks.
#[derive(Debug)]
pub(super) struct ClockComparison {
    /// How far the upstream's clock is ahead of ours.
    ahead_ms: AtomicI64,
    /// Throttled, because one of several servers of the upstream may have a wrong clock.
    log: LogThrottle,
}

impl ClockComparison {
    /// No comparison yet.
    pub(super) fn new() -> Self {
        Self {
            ahead_ms: AtomicI64::new(UNKNOWN),
            log: LogThrottle::default(),
        }
    }

    /// Compares the `Date` of a response that arrived at this moment.
    pub(super) fn compare(&self, headers: &HeaderMap, at: Moment) {
        let Some(date) = http_date(headers, &DATE) else {
            return;
        };
        let ahead_ms = date
            .as_millisecond()
            .saturating_add(HALF_A_SECOND_MS)
            .saturating_sub(at.now.as_millisecond());
        let before = self.ahead_ms.swap(ahead_ms, Ordering::Relaxed);
        match (is_skewed(before), is_skewed(ahead_ms)) {
            (false, true) => throttled!(
                self.log,
                at.uptime,
                warn,
                "clock_skew_detected",
                ahead_ms,
                "upstream clock and local clock differ by more than 30s: check the time of this host, because ages are judged by it"
            ),
            (true, false) => throttled!(
                self.log,
                at.uptime,
                info,
                "clock_skew_resolved",
                "upstream clock and local clock agree again"
            ),
            _ => {}
        }
    }

    /// How far the upstream's clock is ahead of ours; `None` before the first comparison.
    pub(super) fn ahead_ms(&self) -> Option<i64> {
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        (ahead_ms != UNKNOWN).then_some(ahead_ms)
    }

    /// Whether the clocks differ too much to judge ages by.
    pub(super) fn is_skewed(&self) -> bool {
        is_skewed(self.ahead_ms.load(Ordering::Relaxed))
    }
}

fn is_skewed(ahead_ms: i64) -> bool {
    ahead_ms != UNKNOWN && ahead_ms.unsigned_abs() > SKEW_MAX_MS
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::from_millis;

    fn moment(now: i64) -> Moment {
        Moment {
            now: from_millis(now),
            uptime: Duration::ZERO,
        }
    }

    #[test]
    fn clocks_that_differ_by_more_than_30_s_are_skewed() {
        let clocks = ClockComparison::new();
        assert_eq!((clocks.ahead_ms(), clocks.is_skewed()), (None, false));
        let date = "Thu, 01 Jan 1970 00:00:00 GMT".parse().unwrap();
        let at_0 = HeaderMap::from_iter([(DATE, date)]);
        for (now, ahead_ms, skewed) in [
            (500, 0, false),
            (30_500, -30_000, false),
            (30_501, -30_001, true),
            (-29_501, 30_001, true),
            (0, 500, false),
        ] {
            clocks.compare(&at_0, moment(now));
            assert_eq!(clocks.ahead_ms(), Some(ahead_ms));
            assert_eq!(clocks.is_skewed(), skewed, "{now}");
        }
        clocks.compare(&HeaderMap::new(), moment(i64::from(u32::MAX)));
        assert_eq!(clocks.ahead_ms(), Some(500));
    }
}
