//! What comes out of a policy or a rule, as a chain of formulas: the outcome is that of the first formula that does not hold, and the
//! best one where all hold. Each formula implies those before it.

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
    /// Whether the rule of this number is met, and the reason if it is not.
    Rule(usize),
}

/// The number of an outcome: outcomes with other numbers may be equal, and those with the same number are.
pub(super) type OutcomeId = usize;
/// The outcome where every formula holds.
const BEST: OutcomeId = usize::MAX;

/// A chain of formulas, and the outcome of each.
#[derive(Debug)]
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

    /// The chain of a policy's decision; with `forced`, as if what that requirement says of time were true, or false.
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

    /// The chain of what comes out of the rule of this number.
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

/// The number of the outcome if this requirement is the first that does not hold; none if it may give several reasons.
fn outcome_of(requirement: &Requirement) -> Option<OutcomeId> {
    let code = match requirement {
        Requirement::Status(_) => ReasonCode::StatusNotAccepted,
        Requirement::Attribute(..) => ReasonCode::AttributeNotAccepted,
        Requirement::Authenticated(_) => ReasonCode::AuthenticationRequired,
        Requirement::Schedule(_) => ReasonCode::OutsideSchedule,
        Requirement::AnyOf(_) => ReasonCode::NoAlternativeMet,
        _ => return None,
    };
    // After the numbers of the parts, of which no rule has that number.
    let codes = ReasonCode::ALL.iter();
    let number = codes.take_while(|other| **other != code).count();
    Some(number.saturating_add(1_000_000))
}
