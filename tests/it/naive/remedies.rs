//! Finds the remedies by trying every path through the `any_of`s of a policy, with every combination of actions, at every instant at
//! which anything differs. Each resulting set is applied to the facts, and the whole policy is decided with them. The sets that lead to
//! ALLOW and that no other one makes redundant are the minimal ones.

use std::collections::BTreeSet;

use chrono_tz::Tz;

mod applied;
mod set;

use self::applied::lacks;
pub use self::applied::{Age, suffices};
pub use self::set::{Session, Set};
use super::clock::{DAY, clock_changes, offset, schedule_edges, years_after};
use super::eval::{Doors, Facts, SKEW};
use super::horizon::{HORIZON_YEARS, all_requirements, fact_edges, schedules};
use super::model::{Case, Policy, Requirement, Upstream};

/// How many paths and instants are tried; a case with more is skipped.
const WAYS_MAX: usize = 300;
const INSTANTS_MAX: usize = 40;

/// The paths through every `any_of`: requirements that are not groups and that all must hold. `None` if there are too many paths.
fn ways(policy: &Policy) -> Option<Vec<Vec<&Requirement>>> {
    let mut ways = vec![Vec::new()];
    for rule in &policy.rules {
        ways = product(&ways, &ways_of(&rule.requirement)?)?;
    }
    Some(ways)
}

fn ways_of(requirement: &Requirement) -> Option<Vec<Vec<&Requirement>>> {
    match requirement {
        Requirement::AnyOf(parts) => {
            let mut ways = Vec::new();
            for part in parts {
                ways.extend(ways_of(part)?);
            }
            Some(ways)
        }
        Requirement::AllOf(parts) => {
            let mut ways = vec![Vec::new()];
            for part in parts {
                ways = product(&ways, &ways_of(part)?)?;
            }
            Some(ways)
        }
        leaf => Some(vec![vec![leaf]]),
    }
}

fn product<'p>(
    ones: &[Vec<&'p Requirement>],
    others: &[Vec<&'p Requirement>],
) -> Option<Vec<Vec<&'p Requirement>>> {
    let mut all = Vec::new();
    for one in ones {
        for other in others {
            let mut both = one.clone();
            for requirement in other {
                if !both.contains(requirement) {
                    both.push(requirement);
                }
            }
            all.push(both);
        }
    }
    (all.len() <= WAYS_MAX).then_some(all)
}

/// Which kinds of action a candidate uses, beside waiting.
#[derive(Clone, Copy)]
struct Uses {
    identify: bool,
    session: bool,
    reverify: bool,
    grant: bool,
}

/// The minimal sets, best first; `None` if there is too much to try.
pub fn minimal_sets(policy: &Policy, case: &Case) -> Option<Vec<Set>> {
    let Upstream::Answered(verification) = &case.upstream else {
        return Some(Vec::new());
    };
    let facts = Facts {
        verification,
        request: &case.request,
        now: case.at,
        doors: Doors::ByTheClock,
    };
    let ways = ways(policy)?;
    let instants = instants(policy, &facts)?;
    let mut found: Vec<Set> = Vec::new();
    let mut tried: BTreeSet<Set> = BTreeSet::new();
    for bits in 0..16u8 {
        let uses = Uses {
            identify: bits & 1 > 0,
            session: bits & 2 > 0,
            reverify: bits & 4 > 0,
            grant: bits & 8 > 0,
        };
        for way in &ways {
            let Some(plan) = plan(way, &facts, uses) else {
                continue;
            };
            for &instant in &instants {
                let at = Facts {
                    now: instant,
                    ..facts
                };
                if !way.iter().all(|leaf| may_hold(leaf, &at, uses)) {
                    continue;
                }
                let set = Set {
                    wait: (instant > case.at).then_some(instant),
                    ..plan.clone()
                };
                if tried.insert(set.clone()) && suffices(policy, case, &set, Age::Greatest) {
                    found.push(set);
                    break;
                }
            }
        }
    }
    let ages = ages(policy);
    let mut next = 0;
    while let Some(set) = found.get(next).cloned() {
        let less = [set.with_fewer_demands(), set.older(case.at, &ages)].concat();
        for part in less {
            if tried.insert(part.clone()) && suffices(policy, case, &part, Age::Greatest) {
                found.push(part);
            }
        }
        next += 1;
    }
    found.sort_by_key(|set| (set.rank(), set.wait, set.scopes.len()));
    let needs_all = |set: &&Set| {
        let others = |other: &Set| other != *set && other.is_no_stricter(set);
        let earlier = set.earlier(case.at);
        let too_late = earlier.is_some_and(|set| suffices(policy, case, &set, Age::Greatest));
        !too_late && is_needed(policy, case, set) && !found.iter().any(others)
    };
    Some(found.iter().filter(needs_all).cloned().collect())
}

/// Whether all actions of a set are needed, and all that some session has that the set permits, even if what is done has just been
/// done.
pub fn is_needed(policy: &Policy, case: &Case, set: &Set) -> bool {
    let suffices_new = |part: &Set| suffices(policy, case, part, Age::New);
    !set.with_fewer_actions().iter().any(suffices_new)
        && set
            .with_one_session()
            .iter()
            .any(|one| !one.parts_of_one().iter().any(suffices_new))
}

/// Whether trying all sessions and data that could be chosen takes too long.
pub fn is_too_much(policy: &Policy) -> bool {
    let mut groups = BTreeSet::new();
    let (mut ages, mut phones, mut lists) = (1, 1, 1);
    for requirement in all_requirements(policy) {
        match requirement {
            Requirement::Authenticated { amr_any, .. } if amr_any.len() > 1 => {
                groups.insert(amr_any);
            }
            Requirement::AgeAtLeast(_) | Requirement::AgeBelow(_) => ages += 1,
            Requirement::PhonePrefix(_) => phones += 1,
            Requirement::IdentityIn(_) | Requirement::IdentityNotIn(_) => lists += 1,
            _ => {}
        }
    }
    groups.len() > 3 || ages * phones * lists > 12 || ways(policy).is_none()
}

/// The ages that rules name.
pub fn ages(policy: &Policy) -> Vec<u64> {
    let requirements = all_requirements(policy).into_iter();
    let ages = requirements.filter_map(|requirement| match requirement {
        Requirement::VerifiedWithin(span) => Some(*span),
        Requirement::Authenticated { within, .. } => Some(*within),
        _ => None,
    });
    ages.collect()
}

/// The actions for the requirements of a path, with the values that they name; `None` if no single session satisfies them.
fn plan(way: &[&Requirement], facts: &Facts<'_>, uses: Uses) -> Option<Set> {
    let mut set = Set {
        identify: uses.identify,
        reverify: uses.reverify.then_some(None),
        ..Set::default()
    };
    let mut classes: Option<BTreeSet<String>> = None;
    for leaf in way {
        match leaf {
            Requirement::VerifiedWithin(span) if uses.reverify => {
                let age = set.reverify.flatten().map_or(*span, |age| age.min(*span));
                set.reverify = Some(Some(age));
            }
            Requirement::Authenticated {
                within,
                amr_any,
                acr_any,
            } if uses.session => {
                let session = set.session.get_or_insert(Session {
                    within: *within,
                    acr: BTreeSet::new(),
                    groups: BTreeSet::new(),
                });
                session.within = session.within.min(*within);
                if !amr_any.is_empty() {
                    session.groups.insert(amr_any.iter().cloned().collect());
                }
                if !acr_any.is_empty() {
                    let these: BTreeSet<String> = acr_any.iter().cloned().collect();
                    let both = classes
                        .take()
                        .map_or(these.clone(), |c| c.intersection(&these).cloned().collect());
                    if both.is_empty() {
                        return None;
                    }
                    classes = Some(both);
                }
            }
            _ if uses.grant => {
                let wanted = scopes_of(leaf).into_iter();
                set.scopes
                    .extend(wanted.filter(|scope| lacks(facts.verification, scope)));
            }
            _ => {}
        }
    }
    if let Some(session) = &mut set.session {
        session.acr = classes.unwrap_or_default();
        let all = session.groups.clone();
        session.groups.retain(|group| {
            !all.iter()
                .any(|other| other != group && other.is_subset(group))
        });
    }
    (uses.session == set.session.is_some() && uses.grant != set.scopes.is_empty()).then_some(set)
}

/// The scopes whose data a requirement reads.
fn scopes_of(leaf: &Requirement) -> Vec<String> {
    let one = |scope: &str| vec![scope.to_owned()];
    match leaf {
        Requirement::Scopes(scopes) => scopes.clone(),
        Requirement::AgeAtLeast(_) | Requirement::AgeBelow(_) => one("DATE_OF_BIRTH"),
        Requirement::PhonePrefix(_) => one("PHONE"),
        Requirement::IdentityIn(_)
        | Requirement::IdentityNotIn(_)
        | Requirement::IdentitySameAsRequest => one("IDENTITY_ID"),
        _ => Vec::new(),
    }
}

/// Whether a requirement holds as it is, or an action that is used might make it.
fn may_hold(leaf: &Requirement, facts: &Facts<'_>, uses: Uses) -> bool {
    let touched = match leaf {
        Requirement::Status(_) | Requirement::VerifiedWithin(_) => uses.reverify,
        Requirement::Authenticated { .. } => uses.session,
        Requirement::IdentitySameAsRequest => uses.identify || uses.grant,
        other => uses.grant && !scopes_of(other).is_empty(),
    };
    touched || facts.check(leaf).is_ok()
}

/// Now, and every later instant at which other requirements hold than at any earlier one; `None` if there are too many.
fn instants(policy: &Policy, facts: &Facts<'_>) -> Option<Vec<i64>> {
    let last = years_after(facts.now, HORIZON_YEARS)?;
    let schedules = schedules(policy);
    let mut edges = fact_edges(policy, facts);
    edges.push(facts.now);
    for schedule in &schedules {
        let zone: Tz = schedule.zone.parse().ok()?;
        let mut week = facts.now;
        while week < last {
            if offset(zone, week) != offset(zone, week + 7 * DAY) {
                edges.extend(clock_changes(zone, week, week + 7 * DAY));
            }
            week += 7 * DAY;
        }
    }
    edges.retain(|edge| (facts.now..=last).contains(edge));
    edges.sort_unstable();
    edges.dedup();
    let mut all: Vec<i64> = edges.clone();
    for edge in edges {
        // Everything that repeats does so weekly.
        all.extend(schedule_edges(
            &schedules,
            edge,
            (edge + 8 * DAY).min(last + 1),
        ));
    }
    all.sort_unstable();
    all.dedup();
    let mut seen = BTreeSet::new();
    let leaves: Vec<&Requirement> = all_requirements(policy);
    // One that is not there must not hide when another one begins to be readable.
    let scopes: BTreeSet<String> = leaves.iter().flat_map(|leaf| scopes_of(leaf)).collect();
    let single = scopes
        .into_iter()
        .map(|scope| Requirement::Scopes(vec![scope]));
    let single: Vec<Requirement> = single.collect();
    all.retain(|&instant| {
        let at = Facts {
            now: instant,
            ..*facts
        };
        let holds: Vec<bool> = leaves
            .iter()
            .copied()
            .chain(&single)
            .map(|leaf| at.check(leaf).is_ok())
            .collect();
        let guarded = at
            .verification
            .verified_at
            .is_some_and(|v| v > instant + SKEW);
        seen.insert((holds, guarded))
    });
    (all.len() <= INSTANTS_MAX).then_some(all)
}
