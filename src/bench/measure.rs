//! One server under one load: the threads that make it, and what the server uses meanwhile.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, ScopedJoinHandle},
    time::Duration,
};

use super::{
    busy::{Busy, busiest},
    load::{BenchError, Load, Measured, Target},
    pool::Pool,
    process::{Memory, process_cpu},
    tally::{Tally, Window},
    worker::{Share, Worked, Worker},
};
use crate::clock::{Clock, Reading};

/// How long the thread that watches the server sleeps at most.
const NAP_MAX: Duration = Duration::from_millis(20);

/// Looks whether a server can be measured, before anything is, and keeps the address at which it listens.
pub fn reach(
    target: &mut Target,
    load: &Load,
    clock: &dyn Clock,
    stop: &AtomicBool,
) -> Result<(), BenchError> {
    let load = &load.for_target(target);
    let pool = Pool::open(target, 1, &clock.read(), stop)?;
    check_streams(target, load, pool.streams_max())?;
    let mut peers = pool
        .iter()
        .filter_map(|(_, of)| of.socket.tcp().peer_addr().ok());
    if let Some(peer) = peers.next() {
        target.endpoint.addresses = vec![peer];
    }
    Ok(())
}

/// Measures a server under this load. Blocks for as long as that takes; `stop` ends it earlier. A server that cannot be reached any more is a
/// measurement, too.
pub fn measure(
    target: &Target,
    load: &Load,
    clock: &dyn Clock,
    stop: &AtomicBool,
) -> Result<Measured, BenchError> {
    let load = &load.for_target(target);
    let connecting = clock.read();
    let workers = shares(load).map(|share| Worker::connect(target, load, share, &connecting, stop));
    let workers: Vec<Worker<'_>> = match workers.collect() {
        Err(BenchError::Connect { error, .. }) => {
            return unreached(target, load, error.to_string());
        }
        workers => workers?,
    };
    // Only now the time begins to run.
    let started = clock.read();
    let (worked, cpu) = thread::scope(|scope| {
        let run = |worker: Worker<'_>| worker.run(&started, stop);
        let threads: Vec<_> = workers
            .into_iter()
            .map(|worker| scope.spawn(move || run(worker)))
            .collect();
        let is_over =
            || stop.load(Ordering::Relaxed) || threads.iter().all(ScopedJoinHandle::is_finished);
        let cpu = target
            .server_pid
            .and_then(|pid| watch(pid, &started, load.window(), &is_over));
        let worked: Result<Vec<Worked>, BenchError> = threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| BenchError::Thread))
            .collect();
        (worked, cpu)
    });
    if stop.load(Ordering::Relaxed) {
        return Err(BenchError::Interrupted);
    }
    let memory = target.server_pid.and_then(Memory::of);
    summed(worked?, load, cpu, memory)
}

/// What the threads have counted, together.
fn summed(
    worked: Vec<Worked>,
    load: &Load,
    cpu: Option<Duration>,
    memory: Option<Memory>,
) -> Result<Measured, BenchError> {
    let busy: Option<Vec<Busy>> = worked.iter().map(|of| of.busy).collect();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut worked = worked.into_iter();
    let mut all = worked.next().ok_or(BenchError::Thread)?;
    for other in worked {
        all.tally.add(other.tally);
        all.ended = all.ended.max(other.ended);
        all.lost = all.lost.or(other.lost);
    }
    Ok(Measured {
        tally: all.tally,
        duration: all.ended.saturating_sub(load.window().begin),
        cpu,
        memory,
        generator_busy: busy.and_then(|busy| busiest(&busy, cores)),
        lost: all.lost,
    })
}

/// A server that cannot be reached: no call of this round is sent.
fn unreached(target: &Target, load: &Load, why: String) -> Result<Measured, BenchError> {
    let tally = Tally::new(
        target.expected,
        target.calls.checks,
        load.window(),
        load.timeout,
    );
    Ok(Measured {
        tally: tally.ok_or(BenchError::Histogram)?,
        duration: load.duration,
        cpu: None,
        memory: None,
        generator_busy: None,
        lost: Some(why),
    })
}

/// More calls at once than the server takes would be refused, one by one.
fn check_streams(target: &Target, load: &Load, most: Option<u32>) -> Result<(), BenchError> {
    let wanted = u32::try_from(load.streams).unwrap_or(u32::MAX);
    let wanted = if target.calls.is_stream { 1 } else { wanted };
    let target = target.name.clone();
    match most.filter(|most| *most < wanted) {
        None => Ok(()),
        Some(0) => Err(BenchError::NoStreams { target }),
        Some(most) => Err(BenchError::TooManyStreams { target, most }),
    }
}

/// The connections, divided among the threads.
pub(super) fn shares(load: &Load) -> impl Iterator<Item = Share> {
    let threads = load.threads.clamp(1, load.connections.max(1));
    let connections = load.connections;
    (0..threads).map(move |thread| Share {
        thread,
        threads,
        connections: connections / threads + usize::from(thread < connections % threads),
        calls: load.calls.map(|calls| part(calls, thread, threads)),
    })
}

/// One of `of` parts of all, which differ by one at most.
fn part(all: u64, index: usize, of: usize) -> u64 {
    let wide = |number| u64::try_from(number).unwrap_or(u64::MAX);
    all / wide(of) + u64::from(wide(index) < all % wide(of))
}

/// The CPU time that a process uses while it is measured.
fn watch(
    pid: u32,
    started: &Reading,
    window: Window,
    is_over: &dyn Fn() -> bool,
) -> Option<Duration> {
    let at = |instant: Duration| {
        loop {
            let left = instant.saturating_sub(started.elapsed());
            if left.is_zero() || is_over() {
                return process_cpu(pid);
            }
            thread::sleep(left.min(NAP_MAX));
        }
    };
    let before = at(window.begin)?;
    Some(at(window.end)?.saturating_sub(before))
}
