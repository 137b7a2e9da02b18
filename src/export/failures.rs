//! Logs what fails of an export, once a minute.

use std::sync::Arc;

use tracing::warn;

use crate::{
    clock::Clock,
    deps::Deps,
    log_throttle::{LogThrottle, throttled},
};

/// Who receives lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Otlp,
    Syslog,
}

impl Target {
    pub(super) const ALL: [Self; 2] = [Self::Otlp, Self::Syslog];

    /// Its name in metrics and logs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Otlp => "otlp",
            Self::Syslog => "syslog",
        }
    }

    /// The setting that names it.
    fn setting(self) -> &'static str {
        match self {
            Self::Otlp => "journal.otlp_endpoint",
            Self::Syslog => "journal.syslog",
        }
    }
}

/// Logs what fails, once a minute.
#[derive(Debug, Clone)]
pub(super) struct Failures {
    target: Target,
    clock: Arc<dyn Clock>,
    log: Arc<LogThrottle>,
}

impl Failures {
    pub(super) fn new(target: Target, deps: &Deps) -> Self {
        Self {
            target,
            clock: Arc::clone(&deps.clock),
            log: Arc::default(),
        }
    }

    pub(super) fn log_failure(&self, error: &str) {
        throttled!(
            self.log,
            self.clock.moment().uptime,
            warn,
            "journal_export_failed",
            target = self.target.name(),
            error,
            setting = self.target.setting(),
            "lines of the journal do not arrive, and are tried again; checks are not affected: look at the receiver that the setting names"
        );
    }

    pub(super) fn log_dropped(&self, count: u64) {
        throttled!(
            self.log,
            self.clock.moment().uptime,
            warn,
            "journal_export_dropped",
            target = self.target.name(),
            dropped = count,
            setting = self.target.setting(),
            "lines of the journal were not exported; they are in the journal: look at the receiver that the setting names"
        );
    }

    pub(super) fn log_unfinished(&self, count: i64) {
        warn!(
            event = "journal_export_unfinished",
            target = self.target.name(),
            dropped = count,
            setting = self.target.setting(),
            "the service ended before all lines of the journal were exported; they are in the journal"
        );
    }
}
