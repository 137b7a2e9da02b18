//! The calls of one runtime that wait for their turn: load shedding by adaptive LIFO with controlled delay.
//!
//! While the runtime keeps up, a call goes on at once. While it does not, calls wait here, where one that its caller cancels costs next to
//! nothing, and turns are given in small batches, between which everything that has arrived is read: cancellations above all. Where the
//! oldest call has waited for long, the newest is next, because it has most of its time left: served in the order of arrival, every call would be answered when its time is
//! over. Calls of doors are served before those of gateways, the oldest first. Of the calls that have waited long, a few are refused with
//! each batch, so that callers are notified and refusing takes a small part of the time.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use parking_lot::Mutex;
use prometheus::{IntCounter, Registry};
use tokio::{sync::Notify, task::yield_now};

use super::read_turns::ReadTurns;
use crate::{clock::Clock, metrics::gauge_of};

/// Turns that are given at a time.
const BATCH: usize = 32;
/// How many of them go to gateways that wait, however many doors do.
const BATCH_FOR_GATEWAYS: usize = 4;
/// Calls that are refused with each batch, of those that have waited for this long.
const REFUSED_WITH_BATCH: usize = 2;
const REFUSED_AFTER: Duration = Duration::from_millis(100);
/// Once the oldest call of a gateway has waited for this long, the newest is next. Before, calls are answered in their order: callers that keep
/// the service busy, and wait for each answer, lose none.
const NEWEST_AFTER: Duration = Duration::from_millis(20);
/// For how long calls wait without a pause where the service is overloaded, and not only given many calls at once.
const OVERLOADED_AFTER: Duration = Duration::from_millis(50);
/// Calls of gateways that may wait, and calls of doors; beyond, the oldest ones of gateways are refused, and the newest ones of doors.
const WAITING_MAX: usize = 2_000;

/// How a call came to its turn, in the extensions of its request if it had to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waited {
    /// How long it has waited since its head was read.
    pub time: Duration,
    /// Whether it is to be shed.
    pub shed: ShedScope,
}

/// Whether a call that has waited is to be shed: it depends on whose it is, which is not known while it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShedScope {
    /// It is not.
    Nobody,
    /// It is, unless it is a door's.
    Gateways,
    /// It is, also a door's: too many calls of doors wait, or what waits takes too much memory.
    Everybody,
}

impl ShedScope {
    /// Whether a call that is a door's, or is not, is to be shed.
    pub fn applies_to(self, is_door: bool) -> bool {
        match self {
            Self::Nobody => false,
            Self::Gateways => !is_door,
            Self::Everybody => true,
        }
    }
}

/// The calls that wait on all runtimes.
#[derive(Debug, Clone)]
pub(super) struct Metrics {
    waiting: Arc<AtomicUsize>,
    abandoned: IntCounter,
}

/// The calls of one runtime.
#[derive(Debug)]
pub(super) struct Backlog {
    state: Mutex<State>,
    /// There is something to give.
    work: Arc<Notify>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    /// What the calls that wait may hold in memory.
    bytes_max: usize,
    /// Whether calls have waited without a pause for some time.
    is_overloaded: AtomicBool,
    /// Whose connections read next.
    read_turns: Arc<ReadTurns>,
}

#[derive(Debug)]
struct State {
    /// Calls that go on without waiting, until the next batch. None while calls wait.
    free: usize,
    /// Whether the batches are being given.
    driven: bool,
    /// Since when, if they are.
    since: Duration,
    next: u64,
    doors: BTreeMap<u64, Waiting>,
    gateways: BTreeMap<u64, Waiting>,
    /// What they hold in memory.
    bytes: usize,
    /// Calls that are to be refused, and have not been polled since.
    refused: BTreeMap<u64, ShedScope>,
}

#[derive(Debug)]
struct Waiting {
    since: Duration,
    bytes: usize,
    waker: Option<Waker>,
}

/// The place of a call among those that wait. It leaves when this is dropped.
struct WaitingCall<'b> {
    backlog: &'b Backlog,
    number: u64,
    is_door: bool,
    since: Duration,
    ended: bool,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let waiting = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&waiting);
        gauge_of(
            registry,
            "verigate_calls_waiting",
            "gRPC calls that wait for their turn because the service is overloaded.",
            move || f64::from(u32::try_from(counted.load(Relaxed)).unwrap_or(u32::MAX)),
        )?;
        let abandoned = IntCounter::new(
            "verigate_calls_abandoned_total",
            "gRPC calls that were cancelled while they waited for their turn. No other metric counts them.",
        )?;
        registry.register(Box::new(abandoned.clone()))?;
        Ok(Self { waiting, abandoned })
    }
}

impl Backlog {
    /// No call; those that will wait may hold this much in memory. [`Self::drive`] must run for it.
    pub(super) fn new(clock: Arc<dyn Clock>, bytes_max: usize, metrics: Metrics) -> Self {
        let work = Arc::new(Notify::new());
        Self {
            state: Mutex::new(State {
                free: BATCH,
                driven: false,
                since: Duration::ZERO,
                next: 0,
                doors: BTreeMap::new(),
                gateways: BTreeMap::new(),
                bytes: 0,
                refused: BTreeMap::new(),
            }),
            read_turns: Arc::new(ReadTurns::new(Arc::clone(&work))),
            work,
            clock,
            metrics,
            bytes_max,
            is_overloaded: AtomicBool::new(false),
        }
    }

    /// Waits for the turn of a call that holds this much in memory; `None` if it did not have to wait. Dropped before, the call was
    /// cancelled.
    pub(super) async fn turn(&self, is_door: bool, bytes: usize) -> Option<Waited> {
        let mut call = self.join(is_door, bytes)?;
        let shed = poll_fn(|context| call.poll(context)).await;
        let time = self.uptime().saturating_sub(call.since);
        Some(Waited { time, shed })
    }

    /// Joins the calls that wait, unless it can go on at once.
    fn join(&self, is_door: bool, bytes: usize) -> Option<WaitingCall<'_>> {
        let mut state = self.state.lock();
        let goes_on = state.free > 0;
        state.free = state.free.saturating_sub(1);
        if state.free == 0 && !state.driven {
            state.driven = true;
            state.since = self.uptime();
            self.work.notify_one();
        }
        if goes_on {
            return None;
        }
        let number = state.next;
        state.next = number.wrapping_add(1);
        let since = self.uptime();
        let waiting = Waiting {
            since,
            bytes,
            waker: None,
        };
        state.bytes = state.bytes.saturating_add(bytes);
        state.of(is_door).insert(number, waiting);
        drop(state);
        self.metrics.waiting.fetch_add(1, Relaxed);
        Some(WaitingCall {
            backlog: self,
            number,
            is_door,
            since,
            ended: false,
        })
    }

    /// Gives turns as long as calls wait.
    pub(super) async fn drive(self: Arc<Self>) {
        loop {
            self.work.notified().await;
            loop {
                // Behind what has arrived on connections.
                yield_now().await;
                // Behind the calls that this has brought, and those that it has cancelled.
                pass().await;
                if !self.give() {
                    break;
                }
            }
        }
    }

    /// Gives a batch of turns; whether more is to be given.
    fn give(&self) -> bool {
        let uptime = self.uptime();
        let mut wakers = Vec::with_capacity(BATCH + REFUSED_WITH_BATCH);
        let mut state = self.state.lock();
        state.refuse(uptime, self.bytes_max, &mut wakers);
        state.serve(uptime, &mut wakers);
        let since = state.since;
        let more = !(state.doors.is_empty() && state.gateways.is_empty());
        if !more {
            state.free = BATCH;
            state.driven = false;
        }
        drop(state);
        let overloaded = more && uptime.saturating_sub(since) >= OVERLOADED_AFTER;
        self.is_overloaded.store(overloaded, Relaxed);
        for waker in wakers.into_iter().flatten() {
            waker.wake();
        }
        self.read_turns.give() || more
    }

    /// Whether calls have waited without a pause for some time.
    pub(super) fn is_overloaded(&self) -> bool {
        self.is_overloaded.load(Relaxed)
    }

    /// Whose connections read next.
    pub(super) fn read_turns(&self) -> Arc<ReadTurns> {
        Arc::clone(&self.read_turns)
    }

    fn uptime(&self) -> Duration {
        self.clock.moment().uptime
    }
}

impl State {
    fn of(&mut self, is_door: bool) -> &mut BTreeMap<u64, Waiting> {
        if is_door {
            &mut self.doors
        } else {
            &mut self.gateways
        }
    }

    /// Refuses the oldest calls of gateways: those that are too many or hold too much, and a few that have waited too long. Then the newest
    /// ones of doors that are too many or hold too much.
    fn refuse(&mut self, uptime: Duration, bytes_max: usize, wakers: &mut Vec<Option<Waker>>) {
        let mut late = REFUSED_WITH_BATCH;
        while let Some(oldest) = self.gateways.first_entry() {
            let waited = uptime.saturating_sub(oldest.get().since);
            let is_late = late > 0 && waited >= REFUSED_AFTER;
            let why = if self.bytes > bytes_max {
                ShedScope::Everybody
            } else if is_late || self.gateways.len() > WAITING_MAX {
                ShedScope::Gateways
            } else {
                break;
            };
            late = late.saturating_sub(1);
            if let Some((number, waiting)) = self.gateways.pop_first() {
                self.refused.insert(number, why);
                wakers.push(self.leave(waiting));
            }
        }
        while self.doors.len() > WAITING_MAX || self.bytes > bytes_max {
            let Some((number, waiting)) = self.doors.pop_last() else {
                return;
            };
            self.refused.insert(number, ShedScope::Everybody);
            wakers.push(self.leave(waiting));
        }
    }

    fn serve(&mut self, uptime: Duration, wakers: &mut Vec<Option<Waker>>) {
        let oldest = self.gateways.first_key_value();
        let newest_first =
            oldest.is_some_and(|(_, oldest)| uptime.saturating_sub(oldest.since) >= NEWEST_AFTER);
        let kept = BATCH_FOR_GATEWAYS.min(self.gateways.len());
        let doors = self.doors.len().min(BATCH - kept);
        for turn in 0..BATCH {
            let next = if turn < doors {
                self.doors.pop_first()
            } else if newest_first {
                self.gateways.pop_last()
            } else {
                self.gateways.pop_first()
            };
            let Some((_, waiting)) = next else {
                return;
            };
            wakers.push(self.leave(waiting));
        }
    }

    /// A call does not wait any more.
    fn leave(&mut self, waiting: Waiting) -> Option<Waker> {
        self.bytes = self.bytes.saturating_sub(waiting.bytes);
        waiting.waker
    }
}

impl WaitingCall<'_> {
    /// Ready at its turn.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ShedScope> {
        let mut state = self.backlog.state.lock();
        if let Some(waiting) = state.of(self.is_door).get_mut(&self.number) {
            let known = waiting.waker.as_ref();
            if !known.is_some_and(|waker| waker.will_wake(context.waker())) {
                waiting.waker = Some(context.waker().clone());
            }
            return Poll::Pending;
        }
        let refused = state.refused.remove(&self.number);
        drop(state);
        self.ended = true;
        Poll::Ready(refused.unwrap_or(ShedScope::Nobody))
    }
}

impl Drop for WaitingCall<'_> {
    fn drop(&mut self) {
        self.backlog.metrics.waiting.fetch_sub(1, Relaxed);
        if !self.ended {
            let mut state = self.backlog.state.lock();
            if let Some(waiting) = state.of(self.is_door).remove(&self.number) {
                state.leave(waiting);
            }
            state.refused.remove(&self.number);
            drop(state);
            self.backlog.metrics.abandoned.inc();
        }
    }
}

/// Lets the tasks run that are ready now.
async fn pass() {
    let mut passed = false;
    poll_fn(|context| {
        if passed {
            return Poll::Ready(());
        }
        passed = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests;
