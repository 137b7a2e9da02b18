//! Which combinations of schedules occur, found span by span: in a span no clock is set, so that one week of it shows every
//! combination that it has.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::limits::END_MS;
use crate::{
    limits::WEEK_MS,
    schedule::{Schedule, ms},
    time::{Timestamp, from_millis},
    week::week_ms,
};

/// A span of time in which no clock is set, in milliseconds since 1970.
pub(super) struct Span {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    /// How far ahead of UTC the clock of each schedule is, in milliseconds.
    pub(super) offsets: Vec<i64>,
}

/// Which of the instants at which a combination occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extreme {
    First,
    Last,
}

/// The spans from `from_ms` to the end of the period that is compared, in which no clock of these schedules is set.
pub(super) fn spans(schedules: &[&Schedule], from_ms: i64) -> Vec<Span> {
    spans_between(schedules, from_ms, END_MS)
}

/// The spans from `from_ms` to `until_ms` in which no clock of these schedules is set.
pub(super) fn spans_between(schedules: &[&Schedule], from_ms: i64, until_ms: i64) -> Vec<Span> {
    let mut bounds = BTreeSet::from([from_ms, until_ms]);
    let mut zones = BTreeSet::new();
    for schedule in schedules {
        if zones.insert(schedule.zone()) {
            let settings = schedule.settings(from_millis(from_ms));
            let settings = settings.map(Timestamp::as_millisecond);
            bounds.extend(settings.take_while(|at| *at < until_ms));
        }
    }
    pairs(&bounds)
        .map(|(start_ms, end_ms)| Span {
            start_ms,
            end_ms,
            offsets: schedules
                .iter()
                .map(|schedule| schedule.ahead_ms(from_millis(start_ms)))
                .collect(),
        })
        .collect()
}

/// The combinations of these schedules that occur in these spans, which are in the order of time, each with the first or the
/// last instant at which it does.
pub(super) fn combinations(
    schedules: &[&Schedule],
    spans: &[Span],
    extreme: Extreme,
) -> BTreeMap<Vec<bool>, i64> {
    let mut spans: Vec<&Span> = spans.iter().collect();
    if extreme == Extreme::Last {
        spans.reverse();
    }
    let mut instants = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for span in spans {
        let (start_ms, end_ms) = match extreme {
            Extreme::First => span.first_days(WEEK_MS),
            Extreme::Last => span.last_days(WEEK_MS),
        };
        if !seen.insert(span.kind(WEEK_MS)) {
            continue;
        }
        let changes = changes(schedules, &span.offsets, start_ms, end_ms);
        let mut parts: Vec<(i64, i64)> = pairs(&changes).collect();
        if extreme == Extreme::Last {
            parts.reverse();
        }
        for (start_ms, end_ms) in parts {
            let instant_ms = match extreme {
                Extreme::First => start_ms,
                Extreme::Last => end_ms.saturating_sub(1),
            };
            let schedules = schedules.iter().zip(&span.offsets);
            let inside = schedules.map(|(schedule, ahead_ms)| {
                let at = week_ms(from_millis(instant_ms), *ahead_ms);
                schedule.week().contains(at)
            });
            instants.entry(inside.collect()).or_insert(instant_ms);
        }
    }
    instants
}

impl Span {
    /// The first part of it of this length; all of it where it is shorter.
    pub(super) fn first_days(&self, length_ms: i64) -> (i64, i64) {
        let end_ms = self.start_ms.saturating_add(length_ms);
        (self.start_ms, self.end_ms.min(end_ms))
    }

    /// The last part of it of this length; all of it where it is shorter.
    pub(super) fn last_days(&self, length_ms: i64) -> (i64, i64) {
        let start_ms = self.end_ms.saturating_sub(length_ms);
        (self.start_ms.max(start_ms), self.end_ms)
    }

    /// Spans of the same kind show the same combinations. A span that is shorter than `length_ms`, which is a week or more, shows others, by the
    /// time of the week at which it lies.
    pub(super) fn kind(&self, length_ms: i64) -> (&[i64], Option<(i64, i64)>) {
        let length = self.end_ms.saturating_sub(self.start_ms);
        let short = (length < length_ms).then(|| (self.start_ms.rem_euclid(WEEK_MS), length));
        (&self.offsets, short)
    }
}

/// The instants from `start_ms` to `end_ms` at which a schedule begins or ends, with these two.
pub(super) fn changes(
    schedules: &[&Schedule],
    ahead_ms: &[i64],
    start_ms: i64,
    end_ms: i64,
) -> BTreeSet<i64> {
    let mut changes = BTreeSet::from([start_ms, end_ms]);
    for (schedule, ahead_ms) in schedules.iter().zip(ahead_ms) {
        let local_ms = week_ms(from_millis(start_ms), *ahead_ms);
        let minutes = schedule.intervals().into_iter().flat_map(|(a, b)| [a, b]);
        let waits = minutes.map(|minute| ms(minute).saturating_sub(local_ms).rem_euclid(WEEK_MS));
        let instants = waits.map(|wait| start_ms.saturating_add(wait));
        changes.extend(instants.filter(|instant| *instant < end_ms));
    }
    changes
}

/// Each value with the one after it.
pub(super) fn pairs(values: &BTreeSet<i64>) -> impl Iterator<Item = (i64, i64)> {
    values.iter().copied().zip(values.iter().copied().skip(1))
}
