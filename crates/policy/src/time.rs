//! Instants and durations. Arithmetic saturates, so that no input overflows. A day is 24 hours; only birthdays follow the
//! calendar.

mod duration;

use std::time::Duration;

pub use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

pub use self::duration::{InvalidDurationError, Shown, parse_duration};

/// Prints instants to the millisecond.
const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// Nanoseconds of a second.
const SECOND_NANOS: i32 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;

/// The instant `duration` after `instant`, or [`Timestamp::MAX`].
pub fn after(instant: Timestamp, duration: Duration) -> Timestamp {
    moved(instant, duration, 1).unwrap_or(Timestamp::MAX)
}

/// The instant `duration` before `instant`, or [`Timestamp::MIN`].
pub fn before(instant: Timestamp, duration: Duration) -> Timestamp {
    moved(instant, duration, -1).unwrap_or(Timestamp::MIN)
}

/// The instant this much later, or earlier with the sign -1. By whole numbers, because a check moves some ten instants, and the general
/// arithmetic of the library takes most of that time.
fn moved(instant: Timestamp, duration: Duration, sign: i8) -> Option<Timestamp> {
    let seconds = i64::try_from(duration.as_secs()).ok()?;
    let nanos = i32::try_from(duration.subsec_nanos()).ok()?;
    let seconds = seconds.checked_mul(sign.into())?;
    let seconds = instant.as_second().checked_add(seconds)?;
    let nanos = nanos.checked_mul(sign.into())?;
    let nanos = instant.subsec_nanosecond().checked_add(nanos)?;
    let carry = nanos / SECOND_NANOS;
    let seconds = seconds.checked_add(i64::from(carry))?;
    // Signs that differ are balanced there.
    Timestamp::new(seconds, nanos % SECOND_NANOS).ok()
}

/// The time from `earlier` to `later`; zero if `later` is the earlier one.
pub fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    let seconds = later.as_second().saturating_sub(earlier.as_second());
    let nanos = later
        .subsec_nanosecond()
        .saturating_sub(earlier.subsec_nanosecond());
    // Each within two seconds of zero, below or above.
    let borrow = i64::from(nanos.div_euclid(SECOND_NANOS));
    let seconds = u64::try_from(seconds.saturating_add(borrow));
    let nanos = u32::try_from(nanos.rem_euclid(SECOND_NANOS));
    match (seconds, nanos) {
        (Ok(seconds), Ok(nanos)) => Duration::new(seconds, nanos),
        _ => Duration::ZERO,
    }
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
    let seconds = instant.as_second();
    // Before 1970 a part of a second counts backwards.
    let whole = seconds.saturating_sub(i64::from(instant.subsec_nanosecond() < 0));
    let day = whole.div_euclid(DAY_SECONDS);
    let (year, month, day_of_month) = date_of(day);
    let raised = day_of(year.saturating_add(years.into()), month, day_of_month);
    let days = raised.saturating_sub(day);
    let seconds = seconds.saturating_add(days.saturating_mul(DAY_SECONDS));
    Timestamp::new(seconds, instant.subsec_nanosecond()).unwrap_or(Timestamp::MAX)
}

/// The instant in the form of RFC 3339, to the millisecond.
pub fn rfc3339(instant: Timestamp) -> String {
    let mut text = Vec::new();
    push_rfc3339(&mut text, instant);
    String::from_utf8(text).unwrap_or_default()
}

/// Appends the instant in the form of [`rfc3339`].
///
/// Digit by digit, because a line of the journal has several instants, and a printer for every form of a date takes most of its time.
pub fn push_rfc3339(text: &mut Vec<u8>, instant: Timestamp) {
    let (seconds, nanos) = (instant.as_second(), instant.subsec_nanosecond());
    // Negative in the last second before 1970, too.
    if seconds < 0 || nanos < 0 {
        // Writing to memory cannot fail.
        let _ = PRINTER.print_timestamp(&instant, text);
        return;
    }
    let (day, second) = (seconds / DAY_SECONDS, seconds % DAY_SECONDS);
    let (year, month, day) = date_of(day);
    let mut form = *b"0000-00-00T00:00:00.000Z";
    for (end, digits, value) in [
        (4, 4, year),
        (7, 2, month),
        (10, 2, day),
        (13, 2, second / 3_600),
        (16, 2, second / 60 % 60),
        (19, 2, second % 60),
        (23, 3, i64::from(nanos / 1_000_000)),
    ] {
        let places = form.get_mut(end - digits..end).unwrap_or_default();
        put_digits(places, value);
    }
    text.extend_from_slice(&form);
}

/// Writes the last decimal digits of the number, one into each place.
fn put_digits(places: &mut [u8], mut number: i64) {
    for place in places.iter_mut().rev() {
        // A remainder of ten is a digit.
        *place = b'0'.wrapping_add(u8::try_from(number % 10).unwrap_or_default());
        number /= 10;
    }
}

/// Days in 400 years, after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;

/// The year, month and day of the month of this day since 1970-01-01, in the calendar of ISO 8601. Counted in years that begin with March, so
/// that a leap day is the last one of its year, and in eras of 400 years.
fn date_of(day: i64) -> (i64, i64, i64) {
    let day = day.saturating_add(DAYS_TO_1970);
    let (era, day) = (day.div_euclid(ERA_DAYS), day.rem_euclid(ERA_DAYS));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year;
    if month < 10 {
        (year, month + 3, day)
    } else {
        (year + 1, month - 9, day)
    }
}

/// The day since 1970-01-01 of this date, the inverse of [`date_of`]; of 29 February in a year that has none, 1 March.
fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day = (153 * month + 2) / 5 + day - 1;
    era * ERA_DAYS + year * 365 + year / 4 - year / 100 + day - DAYS_TO_1970
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
