//! The second place of checkpoints: another file, or an address to which each is sent. It never holds up the first one: what does not arrive is
//! counted, and covered by a later one.

use std::{error::Error, path::PathBuf, sync::Arc, time::Duration};

use http::{HeaderMap, header::CONTENT_TYPE};
use tokio::task::spawn_blocking;
use url::Url;

use super::{
    checkpoint_file::CheckpointFile,
    metrics::CheckpointMetrics,
    newest::{Deliver, Newest, newest},
    signed_note::VerifierKey,
};
use crate::{
    clock::Clock,
    deps::{Deps, Task},
    log_throttle::{LogThrottle, throttled},
    tls::{self, CaCertificates, ClientError, ClientOptions},
};

/// How long one may take to arrive at an address.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where checkpoints are copied to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyTarget {
    /// A file that they are appended to.
    File(PathBuf),
    /// An address that they are sent to by POST.
    Url(Url),
}

/// A note, and the size that it covers.
type SizedNote = (u64, Arc<str>);

/// Copies checkpoints.
#[derive(Debug)]
pub(super) struct CheckpointCopy {
    notes: Newest<SizedNote>,
    task: Task,
}

impl CheckpointCopy {
    /// Copies what this key signs to this place from now on.
    pub(super) fn start(
        target: CopyTarget,
        key: &VerifierKey,
        metrics: &CheckpointMetrics,
        deps: &Deps,
    ) -> Result<Self, ClientError> {
        let destination = match target {
            CopyTarget::File(path) => Destination::File(Arc::new(CheckpointFile::new(&path, key))),
            CopyTarget::Url(url) => Destination::Url(client(&url)?, url),
        };
        let mut copying = Copying {
            destination,
            clock: Arc::clone(&deps.clock),
            log: LogThrottle::default(),
        };
        let (notes, waiting) = newest(&metrics.copies_lost);
        let task = deps.start(async move { waiting.hand_to(&mut copying).await });
        Ok(Self { notes, task })
    }

    /// Copies this, or a later one that covers the same lines.
    pub(super) fn send(&self, size: u64, note: Arc<str>) {
        self.notes.send((size, note));
    }

    /// Waits for the last one. Dropping what is returned ends the attempt.
    pub(super) async fn finish(self) {
        drop(self.notes);
        self.task.ended().await;
    }
}

fn client(url: &Url) -> Result<reqwest::Client, ClientError> {
    tls::client(ClientOptions {
        timeout: TIMEOUT,
        connect_timeout: None,
        https_only: false,
        headers: HeaderMap::new(),
        ca_certificates: CaCertificates::for_calls_to(url),
        pings: None,
    })
}

#[derive(Debug)]
enum Destination {
    File(Arc<CheckpointFile>),
    Url(reqwest::Client, Url),
}

#[derive(Debug)]
struct Copying {
    destination: Destination,
    clock: Arc<dyn Clock>,
    log: LogThrottle,
}

impl Deliver<SizedNote> for Copying {
    async fn put(&mut self, note: SizedNote) -> bool {
        let Err(error) = self.copy(note).await else {
            return true;
        };
        let error = with_causes(&*error);
        throttled!(
            self.log,
            self.clock.moment().uptime,
            error,
            "checkpoint_not_copied",
            error,
            "a checkpoint of the journal did not arrive at journal.checkpoint_copy, and is tried again: look at that place"
        );
        false
    }
}

impl Copying {
    async fn copy(&self, (size, note): SizedNote) -> Result<(), Box<dyn Error + Send + Sync>> {
        match &self.destination {
            Destination::File(file) => {
                let file = Arc::clone(file);
                spawn_blocking(move || file.append(size, &note)).await??;
            }
            Destination::Url(http, url) => {
                let request = http.post(url.clone());
                let request = request.header(CONTENT_TYPE, "text/plain; charset=utf-8");
                let sent = request.body(note.to_string()).send().await;
                // Without the address, which may have a secret in its query.
                let status = sent.map_err(reqwest::Error::without_url)?.status();
                if !status.is_success() {
                    return Err(format!("the answer has the status {status}").into());
                }
            }
        }
        Ok(())
    }
}

/// An error with all its causes.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
