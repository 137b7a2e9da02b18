//! Identity: policies that do not check whose verification it is, and block lists that lead to a step-up.

use super::{
    findings::{Findings, shown},
    proof::{Prover, visit},
    warning::WarningCode,
    written::Written,
};
use crate::{
    effect::Refusal,
    rule::{Requirement, Rule},
    set::Policy,
};

const ASK: &str = "add `- identity: same_as_request`, and let callers send the badge's or account's `identity_id`: without it, \
                   anybody's verification passes for anybody";

/// Finds a policy that can ALLOW although the request names another identity than the verification's, or none. A list of identities says who
/// may be let in, and does not check that the verification belongs to the person who asks.
pub(super) fn no_identity_check(
    policy: &Policy,
    prover: &mut Prover<'_>,
    findings: &mut Findings<'_>,
) {
    let asks = |rule: &&Rule| has(rule, |r| matches!(r, Requirement::IdentityAsRequested));
    let never_asks = !policy.rules().iter().any(|rule| asks(&rule));
    let asked = Requirement::IdentityAsRequested;
    if !never_asks && prover.allows_without(policy.rules(), &asked) != Some(true) {
        return;
    }
    let listing = |rule: &&Rule| has(rule, |r| matches!(r, Requirement::IdentityIn(_)));
    let list = policy.rules().iter().find(listing);
    let message = match (never_asks, list) {
        (true, Some(list)) => format!(
            "it never asks whose verification this is: `{}` says who may enter, not that it is them",
            shown(list.requirement())
        ),
        (true, None) => "it never asks whose verification this is".to_owned(),
        (false, _) => "it can ALLOW without asking whose verification this is".to_owned(),
    };
    let at_list = list.filter(|_| never_asks).and_then(Rule::location);
    let location = at_list.or(policy.location()).cloned();
    findings.add(WarningCode::NoIdentityCheck, location, message, ASK);
}

/// Finds block lists whose rule leads to a step-up.
pub(super) fn block_list_steps_up(
    policy: &Policy,
    written: Written<'_>,
    findings: &mut Findings<'_>,
) {
    for rule in policy.rules() {
        if rule.otherwise() != Refusal::StepUp || !must_not_be_listed(rule.requirement()) {
            continue;
        }
        let place = written.rule(rule);
        let location = place.and_then(|place| place.beside("otherwise"));
        let location = location.or_else(|| rule.location().cloned());
        let message = format!(
            "`{}` leads to STEP_UP: a blocked person is invited to try again",
            shown(rule.requirement())
        );
        let hint = "take `otherwise: step_up` out: a block list denies, and nothing that a blocked person does may get around it";
        findings.add(WarningCode::BlockListStepsUp, location, message, hint);
    }
}

/// Whether the requirement holds only for people who are not on a block list.
fn must_not_be_listed(requirement: &Requirement) -> bool {
    match requirement {
        Requirement::IdentityNotIn(_) => true,
        Requirement::AllOf(parts) => parts.iter().any(must_not_be_listed),
        Requirement::AnyOf(parts) => parts.iter().all(must_not_be_listed),
        _ => false,
    }
}

/// Whether the rule is or contains a requirement of this kind.
fn has(rule: &Rule, is: fn(&Requirement) -> bool) -> bool {
    let mut found = false;
    visit(rule.requirement(), &mut |requirement| {
        found |= is(requirement);
    });
    found
}
