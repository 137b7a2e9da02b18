//! The limits of schedules: where one begins and ends, and where else in a week it could begin and end.

use std::collections::BTreeSet;

use super::{
    super::{
        expression::Condition,
        partition::{Partition, Stretch},
    },
    instants::{Instants, YEAR_START_MS},
    point::Point,
    query::Sensitivity,
};
use crate::{limits::WEEK_MS, schedule::Schedule, time::from_millis, week::week_ms};

const DAY_MS: i64 = WEEK_MS / 7;
/// How many points of one kind are tried.
const POINTS_MAX: usize = 64;

/// An instant at which a schedule begins or ends.
#[derive(Debug, Clone, Copy)]
pub(in crate::authoring) struct Transition {
    pub(in crate::authoring) at_ms: i64,
    /// The regions just before it and just after it.
    pub(in crate::authoring) sides: [u16; 2],
}

/// A distance from a limit, the region there, and the instant.
type Near = (i64, u16, i64);

impl Sensitivity<'_, '_> {
    /// The instants among these stretches at which the schedule begins, or ends.
    pub(in crate::authoring) fn transitions(
        &self,
        schedule: &Schedule,
        begins: bool,
        stretches: &[Stretch],
    ) -> Vec<Transition> {
        let inside = self.inside(schedule);
        let transitions = stretches.iter().filter_map(|stretch| {
            let before = stretch.region_before?;
            let turns =
                inside.contains(&stretch.region) == begins && inside.contains(&before) != begins;
            turns.then_some(Transition {
                at_ms: stretch.start_ms,
                sides: [before, stretch.region],
            })
        });
        transitions.collect()
    }

    fn inside(&self, schedule: &Schedule) -> Vec<u16> {
        let partition = self.partition();
        partition.map_or_else(Vec::new, |partition: &Partition<'_>| {
            partition.meeting(Condition::Inside(schedule))
        })
    }

    /// Kinds of points at which a case detects a longer or a shorter schedule: just inside its beginning and its end, just outside
    /// them, and on each day on which it is or could be. The points of each kind are ordered by their distance from the limit.
    pub(in crate::authoring) fn weekly_points(
        &self,
        schedule: &Schedule,
        instants: &Instants,
    ) -> Vec<Vec<(u16, Point)>> {
        let own = days(schedule);
        let others = other_days(&own);
        let inside = self.inside(schedule);
        let (mut limits, mut own_days) = ([const { Vec::new() }; 4], vec![Vec::new(); own.len()]);
        let mut other_points = vec![Vec::new(); others.len()];
        for stretch in instants.stretches() {
            let local = LocalStretch::of(stretch, schedule);
            if inside.contains(&stretch.region) {
                for (day, points) in own.iter().zip(&mut own_days) {
                    let Some((from, to)) = local.part_in(*day) else {
                        continue;
                    };
                    points.push(from);
                    let [after_beginning, before_end, ..] = &mut limits;
                    after_beginning.push(from);
                    before_end.push(to);
                }
            } else {
                let [.., after_end, before_beginning] = &mut limits;
                after_end.extend(local.after_end(&own));
                before_beginning.extend(local.before_beginning(&own));
                for (day, points) in others.iter().zip(&mut other_points) {
                    points.extend(local.part_in(*day).map(|(from, _)| from));
                }
            }
        }
        let kinds = limits.into_iter().chain(own_days).chain(other_points);
        kinds.map(nearest_first).collect()
    }
}

/// A stretch by the local time of a schedule: when it begins in the week, and how long it is.
struct LocalStretch<'s> {
    stretch: &'s Stretch,
    start: i64,
    length: i64,
}

impl<'s> LocalStretch<'s> {
    fn of(stretch: &'s Stretch, schedule: &Schedule) -> Self {
        let instant = from_millis(stretch.start_ms);
        Self {
            stretch,
            start: week_ms(instant, schedule.ahead_ms(instant)),
            length: stretch.end_ms.saturating_sub(stretch.start_ms),
        }
    }

    /// The first and the last instant that it has in an interval, with their distances from the two ends of the interval.
    fn part_in(&self, (begins, whole): (i64, i64)) -> Option<(Near, Near)> {
        let into = self.start.saturating_sub(begins).rem_euclid(WEEK_MS);
        let (into, later) = if into < whole {
            (into, 0)
        } else {
            (0, begins.saturating_sub(self.start).rem_euclid(WEEK_MS))
        };
        let length = self
            .length
            .saturating_sub(later)
            .min(whole.saturating_sub(into));
        let first_ms = self.stretch.start_ms.saturating_add(later);
        let last_ms = first_ms.saturating_add(length).saturating_sub(1);
        let to_end = whole.saturating_sub(into).saturating_sub(length);
        let region = self.stretch.region;
        (length > 0).then_some(((into, region, first_ms), (to_end, region, last_ms)))
    }

    /// Its first instant, with the distance from the end of an interval.
    fn after_end(&self, own: &[(i64, i64)]) -> Option<Near> {
        let since = own.iter().map(|(begins, whole)| {
            let end = begins.saturating_add(*whole);
            self.start.saturating_sub(end).rem_euclid(WEEK_MS)
        });
        Some((since.min()?, self.stretch.region, self.stretch.start_ms))
    }

    /// Its last instant, with the distance from the beginning of an interval.
    fn before_beginning(&self, own: &[(i64, i64)]) -> Option<Near> {
        let end = self.start.saturating_add(self.length);
        let until = own
            .iter()
            .map(|(begins, _)| begins.saturating_sub(end).rem_euclid(WEEK_MS));
        let last_ms = self.stretch.end_ms.saturating_sub(1);
        Some((until.min()?, self.stretch.region, last_ms))
    }
}

/// One point for each region, the nearest first; of equally near ones the first that is not in an earlier year.
fn nearest_first(mut points: Vec<Near>) -> Vec<(u16, Point)> {
    points.sort_by_key(|(distance, _, at_ms)| (*distance, *at_ms < YEAR_START_MS, *at_ms));
    let mut seen = BTreeSet::new();
    points.retain(|(_, region, _)| seen.insert(*region));
    let points = points.into_iter().take(POINTS_MAX);
    points
        .map(|(_, region, at_ms)| (region, Point::At(at_ms)))
        .collect()
}

/// The intervals of a schedule in milliseconds of the week, as beginning and length. An interval across the end of the week is one
/// interval, and whole days are separate ones, because that is how they are written.
fn days(schedule: &Schedule) -> Vec<(i64, i64)> {
    let mut intervals: Vec<(i64, i64)> = schedule
        .week()
        .intervals()
        .iter()
        .map(|(begins, ends)| (*begins, ends.saturating_sub(*begins)))
        .collect();
    if let [(0, more), .., (begins, length)] = intervals.as_slice()
        && begins.saturating_add(*length) == WEEK_MS
    {
        let joined = (*begins, length.saturating_add(*more));
        intervals.pop();
        if let Some(first) = intervals.first_mut() {
            *first = joined;
        }
    }
    let days = intervals.into_iter().flat_map(|(begins, length)| {
        let whole_days = length.saturating_sub(1).div_euclid(DAY_MS);
        (0..=whole_days).map(move |day| {
            let later = day.saturating_mul(DAY_MS);
            let begins = begins.saturating_add(later).rem_euclid(WEEK_MS);
            (begins, length.saturating_sub(later).min(DAY_MS))
        })
    });
    days.collect()
}

/// The same hours on the other days of the week.
fn other_days(own: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut days: Vec<(i64, i64)> = own
        .iter()
        .flat_map(|(begins, length)| {
            let shifted =
                (1..7).map(|days| begins.saturating_add(DAY_MS * days).rem_euclid(WEEK_MS));
            shifted.map(|begins| (begins, *length))
        })
        .filter(|day| !own.contains(day))
        .collect();
    days.sort_unstable();
    days.dedup();
    days
}
