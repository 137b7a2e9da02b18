//! Turns to make a call: within the rate and the number of calls in flight, in the order of the [`FairQueue`].
//!
//! A turn that can be had at once is had without waiting for anything, timer included. While calls wait for the rate, one task
//! gives the turns as they come; while they wait for a call in flight, the end of that call does.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::oneshot::{self, Receiver, Sender},
    time::timeout,
};

use super::fair_queue::{FairQueue, Position};
use crate::{
    callers::CallerId,
    clock::{Clock, pause},
    flight::Spawn,
    rate_limit::{Rate, TokenBucket},
    source::Priority,
};

/// Gives turns.
#[derive(Debug, Clone)]
pub(super) struct Turns(Arc<TurnsInner>);

#[derive(Debug)]
struct TurnsInner {
    rate: TokenBucket,
    concurrency: u32,
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    spawn: Spawn,
}

#[derive(Debug, Default)]
struct State {
    queue: FairQueue<Sender<Turn>>,
    in_flight: u32,
    /// Whether a task gives the turns as they come.
    driven: bool,
}

/// A turn: a place among the calls in flight, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Turn(Option<Turns>);

/// Leaves the queue when it is dropped: the call was served, or it waits no longer.
struct Waiting<'t> {
    turns: &'t Turns,
    position: Position,
}

impl Turns {
    pub(super) fn new(rate: Rate, concurrency: u32, clock: Arc<dyn Clock>, spawn: Spawn) -> Self {
        Self(Arc::new(TurnsInner {
            rate: TokenBucket::new(rate.per_second, rate.burst),
            concurrency: concurrency.max(1),
            state: Mutex::default(),
            clock,
            spawn,
        }))
    }

    /// Waits for a turn, at most this long. `None` if there is none by then; at once, if that is foreseeable.
    pub(super) async fn wait(
        &self,
        priority: Priority,
        caller: CallerId,
        wait_max: Duration,
    ) -> Option<Turn> {
        let (position, mut turn) = self.join(priority, caller, wait_max)?;
        let _waiting = Waiting {
            turns: self,
            position,
        };
        if let Ok(turn) = turn.try_recv() {
            return Some(turn);
        }
        timeout(wait_max, turn).await.ok()?.ok()
    }

    /// A turn at once, whatever the rate and however many calls are in flight. It counts: others wait longer for theirs.
    pub(super) fn at_once(&self) -> Turn {
        self.0.rate.take_anyway(self.uptime());
        let mut state = self.0.state.lock();
        state.in_flight = state.in_flight.saturating_add(1);
        Turn(Some(self.clone()))
    }

    /// Joins the queue, and has turns given.
    fn join(
        &self,
        priority: Priority,
        caller: CallerId,
        wait_max: Duration,
    ) -> Option<(Position, Receiver<Turn>)> {
        let uptime = self.uptime();
        let mut state = self.0.state.lock();
        let ahead = state.queue.turns_ahead(priority, &caller)?;
        let expected = self.0.rate.interval().saturating_mul(ahead);
        if self.0.rate.wait(uptime).saturating_add(expected) > wait_max {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        let position = state.queue.push(priority, caller, sender);
        self.give(&mut state, uptime);
        Some((position, receiver))
    }

    /// Gives the turns that can be had now, and sees to it that the others are given when they can.
    fn give(&self, state: &mut State, uptime: Duration) {
        if let Some(wait) = self.serve(state, uptime)
            && !state.driven
        {
            state.driven = true;
            self.0.spawn.start(self.clone().drive(wait));
        }
    }

    /// Gives the turns as the rate allows, until nobody waits for it.
    async fn drive(self, mut wait: Duration) {
        let mut uptime = self.uptime();
        loop {
            pause(wait).await;
            // A clock that stands still in a test does not stop the turns.
            uptime = self.uptime().max(uptime.saturating_add(wait));
            let mut state = self.0.state.lock();
            match self.serve(&mut state, uptime) {
                Some(next) => wait = next,
                None => {
                    state.driven = false;
                    return;
                }
            }
        }
    }

    /// Gives the turns that can be had now. Returns the time until the next one, if the rate is what it waits for.
    fn serve(&self, state: &mut State, uptime: Duration) -> Option<Duration> {
        loop {
            let in_flight = state.in_flight;
            let has_room = |priority| in_flight < self.places(priority);
            let priority = state.queue.next(has_room)?;
            let wait = self.0.rate.wait(uptime);
            if !wait.is_zero() {
                return Some(wait);
            }
            let sender = state.queue.pop(priority)?;
            if sender.is_closed() {
                continue;
            }
            match sender.send(Turn(Some(self.clone()))) {
                Ok(()) => {
                    self.0.rate.take_anyway(uptime);
                    state.in_flight = state.in_flight.saturating_add(1);
                }
                // Its caller has just left. The turn was never given, so nothing is given back.
                Err(mut turn) => turn.0 = None,
            }
        }
    }

    /// How many calls may be in flight for one of this priority to be added. The others keep some for themselves.
    fn places(&self, priority: Priority) -> u32 {
        let all = self.0.concurrency;
        match priority {
            Priority::Revalidation => all,
            Priority::Cold => all - all / 4,
            Priority::Guessing => all - all / 2,
        }
    }

    fn uptime(&self) -> Duration {
        self.0.clock.moment().uptime
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.turns.0.state.lock().queue.leave(&self.position);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            let uptime = turns.uptime();
            let mut state = turns.0.state.lock();
            state.in_flight = state.in_flight.saturating_sub(1);
            turns.give(&mut state, uptime);
        }
    }
}

#[cfg(test)]
mod tests;
