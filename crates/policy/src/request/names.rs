//! Identifiers of verifications and names of policies: checked when they are made, so that no invalid one exists.

use std::{fmt, sync::Arc};

use crate::limits::{POLICY_NAME_BYTES_MAX, VERIFICATION_ID_BYTES_MAX};

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
