//! Which call is sent when, and on which connection. A call of an open loop that finds no stream waits for one, and its latency counts from
//! the instant at which it was due: the load never yields to a server that is slow.

use std::{collections::VecDeque, time::Duration};

use super::arrivals::Schedule;

/// The calls that are due and the streams that are free.
#[derive(Debug)]
pub(super) struct Dispatch {
    /// `None`: a closed loop, in which a call is due whenever a stream is free.
    schedule: Option<Schedule>,
    /// Connections, each once for each of its streams that is free; the one that has been free longest is the next.
    free: VecDeque<usize>,
    /// Until when no stream was free, last.
    full_until: Option<Duration>,
    /// How many calls are left, if their number is limited.
    left: Option<u64>,
}

/// A call that is sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dispatched {
    pub(super) connection: usize,
    /// When it was due, from which its latency counts.
    pub(super) due: Duration,
    /// Whether it was due at an instant at which no stream was free.
    pub(super) waited: bool,
}

impl Dispatch {
    /// `calls`: how many there are at most.
    pub(super) fn new(
        schedule: Option<Schedule>,
        connections: usize,
        streams: usize,
        calls: Option<u64>,
    ) -> Self {
        Self {
            schedule,
            free: (0..streams).flat_map(|_| 0..connections).collect(),
            full_until: None,
            left: calls,
        }
    }

    /// Whether all calls were sent, if their number is limited.
    pub(super) fn is_exhausted(&self) -> bool {
        self.left == Some(0)
    }

    /// The call that is sent at this instant, if one is due and a stream is free.
    pub(super) fn next(&mut self, now: Duration) -> Option<Dispatched> {
        let due = self.schedule.as_ref().map_or(now, Schedule::due);
        if due > now || self.is_exhausted() {
            return None;
        }
        let connection = self.free.pop_front()?;
        self.left = self.left.map(|left| left.saturating_sub(1));
        if let Some(schedule) = &mut self.schedule {
            schedule.advance();
        }
        Some(Dispatched {
            connection,
            due,
            waited: self.full_until.is_some_and(|until| due <= until),
        })
    }

    /// When something can be sent without an answer before it: never while no stream is free, or no call is left.
    pub(super) fn next_due(&self, now: Duration) -> Option<Duration> {
        let due = self.schedule.as_ref().map_or(now, Schedule::due);
        (!self.free.is_empty() && !self.is_exhausted()).then_some(due)
    }

    /// A call on this connection has ended.
    pub(super) fn release(&mut self, connection: usize, now: Duration) {
        if self.free.is_empty() && self.schedule.is_some() {
            self.full_until = Some(now);
        }
        self.free.push_back(connection);
    }

    /// No further call is sent on this connection.
    pub(super) fn withdraw(&mut self, connection: usize) {
        self.free.retain(|of| *of != connection);
    }

    /// A connection that was withdrawn is there again, with this many streams.
    pub(super) fn restore(&mut self, connection: usize, streams: usize, now: Duration) {
        for _ in 0..streams {
            self.release(connection, now);
        }
    }

    /// The instants of the calls that were due before `end` and were not sent.
    pub(super) fn unsent(mut self, end: Duration) -> impl Iterator<Item = Duration> {
        std::iter::from_fn(move || {
            let schedule = self.schedule.as_mut()?;
            let due = schedule.due();
            if due >= end || self.left == Some(0) {
                return None;
            }
            schedule.advance();
            self.left = self.left.map(|left| left.saturating_sub(1));
            Some(due)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::arrivals::Arrivals;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn open(per_second: f64, connections: usize, streams: usize) -> Dispatch {
        let schedule = Schedule::new(Arrivals::Constant, per_second, 0.0, 0);
        Dispatch::new(Some(schedule), connections, streams, None)
    }

    #[test]
    fn calls_are_sent_when_they_are_due_and_on_the_connections_in_turn() {
        let mut dispatch = open(1_000.0, 2, 2);
        let sent: Vec<_> = std::iter::from_fn(|| dispatch.next(ms(3))).collect();
        let connections: Vec<usize> = sent.iter().map(|call| call.connection).collect();
        assert_eq!(connections, [0, 1, 0, 1]);
        let due: Vec<Duration> = sent.iter().map(|call| call.due).collect();
        assert_eq!(due, [ms(0), ms(1), ms(2), ms(3)]);
        // The generator was late, but a stream was free at each of the instants.
        assert!(sent.iter().all(|call| !call.waited));
        assert_eq!(dispatch.next_due(ms(3)), None, "no stream is free");
        dispatch.release(1, ms(3));
        assert_eq!(dispatch.next_due(ms(3)), Some(ms(4)));
        assert_eq!(dispatch.next(ms(3)), None, "none is due");
    }

    #[test]
    fn a_call_that_finds_no_stream_counts_from_the_instant_at_which_it_was_due() {
        let mut dispatch = open(1_000.0, 1, 1);
        assert!(dispatch.next(ms(0)).is_some());
        assert_eq!(dispatch.next(ms(40)), None);
        dispatch.release(0, ms(50));
        let call = dispatch.next(ms(50)).unwrap();
        assert_eq!((call.due, call.waited), (ms(1), true));
        dispatch.release(0, ms(51));
        assert_eq!(dispatch.unsent(ms(51)).count(), 49);
    }

    #[test]
    fn a_closed_loop_has_a_call_whenever_a_stream_is_free_and_none_ever_waits() {
        let mut dispatch = Dispatch::new(None, 2, 1, None);
        assert_eq!(dispatch.next(ms(5)).unwrap().due, ms(5));
        assert!(dispatch.next(ms(5)).is_some());
        assert_eq!(dispatch.next(ms(5)), None);
        dispatch.release(1, ms(9));
        let call = dispatch.next(ms(9)).unwrap();
        assert_eq!((call.connection, call.waited), (1, false));
        assert_eq!(dispatch.unsent(ms(100)).count(), 0);
    }

    #[test]
    fn no_call_is_sent_on_a_connection_that_was_withdrawn() {
        let mut dispatch = Dispatch::new(None, 2, 3, None);
        assert!(dispatch.next(ms(0)).is_some());
        dispatch.withdraw(0);
        let rest = std::iter::from_fn(|| dispatch.next(ms(0)));
        assert_eq!(rest.map(|call| call.connection).collect::<Vec<_>>(), [1; 3]);
        dispatch.restore(0, 3, ms(0));
        let rest = std::iter::from_fn(|| dispatch.next(ms(0)));
        assert_eq!(rest.map(|call| call.connection).collect::<Vec<_>>(), [0; 3]);
    }

    #[test]
    fn no_more_calls_are_sent_than_there_are() {
        let schedule = Schedule::new(Arrivals::Constant, 1_000.0, 0.0, 0);
        let mut dispatch = Dispatch::new(Some(schedule), 1, 8, Some(3));
        assert!(!dispatch.is_exhausted());
        assert!((0..2).all(|_| dispatch.next(ms(9)).is_some()));
        assert_eq!(dispatch.next_due(ms(9)), Some(ms(2)));
        let mut rest = dispatch;
        assert!(rest.next(ms(9)).is_some() && rest.is_exhausted());
        assert_eq!((rest.next(ms(9)), rest.next_due(ms(9))), (None, None));
        assert_eq!(rest.unsent(ms(100)).count(), 0);
    }
}
