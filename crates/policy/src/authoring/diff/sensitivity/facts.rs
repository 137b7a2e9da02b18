//! Concrete checks on a path, at chosen points of the first axis.

use std::time::Duration;

use super::{
    super::{
        draft::Draft,
        formula::Level,
        limits::FIRST_MS,
        partition::Partition,
        regions::Regions,
        witness::{VERIFICATION, Witness, bare_request},
    },
    atom::TimeAxis,
    instants::Instants,
    ordered::OrderedSpace,
    point::Point,
    search::Path,
};
use crate::{
    evidence::{BirthDate, Datum, Scope, Verification},
    request::PolicyName,
    time::{Timestamp, after, before, from_millis},
};

/// A millisecond, the smallest step of time.
const MS: Duration = Duration::from_millis(1);

/// Which checks are wanted.
#[derive(Debug)]
pub(super) struct Wanted<'n> {
    /// The name of their policy.
    pub(super) name: &'n PolicyName,
    /// The first axis.
    pub(super) axis: TimeAxis,
    /// Its level.
    pub(super) level: Level,
    /// The point of the checks on it.
    pub(super) point: Point,
}

impl Wanted<'_> {
    /// Checks on this path, one for each of the instants that lie on it; the simpler ones first.
    pub(super) fn checks(
        &self,
        space: &OrderedSpace<'_>,
        path: &Path,
        instants: &Instants,
    ) -> Vec<Witness> {
        let region = space.axes().find_map(|(_, level, partition)| {
            let is_now = matches!(partition, Partition::Schedules(_));
            path.get(&level).filter(|_| is_now).copied()
        });
        let instants = match self.point {
            Point::At(at_ms) => vec![at_ms],
            Point::Age(_) | Point::Birthday(_) => instants.inside(region, 0),
            Point::BeforeBirthday(_) => instants.inside(region, -1),
        };
        let instants = instants.into_iter().map(from_millis);
        instants
            .filter_map(|now| self.check(space, path, now))
            .collect()
    }

    /// A check on this path at this instant, if there is one.
    fn check(&self, space: &OrderedSpace<'_>, path: &Path, now: Timestamp) -> Option<Witness> {
        let mut draft = Draft {
            request: bare_request(self.name).ok()?,
            verification: Verification {
                id: Some(VERIFICATION.into()),
                ..Verification::default()
            },
            now,
        };
        for (_, level, partition) in space.axes() {
            let size = u16::try_from(partition.len()).ok()?;
            let regions = match path.get(&level) {
                Some(region) => Regions::of(size, [*region]),
                None => Regions::all(size),
            };
            match partition {
                Partition::Ages(_) if level == self.level => {
                    self.set_age(partition, &regions, &mut draft)?;
                }
                Partition::Births(_) if level == self.level => set_birth(self.point, &mut draft)?,
                Partition::Ages(ages) => ages.set_inside(&regions, &mut draft).ok()?,
                Partition::Births(births) => births.set_inside(&regions, &mut draft).ok()?,
                other => other.set_example(&regions, &mut draft).ok()?,
            }
        }
        Some(draft.into())
    }

    fn set_age(
        &self,
        partition: &Partition<'_>,
        regions: &Regions,
        draft: &mut Draft,
    ) -> Option<()> {
        partition.set_example(regions, draft).ok()?;
        let Point::Age(age_ms) = self.point else {
            return Some(());
        };
        let at =
            Timestamp::from_millisecond(draft.now.as_millisecond().checked_sub(age_ms)?).ok()?;
        match self.axis {
            TimeAxis::VerifiedAt => {
                draft.verification.verified_at =
                    Some(at).filter(|at| at.as_millisecond() >= FIRST_MS);
                draft.verification.verified_at.map(drop)
            }
            TimeAxis::AuthTime => {
                draft.session_mut()?.auth_time = Some(at);
                Some(())
            }
            TimeAxis::DateOfBirth | TimeAxis::Now => None,
        }
    }
}

fn set_birth(point: Point, draft: &mut Draft) -> Option<()> {
    let birth: BirthDate = match point {
        Point::Birthday(birthday) => birthday.birth_passing_at(draft.now)?,
        Point::BeforeBirthday(birthday) => birthday.birth_passing_at(after(draft.now, MS))?,
        Point::Age(_) | Point::At(_) => return None,
    };
    // A person who is born in the future has no age.
    birth
        .plausible()
        .contains(before(draft.now, MS))
        .then_some(())?;
    draft.verification.scopes.insert(Scope::DateOfBirth);
    draft.verification.born = Datum::Known(birth);
    Some(())
}
