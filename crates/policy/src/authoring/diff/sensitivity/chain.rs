//! The outcome of a policy or a rule as a chain of formulas: it is the outcome of the first formula that does not hold, and the best
//! outcome if all hold. Each formula implies those before it.

use super::{
    super::{
        expression::Expression,
        formula::{Formula, Formulas},
    },
    atom::{Atom, expression, part},
    ordered::OrderedSpace,
};
use crate::{effect::Refusal, reason::ReasonCode, rule::Requirement, set::Policy};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::authoring) enum Outcome {
    /// The decision of the policy.
    Decision,
    /// Whether the rule with this index is met, and the reason if it is not.
    Rule(usize),
}

/// The number of an outcome: outcomes with the same number are equal; outcomes with different numbers may be equal too.
pub(super) type OutcomeId = usize;
/// The outcome if every formula holds.
const BEST: OutcomeId = usize::MAX;

/// A chain of formulas, and the outcome of each.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    pub(super) formulas: Vec<Formula>,
    pub(super) outcomes: Vec<OutcomeId>,
}

impl Chain {
    /// The outcome of a side of this chain, if it no longer depends on any axis.
    pub(super) fn outcome(&self, side: &[Formula]) -> Option<OutcomeId> {
        for (formula, outcome) in side.iter().zip(&self.outcomes) {
            match *formula {
                Formula::TRUE => {}
                Formula::FALSE => return Some(*outcome),
                _ => return None,
            }
        }
        Some(BEST)
    }

    /// The chain of a policy's decision; with `forced`, the time condition of that requirement is taken as true, or as
    /// false.
    pub(super) fn of_policy(
        policy: &Policy,
        forced: Option<(Atom, bool)>,
        space: &OrderedSpace<'_>,
        formulas: &mut Formulas<'_>,
    ) -> Self {
        let of_refusal = |refusal| {
            let rules = policy.rules().iter().enumerate();
            let rules = rules.filter(move |(_, rule)| rule.otherwise() == refusal);
            let parts = rules.map(|(index, rule)| {
                let forced = forced.filter(|(atom, _)| atom.rule == index);
                expression(rule, forced.map(|(atom, held)| (atom.leaf, held)))
            });
            Expression::All(parts.collect())
        };
        let parts = [of_refusal(Refusal::Deny), of_refusal(Refusal::StepUp)];
        Self::of(&parts, vec![0, 1], space, formulas)
    }

    /// The chain of the outcome of the rule with this index.
    pub(super) fn of_rule(
        policy: &Policy,
        rule: usize,
        space: &OrderedSpace<'_>,
        formulas: &mut Formulas<'_>,
    ) -> Self {
        let mut parts = Vec::new();
        if let Some(rule) = policy.rules().get(rule) {
            add_parts(rule.requirement(), &mut parts);
        }
        let outcomes = parts.iter().zip(0..);
        let outcomes = outcomes.map(|(part, number)| outcome_of(part).unwrap_or(number));
        let outcomes = outcomes.collect();
        let parts = parts.iter().map(|inner| part(inner, &mut 0, None));
        let parts: Vec<_> = parts.collect();
        Self::of(&parts, outcomes, space, formulas)
    }

    fn of(
        parts: &[Expression<'_>],
        outcomes: Vec<OutcomeId>,
        space: &OrderedSpace<'_>,
        formulas: &mut Formulas<'_>,
    ) -> Self {
        let mut held = Formula::TRUE;
        let links = parts.iter().map(|part| {
            let part = space.formula(part, formulas);
            held = formulas.all([held, part]);
            held
        });
        Self {
            formulas: links.collect(),
            outcomes,
        }
    }
}

/// The requirements of which the first that does not hold gives the reason.
fn add_parts<'p>(requirement: &'p Requirement, parts: &mut Vec<&'p Requirement>) {
    match requirement {
        Requirement::AllOf(inner) => inner.iter().for_each(|part| add_parts(part, parts)),
        part => parts.push(part),
    }
}

/// The number of the outcome if this requirement is the first that does not hold; `None` if requirements of its kind may give several
/// reasons. The facts of the two sides differ only by one step on one axis of time, so reasons about missing facts are the same.
fn outcome_of(requirement: &Requirement) -> Option<OutcomeId> {
    let code = match requirement {
        Requirement::Status(_) => ReasonCode::StatusNotAccepted,
        Requirement::VerifiedWithin(_) => ReasonCode::VerificationTooOld,
        Requirement::AgeAtLeast(_) => ReasonCode::UnderAge,
        Requirement::AgeBelow(_) => ReasonCode::OverAge,
        Requirement::PhonePrefix(_) => ReasonCode::PhoneNotAccepted,
        Requirement::IdentityAsRequested => ReasonCode::IdentityMismatch,
        Requirement::IdentityIn(_) => ReasonCode::IdentityNotListed,
        Requirement::IdentityNotIn(_) => ReasonCode::IdentityBlocked,
        Requirement::Project(_) => ReasonCode::ProjectNotAccepted,
        Requirement::Attribute(..) | Requirement::AttributeNotIn(_) => {
            ReasonCode::AttributeNotAccepted
        }
        Requirement::Authenticated(_) => ReasonCode::AuthenticationRequired,
        Requirement::Schedule(_) => ReasonCode::OutsideSchedule,
        Requirement::AnyOf(_) => ReasonCode::NoAlternativeMet,
        Requirement::Scopes(_) | Requirement::AllOf(_) => return None,
    };
    // After the numbers of the parts: no rule has that many.
    let codes = ReasonCode::ALL.iter();
    let number = codes.take_while(|other| **other != code).count();
    Some(number.saturating_add(1_000_000))
}
