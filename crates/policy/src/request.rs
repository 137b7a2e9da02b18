//! The request: which verification, by which policy, and what the caller asserts about the situation.

mod names;

use std::collections::BTreeMap;

pub use self::names::{InvalidNameError, PolicyName, VerificationId};
use crate::{identity::Identity, time::Timestamp};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// The policy that decides.
    pub policy: PolicyName,
    /// The verification that it is about.
    pub verification: VerificationId,
    /// The identity that the caller expects the verification to be about.
    pub identity: ClaimedIdentity,
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
            identity: ClaimedIdentity::None,
            authentication: None,
            attributes: BTreeMap::new(),
            id: "".into(),
        }
    }
}

/// The identity that a request names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ClaimedIdentity {
    /// None.
    #[default]
    None,
    /// A text that is no identity, as it was sent. It is nobody's: a rule that judges it does not hold.
    Unreadable(Box<str>),
    /// This one.
    Known(Identity),
}

impl ClaimedIdentity {
    /// The identity of a request; an empty text is none.
    pub fn parse(text: impl AsRef<str> + Into<Box<str>>) -> Self {
        match Identity::of(text) {
            Ok(identity) => Self::Known(identity),
            Err((_, text)) if text.as_ref().is_empty() => Self::None,
            Err((_, text)) => Self::Unreadable(text.into()),
        }
    }

    /// The canonical text of the identity, or the text as it was sent if it is none.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Unreadable(text) => Some(text),
            Self::Known(identity) => Some(identity.as_str()),
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
