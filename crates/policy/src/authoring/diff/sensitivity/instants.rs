//! Chooses the instants of checks, inside and outside the policy's schedules.

use std::collections::BTreeSet;

use super::{
    super::{
        axis::Axis,
        limits::FIRST_MS,
        partition::{Partition, Stretch},
    },
    ordered::OrderedSpace,
};
use crate::{limits::BIRTH_MS_STEP, time::Timestamp};

/// 2026-01-05T00:00:00Z, a Monday: the beginning of the year of which most instants are.
pub(super) const YEAR_START_MS: i64 = 1_767_571_200_000;
const NOON_MS: i64 = YEAR_START_MS + 12 * HOUR_MS;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Eight weeks: longer than the range of dates of birth around 1970 that cannot be read.
const PAST_THE_DOUBTFUL_MS: i64 = 56 * DAY_MS;
/// More than a year, so that every clock change of a year is included.
const YEAR_MS: i64 = 370 * DAY_MS;
/// How many stretches of one region are tried.
const STRETCHES_MAX: usize = 12;

/// Instants of checks.
#[derive(Debug, Default)]
pub(in crate::authoring) struct Instants {
    /// For policies in which no schedule matters.
    plain: Vec<i64>,
    /// For policies with schedules: some days of a year, by the regions of [`Axis::Now`]; then maybe days of other years.
    stretches: Vec<Stretch>,
}

impl Instants {
    /// The instants of checks in this space.
    pub(super) fn of(space: &OrderedSpace<'_>) -> Self {
        let mut plain = vec![NOON_MS, NOON_MS.saturating_add(PAST_THE_DOUBTFUL_MS)];
        // The first instant at which a verification can be older than the greatest age in the policy.
        let oldest = space.axes().find_map(|(axis, _, partition)| {
            let Partition::Ages(ages) = partition else {
                return None;
            };
            let last = u16::try_from(partition.len()).ok()?.checked_sub(1)?;
            ages.bounds(last).0.filter(|_| *axis == Axis::VerifiedAt)
        });
        if let Some(later_ms) = oldest.and_then(later_than)
            && later_ms > NOON_MS
        {
            plain.push(later_ms);
        }
        let stretches = space.schedules().map_or_else(Vec::new, |schedules| {
            let until_ms = YEAR_START_MS.saturating_add(YEAR_MS);
            let mut stretches = schedules.stretches(YEAR_START_MS, until_ms);
            // The first is in the same year, the second is in a later one.
            let lengths_ms = [14 * DAY_MS, YEAR_MS];
            for (later_ms, length_ms) in plain.iter().skip(1).zip(lengths_ms) {
                let until_ms = later_ms.saturating_add(length_ms);
                stretches.extend(schedules.stretches(*later_ms, until_ms));
            }
            stretches
        });
        Self { plain, stretches }
    }

    /// These instants, and those of other years that show what these do not; `None` if there are none. What is to come is first, then what
    /// was, the latest first.
    pub(super) fn with_other_years(&self, space: &OrderedSpace<'_>) -> Option<Self> {
        let schedules = space.schedules()?;
        let offsets = schedules.offsets(YEAR_START_MS, YEAR_START_MS.saturating_add(YEAR_MS));
        let known = Known::of(&self.stretches);
        let mut others: Vec<Stretch> = Vec::new();
        for mut era in schedules.history() {
            if offsets.contains(&era.offsets) {
                era.stretches.retain(|stretch| !known.shows(stretch));
            }
            others.extend(era.stretches);
        }
        let (mut past, coming): (Vec<Stretch>, Vec<Stretch>) = others
            .into_iter()
            .partition(|stretch| stretch.start_ms < YEAR_START_MS);
        past.reverse();
        let others = coming.into_iter().chain(past);
        let stretches: Vec<Stretch> = self.stretches.iter().copied().chain(others).collect();
        (stretches.len() > self.stretches.len()).then(|| Self {
            plain: self.plain.clone(),
            stretches,
        })
    }
}

/// What some stretches show.
struct Known {
    /// The regions that follow others, each with the one before it.
    sides: BTreeSet<(Option<u16>, u16)>,
    regions: BTreeSet<u16>,
    /// Those of them in which a birthday can be reached.
    rooms: BTreeSet<u16>,
}

impl Known {
    fn of(stretches: &[Stretch]) -> Self {
        let with_room = stretches.iter().filter(|s| s.has_room_for_birthday());
        Self {
            sides: stretches.iter().map(sides).collect(),
            regions: stretches.iter().map(|s| s.region).collect(),
            rooms: with_room.map(|s| s.region).collect(),
        }
    }

    fn shows(&self, stretch: &Stretch) -> bool {
        let region = stretch.region;
        let stays = stretch.region_before == Some(region);
        self.regions.contains(&region)
            && (stays || self.sides.contains(&sides(stretch)))
            && (!stretch.has_room_for_birthday() || self.rooms.contains(&region))
    }
}

fn sides(stretch: &Stretch) -> (Option<u16>, u16) {
    (stretch.region_before, stretch.region)
}

/// The first instant of a year in which a verification can have this age; `None` if the calendar ends before.
fn later_than(age_ms: i64) -> Option<i64> {
    let later_ms = FIRST_MS.checked_add(age_ms)?.checked_add(DAY_MS)?;
    let later_ms = later_ms
        .saturating_sub(later_ms.rem_euclid(DAY_MS))
        .checked_add(12 * HOUR_MS)?;
    let last_ms = Timestamp::MAX.as_millisecond().saturating_sub(YEAR_MS);
    (later_ms < last_ms).then_some(later_ms)
}

impl Instants {
    /// The stretches between the beginnings and ends of schedules.
    pub(in crate::authoring) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Instants in this region, or in any, each delayed by this much; the simpler ones first. They are multiples of the unit of dates
    /// of birth, except those that lie between two multiples.
    pub(super) fn inside(&self, region: Option<u16>, later_ms: i64) -> Vec<i64> {
        if self.stretches.is_empty() {
            let plain = self.plain.iter();
            return plain.map(|at| at.saturating_add(later_ms)).collect();
        }
        let chosen = |stretch: &&Stretch| region.is_none_or(|region| stretch.region == region);
        let mut stretches: Vec<&Stretch> = self.stretches.iter().filter(chosen).collect();
        // Those in which a birthday can be reached first: there may be only one of them.
        stretches.sort_by_key(|stretch| !stretch.has_room_for_birthday());
        // Some of the first ones, and some from every part of the year.
        let step = stretches.len().div_euclid(STRETCHES_MAX).max(1);
        let first = stretches.iter().take(STRETCHES_MAX);
        let others = stretches.iter().skip(STRETCHES_MAX).step_by(step);
        let instants = first.chain(others).flat_map(|stretch| {
            let middle = stretch.start_ms.saturating_add(stretch.end_ms) / 2;
            let round = |at: i64| at.saturating_sub(at.rem_euclid(BIRTH_MS_STEP));
            let next = round(
                stretch
                    .start_ms
                    .saturating_add(BIRTH_MS_STEP)
                    .saturating_sub(1),
            );
            // A birthday at the very beginning is not inside: the instant before it is in another stretch.
            let inner = round(stretch.start_ms.saturating_add(BIRTH_MS_STEP));
            let instants = [round(middle), middle, next, inner, stretch.end_ms].into_iter();
            let instants = instants.map(move |at| at.saturating_add(later_ms));
            instants.filter(|at| (stretch.start_ms..stretch.end_ms).contains(at))
        });
        instants.collect()
    }
}
