//! Which connections read next: a few between two batches of calls, in turn, once more has arrived than is read at a time.
//!
//! Everything that happens on a runtime waits behind what was begun before. With all connections read between two batches, at ten times
//! what can be answered, that took 60 ms of a tenth of a processor, and a call needs several such rounds from its first byte to its answer:
//! calls of doors were late too, although they were next. Connections of doors read whenever something has arrived.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::activity::READ_AT_ONCE;
use crate::peer::Urgency;

/// The bytes that are read between two batches: of the calls in them, four or five times as many as a batch has are begun.
const BETWEEN_BATCHES: usize = 2 * READ_AT_ONCE;
/// The fewest connections that read between two batches.
const CONNECTIONS_MIN: usize = 2;

/// The turns of the connections of one runtime.
#[derive(Debug)]
pub(super) struct ReadTurns {
    /// What may be read without a turn. Nothing while connections wait for theirs.
    free: AtomicUsize,
    /// What was read since turns were given last.
    read: AtomicUsize,
    state: Mutex<State>,
    /// Wakes who gives turns.
    work: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    next: u64,
    waiting: BTreeMap<u64, Waker>,
    /// How many have turns at once.
    connections: usize,
}

/// One connection among them.
#[derive(Debug)]
pub(super) struct Reader {
    turns: Arc<ReadTurns>,
    urgency: Urgency,
    /// Its place among those that wait.
    number: Option<u64>,
    /// How much it may still read in its turn.
    left: usize,
}

impl ReadTurns {
    /// Nobody waits. `work` is notified when turns are to be given.
    pub(super) fn new(work: Arc<Notify>) -> Self {
        Self {
            free: AtomicUsize::new(BETWEEN_BATCHES),
            read: AtomicUsize::new(0),
            state: Mutex::new(State {
                next: 0,
                waiting: BTreeMap::new(),
                connections: CONNECTIONS_MIN,
            }),
            work,
        }
    }

    /// Gives the next turns: as many as take together what is read between two batches, so that connections with few calls have more.
    /// Returns whether more are to be given.
    pub(super) fn give(&self) -> bool {
        let read = self.read.swap(0, Relaxed);
        let mut state = self.state.lock();
        if state.waiting.is_empty() {
            self.free.store(BETWEEN_BATCHES, Relaxed);
            return false;
        }
        let connections = if read > BETWEEN_BATCHES {
            state.connections / 2
        } else if read < BETWEEN_BATCHES / 2 {
            state.connections.saturating_mul(2)
        } else {
            state.connections
        };
        let most = state.waiting.len().max(CONNECTIONS_MIN);
        state.connections = connections.clamp(CONNECTIONS_MIN, most);
        for _ in 0..state.connections {
            if let Some((_, waker)) = state.waiting.pop_first() {
                waker.wake();
            }
        }
        true
    }
}

impl Reader {
    /// A connection that is a door's if its urgency says so.
    pub(super) fn new(turns: Arc<ReadTurns>, urgency: Urgency) -> Self {
        Self {
            turns,
            urgency,
            number: None,
            left: 0,
        }
    }

    /// Ready if the connection may read now.
    pub(super) fn poll(&mut self, context: &Context<'_>) -> Poll<()> {
        let turns = &self.turns;
        if turns.free.load(Relaxed) > 0 || self.urgency.is_urgent() || self.left > 0 {
            return Poll::Ready(());
        }
        let mut state = turns.state.lock();
        // Asked again, because turns end under the lock.
        if turns.free.load(Relaxed) > 0 {
            return Poll::Ready(());
        }
        if let Some(number) = self.number {
            if let Some(waker) = state.waiting.get_mut(&number) {
                waker.clone_from(context.waker());
                return Poll::Pending;
            }
            self.number = None;
            self.left = READ_AT_ONCE;
            return Poll::Ready(());
        }
        let number = state.next;
        state.next = number.wrapping_add(1);
        state.waiting.insert(number, context.waker().clone());
        drop(state);
        self.number = Some(number);
        turns.work.notify_one();
        Poll::Pending
    }

    /// It has read this much.
    pub(super) fn was_read(&mut self, bytes: usize) {
        let turns = &self.turns;
        if !self.urgency.is_urgent() {
            turns.read.fetch_add(bytes, Relaxed);
            let free = turns.free.load(Relaxed);
            turns.free.store(free.saturating_sub(bytes), Relaxed);
        }
        self.left = self.left.saturating_sub(bytes);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.turns.state.lock().waiting.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests;
