//! An action that leads to ALLOW, alone or with others. See [`Decision::remedies`](crate::Decision::remedies).

use std::{collections::BTreeSet, time::Duration};

use crate::{evidence::Scope, rule::Authenticated, time::Timestamp};

/// An action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Verify again.
    Reverify {
        /// How old the verification may be when the request is made again; `None`: of any age.
        max_age: Option<Duration>,
    },
    /// Authenticate again, or more strongly.
    Authenticate(Authenticated),
    /// Let the verification carry the data of these scopes.
    GrantScopes(BTreeSet<Scope>),
    /// Name the identity in the request.
    Identify,
    /// Wait until this instant.
    Wait(Timestamp),
}
