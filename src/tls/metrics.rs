//! The metrics of certificates and of the handshakes of our listeners.

use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use crate::{metrics::counter_by, policy::Timestamp};

/// What a reading of the files of a section has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reload {
    Ok,
    Failed,
    Unchanged,
}

impl Reload {
    const ALL: [Self; 3] = [Self::Ok, Self::Failed, Self::Unchanged];

    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Unchanged => "unchanged",
        }
    }
}

/// Why a handshake has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The certificate of the client is missing or not accepted.
    Certificate,
    /// Anything else: another protocol or version, a peer that left.
    Other,
}

impl Refusal {
    const ALL: [Self; 2] = [Self::Certificate, Self::Other];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Other => "other",
        }
    }
}

/// The metrics of certificates and of the handshakes of our listeners. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct TlsMetrics {
    not_after: GaugeVec,
    reloads: IntCounterVec,
    last_successful: IntGaugeVec,
    refused: IntCounterVec,
}

impl TlsMetrics {
    /// Registers them. A series of a section appears with its files.
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            not_after: GaugeVec::new(
                Opts::new(
                    "verigate_tls_not_after_timestamp_seconds",
                    "When the first certificate or revocation list in a file expires, in seconds since 1970.",
                ),
                &["section", "file"],
            )?,
            reloads: counter_by(
                registry,
                "verigate_tls_reloads_total",
                "Readings of changed files of certificates, by outcome.",
                "outcome",
                Reload::ALL.map(Reload::as_str),
            )?,
            last_successful: IntGaugeVec::new(
                Opts::new(
                    "verigate_tls_last_reload_successful",
                    "Whether the files of certificates as they are now are in use: 1, or 0.",
                ),
                &["section"],
            )?,
            refused: counter_by(
                registry,
                "verigate_tls_handshakes_refused_total",
                "TLS handshakes of our listeners that failed, by cause.",
                "cause",
                Refusal::ALL.map(Refusal::as_str),
            )?,
        };
        registry.register(Box::new(metrics.not_after.clone()))?;
        registry.register(Box::new(metrics.last_successful.clone()))?;
        Ok(metrics)
    }

    /// Sets when the files of a section expire.
    pub(super) fn expiries(&self, section: &str, expiries: &[(&'static str, Timestamp)]) {
        for (file, at) in expiries {
            let seconds = std::time::Duration::try_from(at.duration_since(Timestamp::UNIX_EPOCH));
            let seconds = seconds.unwrap_or_default().as_secs_f64();
            self.not_after
                .with_label_values(&[section, file])
                .set(seconds);
        }
    }

    /// Counts a reading.
    pub(super) fn reload(&self, outcome: Reload) {
        self.reloads.with_label_values(&[outcome.as_str()]).inc();
    }

    /// Sets whether the files as they are now are in use.
    pub(super) fn last_successful(&self, section: &str, successful: bool) {
        let gauge = self.last_successful.with_label_values(&[section]);
        gauge.set(i64::from(successful));
    }

    /// Counts a handshake that failed.
    pub(super) fn refused(&self, cause: Refusal) {
        self.refused.with_label_values(&[cause.as_str()]).inc();
    }
}
