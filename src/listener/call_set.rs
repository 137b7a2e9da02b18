//! The calls of one connection of HTTP/2, which run in the task of the connection.
//!
//! Why not a task for each: a group of the journal ends the wait of many calls at once. In tasks of their own each of them wakes the runtime
//! from the thread of the journal, is scheduled, and then wakes the connection. Here the connection wakes once, and sends all answers that
//! are ready at once.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use hyper::rt::Executor;
use parking_lot::Mutex;

type CallFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The calls of one connection.
#[derive(Default)]
pub(super) struct CallSet {
    arrived: Arrived,
    running: FuturesUnordered<CallFuture>,
}

/// Takes the calls of a connection that have arrived, until they are polled. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Arrived(Arc<Mutex<Vec<CallFuture>>>);

impl<F> Executor<F> for Arrived
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, call: F) {
        // A call that panics ends alone, as in a task of its own.
        let call = AssertUnwindSafe(call).catch_unwind().map(drop);
        self.0.lock().push(Box::pin(call));
    }
}

impl CallSet {
    /// Where the connection puts its calls.
    pub(super) fn arrived(&self) -> Arrived {
        self.arrived.clone()
    }

    /// Polls the calls that have arrived, and those that were woken.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) {
        self.running.extend(self.arrived.0.lock().drain(..));
        while let Poll::Ready(Some(())) = self.running.poll_next_unpin(context) {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use futures_util::task::noop_waker;
    use tokio::sync::oneshot;

    use super::*;

    /// A call that waits for a message, and then counts itself.
    fn waiting(
        counted: &Arc<AtomicUsize>,
    ) -> (oneshot::Sender<()>, impl Future<Output = ()> + use<>) {
        let (sender, message) = oneshot::channel();
        let counted = Arc::clone(counted);
        let call = async move {
            if message.await.is_ok() {
                counted.fetch_add(1, Relaxed);
            }
        };
        (sender, call)
    }

    #[test]
    fn a_call_goes_on_when_it_is_woken_and_the_others_wait() {
        let mut calls = CallSet::default();
        let counted = Arc::default();
        let (first, call) = waiting(&counted);
        calls.arrived().execute(call);
        let (_second, call) = waiting(&counted);
        calls.arrived().execute(call);
        let waker = noop_waker();
        let mut context = Context::from_waker(&waker);
        calls.poll(&mut context);
        assert_eq!((counted.load(Relaxed), calls.running.len()), (0, 2));
        first.send(()).unwrap();
        calls.poll(&mut context);
        assert_eq!((counted.load(Relaxed), calls.running.len()), (1, 1));
    }

    #[test]
    fn a_call_that_panics_ends_alone() {
        let mut calls = CallSet::default();
        let counted = Arc::default();
        calls.arrived().execute(async { panic!("expected") });
        let (sender, call) = waiting(&counted);
        calls.arrived().execute(call);
        sender.send(()).unwrap();
        calls.poll(&mut Context::from_waker(&noop_waker()));
        assert_eq!((counted.load(Relaxed), calls.running.len()), (1, 0));
    }

    #[test]
    fn calls_end_with_their_connection() {
        let counted = Arc::default();
        let (sender, call) = waiting(&counted);
        let mut calls = CallSet::default();
        calls.arrived().execute(call);
        calls.poll(&mut Context::from_waker(&noop_waker()));
        drop(calls);
        assert!(sender.is_closed());
    }
}
