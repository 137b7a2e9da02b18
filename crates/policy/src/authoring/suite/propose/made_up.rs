//! Made-up cases of a policy: one that meets as much of it as one case can, and others that each leave one way out closed,
//! so that the edges of the other ways show.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::years_before;
use crate::{
    authoring::suite::{Case, Expect, read::verification_id},
    evidence::{Datum, Evidence, Finding, Scope, Verification},
    limits::YEARS_AHEAD,
    request::{Authentication, PolicyName, Request},
    rule::Requirement,
    set::Policy,
    time::{Timestamp, anniversary, before, from_millis},
    when::When,
    yaml::{Position, SourceText},
};

/// 2026-01-05T12:00:00Z, a Monday.
const NOON_MS: i64 = 1_767_614_400_000;
/// How old a made-up person is, if no rule minds.
const AGE: u16 = 30;
/// How many limits of a policy's are tried as the age of a verification.
const LIMITS_MAX: usize = 8;

/// The made-up cases of this policy, the best one first.
pub(super) fn cases(name: &PolicyName, policy: &Policy, source: &Arc<SourceText>) -> Vec<Case> {
    let mut wishes = Wishes::default();
    for rule in policy.rules() {
        wishes.gather(rule.requirement());
    }
    let case = |finding: Verification, request: Request| Case {
        name: "made up".to_owned(),
        source: Arc::clone(source),
        place: Position::START,
        request,
        evidence: Evidence {
            finding: Finding::Present(finding),
            seen_at: wishes.opening(),
        },
        now: wishes.opening(),
        expect: Expect::default(),
    };
    let Some((verification, request)) = wishes.granted(name) else {
        return Vec::new();
    };
    let mut cases = vec![case(verification.clone(), request.clone())];
    let mut strange = request.clone();
    strange.authentication = None;
    cases.push(case(verification.clone(), strange));
    let mut silent = request.clone();
    silent.attributes.clear();
    cases.push(case(verification.clone(), silent));
    for limit in wishes.limits.iter().take(LIMITS_MAX) {
        let mut old = verification.clone();
        old.verified_at = Some(before(wishes.opening(), *limit));
        cases.push(case(old, request.clone()));
    }
    cases
}

/// What the requirements of a policy would like to see.
#[derive(Default)]
struct Wishes<'r> {
    status: Option<&'r str>,
    limits: BTreeSet<Duration>,
    scopes: BTreeSet<Scope>,
    age_from: u16,
    age_below: Option<u16>,
    phone: Option<&'r str>,
    identity: Option<&'r str>,
    project: Option<&'r str>,
    attributes: Vec<(&'r str, &'r str)>,
    acr: Option<&'r str>,
    amr: Vec<String>,
    schedules: Vec<When>,
}

impl<'r> Wishes<'r> {
    fn gather(&mut self, requirement: &'r Requirement) {
        match requirement {
            Requirement::Status(accepted) => self.status = first(accepted),
            Requirement::VerifiedWithin(limit) => drop(self.limits.insert(*limit)),
            Requirement::Scopes(scopes) => self.scopes.extend(scopes.iter().cloned()),
            Requirement::AgeAtLeast(years) => self.age_from = self.age_from.max(*years),
            Requirement::AgeBelow(years) => {
                let least = self.age_below.map_or(*years, |other| other.min(*years));
                self.age_below = Some(least);
            }
            Requirement::PhonePrefix(prefixes) => self.phone = first(prefixes),
            Requirement::IdentityIn(listed) => self.identity = first(&listed.ids),
            Requirement::Project(accepted) => self.project = first(accepted),
            Requirement::Attribute(name, accepted) => {
                self.attributes
                    .extend(first(accepted).map(|value| (&**name, value)));
            }
            Requirement::Authenticated(wanted) => {
                self.acr = first(&wanted.acr_any).or(self.acr);
                self.amr.extend(first(&wanted.amr_any).map(str::to_owned));
            }
            Requirement::Schedule(schedule) => {
                self.schedules.push(When::Weekly(schedule.clone()));
            }
            Requirement::AnyOf(parts) | Requirement::AllOf(parts) => {
                for part in parts {
                    self.gather(part);
                }
            }
            Requirement::IdentityAsRequested | Requirement::IdentityNotIn(_) => {}
        }
    }

    /// An instant at which every schedule holds, if there is one soon.
    fn opening(&self) -> Timestamp {
        let noon = from_millis(NOON_MS);
        let open = When::all(self.schedules.iter().cloned());
        open.next(true, noon, anniversary(noon, YEARS_AHEAD))
            .unwrap_or(noon)
    }

    /// The facts that grant them, as far as facts can.
    fn granted(&self, policy: &PolicyName) -> Option<(Verification, Request)> {
        let (now, identity) = (self.opening(), self.identity.unwrap_or("id-1"));
        let mut scopes = self.scopes.clone();
        scopes.extend([Scope::Name, Scope::DateOfBirth, Scope::Phone]);
        let phone = format!("{}2025550101", self.phone.unwrap_or("+1"));
        // A plus sign and 15 digits are the longest number there is.
        let phone: String = phone.chars().take(16).collect();
        let verification = Verification {
            id: Some(verification_id()?.as_str().into()),
            trace_id: None,
            project: self.project.map(Into::into),
            status: Some(self.status.unwrap_or("VERIFIED").into()),
            verified_at: Some(now),
            scopes,
            identity: Datum::text(identity).as_identity(),
            name: Datum::Known(()),
            phone: Datum::text(phone).as_phone(),
            born: years_before(now, self.age()).map_or(Datum::Missing, Datum::Known),
        };
        let attributes = self.attributes.iter();
        let request = Request {
            policy: policy.clone(),
            verification: verification_id()?,
            identity: Some(identity.into()),
            authentication: Some(Authentication {
                acr: self.acr.unwrap_or_default().to_owned(),
                amr: self.amr.clone(),
                auth_time: Some(now),
            }),
            attributes: attributes
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            id: "".into(),
        };
        Some((verification, request))
    }

    /// An age, in years, inside the limits with a year to spare, if there is one.
    fn age(&self) -> u16 {
        let oldest = self
            .age_below
            .map_or(u16::MAX, |years| years.saturating_sub(2));
        AGE.max(self.age_from.saturating_add(1)).min(oldest)
    }
}

fn first(texts: &BTreeSet<Box<str>>) -> Option<&str> {
    texts.first().map(AsRef::as_ref)
}
