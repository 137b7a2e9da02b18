//! The axis of the instant of the check, by the schedules that it lies in. A region is a combination of schedules that really
//! occurs in the period that is compared. The clocks of two zones are set on different days, so which combinations occur
//! follows from the histories of the zones, and not from the schedules alone.

mod describe;
mod spans;

use std::collections::{BTreeMap, BTreeSet};

use self::{
    describe::weekly_times,
    spans::{Extreme, Span, changes, combinations, pairs, spans, spans_between},
};
use super::super::{
    expression::Condition,
    limits::{END_MS, FIRST_MS, WITNESS_MS},
    regions::Regions,
};
use crate::{
    authoring::weekly::times_of_week,
    limits::{BIRTH_MS_STEP, MINUTE_MS, WEEK_MS},
    schedule::Schedule,
    time::{Timestamp, from_millis},
    week::week_ms,
};

/// Eight days: more than a week, so that a beginning at the start of the week is included.
const DAYS_MS: i64 = WEEK_MS + 24 * 60 * MINUTE_MS;

/// A stretch of time in which no schedule begins or ends, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::authoring) struct Stretch {
    pub(in crate::authoring::diff) start_ms: i64,
    pub(in crate::authoring::diff) end_ms: i64,
    pub(in crate::authoring::diff) region: u16,
    /// The region a millisecond before it.
    pub(in crate::authoring::diff) region_before: Option<u16>,
}

/// A time in which no clock is set, with some of its stretches.
#[derive(Debug)]
pub(in crate::authoring::diff) struct Era {
    /// How far ahead of UTC the clock of each schedule is, in milliseconds.
    pub(in crate::authoring::diff) offsets: Vec<i64>,
    pub(in crate::authoring::diff) stretches: Vec<Stretch>,
}

impl Stretch {
    /// Whether a birthday can be reached in it without leaving its region. Dates of birth are multiples of 15 minutes, and a stretch
    /// may be shorter.
    pub(in crate::authoring::diff) fn has_room_for_birthday(&self) -> bool {
        let earliest_ms = if self.region_before == Some(self.region) {
            self.start_ms
        } else {
            self.start_ms.saturating_add(1)
        };
        let to_next_ms = earliest_ms.saturating_neg().rem_euclid(BIRTH_MS_STEP);
        earliest_ms.saturating_add(to_next_ms) < self.end_ms
    }
}

/// The schedules of both policies, and the combinations of them that occur.
#[derive(Debug)]
pub(in crate::authoring::diff) struct Schedules<'p> {
    schedules: Vec<&'p Schedule>,
    combinations: Vec<Combination>,
}

#[derive(Debug)]
struct Combination {
    /// Which of the schedules an instant lies in.
    inside: Vec<bool>,
    /// The first instant from [`WITNESS_MS`] on at which it occurs; the last of all where there is none.
    first_ms: i64,
    /// The last instant at which it occurs.
    last_ms: i64,
}

impl<'p> Schedules<'p> {
    /// The combinations of the schedules of these conditions.
    pub(super) fn of(conditions: &[Condition<'p>]) -> Self {
        let schedules = conditions.iter().filter_map(|condition| match condition {
            Condition::Inside(schedule) => Some(*schedule),
            Condition::OneOf(_)
            | Condition::NoneOf(_)
            | Condition::MissingOrNoneOf(_)
            | Condition::Known
            | Condition::NewerThan(_)
            | Condition::AgeAtLeast(_)
            | Condition::AgeBelow(_) => None,
        });
        let mut schedules: Vec<&'p Schedule> = schedules.collect();
        schedules.sort_by_key(|s| (s.zone(), s.intervals()));
        schedules.dedup();
        let mut all_spans = spans(&schedules, WITNESS_MS);
        let first = combinations(&schedules, &all_spans, Extreme::First);
        all_spans.extend(spans(&schedules, FIRST_MS));
        all_spans.sort_by_key(|span| span.end_ms);
        let last = combinations(&schedules, &all_spans, Extreme::Last);
        let combinations = last
            .into_iter()
            .map(|(inside, last_ms)| Combination {
                first_ms: first.get(&inside).copied().unwrap_or(last_ms),
                inside,
                last_ms,
            })
            .collect();
        Self {
            schedules,
            combinations,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.combinations.len()
    }

    fn numbered(&self) -> impl Iterator<Item = (u16, &Combination)> {
        (0..=u16::MAX).zip(&self.combinations)
    }

    pub(super) fn meeting(&self, condition: Condition<'_>) -> Vec<u16> {
        match condition {
            Condition::Inside(schedule) => {
                let index = self.schedules.iter().position(|s| *s == schedule);
                self.numbered()
                    .filter(|(_, c)| index.and_then(|i| c.inside.get(i)) == Some(&true))
                    .map(|(region, _)| region)
                    .collect()
            }
            Condition::Known => self.numbered().map(|(region, _)| region).collect(),
            Condition::OneOf(_)
            | Condition::NoneOf(_)
            | Condition::MissingOrNoneOf(_)
            | Condition::NewerThan(_)
            | Condition::AgeAtLeast(_)
            | Condition::AgeBelow(_) => Vec::new(),
        }
    }

    /// The region of the combination that occurs at this instant; none outside the period that is compared.
    pub(super) fn region_of(&self, instant: Timestamp) -> Option<u16> {
        let lies_inside = |schedule: &&Schedule| {
            let ahead = schedule.ahead_ms(instant);
            schedule.week().contains(week_ms(instant, ahead))
        };
        let inside: Vec<bool> = self.schedules.iter().map(lies_inside).collect();
        self.region_of_combination(&inside)
    }

    /// The stretches of the eight days after each change of a clock from `from_ms` to `until_ms`. Where the same clock offsets occurred
    /// before, only the first stretch.
    pub(in crate::authoring::diff) fn stretches(
        &self,
        from_ms: i64,
        until_ms: i64,
    ) -> Vec<Stretch> {
        let spans = spans_between(&self.schedules, from_ms, until_ms);
        let mut stretches = Vec::new();
        let mut seen = BTreeSet::new();
        for span in &spans {
            let is_new = seen.insert(span.kind(DAYS_MS));
            stretches.extend(self.stretches_in(span, span.first_days(DAYS_MS), is_new));
        }
        stretches
    }

    /// The eras of the whole period that is compared. Of each combination of clock offsets they have the first eight days and the last
    /// eight, and of each other era the first stretch. So every region and every change from one to another is among them,
    /// with the first and the last time at which it occurs.
    pub(in crate::authoring::diff) fn history(&self) -> Vec<Era> {
        let spans = spans_between(&self.schedules, FIRST_MS, END_MS);
        let mut last = BTreeMap::new();
        for (index, span) in spans.iter().enumerate() {
            last.insert(span.kind(DAYS_MS), index);
        }
        let mut seen = BTreeSet::new();
        let eras = spans.iter().enumerate().map(|(index, span)| {
            let is_new = seen.insert(span.kind(DAYS_MS));
            let mut stretches = self.stretches_in(span, span.first_days(DAYS_MS), is_new);
            if last.get(&span.kind(DAYS_MS)) == Some(&index) {
                stretches.extend(self.stretches_in(span, span.last_days(DAYS_MS), true));
            }
            Era {
                offsets: span.offsets.clone(),
                stretches,
            }
        });
        eras.collect()
    }

    /// The combinations of clock offsets that occur from `from_ms` to `until_ms`.
    pub(in crate::authoring::diff) fn offsets(
        &self,
        from_ms: i64,
        until_ms: i64,
    ) -> BTreeSet<Vec<i64>> {
        let spans = spans_between(&self.schedules, from_ms, until_ms);
        spans.into_iter().map(|span| span.offsets).collect()
    }

    /// The stretches of a part of a span: all, or the first.
    fn stretches_in(&self, span: &Span, (start_ms, end_ms): (i64, i64), all: bool) -> Vec<Stretch> {
        let week_end_ms = start_ms.saturating_add(WEEK_MS).min(end_ms);
        let in_part = |from_ms, to_ms| changes(&self.schedules, &span.offsets, from_ms, to_ms);
        let mut instants = in_part(start_ms, week_end_ms);
        instants.extend(in_part(week_end_ms, end_ms));
        let parts = pairs(&instants).take(if all { usize::MAX } else { 1 });
        let stretches = parts.filter_map(|(start_ms, end_ms)| {
            Some(Stretch {
                start_ms,
                end_ms,
                region: self.region_of(from_millis(start_ms))?,
                region_before: self.region_of(from_millis(start_ms.saturating_sub(1))),
            })
        });
        stretches.collect()
    }

    fn region_of_combination(&self, inside: &[bool]) -> Option<u16> {
        let mut combinations = self.combinations.iter();
        let region = combinations.position(|combination| combination.inside == inside)?;
        u16::try_from(region).ok()
    }

    fn chosen(&self, regions: &Regions) -> impl Iterator<Item = &Combination> {
        let chosen = self
            .numbered()
            .filter(|(region, _)| regions.contains(*region));
        chosen.map(|(_, combination)| combination)
    }

    /// Instants in these regions: for each the first from [`WITNESS_MS`] on, then for each the last.
    pub(super) fn instants(&self, regions: &Regions) -> Vec<i64> {
        let first = self.chosen(regions).map(|c| c.first_ms);
        let last = self.chosen(regions).map(|c| c.last_ms);
        first.chain(last).collect()
    }

    /// Times of the week if the relevant schedules share a zone; otherwise the schedules that the instant is inside and outside of.
    pub(super) fn describe(&self, regions: &Regions) -> String {
        let deciding = self.deciding(regions);
        let mut zones: Vec<&str> = Vec::new();
        let mut schedules: Vec<&Schedule> = Vec::new();
        for schedule in deciding.iter().filter_map(|i| self.schedules.get(*i)) {
            zones.push(schedule.zone());
            schedules.push(schedule);
        }
        // They are sorted by their zones.
        zones.dedup();
        let chosen: BTreeSet<Vec<bool>> = self.chosen(regions).map(|c| c.only(&deciding)).collect();
        if let [zone] = zones.as_slice() {
            let times = weekly_times(&schedules, |inside| chosen.contains(inside));
            return format!("on {} {zone}", times_of_week(&times));
        }
        let all: BTreeSet<Vec<bool>> = self
            .combinations
            .iter()
            .map(|c| c.only(&deciding))
            .collect();
        self.describe_combinations(&deciding, &chosen, &all)
    }

    /// A smallest set of schedules, as indices, that distinguishes these regions from all others.
    fn deciding(&self, regions: &Regions) -> Vec<usize> {
        let mut deciding: Vec<usize> = (0..self.schedules.len()).collect();
        for index in 0..self.schedules.len() {
            let others: Vec<usize> = deciding.iter().copied().filter(|i| *i != index).collect();
            let mut sides: BTreeMap<Vec<bool>, bool> = BTreeMap::new();
            let decide = self.numbered().all(|(region, combination)| {
                let chosen = regions.contains(region);
                *sides.entry(combination.only(&others)).or_insert(chosen) == chosen
            });
            if decide {
                deciding = others;
            }
        }
        deciding
    }

    /// Describes these combinations, out of all, of the schedules with these indices.
    fn describe_combinations(
        &self,
        indices: &[usize],
        chosen: &BTreeSet<Vec<bool>>,
        all: &BTreeSet<Vec<bool>>,
    ) -> String {
        let Some(first) = chosen.first() else {
            return "never".to_owned();
        };
        let places = || 0..indices.len();
        let is_common = |place: &usize| chosen.iter().all(|c| c.get(*place) == first.get(*place));
        let (common, varying): (Vec<usize>, Vec<usize>) = places().partition(is_common);
        let matches_common = |c: &&Vec<bool>| common.iter().all(|p| c.get(*p) == first.get(*p));
        let common_is_enough = all.iter().filter(matches_common).count() == chosen.len();
        let mut parts = vec![self.describe_sides(indices, first, &common)];
        if !common_is_enough {
            let alternatives = chosen.iter().take(ALTERNATIVES_MAX);
            let alternatives = alternatives.map(|c| self.describe_sides(indices, c, &varying));
            let mut alternatives: Vec<String> = alternatives.collect();
            match chosen.len().saturating_sub(ALTERNATIVES_MAX) {
                0 => {}
                more => alternatives.push(format!("{more} more")),
            }
            parts.push(format!("({})", alternatives.join("; or ")));
        }
        parts.retain(|part| !part.is_empty());
        parts.join(" and ")
    }

    /// Whether a combination of the schedules with these indices is inside or outside each of those at these places.
    fn describe_sides(&self, indices: &[usize], inside: &[bool], places: &[usize]) -> String {
        let parts = places.iter().filter_map(|place| {
            let side = if *inside.get(*place)? {
                "inside"
            } else {
                "outside"
            };
            let schedule = self.schedules.get(*indices.get(*place)?)?;
            let times = times_of_week(&schedule.intervals());
            Some(format!("{side} {times} {}", schedule.zone()))
        });
        parts.collect::<Vec<_>>().join(" and ")
    }
}

impl Combination {
    /// Which of the schedules with these indices an instant lies in.
    fn only(&self, indices: &[usize]) -> Vec<bool> {
        let inside = indices.iter().filter_map(|index| self.inside.get(*index));
        inside.copied().collect()
    }
}

/// How many combinations of schedules are shown.
const ALTERNATIVES_MAX: usize = 3;

#[cfg(test)]
mod tests;
