//! A requirement as a Boolean expression of conditions, each of which is about one axis. This is all that a comparison knows
//! of the language's requirements.

use std::{collections::BTreeSet, time::Duration};

use super::axis::Axis;
use crate::{
    rule::{Authenticated, IfAbsent, Requirement},
    schedule::Schedule,
};

/// A Boolean expression.
#[derive(Debug)]
pub(super) enum Expression<'p> {
    /// The value on this axis meets this condition.
    On(Axis, Condition<'p>),
    /// The session has one of these methods. Which axes that is about depends on the other lists of methods.
    AnyMethod(&'p BTreeSet<Box<str>>),
    /// All of these hold.
    All(Vec<Expression<'p>>),
    /// One of these holds.
    Any(Vec<Expression<'p>>),
}

/// What is required of the value on one axis.
#[derive(Debug, Clone, Copy)]
pub(super) enum Condition<'p> {
    /// It is one of these texts; a telephone number begins with one of them.
    OneOf(&'p BTreeSet<Box<str>>),
    /// It is known, and none of these texts.
    NoneOf(&'p BTreeSet<Box<str>>),
    /// It is missing, or none of these texts.
    MissingOrNoneOf(&'p BTreeSet<Box<str>>),
    /// It is known and readable; on a yes-or-no axis, it is yes.
    Known,
    /// It is less than this number of milliseconds ago.
    NewerThan(i64),
    /// The person is this many years old in every time zone.
    AgeAtLeast(u16),
    /// The person is not yet this many years old in any time zone.
    AgeBelow(u16),
    /// It lies inside this schedule.
    Inside(&'p Schedule),
}

impl<'p> Condition<'p> {
    /// The texts that it lists, if it lists any.
    pub(super) fn list(self) -> Option<&'p BTreeSet<Box<str>>> {
        match self {
            Self::OneOf(list) | Self::NoneOf(list) | Self::MissingOrNoneOf(list) => Some(list),
            Self::Known
            | Self::NewerThan(_)
            | Self::AgeAtLeast(_)
            | Self::AgeBelow(_)
            | Self::Inside(_) => None,
        }
    }
}

impl<'p> Expression<'p> {
    /// The expression of a requirement.
    pub(super) fn of(requirement: &'p Requirement) -> Self {
        match requirement {
            Requirement::Status(list) => Self::On(Axis::Status, Condition::OneOf(list)),
            Requirement::Project(list) => Self::On(Axis::Project, Condition::OneOf(list)),
            Requirement::Attribute(name, list) => {
                Self::On(Axis::Attribute(name.clone()), Condition::OneOf(list))
            }
            Requirement::AttributeNotIn(listed) => {
                let condition = match listed.if_absent {
                    IfAbsent::Holds => Condition::MissingOrNoneOf(&listed.values),
                    IfAbsent::Fails => Condition::NoneOf(&listed.values),
                };
                Self::On(Axis::Attribute(listed.name.clone()), condition)
            }
            Requirement::PhonePrefix(list) => Self::On(Axis::Phone, Condition::OneOf(list)),
            Requirement::IdentityIn(listed) => {
                Self::On(Axis::Identity, Condition::OneOf(&listed.ids))
            }
            Requirement::IdentityNotIn(listed) => {
                Self::On(Axis::Identity, Condition::NoneOf(&listed.ids))
            }
            Requirement::IdentityAsRequested => Self::All(vec![
                Self::On(Axis::Identity, Condition::Known),
                Self::On(Axis::IdentityMatch, Condition::Known),
            ]),
            Requirement::VerifiedWithin(age_max) => {
                Self::On(Axis::VerifiedAt, Condition::NewerThan(millis(*age_max)))
            }
            Requirement::Scopes(scopes) => {
                let axes = scopes.iter().map(Axis::of_scope);
                Self::All(axes.map(|axis| Self::On(axis, Condition::Known)).collect())
            }
            Requirement::AgeAtLeast(years) => {
                Self::On(Axis::DateOfBirth, Condition::AgeAtLeast(*years))
            }
            Requirement::AgeBelow(years) => {
                Self::On(Axis::DateOfBirth, Condition::AgeBelow(*years))
            }
            Requirement::Authenticated(required) => Self::authenticated(required),
            Requirement::Schedule(schedule) => Self::On(Axis::Now, Condition::Inside(schedule)),
            Requirement::AnyOf(parts) => Self::Any(parts.iter().map(Self::of).collect()),
            Requirement::AllOf(parts) => Self::All(parts.iter().map(Self::of).collect()),
        }
    }

    fn authenticated(required: &'p Authenticated) -> Self {
        let newer = Condition::NewerThan(millis(required.within));
        let mut parts = vec![Self::On(Axis::AuthTime, newer)];
        if !required.amr_any.is_empty() {
            parts.push(Self::AnyMethod(&required.amr_any));
        }
        if !required.acr_any.is_empty() {
            parts.push(Self::On(Axis::Acr, Condition::OneOf(&required.acr_any)));
        }
        Self::All(parts)
    }

    /// Calls `visit` with each condition, and `visit_methods` with each list of methods.
    pub(super) fn visit(
        &self,
        visit: &mut impl FnMut(&Axis, Condition<'p>),
        visit_methods: &mut impl FnMut(&'p BTreeSet<Box<str>>),
    ) {
        match self {
            Self::On(axis, condition) => visit(axis, *condition),
            Self::AnyMethod(list) => visit_methods(list),
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.visit(visit, visit_methods);
                }
            }
        }
    }
}

/// In whole milliseconds, rounded up: evidence comes in milliseconds.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}
