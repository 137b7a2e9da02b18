//! Whether decisions can be recorded. The writing thread publishes its state. A second task watches it, because a blocked
//! thread cannot report.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval},
};
use tracing::{error, info};

use super::{message::Message, obstacles::Obstacles};

/// How often the thread is watched.
const WATCH_EVERY: Duration = Duration::from_millis(250);
/// A write that has not ended after this many intervals, one second, is stuck.
const STUCK_AFTER: u32 = 4;
/// The output is checked after each of this many intervals, one second.
const CHECK_EVERY: u32 = 4;

/// What the writing thread, the watching task and the checks share. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Health {
    obstacles: watch::Sender<Obstacles>,
    /// Counts the beginnings and ends of operations that may block: odd while one runs.
    operations: Arc<AtomicU64>,
    /// Whether a check of the output is due. A flag, and not a message alone, because a full queue takes no message.
    check_due: Arc<AtomicBool>,
    /// Whether somebody asked for the output to be opened again, and that has not been done.
    reopening: Arc<AtomicBool>,
    /// Whether the service stops.
    stopping: Arc<AtomicBool>,
}

impl Health {
    pub(super) fn new() -> Self {
        Self {
            obstacles: watch::Sender::default(),
            operations: Arc::default(),
            check_due: Arc::default(),
            reopening: Arc::default(),
            stopping: Arc::default(),
        }
    }

    /// The service stops: what is no decision is not waited for.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Whether the service stops.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Asks for the output to be opened again.
    pub(super) fn request_reopening(&self) {
        self.reopening.store(true, Ordering::SeqCst);
        self.check_due.store(true, Ordering::SeqCst);
    }

    /// Whether a check of the output is due since the last time.
    pub(super) fn take_check(&self) -> bool {
        self.check_due.swap(false, Ordering::SeqCst)
    }

    /// Whether that was asked for since the last time.
    pub(super) fn take_request(&self) -> bool {
        self.reopening.swap(false, Ordering::SeqCst)
    }

    /// Whether decisions can be recorded, now and whenever that changes.
    pub(super) fn subscribe(&self) -> watch::Receiver<Obstacles> {
        self.obstacles.subscribe()
    }

    /// Whether decisions can be recorded now.
    pub(super) fn is_clear(&self) -> bool {
        self.obstacles.borrow().are_none()
    }

    /// Runs an operation that may block, and is noticed if it does.
    pub(super) fn watched<T>(&self, operation: impl FnOnce() -> T) -> T {
        self.operations.fetch_add(1, Ordering::SeqCst);
        let result = operation();
        self.operations.fetch_add(1, Ordering::SeqCst);
        if self.obstacles.borrow().stuck && self.set(|obstacles| obstacles.stuck = false) {
            info!(
                event = "journal_unblocked",
                "the write to the journal has ended; no entry was lost"
            );
        }
        result
    }

    /// Records that a write failed, or that one succeeded; returns whether the state changed.
    pub(super) fn set_write(&self, error: Option<String>) -> bool {
        self.set(|obstacles| obstacles.write = error)
    }

    /// Whether the last write failed.
    pub(super) fn is_failing(&self) -> bool {
        self.obstacles.borrow().write.is_some()
    }

    /// Records what a check of the output found; returns whether the state changed.
    pub(super) fn set_output(&self, error: Option<String>) -> bool {
        self.set(|obstacles| obstacles.output = error)
    }

    /// Records that the writing thread has ended although it was not stopped.
    pub(super) fn set_ended(&self) {
        self.set(|obstacles| obstacles.ended = true);
    }

    fn set(&self, change: impl FnOnce(&mut Obstacles)) -> bool {
        self.obstacles.send_if_modified(|obstacles| {
            let before = obstacles.clone();
            change(obstacles);
            *obstacles != before
        })
    }

    /// Why what is written now would be lost, if it would be.
    pub(super) fn lost_output(&self) -> Option<String> {
        self.obstacles.borrow().output.clone()
    }

    /// The number of the operation that runs.
    fn running(&self) -> Option<u64> {
        let operations = self.operations.load(Ordering::SeqCst);
        (operations % 2 == 1).then_some(operations)
    }

    /// Watches the thread until it ends: finds operations that are stuck, and asks for a check of the output every second.
    pub(super) async fn watch(self, queue: mpsc::WeakSender<Message>) {
        let mut ticks = interval(WATCH_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut last, mut same, mut until_check) = (None, 0, CHECK_EVERY);
        loop {
            ticks.tick().await;
            let running = self.running();
            same = if running.is_some() && running == last {
                same + 1
            } else {
                0
            };
            last = running;
            if same == STUCK_AFTER && self.set(|obstacles| obstacles.stuck = true) {
                log_stuck();
            }
            until_check -= 1;
            if until_check == 0 {
                until_check = CHECK_EVERY;
                let Some(queue) = queue.upgrade() else { return };
                if queue.is_closed() {
                    return;
                }
                // One message is enough, however long the thread does not look for it. A full queue means that the thread is awake, and
                // checks the output after its next entries.
                if !self.check_due.swap(true, Ordering::SeqCst) {
                    let _ = queue.try_send(Message::CheckOutput);
                }
            }
        }
    }
}

fn log_stuck() {
    error!(
        event = "journal_blocked",
        "a write to the journal has not ended for a second; checks are rejected until it does: look at the reader of journal.path, or at its disk"
    );
}
