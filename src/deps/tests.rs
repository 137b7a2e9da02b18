//! The four ways in which a task ends.

use std::{
    future::{Future, pending, ready},
    sync::Arc,
    time::Duration,
};

use tokio::sync::oneshot;

use super::{Deps, Task};
use crate::{clock::ManualClock, policy::from_millis};

const WITHIN: Duration = Duration::from_secs(1);

fn start(work: impl Future<Output = ()> + Send + 'static) -> Task {
    Deps::new(Arc::new(ManualClock::at(from_millis(0)))).start(work)
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_is_waited_for() {
    assert!(start(ready(())).end(WITHIN).await);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_does_not_end_in_time_is_aborted() {
    let (held, released) = oneshot::channel::<()>();
    let task = start(async move {
        let _held = held;
        pending::<()>().await;
    });
    assert!(!task.end(WITHIN).await);
    assert!(released.await.is_err(), "what it held is dropped");
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_handle_is_dropped_is_aborted() {
    let (held, released) = oneshot::channel::<()>();
    drop(start(async move {
        let _held = held;
        pending::<()>().await;
    }));
    assert!(released.await.is_err(), "what it held is dropped");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_has_ended() {
    assert!(start(async { panic!("on purpose") }).end(WITHIN).await);
}
