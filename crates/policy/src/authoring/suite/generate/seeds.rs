//! Synthetic seeds of a policy: a case that meets as many of its requirements as one case can, and variants of it that each fail
//! some, so that the edges of the alternatives to those show.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{
    super::case::{Case, Expect, verification_id},
    dates::birth_for_age,
};
use crate::{
    evidence::{Datum, Evidence, Finding, Scope, Verification},
    limits::{PHONE_DIGITS, YEARS_AHEAD},
    request::{Authentication, ClaimedIdentity, PolicyName, Request},
    rule::Requirement,
    set::Policy,
    time::{Timestamp, anniversary, before, from_millis},
    when::When,
    yaml::{Position, SourceText},
};

/// 2026-01-05T12:00:00Z, a Monday.
const NOON_MS: i64 = 1_767_614_400_000;
/// The age of the person where no rule is about it.
const AGE_YEARS: u16 = 30;
/// How many variants there are at most by the age of the verification.
const AGE_VARIANTS_MAX: usize = 8;

/// The seeds of a policy, the one that meets most first.
pub(super) fn seeds(name: &PolicyName, policy: &Policy, source: &Arc<SourceText>) -> Vec<Case> {
    let mut accepted = Accepted::default();
    for rule in policy.rules() {
        accepted.add(rule.requirement());
    }
    let now = accepted.instant();
    let Some((verification, request)) = accepted.facts(name, now) else {
        return Vec::new();
    };
    let seed = |verification: Verification, request: Request| Case {
        name: "seed".to_owned(),
        source: Arc::clone(source),
        position: Position::START,
        request,
        evidence: Evidence {
            finding: Finding::Present(verification),
            seen_at: now,
        },
        now,
        expect: Expect::default(),
    };
    let mut without_session = request.clone();
    without_session.authentication = None;
    let mut without_attributes = request.clone();
    without_attributes.attributes.clear();
    let mut seeds: Vec<Case> = [request.clone(), without_session, without_attributes]
        .map(|request| seed(verification.clone(), request))
        .into();
    for age in accepted.ages.iter().take(AGE_VARIANTS_MAX) {
        let mut old = verification.clone();
        old.verified_at = Some(before(now, *age));
        seeds.push(seed(old, request.clone()));
    }
    seeds
}

/// What the requirements of a policy accept: of each list one text, of each age the limits.
#[derive(Default)]
struct Accepted<'r> {
    status: Option<&'r str>,
    ages: BTreeSet<Duration>,
    scopes: BTreeSet<Scope>,
    age_at_least: u16,
    age_below: Option<u16>,
    phone_prefix: Option<&'r str>,
    identity: Option<&'r str>,
    project: Option<&'r str>,
    attributes: Vec<(&'r str, &'r str)>,
    acr: Option<&'r str>,
    amr: Vec<String>,
    schedules: Vec<When>,
}

impl<'r> Accepted<'r> {
    fn add(&mut self, requirement: &'r Requirement) {
        match requirement {
            Requirement::Status(accepted) => self.status = first(accepted),
            Requirement::VerifiedWithin(age_max) => drop(self.ages.insert(*age_max)),
            Requirement::Scopes(scopes) => self.scopes.extend(scopes.iter().cloned()),
            Requirement::AgeAtLeast(years) => self.age_at_least = self.age_at_least.max(*years),
            Requirement::AgeBelow(years) => {
                let least = self.age_below.map_or(*years, |other| other.min(*years));
                self.age_below = Some(least);
            }
            Requirement::PhonePrefix(prefixes) => self.phone_prefix = first(prefixes),
            Requirement::IdentityIn(listed) => self.identity = first(&listed.ids),
            Requirement::Project(accepted) => self.project = first(accepted),
            Requirement::Attribute(name, accepted) => {
                self.attributes
                    .extend(first(accepted).map(|value| (&**name, value)));
            }
            Requirement::Authenticated(required) => {
                self.acr = first(&required.acr_any).or(self.acr);
                self.amr.extend(first(&required.amr_any).map(str::to_owned));
            }
            Requirement::Schedule(schedule) => {
                self.schedules.push(When::Weekly(schedule.clone()));
            }
            Requirement::AnyOf(parts) | Requirement::AllOf(parts) => {
                for part in parts {
                    self.add(part);
                }
            }
            Requirement::IdentityAsRequested | Requirement::IdentityNotIn(_) => {}
        }
    }

    /// The first instant from [`NOON_MS`] on at which every schedule holds; that instant itself where there is none.
    fn instant(&self) -> Timestamp {
        let noon = from_millis(NOON_MS);
        let all = When::all(self.schedules.iter().cloned());
        all.next(true, noon, anniversary(noon, YEARS_AHEAD))
            .unwrap_or(noon)
    }

    /// Facts that meet the requirements, as many as facts can.
    fn facts(&self, policy: &PolicyName, now: Timestamp) -> Option<(Verification, Request)> {
        let identity = self.identity.unwrap_or("id-1");
        let mut scopes = self.scopes.clone();
        scopes.extend([Scope::Name, Scope::DateOfBirth, Scope::Phone]);
        let verification = Verification {
            id: Some(verification_id()?.as_str().into()),
            trace_id: None,
            project: self.project.map(Into::into),
            status: Some(self.status.unwrap_or("VERIFIED").into()),
            verified_at: Some(now),
            scopes,
            identity: Datum::text(identity).as_identity(),
            name: Datum::Known(()),
            phone: Datum::text(self.phone()).as_phone(),
            born: birth_for_age(now, self.age()).map_or(Datum::Missing, Datum::Known),
        };
        let attributes = self.attributes.iter();
        let request = Request {
            policy: policy.clone(),
            verification: verification_id()?,
            identity: ClaimedIdentity::parse(identity),
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

    /// A telephone number with the prefix, no longer than one may be.
    fn phone(&self) -> String {
        let number = format!("{}2025550101", self.phone_prefix.unwrap_or("+1"));
        let plus_and_digits = PHONE_DIGITS.end().saturating_add(1);
        number.chars().take(plus_and_digits).collect()
    }

    /// An age in years between the limits, with a year to spare if there is one.
    fn age(&self) -> u16 {
        let oldest = self
            .age_below
            .map_or(u16::MAX, |years| years.saturating_sub(2));
        AGE_YEARS
            .max(self.age_at_least.saturating_add(1))
            .min(oldest)
    }
}

fn first(texts: &BTreeSet<Box<str>>) -> Option<&str> {
    texts.first().map(AsRef::as_ref)
}
