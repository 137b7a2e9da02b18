//! A thread of the load: its connections, and the calls that are due on them. It waits for sockets and for instants at once, to the
//! nanosecond, which no timer of a runtime does.

use std::{
    num::NonZeroU64,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    arrivals::Schedule,
    busy::{Busy, CpuMeter},
    connection::Connection,
    cores,
    dispatch::Dispatch,
    load::{BenchError, Load, Target},
    pool::Pool,
    request_head::RequestHead,
    status::Status,
    tally::{Sent, Tally, Window},
};
use crate::clock::Reading;

/// How long a wait may be before it is looked whether the load is to stop.
const WAIT_MAX: Duration = Duration::from_millis(50);
/// The same while a connection is being made, which no socket announces.
const CONNECTING_WAIT_MAX: Duration = Duration::from_millis(2);

/// Which part of the load a thread makes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    /// The number of the thread, and of how many.
    pub(super) thread: usize,
    pub(super) threads: usize,
    pub(super) connections: usize,
    /// How many of the calls, if their number is limited.
    pub(super) calls: Option<u64>,
}

/// A thread of the load, connected.
#[derive(Debug)]
pub(super) struct Worker<'l> {
    target: &'l Target,
    load: &'l Load,
    /// The core that the thread stays on.
    core: Option<usize>,
    head: RequestHead,
    pool: Pool,
    dispatch: Dispatch,
    numbers: Numbers,
    tally: Tally,
    window: Window,
    buffer: Vec<u8>,
    /// When the last call was sent: the time is over, or there is nothing left to send or nowhere to send it.
    sending_ended: Option<Duration>,
}

/// What a thread has counted, and how busy it was.
#[derive(Debug)]
pub(super) struct Worked {
    pub(super) tally: Tally,
    pub(super) busy: Option<Busy>,
    /// When it was done.
    pub(super) ended: Duration,
    /// Why there was no connection left.
    pub(super) lost: Option<String>,
}

/// The numbers of calls: no two calls of a round have the same, whatever threads and connections they are on.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    next: u64,
    step: u64,
}

impl Numbers {
    fn of(share: Share) -> Self {
        let wide = |number| u64::try_from(number).unwrap_or(u64::MAX);
        Self {
            next: wide(share.thread),
            step: wide(share.threads).max(1),
        }
    }

    fn take(&mut self) -> u64 {
        let number = self.next;
        self.next = number.wrapping_add(self.step);
        number
    }
}

impl<'l> Worker<'l> {
    /// Connects, by the stopwatch of `connecting`.
    pub(super) fn connect(
        target: &'l Target,
        load: &'l Load,
        share: Share,
        connecting: &Reading,
        stop: &AtomicBool,
    ) -> Result<Self, BenchError> {
        let endpoint = &target.endpoint;
        let head = RequestHead::new(
            target.calls.path,
            &endpoint.authority,
            endpoint.tls.is_some(),
            endpoint.token.as_deref(),
            (!target.calls.is_stream).then_some(load.timeout),
        );
        let pool = Pool::open(target, share.connections, connecting, stop)?;
        // Each thread on a core of its own, as long as there are enough.
        let place = share.thread.checked_rem(load.cores.len());
        let window = load.window();
        Ok(Self {
            dispatch: Dispatch::new(
                schedule(load, share),
                share.connections,
                load.streams,
                share.calls,
            ),
            numbers: Numbers::of(share),
            tally: Tally::new(target.expected, target.calls.checks, window, load.timeout)
                .ok_or(BenchError::Histogram)?,
            core: place.and_then(|place| load.cores.get(place)).copied(),
            target,
            load,
            head,
            pool,
            window,
            buffer: Vec::new(),
            sending_ended: None,
        })
    }

    /// Sends until the window ends, and waits for the last answers.
    pub(super) fn run(mut self, started: &Reading, stop: &AtomicBool) -> Worked {
        cores::stay_on(self.core.as_slice());
        // A wait that ends 50 µs late, as is usual, would be latency.
        #[cfg(target_os = "linux")]
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let mut meter = CpuMeter::new(self.core);
        while !stop.load(Ordering::Relaxed) {
            let now = started.elapsed();
            self.restore(now);
            let is_sent = self.dispatch.is_exhausted() || self.pool.is_lost();
            if self.sending_ended.is_none() && (is_sent || now >= self.window.end) {
                self.sending_ended = Some(now);
            }
            meter.read(self.window, now, self.sending_ended.is_some());
            match self.sending_ended {
                None => self.send_due(started),
                Some(ended) if self.is_answered(ended, now) => break,
                Some(_) => {}
            }
            for (index, is_ready) in self.wait(started) {
                self.serve(index, is_ready, started);
            }
        }
        meter.read(self.window, started.elapsed(), true);
        self.closed(started.elapsed(), meter.busy(), stop)
    }

    /// Whether nothing is waited for any more.
    fn is_answered(&self, sending_ended: Duration, now: Duration) -> bool {
        let mut connections = self.pool.iter();
        now >= sending_ended.saturating_add(self.load.timeout)
            || connections.all(|(_, connection)| connection.is_idle())
    }

    /// Counts what was not answered, and what was not sent.
    fn closed(mut self, now: Duration, busy: Option<Busy>, stop: &AtomicBool) -> Worked {
        for call in self.pool.iter_mut().flat_map(Connection::abandoned) {
            self.tally.unanswered(&call, now);
        }
        let lost = self.pool.error().map(ToString::to_string);
        // Without a connection, calls are due all the same.
        let ended = if lost.is_some() {
            self.window.end
        } else {
            now.min(self.window.end)
        };
        let unsent = self.dispatch.unsent(ended);
        unsent
            .take_while(|_| !stop.load(Ordering::Relaxed))
            .for_each(|due| self.tally.unsent(due));
        Worked {
            tally: self.tally,
            busy,
            ended,
            lost,
        }
    }

    /// Sends every call that is due and finds a stream.
    fn send_due(&mut self, started: &Reading) {
        loop {
            let at = started.elapsed();
            let Some(dispatched) = self.dispatch.next(at) else {
                return;
            };
            let call = Sent {
                due: dispatched.due,
                at,
                waited: dispatched.waited,
                ..Sent::default()
            };
            if let Some(connection) = self.pool.get_mut(dispatched.connection) {
                let number = self.numbers.take();
                connection.call(number, &self.target.calls, &self.head, call);
                // The first calls of a round would otherwise wait for all others to be written.
                if self.load.rate.is_some() {
                    // A connection that has broken is noticed when it is read.
                    let _ = connection.send();
                }
            }
        }
    }

    /// Waits until something can be received or is due; for each connection, whether something can be received.
    fn wait(&self, started: &Reading) -> Vec<(usize, bool)> {
        // What was sent has taken time.
        let now = started.elapsed();
        let until = match self.sending_ended {
            Some(ended) => ended.saturating_add(self.load.timeout),
            None => {
                let due = self.dispatch.next_due(now);
                due.map_or(self.window.end, |due| due.min(self.window.end))
            }
        };
        let wait_max = if self.pool.is_connecting() {
            CONNECTING_WAIT_MAX
        } else {
            WAIT_MAX
        };
        let wait = until.saturating_sub(now).min(wait_max);
        let (numbers, mut fds): (Vec<usize>, Vec<PollFd<'_>>) = self
            .pool
            .iter()
            .map(|(index, connection)| {
                let flags = if connection.is_sending() {
                    PollFlags::IN | PollFlags::OUT
                } else {
                    PollFlags::IN
                };
                (index, PollFd::new(connection.socket.tcp(), flags))
            })
            .unzip();
        // A wait is short.
        let timeout = Timespec::try_from(wait).unwrap_or_default();
        // An error, such as a signal, ends the wait.
        let _ = poll(&mut fds, Some(&timeout));
        let readable = |fd: &PollFd<'_>| !(fd.revents() - PollFlags::OUT).is_empty();
        numbers.into_iter().zip(fds.iter().map(readable)).collect()
    }

    /// Receives on a connection and sends what waits. One that has broken, or that the server drains, is replaced.
    fn serve(&mut self, index: usize, is_ready: bool, started: &Reading) {
        let Some(connection) = self.pool.get_mut(index) else {
            return;
        };
        let (tally, dispatch) = (&mut self.tally, &mut self.dispatch);
        let mut received = Ok(());
        if is_ready {
            received = connection.receive(&self.target.calls, &mut self.buffer, &mut |ended| {
                let now = started.elapsed();
                tally.ended(&ended.call, ended.status, ended.message.as_deref(), now);
                dispatch.release(index, now);
            });
        }
        match received.and_then(|()| connection.send()) {
            Ok(()) if !connection.is_draining() => {}
            Ok(()) if !connection.is_idle() => dispatch.withdraw(index),
            Ok(()) => self.replace(index, started),
            Err(error) => {
                let now = started.elapsed();
                for call in connection.abandoned() {
                    tally.ended(&call, Status::Lost, Some(&error.to_string()), now);
                }
                self.replace(index, started);
            }
        }
    }

    /// Connects again, if calls are still to be sent.
    fn replace(&mut self, index: usize, started: &Reading) {
        self.tally.disconnected(started.elapsed());
        self.dispatch.withdraw(index);
        if self.sending_ended.is_some() || self.dispatch.is_exhausted() {
            self.pool.close(index);
        } else {
            self.pool.reconnect(index, *started);
        }
    }

    /// Uses the connections that have been made again, with all streams free.
    fn restore(&mut self, now: Duration) {
        if !self.pool.is_connecting() {
            return;
        }
        for index in self.pool.reconnected() {
            self.dispatch.restore(index, self.load.streams, now);
        }
    }
}

/// A share of all calls, by the connections.
fn schedule(load: &Load, share: Share) -> Option<Schedule> {
    let float = |number| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    let place = float(share.thread) / float(share.threads);
    let seed = load
        .seed
        .wrapping_add(u64::try_from(share.thread).unwrap_or(0));
    let part = float(share.connections) / float(load.connections);
    load.rate
        .map(|rate| Schedule::new(load.arrivals, rate * part, place, seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_calls_of_all_threads_have_the_same_number() {
        let share = |thread| Share {
            thread,
            threads: 3,
            connections: 4,
            calls: None,
        };
        let mut all: Vec<u64> = Vec::new();
        for thread in 0..3 {
            let mut numbers = Numbers::of(share(thread));
            all.extend((0..10).map(|_| numbers.take()));
        }
        all.sort_unstable();
        assert_eq!(all, (0..30).collect::<Vec<u64>>());
    }
}
