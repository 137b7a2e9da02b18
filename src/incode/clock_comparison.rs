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
mod tests;
