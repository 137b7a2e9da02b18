//! One requirement of a policy, and the policy's expressions with the time condition of this requirement replaced.

use super::super::{axis::Axis, expression::Expression};
use crate::rule::{Requirement, Rule};

/// An axis of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::authoring) enum TimeAxis {
    /// How long ago the verification was made.
    VerifiedAt,
    /// How long ago the session was authenticated.
    AuthTime,
    /// The date of birth.
    DateOfBirth,
    /// The instant of the check.
    Now,
}

impl TimeAxis {
    /// Every axis of time.
    pub(in crate::authoring) const ALL: [Self; 4] = [
        Self::VerifiedAt,
        Self::AuthTime,
        Self::DateOfBirth,
        Self::Now,
    ];

    pub(super) fn axis(self) -> Axis {
        match self {
            Self::VerifiedAt => Axis::VerifiedAt,
            Self::AuthTime => Axis::AuthTime,
            Self::DateOfBirth => Axis::DateOfBirth,
            Self::Now => Axis::Now,
        }
    }
}

/// The place of a requirement in a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::authoring) struct Atom {
    /// The index of its rule.
    pub(in crate::authoring) rule: usize,
    /// Its index among the requirements of the rule that are not groups, in the order of the rule.
    pub(in crate::authoring) leaf: usize,
}

/// The expression of a rule. With `forced`, the time condition of the requirement with this index is replaced by true or false.
pub(super) fn expression(rule: &Rule, forced: Option<(usize, bool)>) -> Expression<'_> {
    part(rule.requirement(), &mut 0, forced)
}

pub(super) fn part<'p>(
    requirement: &'p Requirement,
    leaf: &mut usize,
    forced: Option<(usize, bool)>,
) -> Expression<'p> {
    match requirement {
        Requirement::AnyOf(parts) => {
            let parts = parts.iter().map(|inner| part(inner, leaf, forced));
            Expression::Any(parts.collect())
        }
        Requirement::AllOf(parts) => {
            let parts = parts.iter().map(|inner| part(inner, leaf, forced));
            Expression::All(parts.collect())
        }
        _ => {
            let number = *leaf;
            *leaf = leaf.saturating_add(1);
            let plain = Expression::of(requirement);
            match forced {
                Some((forced, held)) if forced == number => replaced(plain, held),
                _ => plain,
            }
        }
    }
}

/// The expression of a requirement that is not a group, with its time condition replaced.
fn replaced(expression: Expression<'_>, held: bool) -> Expression<'_> {
    match expression {
        Expression::On(Axis::VerifiedAt | Axis::AuthTime | Axis::DateOfBirth | Axis::Now, _) => {
            if held {
                Expression::All(Vec::new())
            } else {
                Expression::Any(Vec::new())
            }
        }
        Expression::All(parts) => {
            Expression::All(parts.into_iter().map(|part| replaced(part, held)).collect())
        }
        Expression::On(..) | Expression::AnyMethod(_) | Expression::Any(_) => expression,
    }
}
