//! Who is next: the calls that wait for their turn, by priority and by caller.
//!
//! Within a priority, doors come before gateways: a person stands in front of a door. Among each, callers take turns (RFC 8290): one that asks for much waits behind its own calls, not in front of others; and one
//! that has just come is served before those that were served already. A lower priority gets a turn for every few of the higher
//! ones, so that none starves.

use std::collections::{HashMap, VecDeque};

use crate::{
    callers::{CallerId, CallerPriority},
    source::Priority,
};

/// Calls that may wait; one more is rejected.
pub(super) const WAITING_MAX: usize = 4096;
/// Turns of doors in a row while gateways wait: doors come first, and gateways are not starved.
const DOORS_RUN_MAX: u32 = 7;
/// New callers that are served one after another while callers wait that were served before.
const FRESH_RUN_MAX: u32 = 3;

/// The priorities, the highest first, and how many turns of higher ones a call that waits lets pass.
const CLASSES: [(Priority, u32); 3] = [
    (Priority::Revalidation, 0),
    (Priority::Cold, 3),
    (Priority::Guessing, 7),
];

/// The calls that wait, and whose turn is next.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    classes: [Class<T>; 3],
    /// The number of the next call.
    next: u64,
}

/// The calls of one priority.
#[derive(Debug)]
struct Class<T> {
    doors: Lanes<T>,
    gateways: Lanes<T>,
    /// Turns that doors had in a row while gateways waited.
    doors_run: u32,
    /// Turns of higher priorities since a call waits here.
    passed_over: u32,
}

/// The calls of one kind of callers, in the lanes of each.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "they are the lanes themselves")]
struct Lanes<T> {
    lanes: HashMap<CallerId, VecDeque<(u64, T)>>,
    /// Callers that have not been served since they began to wait.
    fresh: VecDeque<CallerId>,
    /// Callers that were served, in the order of their next turns. One without a call leaves when its turn comes.
    served: VecDeque<CallerId>,
    /// Turns that fresh callers had in a row.
    fresh_run: u32,
    waiting: usize,
}

/// A position in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    priority: Priority,
    caller: CallerId,
    number: u64,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self {
            classes: [Class::new(), Class::new(), Class::new()],
            next: 0,
        }
    }
}

impl<T> FairQueue<T> {
    /// How many turns pass before a call that joins now is served, roughly; `None` if the queue is full.
    pub(super) fn turns_ahead(&self, priority: Priority, caller: &CallerId) -> Option<u32> {
        let all: usize = self.classes.iter().map(Class::waiting).sum();
        if all >= WAITING_MAX {
            return None;
        }
        u32::try_from(self.class(priority).turns_ahead(caller)).ok()
    }

    /// Joins the queue.
    pub(super) fn push(&mut self, priority: Priority, caller: CallerId, call: T) -> Position {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.class_mut(priority)
            .lanes_mut(&caller)
            .push(caller.clone(), number, call);
        Position {
            priority,
            caller,
            number,
        }
    }

    /// Leaves the queue without having been served.
    pub(super) fn leave(&mut self, position: &Position) {
        let class = self.class_mut(position.priority);
        class
            .lanes_mut(&position.caller)
            .leave(&position.caller, position.number);
        class.reset_if_empty();
    }

    /// The priority that is served next among those that have room.
    pub(super) fn next(&self, has_room: impl Fn(Priority) -> bool) -> Option<Priority> {
        let waiting = |(priority, _): &&(Priority, u32)| {
            self.class(*priority).waiting() > 0 && has_room(*priority)
        };
        let overdue = |(priority, limit): &&(Priority, u32)| {
            *limit > 0 && self.class(*priority).passed_over >= *limit
        };
        let mut lowest_first = CLASSES.iter().rev().filter(waiting);
        let overdue = lowest_first.find(overdue);
        let next = overdue.or_else(|| CLASSES.iter().find(waiting));
        next.map(|(priority, _)| *priority)
    }

    /// Takes the next call of this priority.
    pub(super) fn pop(&mut self, priority: Priority) -> Option<T> {
        let call = self.class_mut(priority).pop()?;
        for (lower, _) in CLASSES {
            let class = self.class_mut(lower);
            if lower > priority && class.waiting() > 0 {
                class.passed_over = class.passed_over.saturating_add(1);
            }
        }
        Some(call)
    }

    fn class(&self, priority: Priority) -> &Class<T> {
        let [known, cold, guessing] = &self.classes;
        match priority {
            Priority::Revalidation => known,
            Priority::Cold => cold,
            Priority::Guessing => guessing,
        }
    }

    fn class_mut(&mut self, priority: Priority) -> &mut Class<T> {
        let [known, cold, guessing] = &mut self.classes;
        match priority {
            Priority::Revalidation => known,
            Priority::Cold => cold,
            Priority::Guessing => guessing,
        }
    }
}

impl<T> Class<T> {
    fn new() -> Self {
        Self {
            doors: Lanes::new(),
            gateways: Lanes::new(),
            doors_run: 0,
            passed_over: 0,
        }
    }

    fn waiting(&self) -> usize {
        self.doors.waiting.saturating_add(self.gateways.waiting)
    }

    fn lanes_mut(&mut self, caller: &CallerId) -> &mut Lanes<T> {
        match caller.priority() {
            CallerPriority::Doors => &mut self.doors,
            CallerPriority::Gateways => &mut self.gateways,
        }
    }

    fn turns_ahead(&self, caller: &CallerId) -> usize {
        match caller.priority() {
            CallerPriority::Doors => self.doors.turns_ahead(caller),
            CallerPriority::Gateways => {
                let turns = self.gateways.turns_ahead(caller);
                let run = usize::try_from(DOORS_RUN_MAX).unwrap_or(usize::MAX);
                let of_doors = run.saturating_mul(turns.saturating_add(1));
                turns.saturating_add(self.doors.waiting.min(of_doors))
            }
        }
    }

    fn pop(&mut self) -> Option<T> {
        let doors_had_enough = self.doors_run >= DOORS_RUN_MAX && self.gateways.waiting > 0;
        let is_door = self.doors.waiting > 0 && !doors_had_enough;
        let call = if is_door {
            self.doors.pop()
        } else {
            self.gateways.pop()
        }?;
        self.doors_run = if is_door && self.gateways.waiting > 0 {
            self.doors_run.saturating_add(1)
        } else {
            0
        };
        self.passed_over = 0;
        self.reset_if_empty();
        Some(call)
    }

    fn reset_if_empty(&mut self) {
        if self.waiting() == 0 {
            *self = Self::new();
        }
    }
}

impl<T> Lanes<T> {
    fn new() -> Self {
        Self {
            lanes: HashMap::new(),
            fresh: VecDeque::new(),
            served: VecDeque::new(),
            fresh_run: 0,
            waiting: 0,
        }
    }

    /// How many turns pass before a call of this caller that joins now is served.
    fn turns_ahead(&self, caller: &CallerId) -> usize {
        let own = self.lanes.get(caller).map_or(0, VecDeque::len);
        // Every other caller has at most as many turns until then.
        self.lanes.values().map(|lane| lane.len().min(own)).sum()
    }

    fn push(&mut self, caller: CallerId, number: u64, call: T) {
        let fresh = &mut self.fresh;
        let lane = self.lanes.entry(caller).or_insert_with_key(|caller| {
            fresh.push_back(caller.clone());
            VecDeque::new()
        });
        lane.push_back((number, call));
        self.waiting = self.waiting.saturating_add(1);
    }

    fn leave(&mut self, caller: &CallerId, number: u64) {
        let Some(lane) = self.lanes.get_mut(caller) else {
            return;
        };
        let before = lane.len();
        lane.retain(|(waiting, _)| *waiting != number);
        let left = before.saturating_sub(lane.len());
        self.waiting = self.waiting.saturating_sub(left);
        if left > 0 && lane.is_empty() {
            // One that was served keeps its place until its turn, so that leaving and coming again gains nothing.
            let callers = self.fresh.len();
            self.fresh.retain(|fresh| fresh != caller);
            if self.fresh.len() < callers {
                self.lanes.remove(caller);
            }
        }
        self.reset_if_empty();
    }

    fn pop(&mut self) -> Option<T> {
        while let Some((caller, is_fresh)) = self.next_caller() {
            let call = self.lanes.get_mut(&caller).and_then(VecDeque::pop_front);
            if let Some((_, call)) = call {
                self.served.push_back(caller);
                self.fresh_run = if is_fresh {
                    self.fresh_run.saturating_add(1)
                } else {
                    0
                };
                self.waiting = self.waiting.saturating_sub(1);
                self.reset_if_empty();
                return Some(call);
            }
            self.lanes.remove(&caller);
        }
        None
    }

    /// The caller whose turn it is, and whether it is fresh. It leaves its list.
    fn next_caller(&mut self) -> Option<(CallerId, bool)> {
        let fresh_first = self.fresh_run < FRESH_RUN_MAX;
        if fresh_first && let Some(caller) = self.fresh.pop_front() {
            return Some((caller, true));
        }
        let served = self.served.pop_front().map(|caller| (caller, false));
        served.or_else(|| self.fresh.pop_front().map(|caller| (caller, true)))
    }

    /// Where nobody waits, nobody has had more than the others.
    fn reset_if_empty(&mut self) {
        if self.waiting == 0 {
            *self = Self::new();
        }
    }
}

#[cfg(test)]
mod tests;
