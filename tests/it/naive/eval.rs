//! The naive evaluator: guards, then every rule, one after the other, at one instant. As obvious as possible, not fast.

use super::clock::{HOUR, inside, years_after};
use super::horizon;
use super::identity::{canonical, listed};
use super::model::{
    Authentication, Case, Decision, IdList, Otherwise, Outcome, Policy, Reason, Request,
    Requirement, Schedule, Upstream, Verification,
};

/// How far another clock may be ahead of ours.
pub const SKEW: i64 = 60_000;
/// 2015-01-01T00:00:00Z: no verification is older.
pub const EARLIEST_VERIFIED_AT: i64 = 1_420_070_400_000;
/// An anniversary has come in every zone so long after it, and in none so long before it.
pub const ANY_ZONE: i64 = 14 * HOUR;
/// A date of birth is a multiple of 15 minutes.
pub const QUARTER: i64 = 900_000;
/// A date of birth of a smaller magnitude could be in seconds.
pub const COULD_BE_SECONDS: u64 = 2_200_000_000;
/// A date of birth further back than this number of years is unreadable.
pub const OLDEST_AGE: u32 = 150;

/// How schedules are read: by the clock, or, to see whether they matter at all, as if all were open or all shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doors {
    /// As it is.
    ByTheClock,
    /// Every schedule holds.
    AllOpen,
    /// No schedule holds.
    AllShut,
}

/// The whole answer for a policy and a case.
pub fn evaluate(policy: &Policy, case: &Case) -> Outcome {
    let verification = match &case.upstream {
        Upstream::Absent => return final_answer("VERIFICATION_NOT_FOUND", Decision::Deny),
        Upstream::Down => {
            let answer = policy
                .unavailable
                .map_or(Decision::Deny, Otherwise::decision);
            return final_answer("EVIDENCE_UNAVAILABLE", answer);
        }
        Upstream::Answered(verification) => verification,
    };
    let facts = Facts {
        verification,
        request: &case.request,
        now: case.at,
        doors: Doors::ByTheClock,
    };
    let (decision, reasons) = decide(policy, &facts);
    let next_change = horizon::next_change(policy, &facts, decision);
    let valid_until = valid_until(policy, case.at, decision, next_change);
    Outcome {
        decision,
        reasons,
        next_change,
        valid_until,
    }
}

/// An answer that no passing of time changes.
fn final_answer(code: &'static str, decision: Decision) -> Outcome {
    Outcome {
        decision,
        reasons: vec![(code, decision)],
        next_change: None,
        valid_until: None,
    }
}

/// Only an ALLOW may be reused, only where the policy says for how long, and not past its next change.
fn valid_until(
    policy: &Policy,
    at: i64,
    decision: Decision,
    change: Option<(i64, Decision)>,
) -> Option<i64> {
    let allow = policy.reuse_allow.unwrap_or(0);
    if decision != Decision::Allow || allow == 0 {
        return None;
    }
    let cap = at.saturating_add(i64::try_from(allow).unwrap_or(i64::MAX));
    Some(change.map_or(cap, |(instant, _)| instant.min(cap)))
}

/// What is known when a verification was found, at one instant.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The evidence.
    pub verification: &'a Verification,
    /// The caller's side.
    pub request: &'a Request,
    /// The instant.
    pub now: i64,
    /// How schedules are read.
    pub doors: Doors,
}

/// The decision and its reasons at one instant: guards first, then the rules, the strictest of which wins.
pub fn decide(policy: &Policy, facts: &Facts<'_>) -> (Decision, Vec<Reason>) {
    if let Some(code) = facts.failed_guard() {
        return (Decision::Deny, vec![(code, Decision::Deny)]);
    }
    let mut reasons: Vec<Reason> = Vec::new();
    let has_status_rule = policy
        .rules
        .iter()
        .any(|rule| matches!(rule.requirement, Requirement::Status(_)));
    if !has_status_rule && facts.status() != "VERIFIED" {
        reasons.push(("STATUS_NOT_ACCEPTED", Decision::Deny));
    }
    for rule in &policy.rules {
        if let Err(code) = facts.check(&rule.requirement) {
            reasons.push((
                code,
                rule.otherwise.map_or(Decision::Deny, Otherwise::decision),
            ));
        }
    }
    let of = |effect: Decision| {
        reasons
            .iter()
            .copied()
            .filter(move |reason| reason.1 == effect)
    };
    let reasons: Vec<Reason> = of(Decision::Deny).chain(of(Decision::StepUp)).collect();
    let decision = reasons.first().map_or(Decision::Allow, |reason| reason.1);
    (decision, reasons)
}

/// Whether a requirement holds, or the code of the reason why not.
pub type Verdict = Result<(), &'static str>;

fn demand(holds: bool, code: &'static str) -> Verdict {
    if holds { Ok(()) } else { Err(code) }
}

/// Text that is there and not empty.
fn present(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

/// Whether `now < start + span`, without overflow.
fn before_end(now: i64, start: i64, span: u64) -> bool {
    i128::from(now) < i128::from(start) + i128::from(span)
}

/// `+`, a digit from 1 to 9, and at most 15 digits altogether, at least two.
fn is_e164(phone: &str) -> bool {
    let Some(digits) = phone.strip_prefix('+') else {
        return false;
    };
    digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0')
        && (2..=15).contains(&digits.len())
}

impl<'a> Facts<'a> {
    fn failed_guard(&self) -> Option<&'static str> {
        let verified_at = self.verification.verified_at?;
        if verified_at < EARLIEST_VERIFIED_AT {
            Some("EVIDENCE_INVALID")
        } else if verified_at > self.now + SKEW {
            Some("VERIFIED_AT_IN_FUTURE")
        } else {
            None
        }
    }

    fn status(&self) -> &'a str {
        self.verification.status.as_deref().unwrap_or("VERIFIED")
    }

    /// Whether the requirement holds, and the reason if it does not.
    pub fn check(&self, requirement: &Requirement) -> Verdict {
        let accepts = |list: &[String], value: &str| list.iter().any(|item| item == value);
        match requirement {
            Requirement::Status(names) => {
                demand(accepts(names, self.status()), "STATUS_NOT_ACCEPTED")
            }
            Requirement::VerifiedWithin(span) => {
                let verified_at = self.verification.verified_at.ok_or("VERIFIED_AT_MISSING")?;
                demand(
                    before_end(self.now, verified_at, *span),
                    "VERIFICATION_TOO_OLD",
                )
            }
            Requirement::Scopes(names) => names.iter().try_for_each(|name| self.scope(name)),
            Requirement::AgeAtLeast(years) => self.age_at_least(*years),
            Requirement::AgeBelow(years) => self.age_below(*years),
            Requirement::PhonePrefix(prefixes) => {
                let phone = self.phone()?;
                let mut prefixes = prefixes.iter();
                let accepted = prefixes.any(|prefix| phone.starts_with(prefix.as_str()));
                demand(accepted, "PHONE_NOT_ACCEPTED")
            }
            Requirement::IdentitySameAsRequest => {
                let asked =
                    present(self.request.identity_id.as_ref()).ok_or("IDENTITY_NOT_GIVEN")?;
                let verified = self.identity()?;
                let asked = canonical(asked).ok_or("DATA_INVALID")?;
                demand(verified == asked, "IDENTITY_MISMATCH")
            }
            Requirement::IdentityIn(list) => self.listed(list, true, "IDENTITY_NOT_LISTED"),
            Requirement::IdentityNotIn(list) => self.listed(list, false, "IDENTITY_BLOCKED"),
            Requirement::Project(ids) => {
                let project =
                    present(self.verification.project_id.as_ref()).ok_or("DATA_MISSING")?;
                demand(accepts(ids, project), "PROJECT_NOT_ACCEPTED")
            }
            Requirement::Attribute { name, accepted } => {
                let value = self.request.attributes.get(name);
                demand(
                    value.is_some_and(|value| accepts(accepted, value)),
                    "ATTRIBUTE_NOT_ACCEPTED",
                )
            }
            Requirement::AttributeNotIn {
                name,
                refused,
                absent_holds,
            } => demand(
                match self.request.attributes.get(name) {
                    None => *absent_holds,
                    Some(value) => !accepts(refused, value),
                },
                "ATTRIBUTE_NOT_ACCEPTED",
            ),
            Requirement::Authenticated {
                within,
                amr_any,
                acr_any,
            } => demand(
                self.authenticated(*within, amr_any, acr_any),
                "AUTHENTICATION_REQUIRED",
            ),
            Requirement::Schedule(schedule) => demand(self.is_open(schedule), "OUTSIDE_SCHEDULE"),
            Requirement::AnyOf(parts) => demand(
                parts.iter().any(|part| self.check(part).is_ok()),
                "NO_ALTERNATIVE_MET",
            ),
            Requirement::AllOf(parts) => parts.iter().try_for_each(|part| self.check(part)),
        }
    }

    fn is_open(&self, schedule: &Schedule) -> bool {
        match self.doors {
            Doors::ByTheClock => inside(schedule, self.now),
            Doors::AllOpen => true,
            Doors::AllShut => false,
        }
    }

    /// IDENTITY_ID is always granted.
    fn granted(&self, scope: &str) -> Verdict {
        let named = self
            .verification
            .scopes
            .iter()
            .any(|granted| granted == scope);
        demand(named || scope == "IDENTITY_ID", "SCOPE_NOT_GRANTED")
    }

    fn scope(&self, scope: &str) -> Verdict {
        match scope {
            "NAME" => self.name(),
            "PHONE" => self.phone().map(|_| ()),
            "DATE_OF_BIRTH" => self.birth().map(|_| ()),
            "IDENTITY_ID" => self.identity().map(|_| ()),
            other => self.granted(other),
        }
    }

    fn name(&self) -> Verdict {
        self.granted("NAME")?;
        let full = present(self.verification.full_name.as_ref()).is_some();
        let first = present(self.verification.first_name.as_ref()).is_some();
        let last = present(self.verification.last_name.as_ref()).is_some();
        demand(full || (first && last), "DATA_MISSING")
    }

    fn phone(&self) -> Result<&'a str, &'static str> {
        self.granted("PHONE")?;
        let phone = present(self.verification.phone.as_ref()).ok_or("DATA_MISSING")?;
        demand(is_e164(phone), "DATA_INVALID")?;
        Ok(phone)
    }

    /// In its canonical form; blank text is missing.
    fn identity(&self) -> Result<String, &'static str> {
        let text = present(self.verification.identity_id.as_ref()).ok_or("DATA_MISSING")?;
        if text.trim().is_empty() {
            return Err("DATA_MISSING");
        }
        canonical(text).ok_or("DATA_INVALID")
    }

    fn listed(&self, list: &IdList, wanted: bool, code: &'static str) -> Verdict {
        let identity = self.identity()?;
        let on_it = list.ids().iter().any(|id| listed(id) == identity);
        demand(on_it == wanted, code)
    }

    /// A date of birth that is readable now: neither in the future nor over 150 years ago.
    fn birth(&self) -> Result<i64, &'static str> {
        self.granted("DATE_OF_BIRTH")?;
        let birth = self.verification.date_of_birth.ok_or("DATA_MISSING")?;
        let midnight = birth.rem_euclid(QUARTER) == 0;
        demand(
            midnight && birth.unsigned_abs() >= COULD_BE_SECONDS,
            "DATA_INVALID",
        )?;
        let oldest = anniversary(birth, OLDEST_AGE)?;
        demand(birth <= self.now && self.now <= oldest, "DATA_INVALID")?;
        Ok(birth)
    }

    fn age_at_least(&self, years: u32) -> Verdict {
        let reached = anniversary(self.birth()?, years)? + ANY_ZONE;
        demand(self.now >= reached, "UNDER_AGE")
    }

    fn age_below(&self, years: u32) -> Verdict {
        let over = anniversary(self.birth()?, years)? - ANY_ZONE;
        demand(self.now < over, "OVER_AGE")
    }

    fn authenticated(&self, within: u64, amr_any: &[String], acr_any: &[String]) -> bool {
        let Some(Authentication {
            acr,
            amr,
            auth_time: Some(auth_time),
        }) = &self.request.authentication
        else {
            return false;
        };
        let recent = *auth_time <= self.now + SKEW && before_end(self.now, *auth_time, within);
        let amr_matches = amr_any.is_empty() || amr_any.iter().any(|method| amr.contains(method));
        let acr_matches =
            acr_any.is_empty() || acr_any.iter().any(|class| acr.as_ref() == Some(class));
        recent && amr_matches && acr_matches
    }
}

/// The anniversary of a birth; a birth beyond the calendar is unreadable.
fn anniversary(birth: i64, years: u32) -> Result<i64, &'static str> {
    i32::try_from(years)
        .ok()
        .and_then(|years| years_after(birth, years))
        .ok_or("DATA_INVALID")
}
