//! A ruling: a decision with what it rests on. It is built once, and then journaled, counted, traced and rendered.

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    policy::{Assessment, Decision, Evidence, Revision, Timestamp, VerificationId},
    provenance::{Origin, Timings},
};

/// A decision, and what it rests on.
#[derive(Debug, Clone)]
pub struct Ruling {
    /// The decision's id: a version 7 UUID of the instant at which the check began.
    pub id: Uuid,
    /// The policy set that decided.
    pub revision: Revision,
    /// The decision.
    pub decision: Decision,
    /// The evidence that it rests on.
    pub evidence: Arc<Evidence>,
    /// Where the evidence came from.
    pub origin: Origin,
    /// The later verification of the same person whose evidence it is, if it is not that of the verification that was asked about.
    pub successor: Option<VerificationId>,
    /// The vendor's clock, if it and ours are apart: the decision is the stricter one of both instants.
    pub vendor_at: Option<Timestamp>,
    /// Until when checks of the same policy rest on the same evidence, unless it is invalidated; `None` where there is none, or where the
    /// upstream is asked again as soon as it can be.
    pub fresh_until: Option<Timestamp>,
    /// Whether the upstream could not be asked, so that the evidence is stale or missing; or the clocks are apart.
    pub degraded: bool,
    /// Whether nothing is known because the upstream is still being asked: the call could wait no longer, and the next one may find it.
    pub is_pending: bool,
    /// What the shadow policies would have decided, if there are any. It is recorded, and changes nothing.
    pub shadow: Option<Shadow>,
    /// How long the steps of the check took.
    pub timings: Timings,
}

/// What the shadow policies would have decided on the same facts.
#[derive(Debug, Clone)]
pub struct Shadow {
    /// The shadow set.
    pub revision: Revision,
    /// What the policy of the same name in it says.
    pub outcome: ShadowOutcome,
}

/// What a shadow policy says of a check.
#[derive(Debug, Clone)]
pub enum ShadowOutcome {
    /// It would have decided so.
    Decided(Assessment),
    /// The shadow set has no policy of this name.
    Absent,
    /// It reads a person's data that the evidence has not kept.
    Unknown,
}

impl ShadowOutcome {
    /// The outcome's name in metrics and the journal: the decision, or why there is none.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Decided(assessment) => assessment.effect.as_str(),
            Self::Absent => "absent",
            Self::Unknown => "unknown",
        }
    }
}
