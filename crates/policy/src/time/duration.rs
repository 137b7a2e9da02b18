//! Durations as policies write them: sums of whole numbers with units. A day is 24 hours.

use std::{fmt, time::Duration};

/// The units of a duration, largest first: name and milliseconds.
const UNITS: [(&str, u64); 6] = [
    ("w", 7 * 24 * 60 * 60 * 1000),
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

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
