//! What the upstream said about a verification, and when. Personal data is kept only as far as a policy can read it: of a name,
//! only that there is one.

mod datum;
mod scope;
mod verification;

use std::time::Duration;

pub(crate) use self::verification::plausible_birth;
pub use self::{datum::Datum, scope::Scope, verification::Verification};
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
    Unknown(Outage),
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

/// Why the upstream could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// No connection, or one that broke.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// It refused a token that it had just issued.
    TokenRefused,
    /// It refused our credentials: a mistake in the configuration.
    CredentialsRefused,
    /// It asked us to slow down.
    RateLimited,
    /// It answered with an error of its own.
    Failed,
    /// It answered with a status that was not agreed on.
    Unexpected,
    /// It was not asked, so as not to hurt it.
    HeldBack,
    /// It was not asked: this caller has caused too many fetches.
    OverQuota {
        /// When another one may be in.
        retry_after: Duration,
    },
    /// It was not asked: too much is being asked for already.
    Busy,
    /// The task that asked ended without an answer: a mistake of ours.
    Abandoned,
}

impl Outage {
    /// The outage as metrics and logs name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::TokenRefused => "token_refused",
            Self::CredentialsRefused => "credentials_refused",
            Self::RateLimited => "rate_limited",
            Self::Failed => "failed",
            Self::Unexpected => "unexpected",
            Self::HeldBack => "held_back",
            Self::OverQuota { .. } => "over_quota",
            Self::Busy => "busy",
            Self::Abandoned => "abandoned",
        }
    }
}

impl Outage {
    /// Whether the upstream was asked, and it is better not to ask it again at once.
    pub fn was_asked(self) -> bool {
        match self {
            Self::Unreachable
            | Self::TimedOut
            | Self::TokenRefused
            | Self::CredentialsRefused
            | Self::RateLimited
            | Self::Failed
            | Self::Unexpected => true,
            Self::HeldBack | Self::OverQuota { .. } | Self::Busy | Self::Abandoned => false,
        }
    }

    /// Whether a second try may help at once.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Unreachable | Self::Failed)
    }
}

/// Where evidence came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// This process's memory.
    Cache,
    /// The upstream, asked for this check or for another that waited with it.
    Upstream,
    /// Memory older than the policy likes, because the upstream could not be asked.
    Stale,
    /// Nothing is known.
    Nowhere,
}

impl Origin {
    /// The origin as metrics and the journal name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Upstream => "upstream",
            Self::Stale => "stale",
            Self::Nowhere => "none",
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
