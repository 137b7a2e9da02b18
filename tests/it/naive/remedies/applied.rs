//! A set of actions applied to the facts of a case, and the whole policy decided with them.

use std::collections::BTreeSet;

use super::super::clock::{DAY, HOUR, years_after};
use super::super::eval::{Doors, EARLIEST_VERIFIED_AT, Facts, QUARTER, decide};
use super::super::horizon::all_requirements;
use super::super::identity::canonical;
use super::super::model::{
    Authentication, Case, Decision, Policy, Request, Requirement, Upstream, Verification,
};
use super::set::Set;

/// How old a session and a verification of a set are when the request is made again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// As old as the set permits.
    Greatest,
    /// They have just been made.
    New,
}

/// Whether a set leads to ALLOW: with each session that it permits, and with some data.
pub fn suffices(policy: &Policy, case: &Case, set: &Set, age: Age) -> bool {
    let Upstream::Answered(verification) = &case.upstream else {
        return false;
    };
    let now = set.wait.unwrap_or(case.at);
    let data = data(policy, case, verification, set, now, age);
    let sessions = sessions(case, set, now, age);
    sessions.iter().all(|authentication| {
        data.iter().any(|verification| {
            let mut request = Request {
                authentication: authentication.clone(),
                ..case.request.clone()
            };
            if set.identify && may_identify(&case.request) {
                request.identity_id = verification.identity_id.clone();
            }
            let facts = Facts {
                verification,
                request: &request,
                now,
                doors: Doors::ByTheClock,
            };
            decide(policy, &facts).0 == Decision::Allow
        })
    })
}

fn may_identify(request: &Request) -> bool {
    let named = request.identity_id.as_ref().filter(|id| !id.is_empty());
    named.is_none_or(|id| canonical(id).is_none())
}

/// Every session that a set permits.
fn sessions(case: &Case, set: &Set, now: i64, age: Age) -> Vec<Option<Authentication>> {
    let Some(session) = &set.session else {
        return vec![case.request.authentication.clone()];
    };
    let mut methods: Vec<Vec<String>> = vec![Vec::new()];
    for group in &session.groups {
        methods = methods
            .iter()
            .flat_map(|known| {
                group
                    .iter()
                    .map(move |one| [known.clone(), vec![one.clone()]].concat())
            })
            .collect();
    }
    let mut classes: Vec<Option<String>> = session.acr.iter().cloned().map(Some).collect();
    if classes.is_empty() {
        classes.push(None);
    }
    let auth_time = Some(match age {
        Age::Greatest => youngest_forbidden(session.within, now) + 1,
        Age::New => now,
    });
    let mut all = Vec::new();
    for acr in &classes {
        for amr in &methods {
            all.push(Some(Authentication {
                acr: acr.clone(),
                amr: amr.clone(),
                auth_time,
            }));
        }
    }
    all
}

fn youngest_forbidden(span: u64, now: i64) -> i64 {
    now - i64::try_from(span).unwrap_or(i64::MAX / 4)
}

/// Whether the verification has no usable data of the scope: the scope is not granted, or the data is missing.
pub fn lacks(verification: &Verification, scope: &str) -> bool {
    let granted = scope == "IDENTITY_ID" || verification.scopes.iter().any(|s| s == scope);
    let is_there =
        |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    let has = match scope {
        "NAME" => {
            is_there(&verification.full_name)
                || (is_there(&verification.first_name) && is_there(&verification.last_name))
        }
        "PHONE" => is_there(&verification.phone),
        "DATE_OF_BIRTH" => verification.date_of_birth.is_some(),
        "IDENTITY_ID" => is_there(&verification.identity_id),
        _ => true,
    };
    !granted || !has
}

/// The verification after a set, with every data that a grant might bring and that a rule could distinguish from other data.
fn data(
    policy: &Policy,
    case: &Case,
    given: &Verification,
    set: &Set,
    now: i64,
    how_old: Age,
) -> Vec<Verification> {
    let mut changed = given.clone();
    if let Some(age) = set.reverify {
        changed.status = Some("VERIFIED".to_owned());
        let oldest = age.map_or(EARLIEST_VERIFIED_AT, |age| youngest_forbidden(age, now) + 1);
        changed.verified_at = Some(match how_old {
            Age::Greatest => oldest.max(EARLIEST_VERIFIED_AT),
            Age::New => now,
        });
    }
    let mut all = vec![changed];
    for scope in set.scopes.iter().filter(|scope| lacks(given, scope)) {
        let with = |fill: &dyn Fn(&mut Verification)| {
            let filled = all.iter().map(|verification| {
                let mut verification = verification.clone();
                verification.scopes.push(scope.clone());
                fill(&mut verification);
                verification
            });
            filled.collect::<Vec<_>>()
        };
        all = match scope.as_str() {
            "NAME" => with(&|v| v.full_name = Some("Ada Example".to_owned())),
            "PHONE" => {
                let phones = phones(policy).into_iter();
                phones
                    .flat_map(|phone| with(&|v| v.phone = Some(phone.clone())))
                    .collect()
            }
            "DATE_OF_BIRTH" => {
                let births = births(policy, now).into_iter();
                births
                    .flat_map(|birth| with(&|v| v.date_of_birth = Some(birth)))
                    .collect()
            }
            "IDENTITY_ID" => {
                let ids = identities(policy, case).into_iter();
                ids.flat_map(|id| with(&|v| v.identity_id = Some(id.clone())))
                    .collect()
            }
            _ => with(&|_| ()),
        };
    }
    all
}

fn phones(policy: &Policy) -> Vec<String> {
    let mut phones = vec!["+3933355501".to_owned()];
    for requirement in all_requirements(policy) {
        if let Requirement::PhonePrefix(prefixes) = requirement {
            for prefix in prefixes {
                phones.push(if prefix.len() < 3 {
                    format!("{prefix}2")
                } else {
                    prefix.clone()
                });
            }
        }
    }
    phones
}

/// Dates of birth a little before and a little after each age limit of the policy, and some others.
fn births(policy: &Policy, now: i64) -> Vec<i64> {
    let mut ages = vec![0, 30];
    for requirement in all_requirements(policy) {
        if let Requirement::AgeAtLeast(age) | Requirement::AgeBelow(age) = requirement {
            ages.push(*age);
        }
    }
    let mut births = BTreeSet::new();
    for age in ages {
        let Some(day) = years_after(now, -i32::try_from(age).unwrap_or(0)) else {
            continue;
        };
        for days in [0, 1, 2, 3, 60, 120] {
            for birth in [day - 14 * HOUR - days * DAY, day + 15 * HOUR + days * DAY] {
                births.insert(birth - birth.rem_euclid(QUARTER));
            }
        }
    }
    births.into_iter().collect()
}

fn identities(policy: &Policy, case: &Case) -> Vec<String> {
    let mut ids = vec!["id-nobody-listed".to_owned()];
    ids.extend(case.request.identity_id.clone());
    for requirement in all_requirements(policy) {
        if let Requirement::IdentityIn(list) | Requirement::IdentityNotIn(list) = requirement {
            ids.extend(list.ids().iter().cloned());
        }
    }
    ids
}
