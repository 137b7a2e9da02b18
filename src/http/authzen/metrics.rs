//! Counts evaluations by their outcome, of which there are few.

use prometheus::{IntCounterVec, Registry};

use super::error::EvaluationError;
use crate::{metrics::counter_by, policy::Effect};

/// Counts evaluations, each of several like one by itself.
#[derive(Debug)]
pub(super) struct Metrics(IntCounterVec);

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let effects = Effect::ALL.map(Effect::as_str).into_iter();
        Ok(Self(counter_by(
            registry,
            "verigate_authzen_evaluations_total",
            "Evaluations of AuthZEN, by outcome: the decision, or why there is none.",
            "outcome",
            effects.chain(EvaluationError::NAMES),
        )?))
    }

    /// Counts an outcome by its name.
    pub(super) fn count(&self, outcome: &'static str) {
        self.0.with_label_values(&[outcome]).inc();
    }
}
