//! Limits of age: of the verification, of the cached evidence, and of an answer.

use std::time::Duration;

use super::{
    findings::Findings,
    proof::{Prover, age_limits, visit},
    warning::WarningCode,
    written::Written,
};
use crate::{
    effect::Refusal,
    rule::{Requirement, Rule},
    set::Policy,
    time::Shown,
    yaml::Location,
};

const DAY: Duration = Duration::from_hours(24);
/// A longer `fresh_for` lets a withdrawn verification count for too long.
const FRESH_FOR_MAX: Duration = DAY;
/// A longer `stale_for` lets a withdrawn verification count for too long in an outage.
const STALE_FOR_MAX: Duration = Duration::from_hours(7 * 24);
/// A longer `reuse.allow` lets a caller keep an ALLOW for too long.
const REUSE_MAX: Duration = DAY;
/// The age that the hint suggests to policies without a limit.
const SOME_AGE: Duration = Duration::from_hours(365 * 24);

/// Finds a policy that can ALLOW a verification of any age.
pub(super) fn no_age_limit(policy: &Policy, prover: &mut Prover<'_>, findings: &mut Findings<'_>) {
    let longest = age_limits(policy).into_iter().max();
    let limited = Requirement::VerifiedWithin(longest.unwrap_or(SOME_AGE));
    if prover.allows_without(policy.rules(), &limited) != Some(true) {
        return;
    }
    let message = match longest {
        None => "it never asks how old the verification is: one of any age passes",
        Some(_) => {
            "it can ALLOW a verification of any age: `verified_within` is only in alternatives"
        }
    };
    let hint =
        "add a rule such as `- verified_within: 365d`: older verifications then no longer count";
    let location = policy.location().cloned();
    findings.add(WarningCode::NoAgeLimit, location, message, hint);
}

/// Finds settings that let evidence or answers count for too long, or for longer than is useful.
pub(super) fn settings_too_long(
    policy: &Policy,
    written: Written<'_>,
    findings: &mut Findings<'_>,
) {
    fresh_for_too_long(policy, written, findings);
    stale_for_too_long(policy, written, findings);
    let allow = policy.reuse_allow();
    if allow > REUSE_MAX {
        let location = place(policy, written, "reuse", "allow");
        let message = format!(
            "`reuse.allow: {}` lets a caller keep an ALLOW for longer than a day without asking again",
            Shown(allow)
        );
        let hint = "write minutes, such as `allow: 10m`: for that long a withdrawn verification or a new policy changes nothing for this caller";
        findings.add(WarningCode::ReuseTooLong, location, message, hint);
    }
    if policy.allows_unrecorded() {
        let location = place(policy, written, "journal", "allow_unrecorded");
        let message = "`allow_unrecorded: true` lets people in without a record in the journal while that cannot be written";
        let hint =
            "leave `journal` out, unless this door must open whatever happens, as an exit must";
        findings.add(WarningCode::UnrecordedAllowed, location, message, hint);
    }
    if policy.evidence().unavailable == Refusal::StepUp {
        let location = place(policy, written, "evidence", "unavailable");
        let message = "`unavailable: step_up` sends people to a step-up that cannot help: nothing that they do ends an outage";
        let hint = "write `unavailable: deny`, and for example `stale_for: 1h` to use cached evidence during an outage";
        findings.add(WarningCode::StepUpInOutage, location, message, hint);
    }
}

fn fresh_for_too_long(policy: &Policy, written: Written<'_>, findings: &mut Findings<'_>) {
    let fresh_for = policy.evidence().fresh_for;
    let tightest = age_limits(policy).into_iter().min();
    let shown = Shown(fresh_for);
    let at_rule = || {
        let limited = |rule: &&Rule| tightest.is_some() && tightest_age(rule) == tightest;
        policy.rules().iter().find(limited)?.location().cloned()
    };
    let location = written.setting("evidence", "fresh_for").or_else(at_rule);
    if let Some(tightest) = tightest.filter(|tightest| *tightest < fresh_for) {
        let tightest = Shown(tightest);
        let message = format!(
            "`fresh_for: {shown}` is longer than its tightest `verified_within: {tightest}`"
        );
        let hint = format!(
            "write `fresh_for: {tightest}` or less in `evidence`: a new verification would go unnoticed for longer than an old one counts"
        );
        findings.add(WarningCode::FreshForTooLong, location, message, hint);
    } else if fresh_for > FRESH_FOR_MAX {
        let message = format!("`fresh_for: {shown}` keeps evidence for longer than a day");
        let hint = "write minutes or hours, such as `fresh_for: 5m`: for that long a withdrawn verification may go unnoticed";
        findings.add(WarningCode::FreshForTooLong, location, message, hint);
    }
}

fn stale_for_too_long(policy: &Policy, written: Written<'_>, findings: &mut Findings<'_>) {
    let stale_for = policy.evidence().stale_for;
    let location = place(policy, written, "evidence", "stale_for");
    let shown = Shown(stale_for);
    let bounds = policy.rules().iter().map(Rule::requirement);
    let bound = bounds.filter_map(age_bound).min();
    if let Some(bound) = bound.filter(|bound| *bound < stale_for) {
        let bound = Shown(bound);
        let message = format!(
            "`stale_for: {shown}` is longer than `verified_within: {bound}`, which every ALLOW needs: older evidence cannot lead to ALLOW"
        );
        let hint = format!("write how long an outage may last, at most `stale_for: {bound}`");
        findings.add(WarningCode::StaleForTooLong, location, message, hint);
    } else if stale_for > STALE_FOR_MAX {
        let message = format!("`stale_for: {shown}` is longer than a week");
        let hint = "write hours, such as `stale_for: 4h`: in an outage, a withdrawn verification passes for that long";
        findings.add(WarningCode::StaleForTooLong, location, message, hint);
    }
}

/// The greatest age of a verification for which this requirement can hold, if it has such a bound.
fn age_bound(requirement: &Requirement) -> Option<Duration> {
    match requirement {
        Requirement::VerifiedWithin(within) => Some(*within),
        Requirement::AllOf(parts) => parts.iter().filter_map(age_bound).min(),
        Requirement::AnyOf(parts) => {
            let bounds: Option<Vec<Duration>> = parts.iter().map(age_bound).collect();
            bounds?.into_iter().max()
        }
        _ => None,
    }
}

/// The shortest age limit in a rule.
fn tightest_age(rule: &Rule) -> Option<Duration> {
    let mut tightest: Option<Duration> = None;
    visit(rule.requirement(), &mut |requirement| {
        if let Requirement::VerifiedWithin(limit) = requirement {
            tightest = Some(tightest.map_or(*limit, |other| other.min(*limit)));
        }
    });
    tightest
}

/// The place of a setting, or of the policy if the setting is not written.
fn place(policy: &Policy, written: Written<'_>, section: &str, name: &str) -> Option<Location> {
    written
        .setting(section, name)
        .or_else(|| policy.location().cloned())
}
