//! Every metric, named once. Labels have few values: never an identifier.

mod step_up;
mod upstream;

use std::{fmt, sync::Arc, time::Duration};

use prometheus::{
    Histogram, IntCounter, IntCounterVec, IntGauge, Registry, TextEncoder, histogram_opts,
    register_histogram_with_registry, register_int_counter_vec_with_registry,
    register_int_counter_with_registry, register_int_gauge_with_registry,
};

use self::{step_up::StepUpMetrics, upstream::UpstreamMetrics};
pub use self::{
    step_up::{StepUpEvent, Webhook},
    upstream::{BreakerState, Fetch, Held, Upstream, UpstreamCall, UpstreamTimer},
};
use crate::policy::{Effect, Origin, PolicyName};

/// From a warm answer to the longest that a door waits.
const CHECK_SECONDS: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0,
];
/// The service's metrics.
pub struct Metrics {
    registry: Registry,
    checks: IntCounterVec,
    check_seconds: Histogram,
    evidence: IntCounterVec,
    degraded: IntCounter,
    upstream: UpstreamMetrics,
    step_ups: StepUpMetrics,
    cache_entries: IntGauge,
    policies: IntGauge,
    policy_reloads: Reloads,
    journal_entries: IntCounter,
    journal_failures: IntCounter,
}

/// What came of a look at the policy files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// Another set is in force.
    Ok,
    /// What is there cannot be used.
    Failed,
    /// Nothing has changed that decides.
    Unchanged,
}

impl Reload {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Failed, Self::Unchanged];

    /// The outcome as metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Unchanged => "unchanged",
        }
    }
}

/// The metrics of looks at the policy files.
struct Reloads {
    total: IntCounterVec,
    successful: IntGauge,
}

impl Reloads {
    fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let reloads = Self {
            total: register_int_counter_vec_with_registry!(
                "verigate_policy_reloads_total",
                "Looks at the policy files, by outcome.",
                &["outcome"],
                registry
            )?,
            successful: register_int_gauge_with_registry!(
                "verigate_policy_last_reload_successful",
                "Whether the policy files as they are now are in force: 1, or 0.",
                registry
            )?,
        };
        for outcome in Reload::ALL {
            // A failure shows as a rise only if its count was there before, at nought.
            reloads.by(outcome);
        }
        Ok(reloads)
    }

    fn by(&self, outcome: Reload) -> IntCounter {
        self.total.with_label_values(&[outcome.as_str()])
    }
}

impl Metrics {
    /// Registers every metric.
    pub fn new() -> Result<Arc<Self>, prometheus::Error> {
        let registry = &Registry::new();
        Ok(Arc::new(Self {
            checks: register_int_counter_vec_with_registry!(
                "verigate_checks_total",
                "Checks answered, by decision and policy.",
                &["decision", "policy"],
                registry
            )?,
            check_seconds: register_histogram_with_registry!(
                histogram_opts!(
                    "verigate_check_duration_seconds",
                    "Time from question to answer.",
                    CHECK_SECONDS.to_vec()
                ),
                registry
            )?,
            evidence: register_int_counter_vec_with_registry!(
                "verigate_evidence_total",
                "Evidence that checks rested on, by where it came from.",
                &["source"],
                registry
            )?,
            degraded: register_int_counter_with_registry!(
                "verigate_checks_degraded_total",
                "Checks answered from old evidence or none, because the upstream could not be asked.",
                registry
            )?,
            upstream: UpstreamMetrics::new(registry)?,
            step_ups: StepUpMetrics::new(registry)?,
            cache_entries: register_int_gauge_with_registry!(
                "verigate_cache_entries",
                "Verifications that are remembered, about.",
                registry
            )?,
            policies: register_int_gauge_with_registry!(
                "verigate_policies",
                "Policies in force.",
                registry
            )?,
            policy_reloads: Reloads::new(registry)?,
            journal_entries: register_int_counter_with_registry!(
                "verigate_journal_entries_total",
                "Decisions written to the journal.",
                registry
            )?,
            journal_failures: register_int_counter_with_registry!(
                "verigate_journal_write_failures_total",
                "Writes to the journal that failed and are tried again.",
                registry
            )?,
            registry: registry.clone(),
        }))
    }

    /// Counts a check that has been answered.
    pub fn check(
        &self,
        effect: Effect,
        policy: &PolicyName,
        origin: Origin,
        degraded: bool,
        took: Duration,
    ) {
        if degraded {
            self.degraded.inc();
        }
        self.checks
            .with_label_values(&[effect.as_str(), policy.as_str()])
            .inc();
        self.evidence.with_label_values(&[origin.as_str()]).inc();
        self.check_seconds.observe(took.as_secs_f64());
    }

    /// Times a call to the upstream that begins.
    pub fn upstream_call(&self, call: UpstreamCall) -> UpstreamTimer {
        self.upstream.call(call)
    }

    /// Counts a call to the upstream that was not made.
    pub fn held_back(&self, why: Held) {
        self.upstream.held_back(why);
    }

    /// Counts a look-up that is tried a second time.
    pub fn second_try(&self) {
        self.upstream.second_try();
    }

    /// Counts a wish for evidence that is not at hand, by what comes of it.
    pub fn fetch(&self, fetch: Fetch) {
        self.upstream.fetch(fetch);
    }

    /// Counts what becomes of a step-up.
    pub fn step_up(&self, event: StepUpEvent) {
        self.step_ups.step_up(event);
    }

    /// Counts a webhook, by what becomes of it.
    pub fn webhook(&self, outcome: Webhook) {
        self.step_ups.webhook(outcome);
    }

    /// Counts decisions that are safely in the journal.
    pub fn journaled(&self, entries: u64) {
        self.journal_entries.inc_by(entries);
    }

    /// Counts a write to the journal that failed.
    pub fn journal_failed(&self) {
        self.journal_failures.inc();
    }

    /// Says how many policies are in force.
    pub fn policies(&self, count: usize) {
        self.policies.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Counts a look at the policy files.
    pub fn policy_reload(&self, outcome: Reload) {
        self.policy_reloads.by(outcome).inc();
    }

    /// Says whether the policy files as they are now are in force.
    pub fn policy_reload_successful(&self, successful: bool) {
        self.policy_reloads.successful.set(i64::from(successful));
    }

    /// Everything as Prometheus text. What is counted elsewhere is read now.
    pub fn render(
        &self,
        cache_entries: u64,
        upstream: &Upstream,
    ) -> Result<String, prometheus::Error> {
        self.upstream.condition(upstream);
        self.cache_entries
            .set(i64::try_from(cache_entries).unwrap_or(i64::MAX));
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
