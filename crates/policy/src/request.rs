//! The question: which verification, by which policy, and what the caller says about the situation. Every field is checked
//! when it is made, so that nothing malformed can be asked.

mod names;

use std::collections::BTreeMap;

pub use self::names::{InvalidNameError, PolicyName, VerificationId};
use crate::time::Timestamp;

/// One question.
#[derive(Debug, Clone)]
pub struct Request {
    /// The policy to judge by.
    pub policy: PolicyName,
    /// The verification to judge.
    pub verification: VerificationId,
    /// The identity that the caller believes it is dealing with.
    pub identity: Option<Box<str>>,
    /// What the person's current session has already proved.
    pub authentication: Option<Authentication>,
    /// What the caller says about the situation, such as the site.
    pub attributes: BTreeMap<String, String>,
    /// The caller's own name for the question; empty if it gave none.
    pub id: Box<str>,
}

impl Request {
    /// The question of a caller who says nothing more.
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

/// How the person authenticated in the current session, in the terms of `OpenID` Connect.
#[derive(Debug, Clone, Default)]
pub struct Authentication {
    /// Authentication context class reference; empty if not given.
    pub acr: String,
    /// Authentication method references (RFC 8176).
    pub amr: Vec<String>,
    /// When the person authenticated.
    pub auth_time: Option<Timestamp>,
}

#[cfg(test)]
mod tests;
