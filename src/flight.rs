//! Single-flight: one task computes a value, and everybody who needs it waits for that task.
//!
//! Why a task of its own and not a shared future: a shared future is driven by those who poll it, so the work stops when the last
//! of them leaves, and a caller's deadline would cancel the fetch that the next caller needs. A task goes on. Waiters leave
//! without effect, and a task that panics ends the wait of all of them instead of leaving them waiting.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use tokio::{runtime::Handle, sync::watch};

/// A task without a result.
type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs tasks in the background: on one runtime, whichever thread starts them, or on a scheduler that explores the orders in which tasks
/// can run. Cheap to clone.
#[derive(Clone)]
pub struct Spawn(Arc<dyn Fn(Work) + Send + Sync>);

impl Spawn {
    fn on(runtime: Handle) -> Self {
        Self::by(move |work| drop(runtime.spawn(work)))
    }

    /// Runs tasks on the present runtime; outside of one, on the runtime that is current when a task is started.
    pub fn here() -> Self {
        Handle::try_current().map_or_else(|_| Self::by(|work| drop(tokio::spawn(work))), Self::on)
    }

    /// Runs tasks by this function.
    pub fn by(spawn: impl Fn(Work) + Send + Sync + 'static) -> Self {
        Self(Arc::new(spawn))
    }

    /// Starts a task.
    pub fn start(&self, work: impl Future<Output = ()> + Send + 'static) {
        (self.0)(Box::pin(work));
    }
}

impl fmt::Debug for Spawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spawn")
    }
}

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
    pub fn start(spawn: &Spawn, work: impl Future<Output = T> + Send + 'static) -> Self {
        let (sender, receiver) = watch::channel(None);
        spawn.start(async move {
            let result = work.await;
            // An error means that nobody waits any more; what the work stored is still there.
            let _ = sender.send(Some(result));
        });
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
