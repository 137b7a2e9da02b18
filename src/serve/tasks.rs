//! What is stopped when the service stops: a list of stages, in their order.

use std::{
    fmt,
    future::Future,
    pin::{Pin, pin},
};

use futures_util::{FutureExt as _, future::join_all};
use parking_lot::Mutex;

use super::error::StopError;

type Stop = Pin<Box<dyn Future<Output = Result<(), StopError>> + Send>>;

/// The tasks to stop, in stages. A stage begins when the one before it has ended; its tasks are stopped together.
///
/// The mutex is never locked: it lets a service be shared, which a list of futures alone could not be.
#[derive(Default)]
pub(super) struct Tasks(Mutex<Vec<Vec<Stop>>>);

impl Tasks {
    /// Begins a stage with this task. What the future does is done when the service stops.
    pub(super) fn then(
        &mut self,
        stop: impl Future<Output = Result<(), StopError>> + Send + 'static,
    ) {
        self.0.get_mut().push(vec![Box::pin(stop)]);
    }

    /// Adds a task to the last stage.
    pub(super) fn beside(
        &mut self,
        stop: impl Future<Output = Result<(), StopError>> + Send + 'static,
    ) {
        match self.0.get_mut().last_mut() {
            Some(stage) => stage.push(Box::pin(stop)),
            None => self.then(stop),
        }
    }

    /// Stops every stage, whatever the ones before it returned; the first error. Once `force` completes, every stage but the last one is
    /// abandoned.
    pub(super) async fn stop(self, force: impl Future<Output = ()>) -> Result<(), StopError> {
        let mut result = Ok(());
        let mut force = pin!(force.fuse());
        let mut stages = self.0.into_inner();
        let last = stages.pop();
        for stage in stages {
            tokio::select! {
                stopped = join_all(stage) => {
                    for stopped in stopped {
                        result = result.and(stopped);
                    }
                }
                () = &mut force => break,
            }
        }
        for stopped in join_all(last.into_iter().flatten()).await {
            result = result.and(stopped);
        }
        result
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").finish_non_exhaustive()
    }
}
