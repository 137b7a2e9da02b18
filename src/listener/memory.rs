//! The memory of all connections together. Each counts what it holds: what it has received and nobody has used yet, its calls, and answers
//! that are not sent. When all of them hold more than there is room for, those are closed that hold the most and take no answers.
//!
//! Why closed, and not slowed down: what a peer has asked for stays in memory until the peer takes the answer, and that is up to the peer.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{
    clock::Clock,
    log_throttle::{LogThrottle, throttled},
};

// Measured as the growth of the resident memory of a release build, for 50 to 1,000 connections of each kind at once, beside 500 calls a second: a silent
// connection takes 4.8 KiB; an idle one of HTTP/2 22.6 KiB, and 29 to 31 KiB with a call that is answered or unfinished; one of HTTP/1 24 to 26 KiB; TLS takes 16 KiB more. A
// call whose message is missing takes 6.5 KiB, an answer that is not read 3.9 KiB, a call with 14,000 bytes of its message 26 KiB.

/// What a connection costs in itself: its buffers and tables.
pub(super) const CONNECTION_BYTES: usize = 30 * 1024;
/// What a call costs beside its head and its message.
pub(super) const CALL_BYTES: usize = 6 * 1024;
/// What a header costs beside its name and value.
pub(super) const HEADER_BYTES: usize = 96;
/// What an answer costs that waits to be written, beside itself.
pub(super) const ANSWER_BYTES: usize = 4 * 1024;
/// What the HTTP library keeps for each stream that it has refused, until the connection ends; and of how many of them.
const REFUSED_BYTES: usize = 700;
pub(super) const REFUSED_MAX: u32 = 128;
/// A connection that holds no more than this is not closed where another one asks for too much.
const MODEST_BYTES: usize = 16 * 1024;

/// So that what is divided by answers that were taken keeps an order.
const RANK_SCALE: u64 = 1_024;

/// What is counted for all connections together in one step, so that most calls change no number that all processors share.
const STEP_BYTES: usize = 4 * 1024;

/// Of the memory of all connections, the part that is kept for what they hold, as its reciprocal. The rest is what they cost in themselves.
const HELD_SHARE: usize = 6;

/// What the connections of operators may hold together, beside what those of callers do.
pub(super) const ADMIN_ROOM: usize = 8 * 1024 * 1024;

/// How many connections this much memory permits, and how much of it all of them may hold.
pub(super) fn shares(memory: usize) -> (usize, usize) {
    let room = memory / HELD_SHARE;
    (memory.saturating_sub(room) / CONNECTION_BYTES, room)
}

/// What all connections may hold, and what they do.
#[derive(Debug)]
pub(super) struct Budget {
    room: usize,
    /// What those connections hold that stay, in steps.
    held: AtomicUsize,
    /// What those hold that are being closed.
    leaving: AtomicUsize,
    entered: AtomicU64,
    connections: Mutex<HashMap<u64, Weak<Holding>>>,
    clock: Arc<dyn Clock>,
    log: LogThrottle,
}

/// What one connection holds. It leaves the budget when this is dropped.
#[derive(Debug)]
pub(super) struct Holding {
    budget: Arc<Budget>,
    number: u64,
    held: Mutex<Held>,
    /// Ticks since the peer took an answer, or since the connection began.
    quiet: AtomicU32,
    /// Answers that the peer took; halved with each tick.
    taken: AtomicU32,
    closed: Notify,
}

#[derive(Debug, Default)]
struct Held {
    /// Everything, in bytes.
    bytes: usize,
    /// What the budget counts for it.
    charged: usize,
    /// Of the bytes, messages that no call has read.
    unread: usize,
    /// Of the bytes, what belongs to no call: a frame or a head that is not whole, buffers.
    aside: usize,
    /// Streams that the HTTP library has refused, up to the most that are kept.
    refused: u32,
    is_closing: bool,
}

/// What one call holds, until the last part of it is dropped.
#[derive(Debug)]
pub(super) struct CallShare {
    holding: Arc<Holding>,
    bytes: AtomicUsize,
}

impl Budget {
    /// Room for this many bytes.
    pub(super) fn new(room: usize, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            room,
            held: AtomicUsize::new(0),
            leaving: AtomicUsize::new(0),
            entered: AtomicU64::new(0),
            connections: Mutex::default(),
            clock,
            log: LogThrottle::default(),
        })
    }

    /// How much connections may hold, in bytes.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// How much they hold.
    pub(super) fn held(&self) -> usize {
        let leaving = self.leaving.load(Relaxed);
        self.held.load(Relaxed).saturating_add(leaving)
    }

    /// A connection that holds nothing yet.
    pub(super) fn enter(self: &Arc<Self>) -> Arc<Holding> {
        let number = self.entered.fetch_add(1, Relaxed);
        let holding = Arc::new(Holding {
            budget: Arc::clone(self),
            number,
            held: Mutex::default(),
            quiet: AtomicU32::new(0),
            taken: AtomicU32::new(0),
            closed: Notify::new(),
        });
        let weak = Arc::downgrade(&holding);
        self.connections.lock().insert(number, weak);
        holding
    }

    fn count(&self, is_closing: bool, before: usize, after: usize) {
        let total = if is_closing {
            &self.leaving
        } else {
            &self.held
        };
        if after >= before {
            total.fetch_add(after - before, Relaxed);
        } else {
            total.fetch_sub(before - after, Relaxed);
        }
    }

    /// Closes connections until the rest fits again, with some room beside.
    fn relieve(&self) {
        let mut ranked: Vec<(u64, Arc<Holding>)> = {
            // Who finds it locked leaves it to somebody else.
            let Some(connections) = self.connections.try_lock() else {
                return;
            };
            let alive = connections.values().filter_map(Weak::upgrade);
            alive.map(|holding| (holding.rank(), holding)).collect()
        };
        ranked.sort_unstable_by_key(|(rank, _)| Reverse(*rank));
        let enough = self.room - self.room / 8;
        for (rank, holding) in &ranked {
            if *rank == 0 || self.held.load(Relaxed) <= enough {
                break;
            }
            holding.close();
        }
        throttled!(
            self.log,
            self.clock.moment().uptime,
            warn,
            "memory_exhausted",
            room_bytes = self.room,
            "connections hold as much memory as limits.memory permits; those that hold the most and take no answers are closed: look for a client that does not read its answers or sends large requests, or raise the setting"
        );
    }
}

impl Holding {
    /// Holds this much more. `false` if the connection is being closed: what it asks for is dropped at once.
    pub(super) fn hold(&self, bytes: usize) -> bool {
        self.replace(0, bytes)
    }

    /// Holds this much less.
    pub(super) fn release(&self, bytes: usize) {
        self.replace(bytes, 0);
    }

    /// Holds one amount in the place of another. `false` as for `hold`.
    pub(super) fn replace(&self, before: usize, after: usize) -> bool {
        self.change(|held| {
            held.bytes = held.bytes.saturating_add(after).saturating_sub(before);
        })
    }

    /// Holds this much more of messages, and this much that belongs to no call. `false` as for `hold`.
    pub(super) fn receive(&self, messages: usize, aside: usize) -> bool {
        self.change(|held| {
            let more = messages.saturating_add(aside);
            held.bytes = held.bytes.saturating_add(more).saturating_sub(held.aside);
            held.unread = held.unread.saturating_add(messages);
            held.aside = aside;
        })
    }

    /// The HTTP library has refused streams.
    pub(super) fn refuse(&self, streams: u32) {
        self.change(|held| {
            let refused = streams.min(REFUSED_MAX.saturating_sub(held.refused));
            held.refused = held.refused.saturating_add(refused);
            let refused = usize::try_from(refused).unwrap_or(usize::MAX);
            let bytes = refused.saturating_mul(REFUSED_BYTES);
            held.bytes = held.bytes.saturating_add(bytes);
        });
    }

    /// A tick has passed, at which there are this many calls.
    pub(super) fn tick(&self, calls: u32) {
        self.quiet.fetch_add(1, Relaxed);
        self.taken
            .fetch_sub(self.taken.load(Relaxed).div_ceil(2), Relaxed);
        let mut held = self.held.lock();
        // Messages that nobody reads are those of calls that have ended, but for a few.
        let unread = if calls == 0 { 0 } else { held.unread / 2 };
        held.bytes = held.bytes.saturating_sub(held.unread - unread);
        held.unread = unread;
        let (before, after) = (held.charged, held.bytes);
        held.charged = after;
        self.budget.count(held.is_closing, before, after);
    }

    /// The peer has taken an answer, of which this much was held.
    fn taken(&self, bytes: usize) {
        self.release(bytes);
        self.taken.fetch_add(1, Relaxed);
        if self.quiet.load(Relaxed) != 0 {
            self.quiet.store(0, Relaxed);
        }
    }

    /// Waits until the connection is to be closed.
    pub(super) async fn closed(&self) {
        while !self.is_closing() {
            self.closed.notified().await;
        }
    }

    /// Whether it is to be closed.
    pub(super) fn is_closing(&self) -> bool {
        self.held.lock().is_closing
    }

    /// Who is closed first: the higher the rank. 0: never. What a connection holds counts the less, the more answers its peer takes: a peer that
    /// has just come and sends much is closed before one that is busy.
    fn rank(&self) -> u64 {
        let held = self.held.lock();
        if held.is_closing {
            return 0;
        }
        let bytes = u64::try_from(held.bytes).unwrap_or(u64::MAX);
        let quiet = u64::from(self.quiet.load(Relaxed));
        let taken = u64::from(self.taken.load(Relaxed));
        let rank = bytes
            .saturating_mul(RANK_SCALE)
            .saturating_mul(quiet.saturating_add(1));
        rank / taken.saturating_add(1)
    }

    fn close(&self) {
        let mut held = self.held.lock();
        if !held.is_closing {
            held.is_closing = true;
            self.budget.count(false, held.charged, 0);
            self.budget.count(true, 0, held.charged);
            self.closed.notify_one();
        }
    }

    /// Changes what it holds. `false` if it is being closed.
    fn change(&self, change: impl FnOnce(&mut Held)) -> bool {
        let (grown, is_modest) = {
            let mut held = self.held.lock();
            change(&mut held);
            let (before, after) = (held.charged, held.to_charge());
            held.charged = after;
            if before != after {
                self.budget.count(held.is_closing, before, after);
            }
            if held.is_closing {
                return false;
            }
            (after > before, held.bytes <= MODEST_BYTES)
        };
        if !grown || self.budget.held() <= self.budget.room {
            return true;
        }
        if self.budget.held.load(Relaxed) > self.budget.room {
            self.budget.relieve();
        }
        // Those that are being closed hold what they have until they are looked at again.
        let most = self.budget.room.saturating_add(self.budget.room / 4);
        if !is_modest && self.budget.held() > most {
            self.close();
        }
        !self.is_closing()
    }
}

impl Held {
    /// What the budget is to count for it: at least what it holds, and at most a few steps more, until the next tick.
    fn to_charge(&self) -> usize {
        if self.bytes > self.charged {
            let steps = self.bytes.checked_next_multiple_of(STEP_BYTES);
            steps.unwrap_or(self.bytes)
        } else if self.charged - self.bytes > 4 * STEP_BYTES {
            self.bytes.saturating_add(STEP_BYTES)
        } else {
            self.charged
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let held = self.held.get_mut();
        self.budget.count(held.is_closing, held.charged, 0);
        self.budget.connections.lock().remove(&self.number);
    }
}

impl CallShare {
    /// A call that holds nothing yet.
    pub(super) fn new(holding: Arc<Holding>) -> Self {
        Self {
            holding,
            bytes: AtomicUsize::new(0),
        }
    }

    /// Holds this much more. `false` if the connection is being closed.
    pub(super) fn hold(&self, bytes: usize) -> bool {
        self.bytes.fetch_add(bytes, Relaxed);
        self.holding.hold(bytes)
    }

    /// The call reads this much of its message, and holds it from now on, in a buffer that has half as much again.
    pub(super) fn read(&self, bytes: usize) {
        let buffer = bytes.saturating_add(bytes / 2);
        self.bytes.fetch_add(buffer, Relaxed);
        self.holding.change(|held| {
            let known = held.unread.min(bytes);
            held.unread -= known;
            held.bytes = held.bytes.saturating_add(buffer - known);
        });
    }

    /// Holds this much in the place of what it has held, and gives this much on. `false` as for `hold`.
    pub(super) fn set(&self, bytes: usize, given: usize) -> bool {
        let before = self.bytes.swap(bytes, Relaxed);
        let after = bytes.saturating_add(given);
        // Without a change it cannot be closed for what it asks.
        before == after || self.holding.replace(before, after)
    }

    /// What was given on, this much, was taken by the peer.
    pub(super) fn taken(&self, bytes: usize) {
        self.holding.taken(bytes);
    }
}

impl Drop for CallShare {
    fn drop(&mut self) {
        self.holding.release(*self.bytes.get_mut());
    }
}

#[cfg(test)]
pub(super) mod tests;
