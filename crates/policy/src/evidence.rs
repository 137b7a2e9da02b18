//! What is known about a verification, and how well. A person's data is kept only as far as a policy can ask for it: of a
//! name, that there is one.

mod datum;
mod scope;
mod verification;

pub(crate) use self::verification::plausible_birth;
pub use self::{datum::Datum, scope::Scope, verification::Verification};
use crate::{
    limits::{EVIDENCE_TEXT_BYTES_MAX, SCOPES_MAX},
    time::Timestamp,
};

/// What is known about one verification, and since when.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// What is known.
    pub finding: Finding,
    /// When the upstream said so, at the latest: the instant at which the answer's question was sent.
    pub seen_at: Timestamp,
}

/// What asking about a verification found out.
#[derive(Debug, Clone)]
pub enum Finding {
    /// The upstream described it.
    Present(Verification),
    /// The upstream knows no such verification.
    Absent,
    /// The upstream answered, but what it said cannot be used.
    Unusable(Flaw),
    /// The upstream could not be asked.
    Unknown,
}

/// Why an answer of the upstream cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It is not the JSON that was agreed.
    Unreadable,
    /// It is larger than any honest answer.
    TooLarge,
    /// It is about another verification.
    AnotherVerification,
}

/// Whether these texts and scopes are no more than any honest answer has: they are remembered, answered and journaled.
pub fn are_modest<'t>(
    texts: impl IntoIterator<Item = &'t str>,
    scopes: impl ExactSizeIterator<Item = &'t str>,
) -> bool {
    scopes.len() <= SCOPES_MAX
        && texts
            .into_iter()
            .chain(scopes)
            .all(|text| text.len() <= EVIDENCE_TEXT_BYTES_MAX)
}

#[cfg(test)]
mod tests;
