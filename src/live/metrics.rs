//! The metrics of reloads and of the policies in force.

use prometheus::{IntCounterVec, IntGauge, Registry};

use super::role::Role;
use crate::metrics::{counter_by, set_count};

/// The outcome of reading the policy files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// Another set is in force.
    Ok,
    /// The files cannot be used.
    Failed,
    /// Nothing that decides has changed.
    Unchanged,
}

impl ReloadOutcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Failed, Self::Unchanged];

    /// The outcome's name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Unchanged => "unchanged",
        }
    }
}

/// The metrics of reloads and of the policies in force.
#[derive(Debug)]
pub(super) struct Metrics {
    policies: IntGauge,
    held: IntGauge,
    exposed: IntGauge,
    reloads: IntCounterVec,
    last_successful: IntGauge,
}

impl Metrics {
    pub(super) fn register(role: Role, registry: &Registry) -> Result<Self, prometheus::Error> {
        let [policies, held, exposed, last_successful] = gauges(role);
        let (reloads, help) = reloads(role);
        let outcomes = ReloadOutcome::ALL.map(ReloadOutcome::as_str);
        let metrics = Self {
            policies: IntGauge::new(policies.0, policies.1)?,
            held: IntGauge::new(held.0, held.1)?,
            exposed: IntGauge::new(exposed.0, exposed.1)?,
            reloads: counter_by(registry, reloads, help, "outcome", outcomes)?,
            last_successful: IntGauge::new(last_successful.0, last_successful.1)?,
        };
        registry.register(Box::new(metrics.policies.clone()))?;
        registry.register(Box::new(metrics.held.clone()))?;
        registry.register(Box::new(metrics.exposed.clone()))?;
        registry.register(Box::new(metrics.last_successful.clone()))?;
        Ok(metrics)
    }

    /// Sets the number of policies in force, and of those among them that are held.
    pub(super) fn policies(&self, count: usize, held: usize) {
        set_count(&self.policies, count);
        set_count(&self.held, held);
    }

    /// Sets how many files and folders others can change.
    pub(super) fn exposed(&self, count: usize) {
        set_count(&self.exposed, count);
    }

    /// Counts a reading.
    pub(super) fn reload(&self, outcome: ReloadOutcome) {
        self.reloads.with_label_values(&[outcome.as_str()]).inc();
    }

    /// Sets whether the files as they are now are in force.
    pub(super) fn last_successful(&self, successful: bool) {
        self.last_successful.set(i64::from(successful));
    }
}

/// The names of the gauges of a set, and what they say: how many policies, how many of these are held, how many files others can change,
/// and whether the files as they are now are used.
fn gauges(role: Role) -> [(&'static str, &'static str); 4] {
    match role {
        Role::InForce => [
            ("verigate_policies", "Policies in force."),
            (
                "verigate_policies_held",
                "Policies in force that are no longer in the files; each is held for 4 s.",
            ),
            (
                "verigate_policies_exposed",
                "Files and folders of policies that others than their owner and root can change.",
            ),
            (
                "verigate_policy_last_reload_successful",
                "Whether the policy files as they are now are in force: 1, or 0.",
            ),
        ],
        Role::Shadow => [
            ("verigate_shadow_policies", "Shadow policies."),
            (
                "verigate_shadow_policies_held",
                "Shadow policies that are no longer in the files; each is held for 4 s.",
            ),
            (
                "verigate_shadow_policies_exposed",
                "Files and folders of shadow policies that others than their owner and root can change.",
            ),
            (
                "verigate_shadow_policy_last_reload_successful",
                "Whether the files of shadow policies as they are now are judged: 1, or 0.",
            ),
        ],
    }
}

fn reloads(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::InForce => (
            "verigate_policy_reloads_total",
            "Readings of the policy files, by outcome.",
        ),
        Role::Shadow => (
            "verigate_shadow_policy_reloads_total",
            "Readings of the files of shadow policies, by outcome.",
        ),
    }
}
