//! When a connection ends: decided at each tick from what happens on it.

use std::time::Duration;

use super::{
    activity::Activity,
    limits::{HEAD_TIMEOUT, IDLE_TIMEOUT, Limits, STOP_GRACE, WRITE_TIMEOUT},
    metrics::Closed,
};

/// How often the driver of a connection looks at it.
pub(super) const TICK: Duration = Duration::from_secs(1);
/// How long a connection of HTTP/1 may have no call.
const HTTP1_IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// How many ticks a peer without a call may take to close a connection that is being replaced.
const FAREWELL: u32 = 5;

/// What to do with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Keep,
    /// Accept no more calls on it, and let those in flight end.
    Finish(Closed),
    /// Close it.
    Close(Closed),
}

/// The times of one connection, in ticks.
#[derive(Debug)]
pub(super) struct Lifetime {
    is_http1: bool,
    age: u32,
    grace: u32,
    /// Since when it has had no call.
    idle_since: u32,
    /// The calls that had begun by the last tick: one may begin and end between two ticks.
    begun: u32,
    /// Since when no more calls are accepted on it, and why.
    finishing: Option<(u32, Closed)>,
}

impl Lifetime {
    /// A connection whose age is the configured one times `spread`, which is about 1.
    pub(super) fn new(limits: &Limits, spread: f64, is_http1: bool) -> Self {
        Self {
            is_http1,
            age: ticks(limits.connection_age.mul_f64(spread)).max(1),
            grace: ticks(limits.connection_grace),
            idle_since: 0,
            begun: 0,
            finishing: None,
        }
    }

    /// The service stops at this tick.
    pub(super) fn stop(&mut self, tick: u32) {
        self.finishing = Some((tick, Closed::Stopped));
    }

    /// What to do at this tick.
    pub(super) fn at(&mut self, tick: u32, activity: &Activity) -> Verdict {
        if activity.is_blocked_for(ticks(WRITE_TIMEOUT)) {
            return Verdict::Close(Closed::Unread);
        }
        if activity.has_slow_head(ticks(HEAD_TIMEOUT)) {
            return Verdict::Close(Closed::SlowHead);
        }
        let has_calls = activity.calls() > 0;
        let begun = activity.begun();
        if has_calls || begun != self.begun {
            self.idle_since = tick;
            self.begun = begun;
        }
        if let Some((since, why)) = self.finishing {
            let waited = tick.saturating_sub(since);
            // What waits for the peer is no work in flight any more.
            let unread = ticks(STOP_GRACE);
            if why == Closed::Stopped && waited >= unread && activity.is_blocked_for(unread) {
                return Verdict::Close(Closed::Stopped);
            }
            let wait = match (why, has_calls) {
                // All that remain are closed when the drain times out.
                (Closed::Stopped, true) => return Verdict::Keep,
                (Closed::Stopped, false) => ticks(STOP_GRACE),
                (_, false) => FAREWELL.min(self.grace),
                (_, true) => self.grace,
            };
            return if waited >= wait {
                Verdict::Close(why)
            } else {
                Verdict::Keep
            };
        }
        let idle_max = if self.is_http1 {
            HTTP1_IDLE_TIMEOUT
        } else {
            IDLE_TIMEOUT
        };
        let idle = tick.saturating_sub(self.idle_since);
        let why = if idle >= ticks(idle_max) {
            Closed::Idle
        } else if tick >= self.age {
            Closed::Age
        } else {
            return Verdict::Keep;
        };
        self.finishing = Some((tick, why));
        Verdict::Finish(why)
    }
}

fn ticks(duration: Duration) -> u32 {
    u32::try_from(
        duration
            .as_secs()
            .saturating_add(u64::from(duration.subsec_nanos() > 0)),
    )
    .unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{
        super::{limits::Runtimes, received_frames::ReceivedFrames},
        *,
    };

    const LIMITS: Limits = Limits {
        connections: 1,
        connections_per_address: 1,
        streams_per_connection: 1,
        connection_age: Duration::from_mins(10),
        connection_grace: Duration::from_secs(30),
        memory: 1,
        runtimes: Runtimes::Present,
    };

    /// The first tick up to this one at which something happens, and what.
    fn next(lifetime: &mut Lifetime, activity: &Activity, until: u32) -> Option<(u32, Verdict)> {
        loop {
            let tick = activity.advance();
            match lifetime.at(tick, activity) {
                Verdict::Keep if tick >= until => return None,
                Verdict::Keep => {}
                verdict => return Some((tick, verdict)),
            }
        }
    }

    #[test]
    fn a_connection_that_is_used_is_replaced_at_its_age_and_closed_after_the_grace() {
        for (spread, age) in [(0.9, 540), (1.0, 600), (1.1, 660)] {
            let activity = Arc::new(Activity::default());
            let mut lifetime = Lifetime::new(&LIMITS, spread, false);
            let call = activity.begin();
            let replaced = next(&mut lifetime, &activity, 1_000);
            assert_eq!(replaced, Some((age, Verdict::Finish(Closed::Age))));
            let closed = next(&mut lifetime, &activity, 1_000);
            assert_eq!(closed, Some((age + 30, Verdict::Close(Closed::Age))));
            drop(call);
        }
    }

    #[test]
    fn a_connection_whose_calls_are_over_before_each_tick_is_not_idle() {
        let activity = Arc::new(Activity::default());
        let mut lifetime = Lifetime::new(&LIMITS, 1.0, false);
        for _ in 0..500 {
            drop(activity.begin());
            let verdict = lifetime.at(activity.advance(), &activity);
            assert_eq!(verdict, Verdict::Keep);
        }
    }

    #[test]
    fn a_peer_without_a_call_has_a_shorter_grace() {
        let activity = Arc::new(Activity::default());
        let mut lifetime = Lifetime::new(&LIMITS, 1.0, false);
        let idle = next(&mut lifetime, &activity, 1_000);
        assert_eq!(idle, Some((300, Verdict::Finish(Closed::Idle))));
        let closed = next(&mut lifetime, &activity, 1_000);
        assert_eq!(closed, Some((305, Verdict::Close(Closed::Idle))));
    }

    #[test]
    fn when_the_service_stops_only_calls_in_flight_hold_a_connection() {
        let activity = Arc::new(Activity::default());
        let mut lifetime = Lifetime::new(&LIMITS, 1.0, false);
        let call = activity.begin();
        lifetime.stop(0);
        assert_eq!(next(&mut lifetime, &activity, 100), None);
        drop(call);
        let verdict = lifetime.at(activity.advance(), &activity);
        assert_eq!(verdict, Verdict::Close(Closed::Stopped));
        let activity = Arc::new(Activity::default());
        let mut lifetime = Lifetime::new(&LIMITS, 1.0, false);
        lifetime.stop(0);
        let closed = next(&mut lifetime, &activity, 100);
        assert_eq!(closed, Some((2, Verdict::Close(Closed::Stopped))));
    }

    #[test]
    fn an_answer_that_nobody_reads_holds_the_stop_no_longer_than_a_peer_without_a_call() {
        let activity = Arc::new(Activity::default());
        let mut lifetime = Lifetime::new(&LIMITS, 1.0, false);
        let mut unread = activity.begin();
        unread.block();
        lifetime.stop(0);
        let closed = next(&mut lifetime, &activity, 100);
        assert_eq!(closed, Some((2, Verdict::Close(Closed::Stopped))));
    }

    #[test]
    fn a_head_or_a_frame_that_is_not_whole_in_time_ends_the_connection() {
        let end = Some((5, Verdict::Close(Closed::SlowHead)));
        let head = Activity::default();
        head.bytes_received(1, 1);
        let mut lifetime = Lifetime::new(&LIMITS, 1.0, true);
        assert_eq!(next(&mut lifetime, &head, 50), end);
        let frame = Activity::default();
        let mut frames = ReceivedFrames::default();
        let received = frames.receive(&[0; 5], 0, false).unwrap();
        frame.frames_received(received, &frames);
        let mut lifetime = Lifetime::new(&LIMITS, 1.0, false);
        assert_eq!(next(&mut lifetime, &frame, 50), end);
    }

    #[test]
    fn an_answer_that_nobody_reads_ends_the_connection_whatever_else_goes_on() {
        let activity = Arc::new(Activity::default());
        let mut lifetime = Lifetime::new(&LIMITS, 1.0, false);
        let mut unread = activity.begin();
        unread.block();
        for _ in 0..9 {
            let mut read = activity.begin();
            read.block();
            assert_eq!(lifetime.at(activity.advance(), &activity), Verdict::Keep);
            read.unblock();
        }
        let verdict = lifetime.at(activity.advance(), &activity);
        assert_eq!(verdict, Verdict::Close(Closed::Unread));
    }
}
