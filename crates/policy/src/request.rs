//! The question: which verification, by which policy, and what the caller says about the situation. Every field is checked
//! when it is made, so that nothing malformed can be asked.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{
    limits::{POLICY_NAME_BYTES_MAX, VERIFICATION_ID_BYTES_MAX},
    time::Timestamp,
};

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

/// The vendor's name for a verification: opaque, `[A-Za-z0-9_-]{1,128}`.
///
/// No dots or slashes: the name becomes a part of the path of a request to the vendor, where `../../integration/…` would
/// lead elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VerificationId(Arc<str>);

impl VerificationId {
    /// Accepts a well-formed identifier.
    pub fn parse(text: &str) -> Result<Self, InvalidNameError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if text.is_empty() || text.len() > VERIFICATION_ID_BYTES_MAX || !text.bytes().all(allowed) {
            return Err(InvalidNameError(
                "must be 1 to 128 of A-Z, a-z, 0-9, `_` and `-`",
            ));
        }
        Ok(Self(text.into()))
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VerificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a policy: `[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyName(Arc<str>);

impl PolicyName {
    /// Accepts a well-formed name.
    pub fn parse(text: &str) -> Result<Self, InvalidNameError> {
        let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let inner = |b: u8| edge(Some(&b)) || matches!(b, b'.' | b'_' | b'-');
        let bytes = text.as_bytes();
        if bytes.len() > POLICY_NAME_BYTES_MAX
            || !edge(bytes.first())
            || !edge(bytes.last())
            || !bytes.iter().copied().all(inner)
        {
            return Err(InvalidNameError(
                "must be 1 to 64 of a-z, 0-9, `.`, `_` and `-`, with a letter or digit at both ends",
            ));
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a name must look like, where it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidNameError(pub &'static str);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_lead_elsewhere_is_refused() {
        let long = "a".repeat(129);
        for text in [
            "",
            ".",
            "..",
            "../../integration/authorize/server",
            "a/b",
            "a%2fb",
            "a b",
            "a\0",
            "ä",
            "a?b",
            "a#b",
            long.as_str(),
        ] {
            assert!(VerificationId::parse(text).is_err(), "{text:?}");
        }
        assert!(VerificationId::parse("55a951eb-265c-4706-9ebf-99ae35c745ab").is_ok());
        assert!(VerificationId::parse(&"a".repeat(128)).is_ok());
    }

    #[test]
    fn a_policy_name_begins_and_ends_with_a_letter_or_digit() {
        let long = "a".repeat(65);
        for text in [
            "",
            "-a",
            "a-",
            ".",
            "Front",
            "a b",
            "ä",
            "a/b",
            long.as_str(),
        ] {
            assert!(PolicyName::parse(text).is_err(), "{text:?}");
        }
        for text in ["a", "0", "front-door", "a.b_c-1", &"a".repeat(64)] {
            assert!(PolicyName::parse(text).is_ok(), "{text:?}");
        }
    }
}
