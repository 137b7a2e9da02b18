//! The runtimes on which connections are served: one of a single thread for each processor, each with its own connections.
//!
//! Why not one runtime of many threads: a check that needs no fetch is done within microseconds, and to move it between threads and to
//! wake them costs more than it gains; measured on one processor, such a runtime takes 1.4 times as much time a call. Why one accept
//! loop and not a socket for each runtime (`SO_REUSEPORT`): the system would choose the socket by a hash of the addresses, so that of a
//! few connections of a few gateways many could be on one processor while another idles, and what waits in the queue of a socket is
//! lost when it closes. Here a new connection goes to the runtime that has the fewest, and connections are replaced at their age.

use std::{
    fmt,
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread::{self, available_parallelism},
};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
    task::AbortHandle,
};

use super::{backlog::Backlog, limits::Runtimes};

/// The most runtimes that are started.
const RUNTIMES_MAX: usize = 64;

/// The runtimes. They end when this is dropped.
pub(super) struct RuntimePool {
    runtimes: Vec<Arc<OneRuntime>>,
}

struct OneRuntime {
    handle: Handle,
    connections: AtomicUsize,
    /// The calls that wait on it; `None` where calls do not wait.
    backlog: Option<Driven>,
    /// Dropped to end the runtime.
    _end: Option<oneshot::Sender<()>>,
}

/// A backlog with the task that gives its turns.
struct Driven {
    backlog: Arc<Backlog>,
    driver: AbortHandle,
}

impl Driven {
    fn start(backlog: Backlog, runtime: &Handle) -> Self {
        let backlog = Arc::new(backlog);
        let driver = runtime.spawn(Arc::clone(&backlog).drive());
        Self {
            backlog,
            driver: driver.abort_handle(),
        }
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A connection on a runtime, counted until this is dropped.
struct OnRuntime(Arc<OneRuntime>);

impl Drop for OnRuntime {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }
}

impl RuntimePool {
    /// Starts the runtimes, each with a backlog for one of as many if there are any, or uses the present one.
    pub(super) fn start(
        runtimes: Runtimes,
        backlogs: Option<&dyn Fn(usize) -> Backlog>,
    ) -> io::Result<Self> {
        let count = match runtimes {
            Runtimes::Present => 1,
            Runtimes::OnePerProcessor => available_parallelism()
                .map_or(1, usize::from)
                .min(RUNTIMES_MAX),
        };
        let driven = |handle: &Handle| backlogs.map(|make| Driven::start(make(count), handle));
        let runtimes = match runtimes {
            Runtimes::Present => vec![Arc::new(OneRuntime {
                handle: Handle::current(),
                connections: AtomicUsize::new(0),
                backlog: driven(&Handle::current()),
                _end: None,
            })],
            Runtimes::OnePerProcessor => (0..count)
                .map(|index| start(index, &driven))
                .collect::<io::Result<_>>()?,
        };
        Ok(Self { runtimes })
    }

    /// Whether its runtimes still run tasks.
    pub(super) fn liveness(&self) -> Liveness {
        let runtimes = self.runtimes.iter();
        Liveness(runtimes.map(|runtime| runtime.handle.clone()).collect())
    }

    /// Runs a connection on the runtime that has the fewest, with the backlog of its calls.
    pub(super) fn spawn<F>(&self, connection: impl FnOnce(Option<Arc<Backlog>>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let fewest = self
            .runtimes
            .iter()
            .min_by_key(|runtime| runtime.connections.load(Relaxed));
        // There is always one.
        if let Some(runtime) = fewest {
            runtime.connections.fetch_add(1, Relaxed);
            let permit = OnRuntime(Arc::clone(runtime));
            let backlog = runtime.backlog.as_ref();
            let connection = connection(backlog.map(|driven| Arc::clone(&driven.backlog)));
            runtime.handle.spawn(async move {
                let _permit = permit;
                connection.await;
            });
        }
    }
}

/// Whether the threads that serve connections still run tasks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Liveness(Arc<[Handle]>);

impl Liveness {
    /// Completes once each runtime has run a task that was spawned after this call; whether all of them did. A runtime that is blocked
    /// never does; one that has ended says so.
    pub async fn prove(&self) -> bool {
        let tasks = self.0.iter().map(|runtime| runtime.spawn(async {}));
        // Spawned together, so that each is waited for only as long as the slowest takes.
        let tasks: Vec<_> = tasks.collect();
        for task in tasks {
            if task.await.is_err() {
                return false;
            }
        }
        true
    }
}

impl fmt::Debug for RuntimePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RuntimePool({})", self.runtimes.len())
    }
}

/// Starts one runtime on a thread of its own.
fn start(index: usize, driven: &dyn Fn(&Handle) -> Option<Driven>) -> io::Result<Arc<OneRuntime>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let (end, ended) = oneshot::channel::<()>();
    thread::Builder::new()
        .name(format!("calls-{index}"))
        .spawn(move || {
            // An error means that the pool was dropped.
            let _ = runtime.block_on(ended);
            runtime.shutdown_background();
        })?;
    Ok(Arc::new(OneRuntime {
        backlog: driven(&handle),
        handle,
        connections: AtomicUsize::new(0),
        _end: Some(end),
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_connection_goes_to_the_runtime_that_has_the_fewest() {
        let runtimes = vec![start(0, &|_| None).unwrap(), start(1, &|_| None).unwrap()];
        let pool = RuntimePool { runtimes };
        let (names, served) = mpsc::channel();
        let mut ends = Vec::new();
        let mut serve = || {
            let (end, ended) = oneshot::channel::<()>();
            let names = names.clone();
            pool.spawn(|_| async move {
                let name = thread::current().name().map(str::to_owned);
                names.send(name.unwrap()).unwrap();
                let _ = ended.await;
            });
            ends.push(end);
            served.recv().unwrap()
        };
        let mut first: Vec<String> = (0..4).map(|_| serve()).collect();
        first.sort();
        assert_eq!(first, ["calls-0", "calls-0", "calls-1", "calls-1"]);
    }

    #[tokio::test]
    async fn liveness_is_proved_only_once_no_runtime_is_blocked_and_never_of_one_that_has_ended() {
        let runtimes = vec![start(0, &|_| None).unwrap(), start(1, &|_| None).unwrap()];
        let pool = RuntimePool { runtimes };
        let liveness = pool.liveness();
        assert!(liveness.prove().await);
        let (release, released) = mpsc::channel::<()>();
        let (blocks, blocked) = oneshot::channel();
        pool.runtimes[1].handle.spawn(async move {
            blocks.send(()).unwrap();
            // As a task does that blocks its thread.
            let _ = released.recv();
        });
        blocked.await.unwrap();
        let mut proof = Box::pin(liveness.prove());
        // The other runtime answers, and this one cannot.
        for _ in 0..100 {
            assert!(futures_util::poll!(&mut proof).is_pending());
            tokio::task::yield_now().await;
        }
        release.send(()).unwrap();
        assert!(proof.await);
        drop(pool);
        let mut proved = true;
        while proved {
            // Its thread ends in a moment.
            proved = liveness.prove().await;
        }
    }
}
