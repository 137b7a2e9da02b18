//! What is known of a verification for a moment only: that it was invalidated, that asking has just failed, and the fetch in flight.

use std::{sync::Arc, time::Duration};

use tracing::Id;

use crate::{
    clock::Moment,
    flight::Flight,
    policy::{DataKinds, Evidence},
    provenance::Outage,
    source::{Known, alias_index::Tick},
};

/// What is known for a moment only.
#[derive(Debug, Clone, Default)]
pub(super) struct Passing {
    /// When the evidence was declared unusable; until the upstream says something again.
    pub(super) invalidated: Option<Moment>,
    /// When it became known that the evidence may have changed, and is to be asked for later; until the upstream says something again.
    pub(super) doubted: Option<Moment>,
    pub(super) failure: Option<Failure>,
    pub(super) in_flight: Option<InFlight>,
}

/// Asking the upstream has just failed, or its response was unusable. It is not asked again for a moment.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) kind: FailureKind,
    /// The uptime until which this is used.
    pub(super) until: Duration,
}

#[derive(Debug, Clone)]
pub(super) enum FailureKind {
    /// The upstream responded, but the response is unusable.
    Unusable(Arc<Evidence>),
    /// The upstream could not be asked.
    Outage(Outage),
}

/// A fetch in flight.
#[derive(Debug, Clone)]
pub(in crate::source::evidence_cache) struct InFlight {
    /// When it started, to compare with invalidations.
    pub(in crate::source::evidence_cache) started: Tick,
    /// Which of a person's data its result keeps.
    pub(in crate::source::evidence_cache) keeps: DataKinds,
    /// Its task and its result.
    pub(in crate::source::evidence_cache) flight: Flight<Known>,
    /// Its span, if traces are collected.
    pub(in crate::source::evidence_cache) span: Option<Id>,
}

impl Passing {
    pub(super) const NOTHING: Self = Self {
        invalidated: None,
        doubted: None,
        failure: None,
        in_flight: None,
    };

    pub(super) fn is_nothing(&self) -> bool {
        let Self {
            invalidated,
            doubted,
            failure,
            in_flight,
        } = self;
        invalidated.is_none() && doubted.is_none() && failure.is_none() && in_flight.is_none()
    }
}
