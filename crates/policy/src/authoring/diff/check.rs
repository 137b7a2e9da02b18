//! A check as the axes read it.

use crate::{evidence::Scope, request::Authentication, rule::Given, time::Timestamp};

/// A check that the rules judge, and its instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Check<'a> {
    pub(super) given: Given<'a>,
    pub(super) now: Timestamp,
}

impl<'a> Check<'a> {
    /// The person's session, if the request has one.
    pub(super) fn session(&self) -> Option<&'a Authentication> {
        self.given.request.authentication.as_ref()
    }

    /// Whether this scope is granted and its data readable at this instant.
    pub(super) fn reads(&self, scope: &Scope) -> bool {
        let readable = self.given.verification.readable(scope);
        readable.is_ok_and(|window| window.contains(self.now))
    }
}
