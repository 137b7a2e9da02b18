//! A check in the making: every axis sets its own fact.

use crate::{
    evidence::Verification,
    request::{Authentication, Request},
    time::Timestamp,
};

/// A check of which some facts are set.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) request: Request,
    pub(super) verification: Verification,
    pub(super) now: Timestamp,
}

/// Why an axis could not set its fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoWitnessError {
    /// There is no such value at this instant of the check; at another there may be one.
    AtThisInstant,
    /// None was found at this instant; there is one at another, or at this one.
    NotFoundAtThisInstant,
}

impl Draft {
    /// The person's session, if its authentication is set.
    pub(super) fn session_mut(&mut self) -> Option<&mut Authentication> {
        self.request.authentication.as_mut()
    }
}
