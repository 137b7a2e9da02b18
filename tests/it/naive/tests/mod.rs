//! Tests of the naive evaluator, and what they share: short ways to write instants, rules and cases.

mod facts;
mod guards;
mod horizons;
mod people;
mod random;
mod rendering;
mod schedules;

use super::eval::evaluate;
use super::model::{
    Authentication, Case, Decision, Otherwise, Outcome, Policy, Request, Requirement, Rule,
    Schedule, Upstream, Verification, Weekday,
};

/// An RFC 3339 instant in milliseconds.
pub fn ms(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text)
        .expect("an instant")
        .timestamp_millis()
}

/// 2026-06-15T12:00:00Z, a Monday: now, unless a test says otherwise.
pub const NOW: i64 = 1_781_524_800_000;
pub const HOUR: i64 = 3_600_000;
pub const DAY: i64 = 24 * HOUR;
pub const HOURS: u64 = 3_600_000;
pub const DAYS: u64 = 24 * HOURS;

pub fn words(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

pub fn deny(requirement: Requirement) -> Rule {
    Rule {
        requirement,
        otherwise: None,
    }
}

pub fn step_up(requirement: Requirement) -> Rule {
    Rule {
        requirement,
        otherwise: Some(Otherwise::StepUp),
    }
}

pub fn answered(at: i64, verification: Verification) -> Case {
    Case {
        at,
        upstream: Upstream::Answered(Box::new(verification)),
        request: Request::default(),
    }
}

pub fn asked(at: i64, request: Request) -> Case {
    Case {
        at,
        upstream: Upstream::Answered(Box::default()),
        request,
    }
}

pub fn verified(verified_at: i64) -> Verification {
    Verification {
        verified_at: Some(verified_at),
        ..Verification::default()
    }
}

pub fn scoped(scope: &str) -> Verification {
    Verification {
        scopes: words(&[scope]),
        ..Verification::default()
    }
}

pub fn session(acr: Option<&str>, amr: &[&str], auth_time: Option<i64>) -> Request {
    let authentication = Authentication {
        acr: acr.map(str::to_owned),
        amr: words(amr),
        auth_time,
    };
    Request {
        authentication: Some(authentication),
        ..Request::default()
    }
}

pub fn hours(days: &[Weekday], from: u32, to: u32, zone: &str) -> Schedule {
    Schedule {
        days: days.to_vec(),
        from,
        to,
        zone: zone.to_owned(),
    }
}

/// The outcome of one `deny` rule.
pub fn outcome(requirement: Requirement, case: &Case) -> Outcome {
    evaluate(&Policy::of(vec![deny(requirement)]), case)
}

/// The codes of one `deny` rule.
pub fn codes(requirement: Requirement, case: &Case) -> Vec<&'static str> {
    outcome(requirement, case)
        .reasons
        .iter()
        .map(|reason| reason.0)
        .collect()
}

pub fn assert_holds(requirement: Requirement, case: &Case) {
    assert_eq!(codes(requirement, case), Vec::<&str>::new());
}

pub fn assert_fails(requirement: Requirement, case: &Case, code: &str) {
    assert_eq!(codes(requirement, case), [code]);
}

pub const ALLOW: Decision = Decision::Allow;
pub const STEP_UP: Decision = Decision::StepUp;
pub const DENY: Decision = Decision::Deny;
