//! A concrete check out of a cell: a question, evidence and an instant that a person can look at and decide by themselves.

use std::sync::Arc;

use super::{
    NICE_NOW_MS, NotCompared,
    axis::{Axis, Birthday, Space},
    diagram::Cell,
    hours::LAST_MS,
    region::{Line, Regions},
};
use crate::{
    authoring::suite::{Case, Expect},
    decide::Facts,
    evidence::{Datum, Evidence, Finding, Scope, Verification},
    limits::{AGE_YEARS_MAX, BIRTHDAY_EVERYWHERE, PLAUSIBLE_SINCE_MS, SKEW},
    request::{Authentication, PolicyName, Request, VerificationId},
    time::{Timestamp, after, anniversary, before, from_millis},
    yaml::{Place, SourceText},
};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// A mean year of the calendar.
const YEAR_MS: i64 = 31_556_952_000;

/// A check on which two policies decide differently.
#[derive(Debug, Clone)]
pub struct Witness {
    /// The question.
    pub request: Request,
    /// What is known.
    pub evidence: Evidence,
    /// The instant of the check.
    pub now: Timestamp,
}

impl Witness {
    /// What a policy decides by.
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            request: &self.request,
            evidence: &self.evidence,
            now: self.now,
        }
    }

    /// The same as a case of this name, which expects this.
    pub(super) fn as_case(&self, name: String, expect: Expect) -> Case {
        Case {
            name,
            source: Arc::new(SourceText {
                path: "witness".to_owned(),
                text: String::new(),
            }),
            place: Place::START,
            request: self.request.clone(),
            evidence: self.evidence.clone(),
            now: self.now,
            expect,
        }
    }
}

/// The instants that a cell leaves open: of the check, and of what is told by its age. Only these depend on one another,
/// because no verification is older than the vendor.
struct Instants {
    now: i64,
    verified_at: Option<i64>,
    auth_time: Option<i64>,
}

/// A check out of this cell; nothing where the cell is empty, because a verification of that age cannot have been made.
pub(super) fn of(
    cell: &Cell,
    space: &Space<'_>,
    policy: &PolicyName,
) -> Result<Option<Witness>, NotCompared> {
    let chooser = Chooser { cell, space };
    let Some(instants) = chooser.instants() else {
        return Ok(None);
    };
    let now = from_millis(instants.now);
    let verification = chooser.verification(&instants)?;
    let request = chooser.request(policy, &verification, &instants)?;
    let evidence = Evidence {
        finding: Finding::Present(verification),
        seen_at: now,
    };
    Ok(Some(Witness {
        request,
        evidence,
        now,
    }))
}

/// A check while nothing is known.
pub(super) fn of_outage(policy: &PolicyName) -> Result<Witness, NotCompared> {
    let now = from_millis(NICE_NOW_MS);
    Ok(Witness {
        request: bare_request(policy)?,
        evidence: Evidence {
            finding: Finding::Unknown,
            seen_at: now,
        },
        now,
    })
}

fn bare_request(policy: &PolicyName) -> Result<Request, NotCompared> {
    let verification = VerificationId::parse("v-1").map_err(|_| NotCompared::NoWitness)?;
    Ok(Request::bare(policy.clone(), verification))
}

struct Chooser<'c> {
    cell: &'c Cell,
    space: &'c Space<'c>,
}

impl Chooser<'_> {
    /// What the cell lets this axis be; nothing if no policy reads it.
    fn regions(&self, axis: &Axis) -> Option<Regions> {
        let limits = self.cell.limits.get(&self.space.rank(axis)?);
        Some(limits.map_or_else(|| Regions::all(self.space.size(axis)), Clone::clone))
    }

    fn region(&self, axis: &Axis) -> Option<u16> {
        self.regions(axis)?.first()
    }

    /// The youngest that the cell lets something be, then that its age is not known.
    fn ages(&self, axis: &Axis) -> Vec<u16> {
        let Some(regions) = self.regions(axis) else {
            return vec![0];
        };
        let known = regions.iter().find(|region| *region > 0);
        let unknown = regions.contains(0).then_some(0);
        known.into_iter().chain(unknown).collect()
    }

    fn instants(&self) -> Option<Instants> {
        let instants = match self.regions(&Axis::Hours) {
            Some(regions) => self.space.hours.instants(&regions),
            None => vec![NICE_NOW_MS, LAST_MS.saturating_sub(1)],
        };
        let Space {
            verified,
            authenticated,
            ..
        } = self.space;
        let first_ms = Timestamp::MIN.as_millisecond();
        for now in instants {
            let verified_at = self
                .ages(&Axis::VerifiedAt)
                .into_iter()
                .find_map(|region| ago(verified, region, now, PLAUSIBLE_SINCE_MS));
            let auth_time = self
                .ages(&Axis::AuthTime)
                .into_iter()
                .find_map(|region| ago(authenticated, region, now, first_ms));
            if let (Some(verified_at), Some(auth_time)) = (verified_at, auth_time) {
                return Some(Instants {
                    now,
                    verified_at,
                    auth_time,
                });
            }
        }
        None
    }

    fn verification(&self, instants: &Instants) -> Result<Verification, NotCompared> {
        let mut verification = Verification {
            id: Some("v-1".into()),
            status: self.text(&Axis::Status, "OTHER"),
            project: self.text(&Axis::Project, "other-project"),
            verified_at: instants.verified_at.map(from_millis),
            ..Verification::default()
        };
        if let Some(id) = self.text(&Axis::Identity, "id-1") {
            verification.identity = Datum::Known(id);
        }
        let granted = (0..).map_while(|rank| self.space.axis(rank));
        for axis in granted.filter(|axis| self.region(axis) == Some(0)) {
            if let Axis::Scope(scope) = axis {
                verification.scopes.insert(scope.clone());
                if *scope == Scope::Name {
                    verification.name = Datum::Known(());
                }
            }
        }
        let phone = self.ages(&Axis::Phone).first().copied();
        if let Some(phone) = phone.and_then(|region| self.space.phones.example(region)) {
            verification.scopes.insert(Scope::Phone);
            verification.phone = Datum::Known(phone.into());
        }
        if let Some(region) = self.ages(&Axis::Birth).first().filter(|r| **r > 0) {
            let born = born(&self.space.births, *region, from_millis(instants.now));
            verification.scopes.insert(Scope::DateOfBirth);
            verification.born = Datum::Known(born.ok_or(NotCompared::NoWitness)?);
        }
        Ok(verification)
    }

    fn request(
        &self,
        policy: &PolicyName,
        verification: &Verification,
        instants: &Instants,
    ) -> Result<Request, NotCompared> {
        let mut request = bare_request(policy)?;
        if self.region(&Axis::Claim) == Some(0) {
            request.identity = verification.identity().ok().map(Into::into);
        }
        for (axis, groups) in &self.space.groups {
            if let Axis::Attribute(name) = axis
                && let Some(region) = self.region(axis).filter(|r| *r != groups.other())
                && let Some(value) = groups.example(region, "")
            {
                request.attributes.insert(name.to_string(), value);
            }
        }
        if let Some(auth_time) = instants.auth_time {
            let amr = &self.space.amr;
            let methods = amr.iter().filter_map(|(group, methods)| {
                let has = self.region(&Axis::Amr(group)) == Some(0);
                methods.first().filter(|_| has).map(|&m| m.to_owned())
            });
            let acr = self.text(&Axis::Acr, "other-class");
            request.authentication = Some(Authentication {
                acr: acr.map(Into::into).unwrap_or_default(),
                amr: methods.collect(),
                auth_time: Some(from_millis(auth_time)),
            });
        }
        Ok(request)
    }

    /// A text that the cell lets this axis be.
    fn text(&self, axis: &Axis, fresh: &str) -> Option<Box<str>> {
        let groups = self.space.groups.get(axis)?;
        let text = groups.example(self.region(axis)?, fresh);
        text.map(Into::into)
    }
}

/// An instant so long before `now` that its age is in this region; none (inside) where no age is known, and nothing at all
/// where it would lie before the first one.
#[expect(
    clippy::option_option,
    reason = "there may be no such instant, or no instant may be what is wanted"
)]
fn ago(line: &Line<i64>, region: u16, now: i64, first: i64) -> Option<Option<i64>> {
    if region == 0 {
        return Some(None);
    }
    let skew = i64::try_from(SKEW.as_millis()).unwrap_or(0);
    let ages = match line.begins(region) {
        Some(begins) => vec![begins],
        // An hour is a likelier age than one in the future.
        None => vec![HOUR_MS, 0, skew.saturating_neg()],
    };
    let ends = line.ends(region).unwrap_or(i64::MAX);
    let age = ages.into_iter().find(|age| *age < ends)?;
    let instant = now.saturating_sub(age);
    (instant >= first).then_some(Some(instant))
}

/// A date of birth in this region at this instant: a midnight in UTC, if one is.
fn born(line: &Line<Birthday>, region: u16, now: Timestamp) -> Option<Timestamp> {
    let begins = line.begins(region);
    let years = i64::from(begins.map_or(0, |birthday| birthday.years));
    let about = now
        .as_millisecond()
        .saturating_sub(years.saturating_mul(YEAR_MS));
    let midnight = about.saturating_sub(about.rem_euclid(DAY_MS));
    let days = [0, -1, 1, -2, 2, -3, 3].map(|day| day * DAY_MS);
    let hours = (-72..=72).map(|hour| hour * HOUR_MS);
    days.into_iter()
        .chain(hours)
        .map(|offset| from_millis(midnight.saturating_add(offset)))
        .find(|born| {
            let began = begins.map_or(*born, |birthday| instant_of(*born, birthday));
            let ended = line.ends(region).map_or_else(
                || anniversary(*born, AGE_YEARS_MAX),
                |birthday| instant_of(*born, birthday),
            );
            began <= now && now < ended
        })
}

/// The instant at which who was born then passes this birthday.
pub(super) fn instant_of(born: Timestamp, birthday: Birthday) -> Timestamp {
    let day = anniversary(born, birthday.years);
    if birthday.after {
        after(day, BIRTHDAY_EVERYWHERE)
    } else {
        before(day, BIRTHDAY_EVERYWHERE)
    }
}
