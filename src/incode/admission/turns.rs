//! Turns to make a call: within the rate and the [`AdaptiveLimit`] of calls in flight, in the order of the [`FairQueue`].
//!
//! A turn that can be had at once is had without waiting for anything, timer included. While calls wait for the rate, one task
//! gives the turns as they come; while they wait for a call in flight, the end of that call does.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::oneshot::{self, Receiver, Sender},
    time::timeout,
};

use super::{
    adaptive_limit::{AdaptiveLimit, Ended},
    fair_queue::{FairQueue, Position},
};
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
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    spawn: Spawn,
}

#[derive(Debug)]
struct State {
    queue: FairQueue<Sender<Turn>>,
    limit: AdaptiveLimit,
    in_flight: u32,
    /// Whether a task gives the turns as they come.
    driven: bool,
}

/// How many calls may be in flight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Concurrency {
    /// However slow the upstream is.
    pub(super) lowest: u32,
    /// However quick it is.
    pub(super) highest: u32,
}

/// Why there is no turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoTurn {
    /// The rate permits none in time, or too many wait.
    Rate,
    /// None of the calls in flight ends in time.
    Concurrency,
}

/// A turn: a place among the calls in flight, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    /// `None` if it was not given.
    turns: Option<Turns>,
    started: Duration,
    ended: Ended,
}

/// Leaves the queue when it is dropped: the call was served, or it waits no longer.
struct Waiting<'t> {
    turns: &'t Turns,
    position: Position,
}

impl Turns {
    pub(super) fn new(
        rate: Rate,
        concurrency: Concurrency,
        clock: Arc<dyn Clock>,
        spawn: Spawn,
    ) -> Self {
        Self(Arc::new(TurnsInner {
            rate: TokenBucket::new(rate.per_second, rate.burst),
            state: Mutex::new(State {
                queue: FairQueue::default(),
                limit: AdaptiveLimit::new(concurrency.lowest, concurrency.highest),
                in_flight: 0,
                driven: false,
            }),
            clock,
            spawn,
        }))
    }

    /// Waits for a turn, at most this long. An error if there is none by then; at once, if that is foreseeable.
    pub(super) async fn wait(
        &self,
        priority: Priority,
        caller: CallerId,
        wait_max: Duration,
    ) -> Result<Turn, NoTurn> {
        let (position, mut turn) = self.join(priority, caller, wait_max)?;
        let _waiting = Waiting {
            turns: self,
            position,
        };
        if let Ok(turn) = turn.try_recv() {
            return Ok(turn);
        }
        match timeout(wait_max, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(self.missing(priority)),
        }
    }

    /// A turn at once, whatever the rate and however many calls are in flight. It counts: others wait longer for theirs.
    pub(super) fn at_once(&self) -> Turn {
        let uptime = self.uptime();
        self.0.rate.take_anyway(uptime);
        let mut state = self.0.state.lock();
        state.in_flight = state.in_flight.saturating_add(1);
        self.turn(uptime)
    }

    /// The upstream asked us to slow down.
    pub(super) fn slow_down(&self) {
        let uptime = self.uptime();
        self.0.state.lock().limit.slow_down(uptime);
    }

    /// How many calls are in flight, and how many may be.
    pub(super) fn in_flight(&self) -> (u32, u32) {
        let state = self.0.state.lock();
        (state.in_flight, state.limit.now())
    }

    /// Joins the queue, and has turns given.
    fn join(
        &self,
        priority: Priority,
        caller: CallerId,
        wait_max: Duration,
    ) -> Result<(Position, Receiver<Turn>), NoTurn> {
        let uptime = self.uptime();
        let mut state = self.0.state.lock();
        let ahead = state.queue.turns_ahead(priority, &caller);
        let ahead = ahead.ok_or(NoTurn::Rate)?;
        let expected = self.0.rate.interval().saturating_mul(ahead);
        if self.0.rate.wait(uptime).saturating_add(expected) > wait_max {
            return Err(NoTurn::Rate);
        }
        if state.wait_for_places(priority, ahead) > wait_max {
            return Err(NoTurn::Concurrency);
        }
        let (sender, receiver) = oneshot::channel();
        let position = state.queue.push(priority, caller, sender);
        self.give(&mut state, uptime);
        Ok((position, receiver))
    }

    /// Why a call that has waited has no turn.
    fn missing(&self, priority: Priority) -> NoTurn {
        if self.0.state.lock().has_room(priority) {
            NoTurn::Rate
        } else {
            NoTurn::Concurrency
        }
    }

    fn turn(&self, started: Duration) -> Turn {
        Turn {
            turns: Some(self.clone()),
            started,
            ended: Ended::Unknown,
        }
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
            let priority = state.queue.next(|priority| state.has_room(priority))?;
            let wait = self.0.rate.wait(uptime);
            if !wait.is_zero() {
                return Some(wait);
            }
            let sender = state.queue.pop(priority)?;
            if sender.is_closed() {
                continue;
            }
            match sender.send(self.turn(uptime)) {
                Ok(()) => {
                    self.0.rate.take_anyway(uptime);
                    state.in_flight = state.in_flight.saturating_add(1);
                }
                // Its caller has just left. The turn was never given, so nothing is given back.
                Err(mut turn) => turn.turns = None,
            }
        }
    }

    fn uptime(&self) -> Duration {
        self.0.clock.moment().uptime
    }
}

impl State {
    fn has_room(&self, priority: Priority) -> bool {
        self.in_flight < self.places(priority)
    }

    /// How many calls may be in flight for one of this priority to be added. The others keep some for themselves.
    fn places(&self, priority: Priority) -> u32 {
        let all = self.limit.now();
        match priority {
            Priority::Revalidation => all,
            Priority::Cold => all - all / 4,
            Priority::Guessing => all - all / 2,
        }
    }

    /// How long it takes, at least, until calls have ended for this many of this priority and one more; zero if that is not known.
    fn wait_for_places(&self, priority: Priority, ahead: u32) -> Duration {
        match self.limit.median() {
            Some(median) if !self.has_room(priority) => {
                let places = self.places(priority).max(1);
                median.saturating_mul(ahead) / places
            }
            _ => Duration::ZERO,
        }
    }
}

impl Turn {
    /// How its call has ended; without this, that is not known.
    pub(super) fn ended(&mut self, ended: Ended) {
        self.ended = ended;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.turns.0.state.lock().queue.leave(&self.position);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.turns.take() {
            let uptime = turns.uptime();
            let mut state = turns.0.state.lock();
            let in_flight = state.in_flight;
            let lasted = [self.started, uptime];
            state.limit.record(self.ended, lasted, in_flight);
            state.in_flight = state.in_flight.saturating_sub(1);
            turns.give(&mut state, uptime);
        }
    }
}

#[cfg(test)]
mod tests;
