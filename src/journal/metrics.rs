//! The metrics of the journal.

use prometheus::{IntCounter, Registry};

/// The metrics of the journal.
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) entries: IntCounter,
    pub(super) write_failures: IntCounter,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            entries: IntCounter::new(
                "verigate_journal_entries_total",
                "Decisions written to the journal.",
            )?,
            write_failures: IntCounter::new(
                "verigate_journal_write_failures_total",
                "Writes to the journal that failed; each is retried.",
            )?,
        };
        registry.register(Box::new(metrics.entries.clone()))?;
        registry.register(Box::new(metrics.write_failures.clone()))?;
        Ok(metrics)
    }
}
