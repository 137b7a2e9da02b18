//! What every room is given when the service is assembled.

#[cfg(test)]
mod tests;

use std::{future::Future, sync::Arc, time::Duration};

use futures_util::future::{AbortHandle, abortable};
use prometheus::Registry;
use tokio::{sync::oneshot, time::timeout};

use crate::{clock::Clock, flight::Spawn};

/// What every room is given when it starts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Deps {
    /// The only source of time.
    pub clock: Arc<dyn Clock>,
    /// Where a room registers its metrics.
    pub registry: Registry,
    /// Starts background tasks.
    pub spawn: Spawn,
}

impl Deps {
    /// Tasks run on the tokio runtime that is current when they are spawned.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            registry: Registry::new(),
            spawn: |task| drop(tokio::spawn(task)),
        }
    }

    /// Starts a task that runs until it ends or is stopped.
    pub fn start(&self, work: impl Future<Output = ()> + Send + 'static) -> Task {
        let (work, abort) = abortable(work);
        let (running, ended) = oneshot::channel();
        (self.spawn)(Box::pin(async move {
            // Dropped when the work ends, is aborted or panics: that is what says that it has ended.
            let _running: oneshot::Sender<()> = running;
            // An error means that it was aborted.
            let _ = work.await;
        }));
        Task { abort, ended }
    }
}

/// A task in the background, as the one who stops it sees it. Dropping it stops the task.
#[derive(Debug)]
pub struct Task {
    abort: AbortHandle,
    ended: oneshot::Receiver<()>,
}

impl Task {
    /// Waits until the task has ended, and aborts it after this time. Whether it ended by itself.
    pub async fn end(mut self, within: Duration) -> bool {
        // What is received is an error: the sender is dropped when the task ends.
        timeout(within, &mut self.ended).await.is_ok()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.abort.abort();
    }
}
