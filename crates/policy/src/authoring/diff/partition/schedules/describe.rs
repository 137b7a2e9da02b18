//! The times of the week at which schedules combine in a chosen way.

use std::collections::BTreeSet;

use crate::{
    limits::WEEK_MINUTES,
    schedule::{Schedule, ms},
};

/// The times of the week, in minutes from Monday at 00:00, at which the combination of schedules is a chosen one. The schedules
/// are of one zone.
pub(super) fn weekly_times(
    schedules: &[&Schedule],
    is_chosen: impl Fn(&[bool]) -> bool,
) -> Vec<(u16, u16)> {
    let bounds = schedules.iter().flat_map(|s| s.intervals());
    let mut bounds: BTreeSet<u16> = bounds.flat_map(|(a, b)| [a, b]).collect();
    bounds.extend([0, WEEK_MINUTES]);
    let mut times: Vec<(u16, u16)> = Vec::new();
    for (start, end) in bounds.iter().zip(bounds.iter().skip(1)) {
        let inside = schedules.iter().map(|s| s.week().contains(ms(*start)));
        if !is_chosen(&inside.collect::<Vec<bool>>()) {
            continue;
        }
        match times.last_mut() {
            Some((_, last)) if last == start => *last = *end,
            _ => times.push((*start, *end)),
        }
    }
    times
}
