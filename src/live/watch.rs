//! Reads the policies again when their files change, and reports what keeps them from being read.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;
use tracing::warn;

use super::reload::Reloader;
use crate::file_watch::{self, POLL_EVERY, ReadingFailure, WatchPaths, Watched};

/// Reloads the policies when their files change and when `requested`. Runs until it is dropped.
pub async fn watch(reloader: Arc<Reloader>, requested: Arc<Notify>) {
    file_watch::watch(reloader, requested).await;
}

impl Watched for Reloader {
    fn watch_paths(&self) -> WatchPaths {
        self.last_watch_paths()
    }

    fn look(&self, requested: bool) {
        if requested {
            self.reload();
        } else {
            self.reload_if_changed();
        }
    }

    fn next_due(&self) -> Option<Duration> {
        self.next_drop()
    }

    fn reading_failed(&self, failure: ReadingFailure) {
        self.record_failure(match failure {
            ReadingFailure::TooLong => "reading the policy files takes longer than 30s",
            ReadingFailure::Internal => {
                "internal error while reading or compiling the policy files"
            }
        });
    }

    fn watch_failed(&self, error: &str) {
        warn!(
            event = "policy_watch_failed",
            set = self.role().as_str(),
            interval_seconds = POLL_EVERY.as_secs(),
            %error,
            "policy files cannot be watched; polling instead"
        );
    }
}
