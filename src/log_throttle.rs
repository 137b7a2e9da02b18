//! Limits how often a log line is repeated: an outage has few lines, however many calls it affects.
//!
//! Why throttled by kind and not sampled: the first line of each kind appears at once, when somebody looks for the cause, and the
//! number of suppressed ones is in the next line, so no information is lost.

use std::time::Duration;

use parking_lot::Mutex;

/// Time between two lines of one kind.
const REPEAT_AFTER: Duration = Duration::from_mins(1);
/// Kinds that are counted separately; further kinds share the last place.
const KINDS_MAX: usize = 32;

/// Admits one log line of each kind a minute, and counts those it suppresses.
#[derive(Debug, Default)]
pub struct LogThrottle(Mutex<Vec<Kind>>);

#[derive(Debug)]
struct Kind {
    name: &'static str,
    /// The uptime at which the next line is admitted.
    next_at: Duration,
    suppressed: u64,
}

impl LogThrottle {
    /// Whether a line of this kind may be logged at this uptime. `Some` is the number of lines suppressed since the last one.
    pub fn allow(&self, kind: &'static str, uptime: Duration) -> Option<u64> {
        let mut kinds = self.0.lock();
        let full = kinds.len() >= KINDS_MAX;
        let known = kinds.iter().position(|known| known.name == kind);
        let known = known.or(full.then_some(KINDS_MAX - 1));
        let next_at = uptime.saturating_add(REPEAT_AFTER);
        match known.and_then(|index| kinds.get_mut(index)) {
            Some(kind) if uptime < kind.next_at => {
                kind.suppressed = kind.suppressed.saturating_add(1);
                None
            }
            Some(kind) => {
                kind.next_at = next_at;
                Some(std::mem::take(&mut kind.suppressed))
            }
            None => {
                kinds.push(Kind {
                    name: kind,
                    next_at,
                    suppressed: 0,
                });
                Some(0)
            }
        }
    }
}

/// Logs a line of an event at most once a minute. Takes the throttle, the uptime, the level (`warn`, `info`, `error`), the event's
/// name and, after a `/`, the kind to throttle by instead of that name; then the fields and the message as in [`tracing::warn!`].
macro_rules! throttled {
    ($throttle:expr, $uptime:expr, $level:ident, $event:literal / $kind:expr, $($line:tt)+) => {
        if let Some(suppressed) = $throttle.allow($kind, $uptime) {
            tracing::$level!(event = $event, suppressed, $($line)+);
        }
    };
    ($throttle:expr, $uptime:expr, $level:ident, $event:literal, $($line:tt)+) => {
        $crate::log_throttle::throttled!($throttle, $uptime, $level, $event / $event, $($line)+)
    };
}
pub(crate) use throttled;

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn an_outage_of_an_hour_at_two_hundred_checks_a_second_is_sixty_lines() {
        let throttle = LogThrottle::default();
        let allowed = |at| throttle.allow("failed", ms(at));
        let lines: Vec<u64> = (0..3_600_000).step_by(5).filter_map(allowed).collect();
        assert_eq!(lines.len(), 60);
        assert_eq!(lines[..2], [0, 11_999]);
    }

    #[test]
    fn lines_of_one_kind_do_not_suppress_another() {
        let throttle = LogThrottle::default();
        assert_eq!(throttle.allow("failed", ms(0)), Some(0));
        assert_eq!(throttle.allow("timed_out", ms(0)), Some(0));
        assert_eq!(throttle.allow("failed", ms(59_999)), None);
        assert_eq!(throttle.allow("failed", ms(60_000)), Some(1));
        assert_eq!(throttle.allow("failed", ms(120_000)), Some(0));
    }

    #[test]
    fn the_number_of_kinds_is_bounded() {
        let throttle = LogThrottle::default();
        let kinds: Vec<&'static str> = (1..=100).map(|n| &*"k".repeat(n).leak()).collect();
        let allowed = kinds
            .iter()
            .filter(|kind| throttle.allow(kind, Duration::ZERO).is_some());
        assert_eq!(allowed.count(), KINDS_MAX);
    }
}
