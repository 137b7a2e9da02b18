//! The metrics of step-ups.

use prometheus::{IntCounterVec, Registry};

use crate::metrics::counter_by;

/// What happened to a step-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepUpEvent {
    /// A link was created.
    Begun,
    /// The link of an earlier call with the same `request_id` was returned.
    Repeated,
    /// No link: the caller had used its quota.
    Refused,
    /// No link: the upstream created none.
    Unavailable,
    /// The person has verified again.
    Succeeded,
    /// The person did not pass.
    Failed,
}

impl StepUpEvent {
    /// Every event.
    pub const ALL: [Self; 6] = [
        Self::Begun,
        Self::Repeated,
        Self::Refused,
        Self::Unavailable,
        Self::Succeeded,
        Self::Failed,
    ];

    /// The event's name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Repeated => "repeated",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// The metrics of step-ups.
#[derive(Debug)]
pub(super) struct Metrics {
    step_ups: IntCounterVec,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            step_ups: counter_by(
                registry,
                "verigate_step_ups_total",
                "Step-ups (re-verification links), by event.",
                "event",
                StepUpEvent::ALL.map(StepUpEvent::as_str),
            )?,
        })
    }

    pub(super) fn event(&self, event: StepUpEvent) {
        self.step_ups.with_label_values(&[event.as_str()]).inc();
    }
}
