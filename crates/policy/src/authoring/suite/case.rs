//! A test case: a situation, and what a policy is expected to decide in it.

use std::{fmt, sync::Arc};

use crate::{
    decide::Facts,
    effect::{Change, Effect},
    evidence::Evidence,
    reason::ReasonCode,
    request::{Request, VerificationId},
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
    /// The evidence, as fresh as can be: a case cannot say how old a copy of it is.
    pub evidence: Evidence,
    /// The instant of the check.
    pub now: Timestamp,
    /// What is expected.
    pub expect: Expect,
}

impl Case {
    /// The facts of the check, for [`Policy::decide`](crate::Policy::decide).
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            request: &self.request,
            evidence: &self.evidence,
            now: self.now,
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
