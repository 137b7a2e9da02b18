//! The metrics of evidence: how lookups that the cache could not answer ended, and how many entries the cache has.

use prometheus::{IntCounterVec, Registry};

use crate::metrics::{counter_by, gauge_of};

/// How a lookup that the cache could not answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchOutcome {
    /// It started a fetch.
    Cold,
    /// It started a fetch ahead of time.
    Refresh,
    /// It joined a fetch in flight.
    Joined,
    /// The caller had used its quota.
    Refused,
    /// Too many callers waited for fetches.
    Shed,
}

impl FetchOutcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [
        Self::Cold,
        Self::Refresh,
        Self::Joined,
        Self::Refused,
        Self::Shed,
    ];

    /// The outcome's name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Refresh => "refresh",
            Self::Joined => "joined",
            Self::Refused => "refused",
            Self::Shed => "shed",
        }
    }
}

/// The metrics of evidence.
#[derive(Debug)]
pub(super) struct Metrics {
    fetches: IntCounterVec,
}

impl Metrics {
    /// Registers them. `entries` is read when the metrics are collected: those with evidence, and those without.
    pub(super) fn register(
        registry: &Registry,
        entries: impl Fn() -> (u64, u64) + Clone + Send + Sync + 'static,
    ) -> Result<Self, prometheus::Error> {
        let (known, negative) = (entries.clone(), entries);
        gauge_of(
            registry,
            "verigate_cache_entries",
            "Verifications in the evidence cache (approximate).",
            move || float(known().0),
        )?;
        gauge_of(
            registry,
            "verigate_cache_negative_entries",
            "Entries without a verification: fetches in flight, failures, 404s (approximate).",
            move || float(negative().1),
        )?;
        Ok(Self {
            fetches: counter_by(
                registry,
                "verigate_evidence_fetches_total",
                "Evidence lookups not served from the cache, by outcome.",
                "outcome",
                FetchOutcome::ALL.map(FetchOutcome::as_str),
            )?,
        })
    }

    pub(super) fn fetch(&self, outcome: FetchOutcome) {
        self.fetches.with_label_values(&[outcome.as_str()]).inc();
    }
}

#[expect(clippy::cast_precision_loss, reason = "no cache has 2^52 entries")]
fn float(count: u64) -> f64 {
    count as f64
}
