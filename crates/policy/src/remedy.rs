//! One thing to do, so that a decision becomes ALLOW.

use std::{collections::BTreeSet, time::Duration};

use crate::{evidence::Scope, rule::Authenticated, time::Timestamp};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Verify again, so that the verification is younger than this, if that matters.
    Reverify {
        /// How old the verification may be.
        max_age: Option<Duration>,
    },
    /// Authenticate again, or more strongly.
    Authenticate(Authenticated),
    /// Let the verification carry the data of these scopes.
    GrantScopes(BTreeSet<Scope>),
    /// Name the identity in the question.
    Identify,
    /// Come back at this instant.
    Wait(Timestamp),
}
