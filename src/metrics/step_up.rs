//! The metrics of the way back: links by which people verify again, and the webhooks that tell how it went.

use prometheus::{IntCounterVec, Registry, register_int_counter_vec_with_registry};

/// What becomes of a step-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepUpEvent {
    /// A link was made.
    Begun,
    /// The link that there was already was told again.
    Repeated,
    /// No link: the caller has used its quota.
    Refused,
    /// No link: the upstream made none.
    Unavailable,
    /// The person has verified again.
    Succeeded,
    /// The person has not.
    Failed,
}

impl StepUpEvent {
    /// Everything that may become of one.
    pub const ALL: [Self; 6] = [
        Self::Begun,
        Self::Repeated,
        Self::Refused,
        Self::Unavailable,
        Self::Succeeded,
        Self::Failed,
    ];

    /// What becomes of it, as metrics name it.
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

/// What becomes of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Webhook {
    /// It is taken, and will be followed.
    Accepted,
    /// It names nothing that could be followed.
    Ignored,
    /// It comes without the secret, or with a wrong one.
    Unauthorized,
    /// It is not what was agreed.
    Malformed,
    /// It is larger than any honest one, or did not come to its end.
    TooLarge,
    /// Too many wait to be followed already.
    Busy,
    /// None are taken.
    Off,
}

impl Webhook {
    /// Everything that may become of one.
    pub const ALL: [Self; 7] = [
        Self::Accepted,
        Self::Ignored,
        Self::Unauthorized,
        Self::Malformed,
        Self::TooLarge,
        Self::Busy,
        Self::Off,
    ];

    /// What becomes of it, as metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Ignored => "ignored",
            Self::Unauthorized => "unauthorized",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
            Self::Off => "off",
        }
    }
}

/// The metrics of the way back.
pub(super) struct StepUpMetrics {
    step_ups: IntCounterVec,
    webhooks: IntCounterVec,
}

impl StepUpMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            step_ups: register_int_counter_vec_with_registry!(
                "verigate_step_ups_total",
                "Links by which people verify again, by what became of them.",
                &["event"],
                registry
            )?,
            webhooks: register_int_counter_vec_with_registry!(
                "verigate_webhooks_total",
                "Webhooks that came, by what became of them.",
                &["outcome"],
                registry
            )?,
        };
        // A rise from nought shows only if the nought was there before.
        for event in StepUpEvent::ALL {
            metrics.step_ups.with_label_values(&[event.as_str()]);
        }
        for outcome in Webhook::ALL {
            metrics.webhooks.with_label_values(&[outcome.as_str()]);
        }
        Ok(metrics)
    }

    pub(super) fn step_up(&self, event: StepUpEvent) {
        self.step_ups.with_label_values(&[event.as_str()]).inc();
    }

    pub(super) fn webhook(&self, outcome: Webhook) {
        self.webhooks.with_label_values(&[outcome.as_str()]).inc();
    }
}
