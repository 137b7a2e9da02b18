//! Which combinations of a policy's schedules occur when, in the whole period that is compared. Some occurred only while a zone still
//! set its clocks.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{
        limits::{END_MS, FIRST_MS},
        partition::Stretch,
    },
    ordered::OrderedSpace,
};

/// More than a year: what occurs so shortly before the end of the period also occurs after it.
const LAST_MS: i64 = 370 * 24 * 3_600_000;

/// Every kind of stretch between beginnings and ends of schedules that occurs.
#[derive(Debug, Default)]
pub(in crate::authoring) struct History {
    stretches: Vec<Stretch>,
    /// The end of the last stretch of each region.
    last_of_region: BTreeMap<u16, i64>,
    /// The last beginning of a stretch of each region after one of another region.
    last_of_sides: BTreeMap<[u16; 2], i64>,
    /// The regions in which a birthday can be reached without leaving them.
    rooms: BTreeSet<u16>,
}

impl History {
    /// The history of the schedules of this space; empty if it has none.
    pub(super) fn of(space: &OrderedSpace<'_>) -> Self {
        let mut history = Self::default();
        if let Some(schedules) = space.schedules() {
            let eras = schedules.history().into_iter();
            history.stretches = eras.flat_map(|era| era.stretches).collect();
        }
        for stretch in &history.stretches {
            let last = history.last_of_region.entry(stretch.region);
            let last = last.or_insert(stretch.end_ms);
            *last = stretch.end_ms.max(*last);
            if let Some(before) = stretch.region_before {
                let last = history.last_of_sides.entry([before, stretch.region]);
                let last = last.or_insert(stretch.start_ms);
                *last = stretch.start_ms.max(*last);
            }
            if stretch.has_room_for_birthday() {
                history.rooms.insert(stretch.region);
            }
        }
        history
    }

    /// Its stretches.
    pub(in crate::authoring) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Whether a birthday can be reached in this region.
    pub(super) fn has_room_for_birthday(&self, region: u16) -> bool {
        self.rooms.contains(&region)
    }

    /// Whether a verification can be so old, in milliseconds, at some instant in this region. None is from before the period.
    pub(super) fn may_be_so_old_in(&self, region: u16, age_ms: i64) -> bool {
        may_be_so_old(self.last_of_region.get(&region), age_ms)
    }

    /// The same at some instant at which the second of these regions follows the first.
    pub(super) fn may_be_so_old_between(&self, sides: [u16; 2], age_ms: i64) -> bool {
        may_be_so_old(self.last_of_sides.get(&sides), age_ms)
    }
}

fn may_be_so_old(last_ms: Option<&i64>, age_ms: i64) -> bool {
    last_ms.is_none_or(|last_ms| {
        let goes_on = *last_ms >= END_MS.saturating_sub(LAST_MS);
        goes_on || FIRST_MS.saturating_add(age_ms) <= *last_ms
    })
}
