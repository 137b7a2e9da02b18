//! The facts after a plan was followed, and the decision of the whole policy on them: only sets that suffice are listed.

use std::{borrow::Cow, time::Duration};

use super::{
    granted::{Ages, Granted},
    plan::{MaxAge, Plan},
    work::Work,
};
use crate::{
    evidence::{BirthDate, Datum, Scope, Verification},
    limits::{BIRTH_MS_STEP, BIRTHDAY_EVERYWHERE, PLAUSIBLE_SINCE_MS},
    remedy::NewSession,
    request::{Authentication, ClaimedIdentity, Request},
    rule::{Given, Judged},
    time::{Timestamp, after, anniversary, before, from_millis},
    when::When,
};

/// How many days more than the youngest age are tried for a date of birth: that day itself, some days around a leap day, and days
/// beyond those about 1970 that are no dates of birth.
const DAYS_MORE: [u16; 7] = [0, 1, 2, 3, 30, 90, 180];
/// The mean length of a year of the calendar.
const YEAR: Duration = Duration::from_secs(31_556_952);
/// The shortest time.
const MS: Duration = Duration::from_millis(1);

/// Whether every rule holds at this instant after the plan was followed, and the verification's own time may be believed then.
pub(super) fn is_allowed(
    rules: &[Judged<'_>],
    given: &Given<'_>,
    credible: &When,
    plan: &Plan<'_>,
    at: Timestamp,
) -> bool {
    let Some((request, verification)) = done(plan, given, at) else {
        return false;
    };
    let believed = match plan.reverify {
        Some(_) => verification.verified_at >= Some(from_millis(PLAUSIBLE_SINCE_MS)),
        None => credible.contains(at),
    };
    let given = Given {
        request: &request,
        verification: &verification,
    };
    let holds = |judged: &Judged<'_>| judged.rule.requirement().holds(&given).contains(at);
    believed && rules.iter().all(holds)
}

/// The request and the verification after a plan was followed, as old as it permits; `None` if there is no such data.
fn done<'g>(
    plan: &Plan<'_>,
    given: &Given<'g>,
    at: Timestamp,
) -> Option<(Cow<'g, Request>, Cow<'g, Verification>)> {
    let mut request = Cow::Borrowed(given.request);
    let mut verification = Cow::Borrowed(given.verification);
    if let Some(max_age) = plan.reverify {
        let verification = verification.to_mut();
        verification.status = Some("VERIFIED".into());
        verification.verified_at = Some(match max_age {
            MaxAge::Any => at,
            // No verification is older than the vendor.
            MaxAge::Of(age) => oldest(age, at).max(from_millis(PLAUSIBLE_SINCE_MS).min(at)),
        });
    }
    if let Some(granted) = &plan.granted {
        grant(granted, verification.to_mut(), at)?;
    }
    if plan.identify {
        let identity = verification.identity().ok()?;
        request.to_mut().identity = ClaimedIdentity::Known(identity.clone());
    }
    if let Some(session) = plan.session.clone() {
        let authentication = authenticate(&session.into_session(), at);
        request.to_mut().authentication = Some(authentication);
    }
    Some((request, verification))
}

/// The earliest instant of something that must be younger than this.
fn oldest(max_age: Duration, at: Timestamp) -> Timestamp {
    after(before(at, max_age), MS).min(at)
}

fn authenticate(session: &NewSession, at: Timestamp) -> Authentication {
    let methods = session.amr_all_of.iter().filter_map(|group| group.first());
    Authentication {
        acr: session.acr_any.first().map_or("", AsRef::as_ref).to_owned(),
        amr: methods.map(ToString::to_string).collect(),
        auth_time: Some(oldest(session.max_age, at)),
    }
}

fn grant(granted: &Granted<'_>, verification: &mut Verification, at: Timestamp) -> Option<()> {
    for scope in &granted.scopes {
        match scope {
            Scope::IdentityId => {
                verification.identity = Datum::Known(granted.an_identity(&Work::default())?);
            }
            Scope::Name => verification.name = Datum::Known(()),
            Scope::DateOfBirth => verification.born = Datum::Known(a_birth(granted.ages, at)?),
            Scope::Phone => verification.phone = Datum::Known(granted.a_phone()),
            Scope::Other(_) => {}
        }
        verification.scopes.insert(scope.clone());
    }
    Some(())
}

/// The date of birth of somebody who is of these ages at this instant, in every time zone.
fn a_birth(ages: Ages, at: Timestamp) -> Option<BirthDate> {
    let youngest = before(at, YEAR.saturating_mul(u32::from(ages.from)));
    let born = DAYS_MORE.iter().filter_map(|days| {
        let more = Duration::from_hours(24).saturating_mul(u32::from(*days));
        let born = before(youngest, BIRTHDAY_EVERYWHERE.saturating_add(more));
        let millis = born.as_millisecond();
        BirthDate::from_millis(millis.saturating_sub(millis.rem_euclid(BIRTH_MS_STEP)))
    });
    let mut born = born.filter(|born| {
        let reached = after(anniversary(born.instant(), ages.from), BIRTHDAY_EVERYWHERE);
        let passed = before(anniversary(born.instant(), ages.below), BIRTHDAY_EVERYWHERE);
        born.plausible().contains(at) && reached <= at && (ages.below == u16::MAX || at < passed)
    });
    born.next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        effect::Refusal,
        request::{PolicyName, VerificationId},
        rule::{Requirement, Rule},
    };

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_plan_that_does_not_suffice_is_rejected_by_the_rules_themselves() {
        let rules = [
            Rule::new(Requirement::VerifiedWithin(HOUR), Refusal::StepUp),
            Rule::new(Requirement::AgeAtLeast(65), Refusal::Deny),
        ];
        let verification = Verification::default();
        let name = PolicyName::parse("p").unwrap();
        let request = Request::bare(name, VerificationId::parse("v-1").unwrap());
        let given = Given {
            request: &request,
            verification: &verification,
        };
        let rules: Vec<Judged<'_>> = rules.iter().map(|rule| rule.judge(&given)).collect();
        let at: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let is_allowed = |plan: &Plan<'_>| is_allowed(&rules, &given, &When::ALWAYS, plan, at);
        let older = |from| {
            Granted::ages(Ages {
                from,
                ..Ages::default()
            })
            .unwrap()
        };
        let both = |max_age, from| Plan {
            granted: Some(Box::new(older(from))),
            ..Plan::reverify(max_age)
        };
        assert!(is_allowed(&both(MaxAge::Of(HOUR), 65)));
        assert!(!is_allowed(&both(MaxAge::Of(HOUR + MS), 65)));
        assert!(!is_allowed(&both(MaxAge::Of(HOUR), 64)));
        assert!(!is_allowed(&Plan::reverify(MaxAge::Of(HOUR))));
        assert!(!is_allowed(&Plan::grant(older(65))));
        let nobody = Ages {
            from: 65,
            below: 18,
        };
        assert_eq!(a_birth(nobody, at), None);
    }
}
