//! Single-flight by itself: waiters that come and go, observers that do not wait, and a task that ends with its result or is dropped.

use std::{
    future::{Future, poll_fn},
    mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use shuttle::{
    future::{block_on, spawn, yield_now},
    scheduler::RandomScheduler,
};
use verigate::flight::{Flight, Progress, Spawn};

use super::{ORDERS, STACK_BYTES};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs a task to its end.
fn run(task: Task) {
    mem::forget(spawn(task));
}

/// Polls a task twice and drops it, as a runtime does that shuts down.
fn run_and_drop(mut task: Task) {
    let mut polls = 0;
    run(Box::pin(poll_fn(move |context| {
        polls += 1;
        if polls > 2 {
            return Poll::Ready(());
        }
        task.as_mut().poll(context)
    })));
}

/// What an observer sees that does not wait: the progress until the end.
async fn observe(flight: Flight<u64>) -> Progress<u64> {
    loop {
        match flight.progress() {
            Progress::Running => yield_now().await,
            ended => return ended,
        }
    }
}

/// Starts a flight, lets waiters and observers come and go, and checks that all of them see this end and no other.
async fn play(runner: fn(Task), end: Progress<u64>) {
    let runs = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&runs);
    let flight = Flight::start(&Spawn::by(runner), async move {
        yield_now().await;
        yield_now().await;
        yield_now().await;
        counted.fetch_add(1, Ordering::SeqCst) + 1
    });
    let result = match end {
        Progress::Done(result) => Some(result),
        Progress::Running | Progress::Abandoned => None,
    };
    let waiters: Vec<_> = (0..3).map(|_| spawn(flight.clone().result())).collect();
    let leavers: Vec<_> = (0..2).map(|_| spawn(flight.clone().result())).collect();
    let observers: Vec<_> = (0..2).map(|_| spawn(observe(flight.clone()))).collect();
    yield_now().await;
    for leaver in leavers {
        leaver.abort();
    }
    let late = spawn(flight.clone().result());
    for waiter in waiters.into_iter().chain([late]) {
        assert_eq!(waiter.await.unwrap(), result);
    }
    for observer in observers {
        assert_eq!(observer.await.unwrap(), end);
    }
    assert!(!flight.is_running());
    assert_eq!(flight.progress(), end, "it stays at its end");
    assert_eq!(
        flight.result().await,
        result,
        "also for those that come later"
    );
    assert_eq!(runs.load(Ordering::SeqCst), result.unwrap_or(0));
}

#[test]
fn all_waiters_of_a_flight_get_its_one_result_in_every_order() {
    let mut config = shuttle::Config::new();
    config.stack_size = STACK_BYTES;
    shuttle::Runner::new(RandomScheduler::new(ORDERS), config).run(|| {
        block_on(async {
            play(run, Progress::Done(1)).await;
            play(run_and_drop, Progress::Abandoned).await;
        });
    });
}
