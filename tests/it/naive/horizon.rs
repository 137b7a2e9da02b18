//! When the decision next changes, found the naive way: list every instant at which any single fact can flip, and decide
//! at each in order until the decision is another.
//!
//! One shortcut, for schedules have thousands of edges in ten years: between two edges of all other facts the decision
//! depends on the schedules alone. No requirement turns a met one into an unmet one, so the decision with every schedule
//! open is the mildest possible there, and with every one shut the strictest. Where both are what it is now, that stretch
//! is skipped. `next_change_plainly` does without, and a test compares the two.

use super::clock::{schedule_edges, years_after};
use super::eval::{ANY_ZONE, Doors, Facts, OLDEST_AGE, SKEW, decide};
use super::model::{Decision, Policy, Requirement, Schedule};

/// How far ahead is looked, in calendar years.
pub const HORIZON_YEARS: i32 = 10;

/// The first instant after now, at most ten years on, at which the decision is not the given one, and what it is then.
pub fn next_change(
    policy: &Policy,
    facts: &Facts<'_>,
    decision: Decision,
) -> Option<(i64, Decision)> {
    search(policy, facts, decision, true)
}

/// The same without the shortcut.
pub fn next_change_plainly(
    policy: &Policy,
    facts: &Facts<'_>,
    decision: Decision,
) -> Option<(i64, Decision)> {
    search(policy, facts, decision, false)
}

fn search(
    policy: &Policy,
    facts: &Facts<'_>,
    decision: Decision,
    shortcut: bool,
) -> Option<(i64, Decision)> {
    let last = years_after(facts.now, HORIZON_YEARS)?;
    let schedules = schedules(policy);
    let differs_at = |instant: i64| {
        let (then, _) = decide(
            policy,
            &Facts {
                now: instant,
                ..*facts
            },
        );
        (then != decision).then_some((instant, then))
    };
    let mut edges = fact_edges(policy, facts);
    edges.retain(|&edge| facts.now < edge && edge <= last);
    edges.sort_unstable();
    edges.dedup();
    edges.push(last + 1);
    let mut start = facts.now;
    for edge in edges {
        let skip =
            schedules.is_empty() || (shortcut && !schedules_matter(policy, facts, start, decision));
        if !skip && let Some(change) = schedule_edges(&schedules, start, edge).find_map(differs_at)
        {
            return Some(change);
        }
        if edge <= last
            && let Some(change) = differs_at(edge)
        {
            return Some(change);
        }
        start = edge;
    }
    None
}

/// Whether, with all other facts as they are at `start`, any reading of the schedules leads to another decision.
fn schedules_matter(policy: &Policy, facts: &Facts<'_>, start: i64, decision: Decision) -> bool {
    let decided = |doors: Doors| {
        decide(
            policy,
            &Facts {
                now: start,
                doors,
                ..*facts
            },
        )
        .0
    };
    decided(Doors::AllOpen) != decision || decided(Doors::AllShut) != decision
}

/// Every requirement of the policy, those inside others too.
pub fn all_requirements(policy: &Policy) -> Vec<&Requirement> {
    let mut found: Vec<&Requirement> = policy.rules.iter().map(|rule| &rule.requirement).collect();
    let mut next = 0;
    while let Some(requirement) = found.get(next).copied() {
        if let Requirement::AnyOf(parts) | Requirement::AllOf(parts) = requirement {
            found.extend(parts);
        }
        next += 1;
    }
    found
}

/// The schedules of the policy.
pub fn schedules(policy: &Policy) -> Vec<Schedule> {
    let mut schedules = Vec::new();
    for requirement in all_requirements(policy) {
        if let Requirement::Schedule(schedule) = requirement {
            schedules.push(schedule.clone());
        }
    }
    schedules
}

/// Every instant at which a fact other than a schedule can flip, in no order, some of them never mattering. Each is the
/// first instant of the new state.
pub fn fact_edges(policy: &Policy, facts: &Facts<'_>) -> Vec<i64> {
    let verified_at = facts.verification.verified_at;
    let birth = facts.verification.date_of_birth;
    let auth_time = facts
        .request
        .authentication
        .as_ref()
        .and_then(|session| session.auth_time);
    let mut edges: Vec<Option<i64>> = vec![
        verified_at.and_then(|instant| instant.checked_sub(SKEW)),
        auth_time.and_then(|instant| instant.checked_sub(SKEW)),
        birth,
        anniversary(birth, OLDEST_AGE).and_then(|instant| instant.checked_add(1)),
    ];
    for requirement in all_requirements(policy) {
        edges.push(match requirement {
            Requirement::VerifiedWithin(span) => end(verified_at, *span),
            Requirement::Authenticated { within, .. } => end(auth_time, *within),
            Requirement::AgeAtLeast(years) => {
                anniversary(birth, *years).and_then(|day| day.checked_add(ANY_ZONE))
            }
            Requirement::AgeBelow(years) => {
                anniversary(birth, *years).and_then(|day| day.checked_sub(ANY_ZONE))
            }
            _ => None,
        });
    }
    edges.into_iter().flatten().collect()
}

fn end(start: Option<i64>, span: u64) -> Option<i64> {
    start?.checked_add(i64::try_from(span).ok()?)
}

fn anniversary(birth: Option<i64>, years: u32) -> Option<i64> {
    years_after(birth?, i32::try_from(years).ok()?)
}
