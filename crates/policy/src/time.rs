//! Instants and durations as the policy language means them: to the millisecond, half-open, and saturating, so that no
//! input overflows. A day is 24 hours; only birthdays follow the calendar.

use std::{fmt, time::Duration};

pub use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The units of a duration, largest first: name and milliseconds.
const UNITS: [(&str, u64); 6] = [
    ("w", 7 * 24 * 60 * 60 * 1000),
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// The instant `duration` after `instant`, or the last one that there is.
pub fn after(instant: Timestamp, duration: Duration) -> Timestamp {
    instant.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// The instant `duration` before `instant`, or the first one that there is.
pub fn before(instant: Timestamp, duration: Duration) -> Timestamp {
    instant.checked_sub(duration).unwrap_or(Timestamp::MIN)
}

/// How long after `earlier` it is at `later`; nothing if it is not.
pub fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or(Duration::ZERO)
}

/// The instant so many milliseconds after 1970 began in UTC, or the nearest one that there is.
pub fn from_millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// The same instant without its part below a millisecond.
pub fn whole_millis(instant: Timestamp) -> Timestamp {
    let floor = instant.as_nanosecond().div_euclid(1_000_000);
    i64::try_from(floor).map_or(instant, from_millis)
}

/// The instant with the calendar year (in UTC) raised by `years`; 29 February becomes 1 March in a year that has none.
pub fn anniversary(instant: Timestamp, years: u16) -> Timestamp {
    let date_time = TimeZone::UTC.to_datetime(instant);
    let Ok(years) = i16::try_from(years) else {
        return Timestamp::MAX;
    };
    let year = date_time.year().saturating_add(years);
    date_time
        .with()
        .year(year)
        .build()
        .or_else(|_| date_time.with().year(year).month(3).day(1).build())
        .and_then(|raised| TimeZone::UTC.to_timestamp(raised))
        .unwrap_or(Timestamp::MAX)
}

/// Reads an instant as RFC 3339 writes it. Its part below a millisecond is cut: nobody can say it on the wire.
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    let instant = text.parse().ok().filter(|_| is_rfc_3339(text));
    instant.map(whole_millis)
}

/// Whether the text has the form of RFC 3339; the parser takes several more, and a leap second for the one before it.
fn is_rfc_3339(text: &str) -> bool {
    let Some((date_time, rest)) = text.split_at_checked("2026-01-31T00:00:00".len()) else {
        return false;
    };
    let offset = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let (digits, offset) = split_while(fraction, |c| c.is_ascii_digit());
            if digits.is_empty() {
                return false;
            }
            offset
        }
    };
    let zulu = offset.eq_ignore_ascii_case("z");
    let near = has_form(offset, "+00:00") || has_form(offset, "-00:00");
    let hours = offset.get(1..3).and_then(|h| h.parse().ok());
    let minutes = offset.get(4..6).and_then(|m| m.parse().ok());
    let in_range = hours.is_some_and(|h: u8| h < 24) && minutes.is_some_and(|m: u8| m < 60);
    has_form(&date_time.to_ascii_uppercase(), "0000-00-00T00:00:00")
        && !date_time.ends_with("60")
        && (zulu || near && in_range)
}

/// Whether the text is like this one, with any digit for a zero.
fn has_form(text: &str, form: &str) -> bool {
    let like = |(byte, form): (u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte == form,
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(like)
}

/// Reads a duration such as `30d`, `90s` or `1d12h`. A bare number has no unit and is refused.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDurationError> {
    let mut total_ms: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let (digits, after_digits) = split_while(rest, |c| c.is_ascii_digit());
        let (unit, after_unit) = split_while(after_digits, |c| c.is_ascii_alphabetic());
        let count: u64 = digits.parse().map_err(|_| InvalidDurationError)?;
        let (_, unit_ms) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or(InvalidDurationError)?;
        total_ms = count
            .checked_mul(*unit_ms)
            .and_then(|ms| total_ms.checked_add(ms))
            .ok_or(InvalidDurationError)?;
        rest = after_unit;
    }
    if text.is_empty() {
        return Err(InvalidDurationError);
    }
    Ok(Duration::from_millis(total_ms))
}

fn split_while(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// The text is not a duration of the policy language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a duration")]
pub struct InvalidDurationError;

/// Shows a duration as the policy language writes it, in one way only: `36h` shows as `1d12h`, and no time as `0s`.
#[derive(Debug, Clone, Copy)]
pub struct Shown(pub Duration);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0s");
        }
        for (name, unit_ms) in UNITS.iter().filter(|(name, _)| *name != "w") {
            if rest >= *unit_ms {
                write!(f, "{}{name}", rest / unit_ms)?;
                rest %= unit_ms;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_instant_is_written_as_rfc_3339_does_and_in_no_other_way() {
        for text in [
            "2026-01-31T00:00:00Z",
            "2026-01-31t00:00:00z",
            "2026-01-31T00:00:00.25+05:30",
            "2026-01-31T00:00:00-23:59",
        ] {
            assert!(parse_instant(text).is_some(), "{text}");
        }
        for text in [
            "2026-01-31T00:00:00Z[Europe/Berlin]",
            "20260131T000000Z",
            "2026-01-31T00Z",
            "2026-01-31T00:00Z",
            "2026-01-31T00:00:00,5Z",
            "2026-01-31T00:00:00.Z",
            "2026-01-31T00:00:00+25:59",
            "2026-01-31T00:00:00+05:60",
            "2026-01-31T00:00:00+0530",
            "2026-01-31T00:00:60Z",
            "2026-01-31 00:00:00Z",
            "2026-01-31T00:00:00",
            "+002026-01-31T00:00:00Z",
            "2026-01-31",
            "",
        ] {
            assert_eq!(parse_instant(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_sums_of_units() {
        let cases = [
            ("90d", 90 * 86_400_000),
            ("1d12h", 36 * 3_600_000),
            ("2w", 14 * 86_400_000),
            ("5m", 300_000),
            ("15ms", 15),
            ("1s500ms", 1500),
            ("0s", 0),
        ];
        for (text, ms) in cases {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(ms)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in [
            "",
            "30",
            "d",
            "30x",
            "-1d",
            "1.5d",
            "1 d",
            "30D",
            "99999999999999999999d",
            "18446744073709551615w",
            "1d ",
            "１d",
        ] {
            assert_eq!(parse_duration(text), Err(InvalidDurationError), "{text}");
        }
    }

    #[test]
    fn a_duration_shows_in_one_way() {
        for (text, shown) in [
            ("36h", "1d12h"),
            ("2w", "14d"),
            ("0ms", "0s"),
            ("61s", "1m1s"),
            ("1500ms", "1s500ms"),
        ] {
            assert_eq!(Shown(parse_duration(text).unwrap()).to_string(), shown);
        }
    }

    #[test]
    fn an_anniversary_of_29_february_falls_on_1_march() {
        let born = at("2004-02-29T00:00:00Z");
        assert_eq!(anniversary(born, 18), at("2022-03-01T00:00:00Z"));
        assert_eq!(anniversary(born, 20), at("2024-02-29T00:00:00Z"));
        assert_eq!(anniversary(born, 0), born);
    }

    #[test]
    fn arithmetic_at_the_ends_of_time_saturates() {
        assert_eq!(after(Timestamp::MAX, Duration::MAX), Timestamp::MAX);
        assert_eq!(before(Timestamp::MIN, Duration::MAX), Timestamp::MIN);
        assert_eq!(from_millis(i64::MAX), Timestamp::MAX);
        assert_eq!(from_millis(i64::MIN), Timestamp::MIN);
        assert_eq!(anniversary(Timestamp::MAX, 150), Timestamp::MAX);
        assert_eq!(between(Timestamp::MAX, Timestamp::MIN), Duration::ZERO);
    }

    #[test]
    fn what_is_between_two_instants_is_the_way_from_the_one_to_the_other() {
        let (noon, later) = (at("2026-01-31T12:00:00Z"), at("2026-01-31T12:00:00.001Z"));
        assert_eq!(between(noon, later), Duration::from_millis(1));
        assert_eq!(between(noon, noon), Duration::ZERO);
        assert_eq!(between(later, noon), Duration::ZERO);
    }

    #[test]
    fn an_instant_before_1970_loses_its_part_below_a_millisecond_downwards() {
        assert_eq!(
            whole_millis(at("1969-12-31T23:59:59.9995Z")),
            at("1969-12-31T23:59:59.999Z")
        );
    }
}
