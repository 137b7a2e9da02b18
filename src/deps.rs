//! What every room is given when the service is assembled.

#[cfg(test)]
mod tests;

use std::{future::Future, sync::Arc, time::Duration};

use futures_util::future::{AbortHandle, abortable};
use prometheus::Registry;
use tokio::{sync::oneshot, time::timeout};

use crate::{
    clock::{AnchoredClock, Clock},
    flight::Spawn,
};

/// What every room is given when it starts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Deps {
    /// The only source of time.
    pub clock: Arc<dyn Clock>,
    /// The same clock, for those who know of the vendor's clock too.
    pub anchored: Arc<AnchoredClock>,
    /// Where a room registers its metrics.
    pub registry: Registry,
    /// Starts background tasks.
    pub spawn: Spawn,
}

impl Deps {
    /// Anchors the clock. Tasks run on the present tokio runtime.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let anchored = Arc::new(AnchoredClock::new(clock));
        Self {
            clock: Arc::clone(&anchored) as _,
            anchored,
            registry: Registry::new(),
            spawn: Spawn::here(),
        }
    }

    /// Starts a task that runs until it ends or is stopped.
    pub fn start(&self, work: impl Future<Output = ()> + Send + 'static) -> Task {
        let (work, abort) = abortable(work);
        let (running, ended) = oneshot::channel();
        self.spawn.start(async move {
            // Dropped when the work ends, is aborted or panics: that is what says that it has ended.
            let _running: oneshot::Sender<()> = running;
            // An error means that it was aborted.
            let _ = work.await;
        });
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
    pub async fn end(self, within: Duration) -> bool {
        timeout(within, self.ended()).await.is_ok()
    }

    /// Waits until the task has ended. Dropping what is returned aborts it.
    pub async fn ended(mut self) {
        // What is received is an error: the sender is dropped when the task ends.
        let _ = (&mut self.ended).await;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.abort.abort();
    }
}
