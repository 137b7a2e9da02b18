//! Identifiers of verifications and names of policies. Both are checked when they are made, so that an invalid one cannot exist.

use std::{borrow::Borrow, fmt, sync::Arc};

use crate::{
    identity::is_hyphenated_uuid,
    limits::{POLICY_NAME_BYTES_MAX, VERIFICATION_ID_BYTES_MAX},
};

/// The vendor's identifier of a verification: opaque, `[A-Za-z0-9_-]{1,128}`. Only a UUID of 36 characters has a canonical form, in lower
/// case, so that a verification is looked up, cached and invalidated under one spelling.
///
/// Without dots and slashes, because it becomes a part of the path of a request to the vendor, where `../../integration/…`
/// would lead to another resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VerificationId(Arc<str>);

impl VerificationId {
    /// Accepts a valid identifier.
    pub fn parse(text: &str) -> Result<Self, InvalidNameError> {
        check_id(text)?;
        let mut id = Arc::from(text);
        if is_hyphenated_uuid(text) {
            Arc::<str>::make_mut(&mut id).make_ascii_lowercase();
        }
        Ok(Self(id))
    }

    /// The same of a text that is shared already. Where it is in the canonical form, its memory is.
    pub fn of_shared(text: &Arc<str>) -> Result<Self, InvalidNameError> {
        check_id(text)?;
        Ok(Self(
            if is_hyphenated_uuid(text) && text.bytes().any(|b| b.is_ascii_uppercase()) {
                text.to_ascii_lowercase().into()
            } else {
                Arc::clone(text)
            },
        ))
    }

    /// Whether this text, as the vendor sends it, is this identifier.
    pub(crate) fn is(&self, text: &str) -> bool {
        *self.0 == *text || is_hyphenated_uuid(text) && self.0.eq_ignore_ascii_case(text)
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, to share its memory.
    pub fn shared(&self) -> &Arc<str> {
        &self.0
    }
}

/// Compared and hashed like its text.
impl Borrow<str> for VerificationId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

fn check_id(text: &str) -> Result<(), InvalidNameError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if text.is_empty() || text.len() > VERIFICATION_ID_BYTES_MAX || !text.bytes().all(allowed) {
        return Err(InvalidNameError(
            "must be 1 to 128 of A-Z, a-z, 0-9, `_` and `-`",
        ));
    }
    Ok(())
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
    /// Accepts a valid name.
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

/// A text is not a valid name or identifier; says what a valid one looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidNameError(pub &'static str);
