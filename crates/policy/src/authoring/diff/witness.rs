//! A witness: a concrete check out of a cell, which a person can look at and decide by themselves.

use std::sync::Arc;

use super::{
    cell::Cell,
    draft::{Draft, NoWitnessError},
    error::CompareError,
    limits::{END_MS, WITNESS_MS},
    space::Space,
};
use crate::{
    authoring::suite::{Case, Expect},
    decide::Facts,
    evidence::{Evidence, Finding, Verification},
    request::{PolicyName, Request, VerificationId},
    time::{Timestamp, from_millis},
    yaml::{Position, SourceText},
};

/// A check on which two policies decide differently.
#[derive(Debug, Clone)]
pub struct Witness {
    /// The request.
    pub request: Request,
    /// The evidence.
    pub evidence: Evidence,
    /// The instant of the check.
    pub now: Timestamp,
}

impl Witness {
    /// The facts of the check, for [`Policy::decide`](crate::Policy::decide).
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            request: &self.request,
            evidence: &self.evidence,
            now: self.now,
        }
    }

    /// Whether nothing is known of the verification.
    pub(super) fn is_of_outage(&self) -> bool {
        matches!(self.evidence.finding, Finding::Unknown)
    }

    /// The check as a test case of this name.
    pub(super) fn as_case(&self, name: String, expect: Expect) -> Case {
        Case {
            name,
            source: Arc::new(SourceText {
                path: "witness".to_owned(),
                text: String::new(),
            }),
            position: Position::START,
            request: self.request.clone(),
            evidence: self.evidence.clone(),
            cached: None,
            now: self.now,
            expect,
        }
    }

    /// A check in this cell; none if the cell is empty. An empty cell needs a verification that would be older than the first
    /// that is possible: the ages and the instant of a check are the only axes that depend on one another.
    pub(super) fn of(
        cell: &Cell,
        space: &Space<'_>,
        policy: &PolicyName,
    ) -> Result<Option<Self>, CompareError> {
        let instants = space
            .extents(cell)
            .find_map(|(partition, regions)| partition.instants(&regions))
            .unwrap_or_else(|| vec![WITNESS_MS, END_MS.saturating_sub(1)]);
        let mut proves_nothing = false;
        for now_ms in instants {
            let mut draft = Draft {
                request: bare_request(policy)?,
                verification: Verification {
                    id: Some(VERIFICATION.into()),
                    ..Verification::default()
                },
                now: from_millis(now_ms),
            };
            let mut extents = space.extents(cell);
            match extents
                .try_for_each(|(partition, regions)| partition.set_example(&regions, &mut draft))
            {
                Ok(()) => return Ok(Some(draft.into())),
                Err(NoWitnessError::AtThisInstant) => {}
                Err(NoWitnessError::NotFoundAtThisInstant) => proves_nothing = true,
            }
        }
        if proves_nothing {
            return Err(CompareError::NoWitness);
        }
        Ok(None)
    }

    /// A check while the evidence is unavailable.
    pub(super) fn of_outage(policy: &PolicyName) -> Result<Self, CompareError> {
        let now = from_millis(WITNESS_MS);
        Ok(Self {
            request: bare_request(policy)?,
            evidence: Evidence {
                finding: Finding::Unknown,
                seen_at: now,
            },
            now,
        })
    }
}

impl From<Draft> for Witness {
    fn from(draft: Draft) -> Self {
        let Draft {
            request,
            verification,
            now,
        } = draft;
        Self {
            request,
            evidence: Evidence {
                finding: Finding::Present(verification),
                seen_at: now,
            },
            now,
        }
    }
}

/// The verification that witnesses ask about. No policy can distinguish one identifier from another.
pub(super) const VERIFICATION: &str = "v-1";

pub(super) fn bare_request(policy: &PolicyName) -> Result<Request, CompareError> {
    let verification = VerificationId::parse(VERIFICATION).map_err(|_| CompareError::NoWitness)?;
    Ok(Request::bare(policy.clone(), verification))
}
