//! Durations in a document. Not a part of [`yaml`](crate::yaml), which does not know the language.

use std::time::Duration;

use crate::{
    time::{Shown, parse_duration},
    yaml::{Decoder, Node, ProblemCode, Reported},
};

/// Names of units that people write, and the milliseconds of one.
const SPOKEN_UNITS: [(&[&str], u64); 8] = [
    (&["ms", "msec", "millis", "millisecond", "milliseconds"], 1),
    (&["s", "sec", "secs", "second", "seconds"], 1000),
    (&["m", "min", "mins", "minute", "minutes"], 60_000),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600_000),
    (&["d", "day", "days"], DAY_MS),
    (&["w", "wk", "wks", "week", "weeks"], 7 * DAY_MS),
    (&["mo", "mon", "month", "months"], 30 * DAY_MS),
    (&["y", "yr", "yrs", "year", "years", "a"], 365 * DAY_MS),
];
const DAY_MS: u64 = 86_400_000;

impl Decoder<'_> {
    /// A duration such as `30d`.
    pub fn duration(&mut self, node: &Node, what: &str) -> Result<Duration, Reported> {
        let text = self.text_of(node, what, "a duration such as `30d`")?;
        parse_duration(text).map_err(|_| {
            let message = format!("{what}: `{text}` is not a duration");
            let hint = duration_hint(text);
            self.refuse(ProblemCode::InvalidValue, node.position, message, hint)
        })
    }
}

/// What to write instead of a text that is not a duration.
fn duration_hint(text: &str) -> String {
    let plain = text.to_ascii_lowercase().replace([' ', '_', ','], "");
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if text.starts_with('-') {
        return "a duration is not negative".to_owned();
    }
    if digits(&plain) {
        return format!(
            "write a unit: `{plain}d` for days, `{plain}h` for hours, `{plain}m` for minutes"
        );
    }
    let iso = plain.strip_prefix('p').map(|rest| rest.replace('t', ""));
    let spoken = iso.as_deref().unwrap_or(&plain);
    match spoken_duration(spoken) {
        Some(duration) => format!("did you mean `{}`?", Shown(duration)),
        None => "a duration is a sum of whole numbers with units, such as `30d`, `12h` or `1d12h` (units: ms, s, m, h, d, w)".to_owned(),
    }
}

/// A duration in everyday notation: `30 days`, `1.5h`, `1y`. `None` if it is not a whole number of milliseconds.
fn spoken_duration(text: &str) -> Option<Duration> {
    let mut total_ms: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at_checked(number_end)?;
        let unit_end = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, following) = after.split_at_checked(unit_end)?;
        let (_, unit_ms) = SPOKEN_UNITS
            .iter()
            .find(|(names, _)| names.contains(&unit))?;
        total_ms = total_ms.checked_add(scaled(number, *unit_ms)?)?;
        rest = following;
    }
    (total_ms > 0).then(|| Duration::from_millis(total_ms))
}

/// A decimal number of units in milliseconds, if that is whole.
fn scaled(number: &str, unit_ms: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let places = u32::try_from(fraction.len())
        .ok()
        .filter(|places| *places <= 6)?;
    let scale = 10_u64.checked_pow(places)?;
    let digits: u64 = format!("{whole}{fraction}").parse().ok()?;
    let scaled = digits.checked_mul(unit_ms)?;
    (scaled % scale == 0).then(|| scaled / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_as_people_speak_of_it_is_answered_with_the_one_that_is_meant() {
        for (spoken, meant) in [
            ("30 days", "`30d`"),
            ("30days", "`30d`"),
            ("30D", "`30d`"),
            ("1y", "`365d`"),
            ("3 months", "`90d`"),
            ("1.5h", "`1h30m`"),
            ("P30D", "`30d`"),
            ("PT15M", "`15m`"),
            ("90", "`90d` for days"),
            ("-5m", "not negative"),
            ("soon", "a sum of whole numbers"),
            ("1.0000000001h", "a sum of whole numbers"),
            ("99999999999999999999d", "a sum of whole numbers"),
        ] {
            let hint = duration_hint(spoken);
            assert!(hint.contains(meant), "{spoken}: {hint}");
        }
    }
}
