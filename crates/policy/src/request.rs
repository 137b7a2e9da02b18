//! The request: which verification, by which policy, and what the caller asserts about the situation.

mod names;

use std::collections::BTreeMap;

pub use self::names::{InvalidNameError, PolicyName, VerificationId};
use crate::time::Timestamp;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// The policy that decides.
    pub policy: PolicyName,
    /// The verification that it is about.
    pub verification: VerificationId,
    /// The identity that the caller expects the verification to be about.
    pub identity: Option<Box<str>>,
    /// How the subject authenticated in the current session.
    pub authentication: Option<Authentication>,
    /// Attributes of the situation, such as the site.
    pub attributes: BTreeMap<String, String>,
    /// The caller's id of the request, for correlation; empty if it gave none.
    pub id: Box<str>,
}

impl Request {
    /// A request with nothing but a policy and a verification.
    pub fn bare(policy: PolicyName, verification: VerificationId) -> Self {
        Self {
            policy,
            verification,
            identity: None,
            authentication: None,
            attributes: BTreeMap::new(),
            id: "".into(),
        }
    }
}

/// How the subject authenticated in the current session, in the terms of `OpenID` Connect.
#[derive(Debug, Clone, Default)]
pub struct Authentication {
    /// Authentication context class reference; empty if not given.
    pub acr: String,
    /// Authentication method references (RFC 8176).
    pub amr: Vec<String>,
    /// When the subject authenticated.
    pub auth_time: Option<Timestamp>,
}

#[cfg(test)]
mod tests;
