//! Whether the upstream accepts our credentials.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tracing::info;

use crate::log_throttle::{LogThrottle, throttled};

/// Whether the upstream refused our credentials, and has not accepted them since.
#[derive(Debug, Default)]
pub(in crate::incode) struct Credentials {
    refused: AtomicBool,
    log: LogThrottle,
}

impl Credentials {
    /// Whether they are refused.
    pub(in crate::incode) fn are_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Records that the upstream accepted them.
    pub(super) fn record_accepted(&self) {
        if self.refused.swap(false, Ordering::Relaxed) {
            info!(
                event = "credentials_accepted",
                "upstream accepts our credentials again"
            );
        }
    }

    /// Records that the upstream refused them.
    pub(super) fn record_refused(&self, uptime: Duration) {
        self.refused.store(true, Ordering::Relaxed);
        throttled!(
            self.log,
            uptime,
            error,
            "credentials_refused",
            "upstream refuses our credentials; no evidence can be fetched: check incode.api_key, incode.integration_id and incode.secret, and whether the vendor has revoked them"
        );
    }
}
