//! What the upstream said about a verification, and when. A person's data is kept only if a policy in force reads it ([`DataKinds`]): of a
//! name, only that there is one. It is shown nowhere, and its memory is overwritten when it is dropped.

mod birth;
mod datum;
mod kept;
mod scope;
mod scopes;
mod text;
mod verification;

pub(crate) use self::birth::is_beyond_the_calendar;
pub use self::{
    birth::BirthDate, datum::Datum, kept::DataKinds, scope::Scope, scopes::Scopes,
    text::PersonalText, verification::Verification,
};
use crate::{
    limits::{EVIDENCE_TEXT_BYTES_MAX, SCOPES_MAX},
    time::Timestamp,
};

/// What the upstream said about one verification, and when.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// What it said.
    pub finding: Finding,
    /// When the call to the upstream was sent: the evidence is at least that recent.
    pub seen_at: Timestamp,
}

/// The result of looking a verification up.
#[derive(Debug, Clone)]
pub enum Finding {
    /// The upstream described it.
    Present(Verification),
    /// The upstream knows no such verification.
    Absent,
    /// The upstream answered, but the answer cannot be used.
    Unusable(Flaw),
    /// The upstream could not be asked.
    Unknown,
}

/// Why an answer of the upstream cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It is not the JSON that the upstream documents.
    Unreadable,
    /// It is larger than any valid answer.
    TooLarge,
    /// It is about another verification.
    AnotherVerification,
}

impl Flaw {
    /// The flaw's name in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::TooLarge => "too_large",
            Self::AnotherVerification => "another_verification",
        }
    }
}

/// Whether these texts and scopes are within the bounds of a valid answer. They are cached, answered and journaled, so that
/// they must be bounded.
pub fn are_within_bounds<'t>(
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
