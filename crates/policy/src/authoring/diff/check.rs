//! Where in the space of inputs a check lies: its region on each axis. The other way round than `witness`, which finds a
//! check to a cell.

use super::{
    diagram::Cell,
    regions::Line,
    schedules::LAST_MS,
    space::{Axis, Space},
    witness::instant_of,
};
use crate::{
    evidence::Scope,
    limits::{PLAUSIBLE_SINCE_MS, SKEW},
    rule::Given,
    time::{Timestamp, before},
};

/// A check that the rules judge, and its instant.
pub(super) struct Point<'a> {
    pub(super) given: Given<'a>,
    pub(super) now: Timestamp,
}

impl Point<'_> {
    /// Whether it lies in this cell. A check at an instant that is not compared lies in none.
    pub(super) fn is_in(&self, cell: &Cell, space: &Space<'_>) -> bool {
        let compared = PLAUSIBLE_SINCE_MS..LAST_MS;
        compared.contains(&self.now.as_millisecond())
            && cell.limits.iter().all(|(rank, regions)| {
                let region = space.axis(*rank).and_then(|axis| self.region(axis, space));
                region.is_some_and(|region| regions.contains(region))
            })
    }

    fn region(&self, axis: &Axis, space: &Space<'_>) -> Option<u16> {
        let Given {
            request,
            verification,
        } = self.given;
        let session = request.authentication.as_ref();
        let yes_or_no = |yes: bool| Some(u16::from(!yes));
        let text = |text: Option<&str>| {
            let groups = space.groups.get(axis)?;
            Some(text.map_or(groups.missing(), |text| groups.region(text)))
        };
        match axis {
            Axis::Status => text(verification.status.as_deref()),
            Axis::Project => text(verification.project.as_deref()),
            Axis::Identity => text(verification.identity().ok()),
            Axis::Attribute(name) => text(request.attributes.get(&**name).map(String::as_str)),
            Axis::Acr => text(session.map(|session| session.acr.as_str())),
            Axis::Amr(group) => {
                let (_, methods) = space.amr.iter().find(|(other, _)| other == group)?;
                let amr = session.map_or(&[][..], |session| &session.amr);
                yes_or_no(amr.iter().any(|method| methods.contains(&&**method)))
            }
            Axis::Claim => {
                let identity = verification.identity().ok();
                yes_or_no(identity.is_some() && identity == self.given.claimed())
            }
            Axis::Scope(scope) => yes_or_no(self.reads(scope)),
            Axis::Phone => match verification.phone() {
                Ok(phone) => space.phones.region(phone),
                Err(_) => Some(0),
            },
            Axis::VerifiedAt => Some(self.age(&space.verified, verification.verified_at)),
            Axis::AuthTime => {
                let begun = |at: &Timestamp| before(*at, SKEW) <= self.now;
                let auth_time = session.and_then(|session| session.auth_time);
                Some(self.age(&space.authenticated, auth_time.filter(begun)))
            }
            Axis::Birth => match verification.born() {
                Ok(born) if self.reads(&Scope::DateOfBirth) => {
                    let passed = |birthday| instant_of(born, birthday) <= self.now;
                    Some(space.births.region(passed))
                }
                _ => Some(0),
            },
            Axis::Hours => space.hours.region(self.now),
        }
    }

    /// Whether this scope is granted and its data readable.
    fn reads(&self, scope: &Scope) -> bool {
        let window = self.given.verification.readable(scope);
        window.is_ok_and(|window| window.contains(self.now))
    }

    fn age(&self, line: &Line<i64>, at: Option<Timestamp>) -> u16 {
        at.map_or(0, |at| {
            let now = self.now.as_millisecond();
            let age = now.saturating_sub(at.as_millisecond());
            line.region(|edge| edge <= age)
        })
    }
}
