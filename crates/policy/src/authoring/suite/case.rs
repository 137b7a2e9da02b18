//! A test case: a situation, and what a policy is expected to decide in it.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use crate::{
    decide::Facts,
    effect::{Change, Effect},
    evidence::{Evidence, Finding},
    reason::ReasonCode,
    remedy::Remedy,
    request::{Request, VerificationId},
    set::Policy,
    time::Timestamp,
    yaml::{Position, SourceText},
};

/// The largest case file that is read, in bytes: tens of thousands of cases.
pub const CASES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The length of a date such as `1990-05-17`.
pub(super) const DATE_BYTES: usize = 10;
/// The verification that every case is about. No policy can distinguish one identifier from another.
pub(super) const VERIFICATION: &str = "the-verification";

/// The same as an identifier, which it is.
pub(super) fn verification_id() -> Option<VerificationId> {
    VerificationId::parse(VERIFICATION).ok()
}

/// A test case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name, for people.
    pub name: String,
    /// The file that it stands in.
    pub source: Arc<SourceText>,
    /// Where in the file it begins.
    pub position: Position,
    /// The request, which names the policy.
    pub request: Request,
    /// The evidence. If the service has a cached copy, this is the content of the copy.
    pub evidence: Evidence,
    /// The cached copy; `None` if the upstream is asked for the first time.
    pub cached: Option<CachedCopy>,
    /// The instant of the check.
    pub now: Timestamp,
    /// What is expected.
    pub expect: Expect,
}

impl Case {
    /// The facts of the check, for [`Policy::decide`](crate::Policy::decide). For a case with a cached copy, call this on
    /// [`Case::as_served`].
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            request: &self.request,
            evidence: &self.evidence,
            now: self.now,
        }
    }

    /// The case with the evidence by which the service decides it under this policy, and the source of that evidence: the copy while
    /// it is fresh; otherwise the upstream, which answers the same again; in an outage the copy while it may be stale, or none.
    pub fn as_served(&self, policy: &Policy) -> (Cow<'_, Self>, EvidenceUse) {
        let finding = &self.evidence.finding;
        let Some(CachedCopy { age, upstream_down }) = self.cached else {
            let unknown = matches!(finding, Finding::Unknown);
            let used = if unknown {
                EvidenceUse::Unavailable
            } else {
                EvidenceUse::Fetched
            };
            return (Cow::Borrowed(self), used);
        };
        if age < policy.max_age(finding) {
            return (Cow::Borrowed(self), EvidenceUse::Cached);
        }
        if upstream_down && matches!(finding, Finding::Present(_)) && age < policy.max_stale() {
            return (Cow::Borrowed(self), EvidenceUse::Stale);
        }
        let mut served = self.clone();
        served.evidence.seen_at = self.now;
        if upstream_down {
            served.evidence.finding = Finding::Unknown;
            (Cow::Owned(served), EvidenceUse::Unavailable)
        } else {
            (Cow::Owned(served), EvidenceUse::Fetched)
        }
    }
}

/// A copy of the evidence that the service has from an earlier check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CachedCopy {
    /// How long ago the upstream was asked.
    pub age: Duration,
    /// Whether it cannot be asked now.
    pub upstream_down: bool,
}

/// The source of the evidence of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvidenceUse {
    /// The copy, which is fresh.
    Cached,
    /// The upstream was asked.
    Fetched,
    /// The copy, although it is no longer fresh, because the upstream cannot be asked.
    Stale,
    /// There is no usable evidence.
    Unavailable,
}

impl EvidenceUse {
    /// Every variant.
    pub(super) const ALL: [Self; 4] = [Self::Cached, Self::Fetched, Self::Stale, Self::Unavailable];

    /// As a case file writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Fetched => "fetched",
            Self::Stale => "stale",
            Self::Unavailable => "unavailable",
        }
    }
}

/// What is expected of a decision. What is `None` is not compared.
#[derive(Debug, Clone, Default)]
pub struct Expect {
    /// The effect.
    pub effect: Option<Effect>,
    /// The codes of the reasons, in any order.
    pub reasons: Option<Vec<ReasonCode>>,
    /// The next change.
    pub next_change: Option<NextChange>,
    /// The instant until which the answer may be reused.
    pub valid_until: Option<ValidUntil>,
    /// The remedies, in any order.
    pub remedies: Option<Vec<Remedy>>,
    /// The alternatives, in their order; the remedies of each in any order.
    pub alternatives: Option<Vec<Vec<Remedy>>>,
    /// The source of the evidence.
    pub evidence: Option<EvidenceUse>,
}

impl Expect {
    /// Whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        let Self {
            effect,
            reasons,
            next_change,
            valid_until,
            remedies,
            alternatives,
            evidence,
        } = self;
        effect.is_none()
            && reasons.is_none()
            && next_change.is_none()
            && valid_until.is_none()
            && remedies.is_none()
            && alternatives.is_none()
            && evidence.is_none()
    }
}

/// The instant until which an answer may be reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValidUntil {
    /// It must not be.
    None,
    /// Until this instant.
    Until(Timestamp),
}

impl From<Option<Timestamp>> for ValidUntil {
    fn from(until: Option<Timestamp>) -> Self {
        until.map_or(Self::None, Self::Until)
    }
}

/// As a case file writes it.
impl fmt::Display for ValidUntil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Until(until) => write!(f, "{until}"),
        }
    }
}

/// How a decision changes by time alone, with the evidence, the request and the policy as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextChange {
    /// It does not, within the years that are looked ahead.
    Never,
    /// It changes so.
    Change(Change),
}

impl From<Option<Change>> for NextChange {
    fn from(change: Option<Change>) -> Self {
        change.map_or(Self::Never, Self::Change)
    }
}

/// As a case file writes it.
impl fmt::Display for NextChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Change(Change { at, to }) => write!(f, "{{ at: {at}, to: {to} }}"),
        }
    }
}
