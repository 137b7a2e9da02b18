//! The limits of requirements on the first axis: the regions on their two sides, and the point of a check at the limit.

use super::{
    super::{
        expression::{Condition, millis},
        partition::{Birthday, Partition},
    },
    point::Point,
    query::Sensitivity,
};
use crate::{limits::SKEW, rule::Requirement};

/// A limit of a requirement about an age or a date of birth.
#[derive(Debug, Clone, Copy)]
pub(in crate::authoring) struct Limit {
    /// The regions just before it and just after it.
    pub(in crate::authoring) sides: [u16; 2],
    /// The point of a check at the limit, in the region after it.
    pub(in crate::authoring) at: Point,
}

/// A side of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::authoring) enum Side {
    Before,
    After,
}

impl Sensitivity<'_, '_> {
    /// The limit at which this requirement begins or ceases to hold; `None` if it has none on this axis.
    pub(in crate::authoring) fn limit(
        &self,
        requirement: &Requirement,
        begins: bool,
    ) -> Option<Limit> {
        let partition = self.partition()?;
        match (requirement, partition) {
            (Requirement::VerifiedWithin(age_max), Partition::Ages(_)) if !begins => {
                self.limit_of_age(millis(*age_max))
            }
            (Requirement::Authenticated(required), Partition::Ages(_)) if !begins => {
                self.limit_of_age(millis(required.within))
            }
            // A session from further in the future counts as no session.
            (Requirement::Authenticated(_), Partition::Ages(_)) => Some(Limit {
                sides: [0, 1],
                at: Point::Age(i64::try_from(SKEW.as_millis()).ok()?.saturating_neg()),
            }),
            (Requirement::AgeAtLeast(years), Partition::Births(births)) if begins => {
                let meeting = partition.meeting(Condition::AgeAtLeast(*years));
                let after = meeting.into_iter().min()?;
                let at = Point::Birthday(births.bounds(after).0?);
                let sides = [after.checked_sub(1)?, after];
                Some(Limit { sides, at })
            }
            (Requirement::AgeBelow(years), Partition::Births(births)) if !begins => {
                let meeting = partition.meeting(Condition::AgeBelow(*years));
                let before = meeting.into_iter().max()?;
                let at = Point::Birthday(births.bounds(before).1?);
                let sides = [before, before.checked_add(1)?];
                Some(Limit { sides, at })
            }
            _ => None,
        }
    }

    fn limit_of_age(&self, age_ms: i64) -> Option<Limit> {
        let meeting = self.partition()?.meeting(Condition::NewerThan(age_ms));
        let before = meeting.into_iter().max()?;
        Some(Limit {
            sides: [before, before.checked_add(1)?],
            at: Point::Age(age_ms),
        })
    }

    /// The regions on this side of the limit, the nearest first, each with the point in it that is nearest to the limit.
    pub(in crate::authoring) fn away_from(&self, limit: &Limit, side: Side) -> Vec<(u16, Point)> {
        let Some(partition) = self.partition() else {
            return Vec::new();
        };
        let [before, after] = limit.sides;
        let regions: Vec<u16> = match side {
            Side::Before => (1..=before).rev().collect(),
            Side::After => (after..self.walk.formulas.size(self.level)).collect(),
        };
        let points = regions.into_iter().filter_map(|region| {
            let point = match (partition, side) {
                (Partition::Ages(ages), Side::Before) => {
                    Point::Age(ages.bounds(region).1?.checked_sub(1)?)
                }
                (Partition::Ages(ages), Side::After) => Point::Age(ages.bounds(region).0?),
                (Partition::Births(births), Side::Before) => {
                    Point::BeforeBirthday(births.bounds(region).1?)
                }
                (Partition::Births(births), Side::After) => {
                    let start: Birthday = births.bounds(region).0?;
                    Point::Birthday(start)
                }
                _ => return None,
            };
            Some((region, point))
        });
        points.collect()
    }
}
