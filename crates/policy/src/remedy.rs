//! An action that leads to ALLOW, alone or with others. See [`Decision::alternatives`](crate::Decision::alternatives).

use std::{collections::BTreeSet, time::Duration};

use crate::{evidence::Scope, time::Timestamp};

/// An action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Verify again: a verification of the same person and the same data, whose status is `VERIFIED`.
    Reverify {
        /// The verification must be younger than this when the request is made again; `None`: of any age.
        max_age: Option<Duration>,
    },
    /// Authenticate again, or more strongly.
    Authenticate(NewSession),
    /// Let the verification carry the data of these scopes.
    GrantScopes(BTreeSet<Scope>),
    /// Name the identity in the request.
    Identify,
    /// Wait until this instant.
    Wait(Timestamp),
}

/// The session in which to authenticate; it replaces the session of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// The authentication must be younger than this when the request is made again.
    pub max_age: Duration,
    /// One of these context classes; any if there are none.
    pub acr_any: BTreeSet<Box<str>>,
    /// One method of each group; any if there are none. No group contains another.
    pub amr_all_of: Vec<BTreeSet<Box<str>>>,
}
