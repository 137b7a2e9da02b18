//! The wakes of a connection's task: its calls and the connection are polled together, and again if one has woken the other meanwhile.
//!
//! An answer wakes the connection that sends it, and a message wakes the call that waits for it. Both run in one task, so that a wake
//! while the task is polled would only have the runtime poll it once more, though the same poll does what the wake asks for.
//! Here such a wake is noted, and reaches the runtime only if it is still due when the poll ends.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

use super::call_set::CallSet;

/// How often a connection is polled in one poll of its task at most: once, and once more for what was answered at once.
const POLLS_MAX: u32 = 2;

/// Polls a connection and its calls, with a waker of their own.
#[derive(Debug)]
pub(super) struct TaskWakes {
    wakes: Arc<Wakes>,
    waker: Waker,
}

/// The wakes of a connection and its calls.
#[derive(Debug, Default)]
struct Wakes {
    /// The task of the connection.
    task: AtomicWaker,
    /// Whether the task is being polled.
    is_polled: AtomicBool,
    /// Whether something was woken that was not polled since.
    is_due: AtomicBool,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // In this order: the end of a poll does it in the reverse one, so that one of both sees the other.
        self.is_due.store(true, SeqCst);
        if !self.is_polled.load(SeqCst) {
            self.task.wake();
        }
    }
}

impl TaskWakes {
    pub(super) fn new() -> Self {
        let wakes = Arc::<Wakes>::default();
        let waker = Waker::from(Arc::clone(&wakes));
        Self { wakes, waker }
    }

    /// Polls the calls, the connection, and the calls again. The connection is polled once more if that has woken it and `again` agrees.
    pub(super) fn poll<C: Future>(
        &self,
        context: &Context<'_>,
        calls: &mut CallSet,
        mut connection: Pin<&mut C>,
        again: impl Fn() -> bool,
    ) -> Poll<C::Output> {
        let wakes = &self.wakes;
        wakes.task.register(context.waker());
        wakes.is_polled.store(true, SeqCst);
        let mut own = Context::from_waker(&self.waker);
        // First, so that the answers that are ready leave together.
        calls.poll(&mut own);
        let mut polls = 0;
        let polled = loop {
            // What was woken until here is polled below.
            wakes.is_due.swap(false, SeqCst);
            let polled = connection.as_mut().poll(&mut own);
            if polled.is_ready() {
                break polled;
            }
            calls.poll(&mut own);
            polls += 1;
            if polls == POLLS_MAX || !wakes.is_due.load(SeqCst) || !again() {
                break polled;
            }
        };
        wakes.is_polled.store(false, SeqCst);
        if wakes.is_due.load(SeqCst) {
            context.waker().wake_by_ref();
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        pin::pin,
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        thread,
        time::Duration,
    };

    use hyper::rt::Executor as _;
    use tokio::{sync::oneshot, time::timeout};

    use super::*;

    /// A task that counts how often it was woken.
    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    /// A connection that never ends: it counts its polls, and leaves its waker to others.
    #[derive(Default)]
    struct Sent {
        polls: AtomicUsize,
        waker: AtomicWaker,
    }

    impl Sent {
        fn connection(self: &Arc<Self>) -> impl Future<Output = ()> + use<> {
            let sent = Arc::clone(self);
            poll_fn(move |context| {
                sent.polls.fetch_add(1, Relaxed);
                sent.waker.register(context.waker());
                Poll::Pending
            })
        }

        fn polls(&self) -> usize {
            self.polls.load(Relaxed)
        }
    }

    /// A call that waits for a message, and then answers on the connection.
    fn call(sent: &Arc<Sent>) -> (oneshot::Sender<()>, impl Future<Output = ()> + use<>) {
        let (sender, message) = oneshot::channel();
        let sent = Arc::clone(sent);
        let call = async move {
            message.await.unwrap();
            sent.waker.wake();
        };
        (sender, call)
    }

    #[test]
    fn an_answer_is_sent_in_the_poll_in_which_it_is_ready_and_the_task_is_woken_once() {
        let (task, sent) = (Arc::<Task>::default(), Arc::<Sent>::default());
        let waker = Waker::from(Arc::clone(&task));
        let context = Context::from_waker(&waker);
        let (wakes, mut calls) = (TaskWakes::new(), CallSet::default());
        let mut connection = pin!(sent.connection());
        let (message, waiting) = call(&sent);
        calls.arrived().execute(waiting);
        let mut poll = || wakes.poll(&context, &mut calls, connection.as_mut(), || true);
        assert!(poll().is_pending());
        assert_eq!((task.0.load(Relaxed), sent.polls()), (0, 1));
        message.send(()).unwrap();
        assert_eq!(task.0.load(Relaxed), 1, "a message wakes the task");
        assert!(poll().is_pending());
        // Sent by the one poll behind the call, and nothing is due.
        assert_eq!((task.0.load(Relaxed), sent.polls()), (1, 2));
    }

    #[test]
    fn what_is_answered_at_once_is_sent_in_the_same_poll_unless_the_connection_may_not() {
        for (agreed, polls, woken) in [(true, 2, 0), (false, 1, 1)] {
            let (task, sent) = (Arc::<Task>::default(), Arc::<Sent>::default());
            let waker = Waker::from(Arc::clone(&task));
            let context = Context::from_waker(&waker);
            let (wakes, mut calls) = (TaskWakes::new(), CallSet::default());
            let arrived = calls.arrived();
            let mut new = Some(call(&sent));
            let mut sending = pin!(sent.connection());
            let mut connection = pin!(poll_fn(|context| {
                if let Some((message, waiting)) = new.take() {
                    message.send(()).unwrap();
                    arrived.execute(waiting);
                }
                sending.as_mut().poll(context)
            }));
            let polled = wakes.poll(&context, &mut calls, connection.as_mut(), || agreed);
            assert!(polled.is_pending());
            assert_eq!((sent.polls(), task.0.load(Relaxed)), (polls, woken));
        }
    }

    #[test]
    fn a_connection_that_wakes_itself_again_and_again_leaves_the_runtime_to_others() {
        let task = Arc::<Task>::default();
        let waker = Waker::from(Arc::clone(&task));
        let mut polls = 0;
        let mut connection = pin!(poll_fn(|context| {
            polls += 1;
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        let polled = TaskWakes::new().poll(
            &Context::from_waker(&waker),
            &mut CallSet::default(),
            connection.as_mut(),
            || true,
        );
        assert!(polled.is_pending());
        assert_eq!((polls, task.0.load(Relaxed)), (POLLS_MAX, 1));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_of_another_thread_is_lost() {
        const MESSAGES: usize = 20_000;
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let others = thread::spawn(move || {
            for number in 0..MESSAGES {
                sender.send(number).unwrap();
            }
        });
        let mut calls = CallSet::default();
        let (sent, counted) = (Arc::<Sent>::default(), Arc::new(AtomicUsize::new(0)));
        let (answering, counting) = (Arc::clone(&sent), Arc::clone(&counted));
        calls.arrived().execute(async move {
            while receiver.recv().await.is_some() {
                counting.fetch_add(1, Relaxed);
                answering.waker.wake();
            }
        });
        let wakes = TaskWakes::new();
        let mut connection = pin!(poll_fn(|context| {
            sent.waker.register(context.waker());
            match counted.load(Relaxed) {
                MESSAGES => Poll::Ready(()),
                _ => Poll::Pending,
            }
        }));
        let all = poll_fn(|context| wakes.poll(context, &mut calls, connection.as_mut(), || true));
        timeout(Duration::from_mins(1), all).await.unwrap();
        others.join().unwrap();
    }
}
