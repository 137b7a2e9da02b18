//! What the upstream says about time in its headers: how long to leave it in peace, and what time it is there.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use http::{
    HeaderMap, HeaderName,
    header::{DATE, RETRY_AFTER},
};
use jiff::fmt::rfc2822::DateTimeParser;
use tracing::{info, warn};

use crate::{
    clock::Moment,
    log_throttle::LogThrottle,
    policy::{Timestamp, between},
};

/// Clocks further apart than this are told: half of what a verification may lie in the future.
const APART_MAX_MS: u64 = 30_000;
/// `Date` counts whole seconds: in the middle of one, on average.
const HALF_A_SECOND_MS: i64 = 500;
const UNKNOWN: i64 = i64::MIN;

/// `Retry-After` as a span: seconds, or until a date by the upstream's own clock.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let there = date(headers, &DATE).unwrap_or(now);
    Some(between(there, date(headers, &RETRY_AFTER)?))
}

/// A header that is an HTTP date.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    let text = headers.get(name)?.to_str().ok()?;
    DateTimeParser::new().parse_timestamp(text).ok()
}

/// Compares our clock with the upstream's, and says so when they are too far apart: then `verifiedAt` cannot be judged.
#[derive(Debug)]
pub(super) struct ClockGuard {
    /// How far the upstream's clock is ahead of ours.
    ahead_ms: AtomicI64,
    /// Where several machines answer for the upstream, one of them may be wrong.
    log: LogThrottle,
}

impl ClockGuard {
    pub(super) fn new() -> Self {
        Self {
            ahead_ms: AtomicI64::new(UNKNOWN),
            log: LogThrottle::default(),
        }
    }

    /// Looks at the `Date` of an answer that has just come.
    pub(super) fn compare(&self, headers: &HeaderMap, at: Moment) {
        let Some(there) = date(headers, &DATE) else {
            return;
        };
        let ahead_ms = there
            .as_millisecond()
            .saturating_add(HALF_A_SECOND_MS)
            .saturating_sub(at.now.as_millisecond());
        let before = self.ahead_ms.swap(ahead_ms, Ordering::Relaxed);
        match (is_apart(before), is_apart(ahead_ms)) {
            (false, true) => {
                if let Some(left_out) = self.log.allow("apart", at.uptime) {
                    warn!(
                        ahead_ms,
                        left_out,
                        "the upstream's clock and ours are apart: check the time of this machine, because ages are judged by it"
                    );
                }
            }
            (true, false) => {
                if let Some(left_out) = self.log.allow("agree", at.uptime) {
                    info!(left_out, "the upstream's clock and ours agree again");
                }
            }
            _ => {}
        }
    }

    /// How far the upstream's clock is ahead of ours, if that is known.
    pub(super) fn ahead_ms(&self) -> Option<i64> {
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        (ahead_ms != UNKNOWN).then_some(ahead_ms)
    }

    /// Whether the two clocks are too far apart.
    pub(super) fn are_apart(&self) -> bool {
        is_apart(self.ahead_ms.load(Ordering::Relaxed))
    }
}

fn is_apart(ahead_ms: i64) -> bool {
    ahead_ms != UNKNOWN && ahead_ms.unsigned_abs() > APART_MAX_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::from_millis;

    fn headers(of: &[(HeaderName, &str)]) -> HeaderMap {
        let pairs = of
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()));
        pairs.collect()
    }

    #[test]
    fn a_pause_is_told_in_seconds_or_as_a_date_by_the_upstreams_clock() {
        let now = from_millis(0);
        let read = |pairs: &[(HeaderName, &str)]| retry_after(&headers(pairs), now);
        assert_eq!(
            read(&[(RETRY_AFTER, " 90 ")]),
            Some(Duration::from_secs(90))
        );
        assert_eq!(read(&[(RETRY_AFTER, "0")]), Some(Duration::ZERO));
        let date = (DATE, "Fri, 31 Dec 1999 23:59:29 GMT");
        let until = |text| (RETRY_AFTER, text);
        let in_30_s = [date.clone(), until("Fri, 31 Dec 1999 23:59:59 GMT")];
        assert_eq!(read(&in_30_s), Some(Duration::from_secs(30)));
        let past = [date, until("Fri, 31 Dec 1999 23:59:00 GMT")];
        assert_eq!(read(&past), Some(Duration::ZERO));
        assert_eq!(
            read(&[until("Thu, 01 Jan 1970 00:00:07 GMT")]),
            Some(Duration::from_secs(7))
        );
        for text in ["", "soon", "-1", "1.5", "99999999999999999999"] {
            assert_eq!(read(&[(RETRY_AFTER, text)]), None, "{text}");
        }
    }

    fn moment(now: i64) -> Moment {
        Moment {
            now: from_millis(now),
            uptime: Duration::ZERO,
        }
    }

    #[test]
    fn clocks_half_a_minute_apart_are_suspect() {
        let guard = ClockGuard::new();
        assert_eq!((guard.ahead_ms(), guard.are_apart()), (None, false));
        let at_0 = headers(&[(DATE, "Thu, 01 Jan 1970 00:00:00 GMT")]);
        for (now, ahead_ms, apart) in [
            (500, 0, false),
            (30_500, -30_000, false),
            (30_501, -30_001, true),
            (-29_501, 30_001, true),
            (0, 500, false),
        ] {
            guard.compare(&at_0, moment(now));
            assert_eq!(guard.ahead_ms(), Some(ahead_ms));
            assert_eq!(guard.are_apart(), apart, "{now}");
        }
        guard.compare(&HeaderMap::new(), moment(i64::from(u32::MAX)));
        assert_eq!(guard.ahead_ms(), Some(500));
    }
}
