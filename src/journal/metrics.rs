//! The metrics of the journal.

use std::sync::Arc;

use prometheus::{IntCounter, Registry};
use tokio::sync::{Semaphore, watch};

use super::obstacles::Obstacles;
use crate::metrics::gauge_of;

/// The metrics of the journal.
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) entries: IntCounter,
    pub(super) write_failures: IntCounter,
    pub(super) reopened: IntCounter,
    pub(super) gaps: IntCounter,
}

/// The metrics of checkpoints.
#[derive(Debug, Clone)]
pub(super) struct CheckpointMetrics {
    pub(super) lost: IntCounter,
    pub(super) copies_lost: IntCounter,
}

/// The metrics of the compression of files.
#[derive(Debug, Clone)]
pub(super) struct CompressionMetrics {
    pub(super) compressed: IntCounter,
    pub(super) failures: IntCounter,
}

impl CompressionMetrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            compressed: IntCounter::new(
                "verigate_journal_files_compressed_total",
                "Closed files of the journal that were compressed.",
            )?,
            failures: IntCounter::new(
                "verigate_journal_compression_failures_total",
                "Attempts to compress a closed file of the journal that failed; it stays as it is, and is tried again.",
            )?,
        };
        registry.register(Box::new(metrics.compressed.clone()))?;
        registry.register(Box::new(metrics.failures.clone()))?;
        Ok(metrics)
    }
}

impl CheckpointMetrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            lost: IntCounter::new(
                "verigate_journal_checkpoints_lost_total",
                "Checkpoints of the journal that could not be written beside it; a later one covers the same lines.",
            )?,
            copies_lost: IntCounter::new(
                "verigate_journal_checkpoint_copies_lost_total",
                "Checkpoints of the journal that did not arrive at journal.checkpoint_copy; a later one covers the same lines.",
            )?,
        };
        registry.register(Box::new(metrics.lost.clone()))?;
        registry.register(Box::new(metrics.copies_lost.clone()))?;
        Ok(metrics)
    }
}

impl Metrics {
    pub(super) fn register(
        registry: &Registry,
        obstacles: watch::Receiver<Obstacles>,
        queue_max: usize,
        places: &Arc<Semaphore>,
    ) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            entries: IntCounter::new(
                "verigate_journal_entries_total",
                "Decisions written to the journal.",
            )?,
            write_failures: IntCounter::new(
                "verigate_journal_write_failures_total",
                "Writes to the journal that failed; each is retried.",
            )?,
            reopened: IntCounter::new(
                "verigate_journal_reopens_total",
                "How often the journal was opened again, on SIGHUP or because its path named another file.",
            )?,
            gaps: IntCounter::new(
                "verigate_journal_gaps_total",
                "Gaps that the journal has recorded: lines or a file are missing, or were recorded again.",
            )?,
        };
        registry.register(Box::new(metrics.gaps.clone()))?;
        registry.register(Box::new(metrics.entries.clone()))?;
        registry.register(Box::new(metrics.write_failures.clone()))?;
        registry.register(Box::new(metrics.reopened.clone()))?;
        gauge_of(
            registry,
            "verigate_journal_writable",
            "1 while decisions can be recorded, else 0.",
            move || f64::from(u8::from(obstacles.borrow().are_none())),
        )?;
        let places = Arc::clone(places);
        gauge_of(
            registry,
            "verigate_journal_queued",
            "Entries that wait to be written to the journal.",
            move || {
                let queued = queue_max.saturating_sub(places.available_permits());
                u32::try_from(queued).map_or(f64::MAX, f64::from)
            },
        )?;
        Ok(metrics)
    }
}
