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
    connection::{Connection, ConnectionError},
    cores,
    dispatch::Dispatch,
    load::{BenchError, Load, Target},
    process::thread_cpu,
    request_head::RequestHead,
    status::Status,
    tally::{Sent, Tally, Window},
};
use crate::clock::Reading;

/// How long a wait may be before it is looked whether the load is to stop.
const WAIT_MAX: Duration = Duration::from_millis(50);

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
pub(super) struct Worker<'l> {
    target: &'l Target,
    load: &'l Load,
    share: Share,
    head: RequestHead,
    connections: Vec<Connection>,
    dispatch: Dispatch,
    tally: Tally,
    window: Window,
    buffer: Vec<u8>,
}

/// What a thread has counted, and how busy it was: its part of a core.
pub(super) struct Worked {
    pub(super) tally: Tally,
    pub(super) busy: Option<f64>,
    /// When it was done.
    pub(super) ended: Duration,
}

impl<'l> Worker<'l> {
    /// Connects.
    pub(super) fn connect(
        target: &'l Target,
        load: &'l Load,
        share: Share,
        window: Window,
    ) -> Result<Self, BenchError> {
        let endpoint = &target.endpoint;
        let head = RequestHead::new(
            target.calls.path,
            &endpoint.host,
            endpoint.tls.is_some(),
            endpoint.token.as_deref(),
            load.timeout,
        );
        let connections = (0..share.connections).map(|_| connect(target));
        let connections: Vec<Connection> = connections.collect::<Result<_, _>>()?;
        let most = connections.iter().filter_map(Connection::streams_max).min();
        let wanted = u32::try_from(load.streams).unwrap_or(u32::MAX);
        if let Some(most) = most.filter(|most| !target.calls.is_stream && *most < wanted) {
            return Err(BenchError::TooManyStreams {
                target: target.name.clone(),
                most,
            });
        }
        // A share of all calls, by the connections.
        let all = f64::from(u32::try_from(load.connections).unwrap_or(u32::MAX));
        let own = f64::from(u32::try_from(share.connections).unwrap_or(u32::MAX));
        let place = f64::from(u32::try_from(share.thread).unwrap_or(0))
            / f64::from(u32::try_from(share.threads).unwrap_or(1));
        let seed = load
            .seed
            .wrapping_add(u64::try_from(share.thread).unwrap_or(0));
        let schedule = load
            .rate
            .map(|rate| Schedule::new(load.arrivals, rate * own / all, place, seed));
        Ok(Self {
            dispatch: Dispatch::new(schedule, connections.len(), load.streams, share.calls),
            tally: Tally::new(target.expected, target.calls.checks, window)
                .ok_or(BenchError::Histogram)?,
            target,
            load,
            share,
            head,
            connections,
            window,
            buffer: Vec::new(),
        })
    }

    /// Sends until the window ends, and waits for the last answers.
    pub(super) fn run(
        mut self,
        started: &Reading,
        stop: &AtomicBool,
    ) -> Result<Worked, BenchError> {
        // Each thread on a core of its own, as long as there are enough.
        let place = self.share.thread.checked_rem(self.load.cores.len());
        let core = place.and_then(|place| self.load.cores.get(place));
        cores::stay_on(core.map_or(&[], std::slice::from_ref));
        // A wait that ends 50 µs late, as is usual, would be latency.
        #[cfg(target_os = "linux")]
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let (cpu, began) = (thread_cpu(), started.elapsed());
        let mut sending_ends = self.window.end;
        loop {
            let now = started.elapsed();
            if self.dispatch.is_exhausted() {
                sending_ends = sending_ends.min(now);
            }
            let is_over = now >= sending_ends;
            let answers_end = sending_ends.saturating_add(self.load.timeout);
            let all_idle = || self.connections.iter().all(Connection::is_idle);
            if stop.load(Ordering::Relaxed) || (is_over && (all_idle() || now >= answers_end)) {
                break;
            }
            if !is_over {
                self.depart(started);
            }
            let wakes = if is_over {
                answers_end
            } else {
                self.window.end
            };
            let ready = self.wait(now, wakes, is_over);
            for (index, is_ready) in ready.into_iter().enumerate() {
                self.serve(index, is_ready, started)?;
            }
        }
        let now = started.elapsed();
        let cpu = thread_cpu()
            .zip(cpu)
            .map(|(after, before)| after.saturating_sub(before));
        let busy =
            cpu.map(|cpu| cpu.as_secs_f64() / now.saturating_sub(began).as_secs_f64().max(1e-9));
        for call in self.connections.iter_mut().flat_map(Connection::abandoned) {
            self.tally.unanswered(&call, now);
        }
        let end = self.window.end.min(now);
        self.dispatch
            .unsent(end)
            .for_each(|due| self.tally.unsent(due));
        Ok(Worked {
            tally: self.tally,
            busy,
            ended: now,
        })
    }

    /// Begins every call that is due and finds a stream.
    fn depart(&mut self, started: &Reading) {
        loop {
            let at = started.elapsed();
            let Some(departure) = self.dispatch.next(at) else {
                return;
            };
            let call = Sent {
                due: departure.due,
                at,
                waited: departure.waited,
                ..Sent::default()
            };
            if let Some(connection) = self.connections.get_mut(departure.connection) {
                connection.call(&self.target.calls, &self.head, call);
                // The first calls of a round would otherwise wait for all others to be written.
                if self.load.rate.is_some() {
                    // A connection that has broken is noticed when it is read.
                    let _ = connection.send();
                }
            }
        }
    }

    /// Waits until something can be received or is due; for each connection, whether something can be received.
    fn wait(&self, now: Duration, wakes: Duration, is_over: bool) -> Vec<bool> {
        let due = self.dispatch.next_due(now).filter(|_| !is_over);
        let until = due.map_or(wakes, |due| due.min(wakes));
        let wait = until.saturating_sub(now).min(WAIT_MAX);
        let mut fds: Vec<PollFd<'_>> = self
            .connections
            .iter()
            .map(|connection| {
                let flags = if connection.is_sending() {
                    PollFlags::IN | PollFlags::OUT
                } else {
                    PollFlags::IN
                };
                PollFd::new(connection.socket.tcp(), flags)
            })
            .collect();
        // A wait is short.
        let timeout = Timespec::try_from(wait).unwrap_or_default();
        // An error, such as a signal, ends the wait.
        let _ = poll(&mut fds, Some(&timeout));
        let readable = |fd: &PollFd<'_>| !(fd.revents() - PollFlags::OUT).is_empty();
        fds.iter().map(readable).collect()
    }

    /// Receives on a connection and sends what waits. One that has broken, or that the server is leaving, is replaced.
    fn serve(&mut self, index: usize, is_ready: bool, started: &Reading) -> Result<(), BenchError> {
        let Some(connection) = self.connections.get_mut(index) else {
            return Ok(());
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
        let usable = received.and_then(|()| connection.send());
        match usable {
            Ok(()) if !connection.is_leaving() => Ok(()),
            Ok(()) if connection.is_idle() => self.replace(index, started),
            Ok(()) => {
                dispatch.withdraw(index);
                Ok(())
            }
            Err(error) => {
                let now = started.elapsed();
                for call in connection.abandoned() {
                    tally.ended(&call, Status::Lost, Some(&error.to_string()), now);
                }
                self.replace(index, started)
            }
        }
    }

    /// Connects again, with all streams free.
    fn replace(&mut self, index: usize, started: &Reading) -> Result<(), BenchError> {
        self.tally.reconnects += 1;
        self.dispatch.withdraw(index);
        let new = connect(self.target)?;
        if let Some(old) = self.connections.get_mut(index) {
            *old = new;
        }
        self.dispatch
            .restore(index, self.load.streams, started.elapsed());
        Ok(())
    }
}

fn connect(target: &Target) -> Result<Connection, BenchError> {
    Connection::open(&target.endpoint).map_err(|error| BenchError::Connect {
        target: target.name.clone(),
        address: target.endpoint.address,
        reason: reason(&error),
    })
}

/// Why there is no connection, and what to do about it.
fn reason(error: &ConnectionError) -> String {
    match error {
        ConnectionError::Http2(_) | ConnectionError::Closed => {
            format!("{error}; if the port speaks TLS, write https:// in place of http://")
        }
        ConnectionError::Io(error) => error.to_string(),
    }
}
