//! Instants and durations on the wire, both ways.

use std::time::Duration;

use crate::policy::{Timestamp, from_millis};

/// The first and the last second of the wire's calendar: the years 1 and 9999.
const SECOND_MIN: i64 = -62_135_596_800;
const SECOND_MAX: i64 = 253_402_300_799;
/// The longest duration of the wire: ten thousand years.
const DURATION_SECONDS_MAX: i64 = 315_576_000_000;

/// An instant of the wire, to the millisecond; `None` if it is outside the wire's own range.
pub fn instant(wire: prost_types::Timestamp) -> Option<Timestamp> {
    let in_range = (SECOND_MIN..=SECOND_MAX).contains(&wire.seconds)
        && (0..=999_999_999).contains(&wire.nanos);
    let millis = wire
        .seconds
        .checked_mul(1000)?
        .checked_add(i64::from(wire.nanos / 1_000_000))?;
    in_range.then(|| from_millis(millis))
}

/// An instant on the wire, clamped to its calendar.
pub fn timestamp(instant: Timestamp) -> prost_types::Timestamp {
    let millis = instant
        .as_millisecond()
        .clamp(SECOND_MIN * 1000, SECOND_MAX * 1000 + 999);
    prost_types::Timestamp {
        seconds: millis.div_euclid(1000),
        nanos: i32::try_from(millis.rem_euclid(1000) * 1_000_000).unwrap_or(0),
    }
}

/// A duration of the wire; one that is negative counts as zero.
pub fn elapsed(wire: &prost_types::Duration) -> Duration {
    let seconds = Duration::from_secs(wire.seconds.try_into().unwrap_or(0));
    seconds.saturating_add(Duration::from_nanos(wire.nanos.try_into().unwrap_or(0)))
}

/// A duration on the wire, clamped to its range.
pub fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs())
            .unwrap_or(i64::MAX)
            .min(DURATION_SECONDS_MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_survives_the_wire() {
        for millis in [SECOND_MIN * 1000, -1, 0, 1, SECOND_MAX * 1000 + 999] {
            let there = from_millis(millis);
            assert_eq!(instant(timestamp(there)), Some(there), "{millis}");
        }
    }

    #[test]
    fn an_instant_outside_the_calendar_is_refused_on_entry_and_clamped_on_exit() {
        let wire = |seconds, nanos| prost_types::Timestamp { seconds, nanos };
        for outside in [
            wire(SECOND_MIN - 1, 0),
            wire(SECOND_MAX + 1, 0),
            wire(i64::MAX, 0),
            wire(0, -1),
            wire(0, 1_000_000_000),
        ] {
            assert_eq!(instant(outside), None, "{outside:?}");
        }
        assert_eq!(timestamp(Timestamp::MIN), wire(SECOND_MIN, 0));
        assert_eq!(duration(Duration::MAX).seconds, DURATION_SECONDS_MAX);
    }
}
