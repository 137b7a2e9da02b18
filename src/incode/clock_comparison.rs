//! Finds out what the vendor's clock shows, by the `Date` of its answers.
//!
//! Why: the age of a verification is the difference of two clocks, the one that set `verifiedAt` and the one that judges. If they
//! differ, ages are wrong, and nothing else in the service shows it.
//!
//! Why three answers over 10 s: one of several servers of the vendor may have a wrong clock, and a cache may repeat an old `Date`. What
//! is confirmed is kept as a distance from the uptime, so that a wall clock that is set afterwards is noticed without another answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, header::DATE};
use parking_lot::Mutex;

use super::http_date::http_date;
use crate::{
    clock::{AnchoredClock, Clock as _, OffsetRange},
    log_throttle::{LogThrottle, throttled},
    policy::after,
};

/// Answers that must agree before the vendor's clock counts.
const ANSWERS_MIN: u32 = 3;
/// The time from the first of them to the last.
const SPAN_MIN: Duration = Duration::from_secs(10);
/// Answers agree if they allow for one clock that is wrong by no more than this.
const TOLERANCE_MS: i64 = 1_000;
/// `Date` has whole seconds: it may have been written any time within its second.
const DATE_PRECISION: Duration = Duration::from_secs(1);

/// What one answer of the vendor shows of its clock.
#[derive(Debug, Clone, Copy)]
struct DatedAnswer {
    range: OffsetRange,
    received: Duration,
}

impl DatedAnswer {
    /// The clock that wrote the `Date` of an answer, which was requested and received at these uptimes. `None` if the header is
    /// missing, repeated or not a date; or if the answer comes from a cache and has an age: caches differ in whether they renew `Date`.
    fn of(
        headers: &HeaderMap,
        age: Duration,
        requested: Duration,
        received: Duration,
    ) -> Option<Self> {
        let is_single = headers.get_all(DATE).iter().count() == 1;
        if !is_single || !age.is_zero() {
            return None;
        }
        let date = http_date(headers, &DATE)?;
        Some(Self {
            range: OffsetRange::new(date, after(date, DATE_PRECISION), requested, received),
            received,
        })
    }
}

/// Compares the vendor's clock with ours, and gives it to the [`AnchoredClock`] once it is known.
#[derive(Debug)]
pub(super) struct ClockComparison {
    clock: Arc<AnchoredClock>,
    agreeing: Mutex<Option<AgreeingAnswers>>,
    were_apart: AtomicBool,
    log: LogThrottle,
}

/// The last answers, as long as each agrees with those before it.
#[derive(Debug, Clone, Copy)]
struct AgreeingAnswers {
    /// What all of them allow.
    range: OffsetRange,
    count: u32,
    /// The uptime at which the first one arrived.
    since: Duration,
    confirmed: bool,
}

impl ClockComparison {
    /// No comparison yet.
    pub(super) fn new(clock: Arc<AnchoredClock>) -> Self {
        Self {
            clock,
            agreeing: Mutex::default(),
            were_apart: AtomicBool::new(false),
            log: LogThrottle::default(),
        }
    }

    /// Compares the clocks by the headers of an answer of this age that was requested and received at these uptimes. To be called only for answers
    /// that have the vendor's shape: the clock of a proxy proves nothing.
    pub(super) fn compare(
        &self,
        headers: &HeaderMap,
        age: Duration,
        requested: Duration,
        received: Duration,
    ) {
        let Some(answer) = DatedAnswer::of(headers, age, requested, received) else {
            return;
        };
        let answers = {
            let mut agreeing = self.agreeing.lock();
            let answers = AgreeingAnswers::with(*agreeing, answer);
            *agreeing = Some(answers);
            answers
        };
        if answers.confirmed {
            self.clock.confirm(answers.range);
        }
        self.log_changes();
    }

    /// How far the vendor's clock is ahead of our wall clock: by what is confirmed, else by the last answer; `None` before the first one.
    pub(super) fn ahead_ms(&self) -> Option<i64> {
        let reading = self.clock.read();
        let last = || self.agreeing.lock().map(|a| a.range.ahead_ms(&reading));
        self.clock.vendor_ahead_ms(&reading).or_else(last)
    }

    /// Whether checks are decided for the instants of both clocks, because they differ too much.
    pub(super) fn are_apart(&self) -> bool {
        self.clock.vendor_if_apart(&self.clock.read()).is_some()
    }

    /// How far the wall clock is behind the instant that checks are decided for.
    pub(super) fn wall_is_behind_by(&self) -> Duration {
        self.clock.read().wall_is_behind_by()
    }

    fn log_changes(&self) {
        let uptime = self.clock.moment().uptime;
        let ahead_ms = self.ahead_ms().unwrap_or_default();
        let apart = self.are_apart();
        match (self.were_apart.swap(apart, Ordering::Relaxed), apart) {
            (false, true) => throttled!(
                self.log,
                uptime,
                warn,
                "clock_skew_detected",
                ahead_ms,
                "upstream clock and local clock differ by more than 30s: check the time of this machine, because ages are judged by it"
            ),
            (true, false) => throttled!(
                self.log,
                uptime,
                info,
                "clock_skew_resolved",
                "upstream clock and local clock agree again"
            ),
            _ => {}
        }
    }
}

impl AgreeingAnswers {
    /// The answers with one more: it joins those before it if it agrees with them, else it is the first one of others.
    fn with(before: Option<Self>, answer: DatedAnswer) -> Self {
        let DatedAnswer { range, received } = answer;
        let before = before.filter(|b| b.range.widened(TOLERANCE_MS).and(range).is_some());
        let Some(before) = before else {
            return Self {
                range,
                count: 1,
                since: received,
                confirmed: false,
            };
        };
        let count = before.count.saturating_add(1);
        let span = received.saturating_sub(before.since);
        Self {
            // Clocks drift: where nothing is allowed by all answers, the last one counts.
            range: before.range.and(range).unwrap_or(range),
            count,
            since: before.since,
            confirmed: before.confirmed || count >= ANSWERS_MIN && span >= SPAN_MIN,
        }
    }
}

#[cfg(test)]
mod tests;
