//! Counts each line that was handed over once: exported, or dropped for a reason.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::failures::{Failures, Target};

/// Why lines are dropped: the receiver took too few of them and the queue was full, it has refused them for good, or the service has ended.
const REASONS: [&str; 3] = [QUEUE_FULL, REFUSED, STOPPED];
const QUEUE_FULL: &str = "queue_full";
const REFUSED: &str = "refused";
const STOPPED: &str = "stopped";

/// The metrics of exports.
#[derive(Debug)]
pub(super) struct ExportMetrics {
    exported: IntCounterVec,
    dropped: IntCounterVec,
    failures: IntCounterVec,
    waiting: IntGaugeVec,
}

/// The counts of one target. Every line that was handed over is counted once.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    exported: IntCounter,
    failures: IntCounter,
    refused: IntCounter,
    stopped: IntCounter,
    pub(super) not_taken: IntCounter,
    pub(super) waiting: IntGauge,
    log: Failures,
}

impl ExportMetrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            exported: IntCounterVec::new(
                Opts::new(
                    "verigate_journal_exported_total",
                    "Lines of the journal that were sent to those who receive them, by target.",
                ),
                &["target"],
            )?,
            dropped: IntCounterVec::new(
                Opts::new(
                    "verigate_journal_export_dropped_total",
                    "Lines of the journal that were not exported, by target and reason; they are in the journal.",
                ),
                &["target", "reason"],
            )?,
            failures: IntCounterVec::new(
                Opts::new(
                    "verigate_journal_export_failures_total",
                    "Attempts to export lines of the journal that failed, by target; they are tried again.",
                ),
                &["target"],
            )?,
            waiting: IntGaugeVec::new(
                Opts::new(
                    "verigate_journal_export_waiting",
                    "Lines of the journal that wait to be exported, by target.",
                ),
                &["target"],
            )?,
        };
        for target in Target::ALL.map(Target::name) {
            metrics.exported.with_label_values(&[target]);
            metrics.failures.with_label_values(&[target]);
            metrics.waiting.with_label_values(&[target]);
            for reason in REASONS {
                metrics.dropped.with_label_values(&[target, reason]);
            }
        }
        registry.register(Box::new(metrics.exported.clone()))?;
        registry.register(Box::new(metrics.dropped.clone()))?;
        registry.register(Box::new(metrics.failures.clone()))?;
        registry.register(Box::new(metrics.waiting.clone()))?;
        Ok(metrics)
    }

    pub(super) fn of(&self, target: Target, log: Failures) -> Tally {
        let target = target.name();
        let dropped = |reason| self.dropped.with_label_values(&[target, reason]);
        Tally {
            exported: self.exported.with_label_values(&[target]),
            failures: self.failures.with_label_values(&[target]),
            refused: dropped(REFUSED),
            stopped: dropped(STOPPED),
            not_taken: dropped(QUEUE_FULL),
            waiting: self.waiting.with_label_values(&[target]),
            log,
        }
    }
}

impl Tally {
    /// These lines were sent.
    pub(super) fn exported(&self, count: usize) {
        self.waiting.sub(signed(count));
        self.exported.inc_by(unsigned(count));
    }

    /// The receiver has refused these lines for good.
    pub(super) fn refused(&self, count: usize, error: &str) {
        self.waiting.sub(signed(count));
        self.refused.inc_by(unsigned(count));
        self.log.log_failure(error);
        self.log.log_dropped(unsigned(count));
    }

    /// An attempt failed, and is repeated.
    pub(super) fn failed(&self, error: &str) {
        self.failures.inc();
        self.log.log_failure(error);
    }

    /// How many lines did not fit into the queue so far, of which these were known. Logs new ones.
    pub(super) fn look_at_dropped(&self, known: &mut u64) {
        let dropped = self.not_taken.get();
        if dropped > *known {
            self.log.log_dropped(dropped.saturating_sub(*known));
            *known = dropped;
        }
    }

    /// The service ends while lines still wait.
    pub(super) fn not_finished(&self) {
        let left = self.waiting.get();
        self.stopped.inc_by(u64::try_from(left).unwrap_or(0));
        self.log.log_unfinished(left);
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn unsigned(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
