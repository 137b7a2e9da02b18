//! Reads the files of all sections again when they change.

use std::{
    fmt::{self, Debug},
    sync::{Arc, OnceLock},
    time::Duration,
};

use prometheus::Registry;
use serde_json::Value;
use tokio::sync::Notify;
use tracing::warn;

use super::metrics::TlsMetrics;
use crate::{
    file_watch::{self, POLL_EVERY, ReadingFailure, WatchPaths, Watched},
    readiness::Component,
};

/// The files of one section.
pub(super) trait Reloads: Debug + Send + Sync {
    /// Reads the files again; whether something else is in use now.
    fn reload(&self, requested: bool) -> bool;
    fn next_due(&self) -> Option<Duration>;
    fn reading_failed(&self, error: &str);
    fn watch_paths(&self) -> WatchPaths;
    fn state(&self) -> (&'static str, Value);
}

/// The files of all sections, with their metrics.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    sections: Vec<Arc<dyn Reloads>>,
    pub(super) metrics: TlsMetrics,
    recorder: Recorder,
}

/// What is called when files are in use that have changed, with their section.
#[derive(Clone, Default)]
struct Recorder(Arc<OnceLock<Record>>);

type Record = Box<dyn Fn(&'static str) + Send + Sync>;

impl Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

impl TlsFiles {
    /// No files yet. Registers their metrics.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            sections: Vec::new(),
            metrics: TlsMetrics::register(registry)?,
            recorder: Recorder::default(),
        })
    }

    /// Calls this with the name of a section, whenever its files have changed and are in use. The first one that is given counts.
    pub fn on_reload(&self, record: impl Fn(&'static str) + Send + Sync + 'static) {
        let _ = self.recorder.0.set(Box::new(record));
    }

    /// Adds the files of a section.
    pub(super) fn push(&mut self, files: Arc<dyn Reloads>) {
        self.sections.push(files);
    }
}

/// Reads the files again when they change and when `requested`. Runs until it is dropped.
pub async fn watch(files: TlsFiles, requested: Arc<Notify>) {
    file_watch::watch(Arc::new(files), requested).await;
}

impl Watched for TlsFiles {
    fn watch_paths(&self) -> WatchPaths {
        let mut all = WatchPaths::default();
        for files in &self.sections {
            all.join(files.watch_paths());
        }
        all
    }

    fn look(&self, requested: bool) {
        for files in &self.sections {
            if files.reload(requested)
                && let Some(record) = self.recorder.0.get()
            {
                record(files.state().0);
            }
        }
    }

    fn next_due(&self) -> Option<Duration> {
        self.sections
            .iter()
            .filter_map(|files| files.next_due())
            .min()
    }

    fn reading_failed(&self, failure: ReadingFailure) {
        let error = match failure {
            ReadingFailure::TooLong => "reading the files takes longer than 30s",
            ReadingFailure::Internal => "internal error while reading the files",
        };
        for files in &self.sections {
            files.reading_failed(error);
        }
    }

    fn watch_failed(&self, error: &str) {
        warn!(
            event = "tls_watch_failed",
            interval_seconds = POLL_EVERY.as_secs(),
            %error,
            "files of certificates cannot be watched; polling instead"
        );
    }
}

impl Component for TlsFiles {
    fn state(&self) -> Value {
        let states = self.sections.iter().map(|files| files.state());
        states
            .map(|(section, state)| (section.to_owned(), state))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}
