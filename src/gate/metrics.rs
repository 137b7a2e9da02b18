//! The metrics of checks.

use std::{sync::Arc, time::Duration};

use prometheus::{Histogram, IntCounter, IntCounterVec, Opts, Registry, histogram_opts};

use crate::{live::Live, metrics::register_pruned, policy::PolicyName, ruling::Ruling};

/// The labels of the checks.
const DECISION: &str = "decision";
const POLICY: &str = "policy";
/// What was decided, and what the shadow policy would have decided.
const FROM: &str = "from";
const TO: &str = "to";

/// Buckets in seconds, from a warm answer to the longest that a door waits.
const CHECK_SECONDS: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0,
];

/// The metrics of checks.
#[derive(Debug)]
pub(super) struct Metrics {
    checks: IntCounterVec,
    seconds: Histogram,
    evidence: IntCounterVec,
    degraded: IntCounter,
    shadow: IntCounterVec,
    unrecorded: IntCounter,
}

impl Metrics {
    pub(super) fn register(
        registry: &Registry,
        live: Arc<Live>,
    ) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            checks: IntCounterVec::new(
                Opts::new(
                    "verigate_checks_total",
                    "Checks answered, by decision and policy.",
                ),
                &[DECISION, POLICY],
            )?,
            seconds: Histogram::with_opts(histogram_opts!(
                "verigate_check_duration_seconds",
                "Time from request to decision.",
                CHECK_SECONDS.to_vec()
            ))?,
            evidence: IntCounterVec::new(
                Opts::new(
                    "verigate_evidence_total",
                    "Evidence that checks rested on, by source.",
                ),
                &["source"],
            )?,
            degraded: IntCounter::new(
                "verigate_checks_degraded_total",
                "Checks answered from stale evidence or none, because the upstream could not be asked; or while the clocks are apart.",
            )?,
            shadow: IntCounterVec::new(
                Opts::new(
                    "verigate_shadow_decisions_total",
                    "Checks judged by the shadow policies too, by policy, decision and what the shadow policy would have decided.",
                ),
                &[FROM, TO, POLICY],
            )?,
            unrecorded: IntCounter::new(
                "verigate_checks_unrecorded_total",
                "Checks answered although their decision could not be recorded in time, because the policy permits it.",
            )?,
        };
        let is_in_force = move |policy: &str| {
            PolicyName::parse(policy).is_ok_and(|policy| live.current().find(&policy).is_some())
        };
        let checks = metrics.checks.clone();
        register_pruned(registry, checks, [DECISION, POLICY], is_in_force.clone())?;
        let shadow = metrics.shadow.clone();
        register_pruned(registry, shadow, [FROM, TO, POLICY], is_in_force)?;
        registry.register(Box::new(metrics.unrecorded.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        registry.register(Box::new(metrics.evidence.clone()))?;
        registry.register(Box::new(metrics.degraded.clone()))?;
        Ok(metrics)
    }

    /// Counts a decision that is given although it could not be recorded.
    pub(super) fn unrecorded(&self) {
        self.unrecorded.inc();
    }

    /// Counts a check that took this long.
    pub(super) fn check(&self, policy: &PolicyName, ruling: &Ruling, elapsed: Duration) {
        let decision = ruling.decision.effect().as_str();
        self.checks
            .with_label_values(&[decision, policy.as_str()])
            .inc();
        self.seconds.observe(elapsed.as_secs_f64());
        self.evidence
            .with_label_values(&[ruling.origin.as_str()])
            .inc();
        if ruling.degraded {
            self.degraded.inc();
        }
        if let Some(shadow) = &ruling.shadow {
            let labels = [decision, shadow.outcome.as_str(), policy.as_str()];
            self.shadow.with_label_values(&labels).inc();
        }
    }
}
