//! Times of the week as a person writes them.

use std::collections::BTreeMap;

use crate::{
    limits::DAY_MINUTES,
    schedule::{DAYS, Schedule},
};

/// A schedule in short: `mon-fri 22:00-06:00 Europe/Berlin`.
pub(crate) fn in_short(schedule: &Schedule) -> String {
    let zone = schedule.zone();
    let Some(written) = schedule.written() else {
        return format!("{} {zone}", times_of_week(&schedule.intervals()));
    };
    let mut days = written.days.clone();
    days.sort_unstable();
    days.dedup();
    let (from, to) = (written.from, written.to);
    format!("{} {from}-{to} {zone}", day_names(&days))
}

/// Times of the week: `mon-fri 18:00-19:00, sun 22:00-24:00`.
pub(crate) fn times_of_week(times: &[(u16, u16)]) -> String {
    let mut days_of: BTreeMap<(u16, u16), Vec<u16>> = BTreeMap::new();
    for (start, end) in times {
        for day in (0..7_u16).filter(|day| day.saturating_mul(DAY_MINUTES) < *end) {
            let midnight = day.saturating_mul(DAY_MINUTES);
            let from = start.saturating_sub(midnight);
            let to = end.saturating_sub(midnight).min(DAY_MINUTES);
            if from < to {
                days_of.entry((from, to)).or_default().push(day);
            }
        }
    }
    let mut parts: Vec<(Vec<u16>, String)> = days_of
        .into_iter()
        .map(|((from, to), days)| {
            let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
            let text = format!("{} {}-{}", day_names(&days), time(from), time(to));
            (days, text)
        })
        .collect();
    parts.sort();
    let texts: Vec<String> = parts.into_iter().map(|(_, text)| text).collect();
    texts.join(", ")
}

/// Days of the week: `mon-fri`, `mon and wed`.
fn day_names(days: &[u16]) -> String {
    let name = |day: u16| DAYS.get(usize::from(day)).copied().unwrap_or_default();
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for day in days {
        match runs.last_mut() {
            Some((_, last)) if last.saturating_add(1) == *day => *last = *day,
            _ => runs.push((*day, *day)),
        }
    }
    let names = runs.into_iter().map(|(first, last)| match last - first {
        0 => name(first).to_owned(),
        1 => format!("{} and {}", name(first), name(last)),
        _ => format!("{}-{}", name(first), name(last)),
    });
    names.collect::<Vec<_>>().join(" and ")
}
