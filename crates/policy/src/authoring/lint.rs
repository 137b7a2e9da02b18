//! Warnings about policies that are valid but very probably not what the author means.
//!
//! Warnings about the effect of a rule are proved: the policy is compared exactly with the same policy without the rule (see
//! [`diff`](super::diff)); if the work budget does not suffice, there is no warning. Warnings about names come from tables: a name is
//! reported if it is similar to a name of a table and not equal to it.

mod warning;
mod findings;
mod written;
mod proof;
mod facts;
mod contradiction;
mod parts;
mod effect;
mod identity;
mod ages;
mod known;
mod names;
mod letters;
mod zones;

use std::collections::BTreeMap;

pub use self::warning::{Warning, WarningCode};
use self::{
    findings::Findings,
    letters::Scripts,
    names::Classes,
    proof::Prover,
    written::{Part, Texts, Written},
};
use crate::{
    request::PolicyName,
    rule::Requirement,
    set::{Policy, PolicySet},
};

/// The work budget of a set of policies: a few seconds' work.
const SET_STEPS_MAX: usize = 100_000_000;
/// How many warnings are kept; the rest are counted.
const WARNINGS_MAX: usize = 1000;

/// The warnings about a set of policies.
#[derive(Debug, Default)]
pub struct Lint {
    /// The warnings, in the order of the text.
    pub warnings: Vec<Warning>,
    /// How many more there are, by what they are about.
    pub more: BTreeMap<WarningCode, usize>,
    /// The policies that are too large to finish every proof within the work budget: they may have more mistakes than are reported.
    pub unfinished: Vec<PolicyName>,
}

/// The warnings of every policy of a set.
pub fn lint(set: &PolicySet) -> Lint {
    let (classes, scripts) = (Classes::of(set), Scripts::of(set));
    let mut texts = Texts::default();
    let mut steps = SET_STEPS_MAX;
    let mut lint = Lint::default();
    for (name, policy) in set.iter() {
        let written = texts.of(policy);
        let mut findings = Findings::of(name);
        let mut prover = Prover::new(name, steps);
        prove(policy, written, &mut prover, &mut findings);
        steps = steps.saturating_sub(prover.spent());
        if prover.gave_up() {
            lint.unfinished.push(name.clone());
        }
        identity::block_list_steps_up(policy, written, &mut findings);
        ages::settings_too_long(policy, written, &mut findings);
        for rule in policy.rules() {
            let place = written.rule(rule);
            each_requirement(rule.requirement(), place, &mut |requirement, place| {
                names::misspelled(requirement, place, &classes, &mut findings);
                letters::lookalikes(requirement, place, &scripts, &mut findings);
                zones::without_summer_time(requirement, place, &mut findings);
            });
        }
        lint.warnings.extend(findings.into_warnings());
    }
    let position = |warning: &Warning| {
        let location = warning.location.as_ref();
        let place = location.map(|l| (l.source.path.clone(), l.position.line, l.position.column));
        (place, warning.code)
    };
    lint.warnings.sort_by_cached_key(position);
    for excess in lint.warnings.iter().skip(WARNINGS_MAX) {
        let count = lint.more.entry(excess.code).or_default();
        *count = count.saturating_add(1);
    }
    lint.warnings.truncate(WARNINGS_MAX);
    lint
}

/// Adds the warnings that need proofs. For a policy that never ALLOWs, no rule matters.
fn prove(
    policy: &Policy,
    written: Written<'_>,
    prover: &mut Prover<'_>,
    findings: &mut Findings<'_>,
) {
    if contradiction::never_allow(policy, prover, findings) {
        return;
    }
    identity::no_identity_check(policy, prover, findings);
    ages::no_age_limit(policy, prover, findings);
    effect::without_effect(policy, written, prover, findings);
}

/// Calls `visit` with a requirement and each one inside it, and with their places in the text.
fn each_requirement<'r, 't>(
    requirement: &'r Requirement,
    place: Option<Part<'t>>,
    visit: &mut impl FnMut(&'r Requirement, Option<Part<'t>>),
) {
    visit(requirement, place);
    if let Requirement::AnyOf(parts) | Requirement::AllOf(parts) = requirement {
        for (index, part) in parts.iter().enumerate() {
            each_requirement(part, place.and_then(|place| place.part(index)), visit);
        }
    }
}
