//! Counts what gateways are answered.

use prometheus::{IntCounterVec, Registry};

use crate::{
    gateway::{Outcome, Refusal},
    metrics::counter_by,
    policy::Effect,
};

/// Counts the answers of forward auth.
#[derive(Debug)]
pub(super) struct Metrics(IntCounterVec);

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let effects = Effect::ALL.map(Effect::as_str).into_iter();
        Ok(Self(counter_by(
            registry,
            "verigate_forward_auth_total",
            "Requests for forward auth, by outcome: the decision, or why there is none.",
            "outcome",
            effects.chain(Refusal::ALL.map(Refusal::as_str)),
        )?))
    }

    pub(super) fn count(&self, outcome: Outcome<'_>) {
        self.0.with_label_values(&[outcome.as_str()]).inc();
    }
}
