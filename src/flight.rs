//! Single-flight: one task computes a value, and everybody who needs it waits for that task.
//!
//! Why a task of its own and not a shared future: a shared future is driven by those who poll it, so the work stops when the last
//! of them leaves, and a caller's deadline would cancel the fetch that the next caller needs. A task goes on. Waiters leave
//! without effect, and a task that panics ends the wait of all of them instead of leaving them waiting.

use std::{future::Future, pin::Pin};

use tokio::sync::watch;

/// Runs a task in the background: `tokio::spawn`, or a scheduler that explores the orders in which tasks can run.
pub type Spawn = fn(Pin<Box<dyn Future<Output = ()> + Send>>);

/// A computation in flight, or its result. Clones wait for the same task.
#[derive(Debug, Clone)]
pub struct Flight<T>(watch::Receiver<Option<T>>);

/// How far a computation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress<T> {
    /// Its task is running.
    Running,
    /// It has ended with this result.
    Done(T),
    /// Its task ended without a result: it panicked, or the runtime is shutting down.
    Abandoned,
}

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    /// Starts the computation in a task of its own.
    pub fn start(spawn: Spawn, work: impl Future<Output = T> + Send + 'static) -> Self {
        let (sender, receiver) = watch::channel(None);
        spawn(Box::pin(async move {
            let result = work.await;
            // An error means that nobody waits any more; what the work stored is still there.
            let _ = sender.send(Some(result));
        }));
        Self(receiver)
    }

    /// How far the computation is.
    pub fn progress(&self) -> Progress<T> {
        // Read before the value: a result that is sent in between is then seen as a result, and not as its absence.
        let ended = self.0.has_changed().is_err();
        match &*self.0.borrow() {
            Some(result) => Progress::Done(result.clone()),
            None if ended => Progress::Abandoned,
            None => Progress::Running,
        }
    }

    /// Whether its task is running.
    pub fn is_running(&self) -> bool {
        let ended = self.0.has_changed().is_err();
        !ended && self.0.borrow().is_none()
    }

    /// Waits for the result; `None` if the task ended without one.
    pub async fn result(mut self) -> Option<T> {
        let result = self.0.wait_for(Option::is_some).await;
        result.ok().and_then(|result| result.clone())
    }
}
