//! Instants and durations. Arithmetic saturates, so that no input overflows. A day is 24 hours; only birthdays follow the
//! calendar.

mod duration;

use std::time::Duration;

pub use jiff::Timestamp;
use jiff::{fmt::temporal::DateTimePrinter, tz::TimeZone};

pub use self::duration::{InvalidDurationError, Shown, parse_duration};

/// Prints instants to the millisecond.
const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// The instant `duration` after `instant`, or [`Timestamp::MAX`].
pub fn after(instant: Timestamp, duration: Duration) -> Timestamp {
    instant.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// The instant `duration` before `instant`, or [`Timestamp::MIN`].
pub fn before(instant: Timestamp, duration: Duration) -> Timestamp {
    instant.checked_sub(duration).unwrap_or(Timestamp::MIN)
}

/// The time from `earlier` to `later`; zero if `later` is the earlier one.
pub fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or(Duration::ZERO)
}

/// The instant that is `millis` milliseconds after 1970-01-01T00:00:00Z, or the nearest one that can be represented.
pub fn from_millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// The instant, rounded down to a whole millisecond.
pub fn whole_millis(instant: Timestamp) -> Timestamp {
    let floor = instant.as_nanosecond().div_euclid(1_000_000);
    i64::try_from(floor).map_or(instant, from_millis)
}

/// The instant with the calendar year (in UTC) raised by `years`; 29 February becomes 1 March in a year that has none.
pub(crate) fn anniversary(instant: Timestamp, years: u16) -> Timestamp {
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

/// The instant in the form of RFC 3339, to the millisecond.
pub fn rfc3339(instant: Timestamp) -> String {
    format!("{instant:.3}")
}

/// Appends the instant in the form of [`rfc3339`].
pub fn push_rfc3339(text: &mut Vec<u8>, instant: Timestamp) {
    // Writing to memory cannot fail.
    let _ = PRINTER.print_timestamp(&instant, text);
}

/// Reads an instant in the form of RFC 3339, and rounds it down to a whole millisecond, as instants on the wire are.
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    let instant = text.parse().ok().filter(|_| is_rfc_3339(text));
    instant.map(whole_millis)
}

/// Whether the text has the form of RFC 3339. The parser accepts other forms too, and reads a leap second as the second before.
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

/// Whether the text has this form, in which a zero stands for any digit.
fn has_form(text: &str, form: &str) -> bool {
    let like = |(byte, form): (u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte == form,
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(like)
}

fn split_while(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests;
