//! One server under one load: the threads that make it, and what the server uses meanwhile.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, ScopedJoinHandle},
    time::Duration,
};

use super::{
    load::{BenchError, Load, Measured, Target},
    process::{Memory, process_cpu},
    tally::Window,
    worker::{Share, Worked, Worker},
};
use crate::clock::{Clock, Reading};

/// How long the thread that watches the server sleeps at most.
const NAP_MAX: Duration = Duration::from_millis(20);

/// Measures a server under this load. Blocks for as long as that takes; `stop` ends it earlier.
pub fn measure(
    target: &Target,
    load: &Load,
    clock: &dyn Clock,
    stop: &AtomicBool,
) -> Result<Measured, BenchError> {
    let window = Window {
        begin: load.warmup,
        end: load.warmup.saturating_add(load.duration),
    };
    let workers = shares(load).map(|share| Worker::connect(target, load, share, window));
    let workers: Vec<Worker<'_>> = workers.collect::<Result<_, _>>()?;
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
            .and_then(|pid| watch(pid, &started, window, &is_over));
        let worked: Result<Vec<Worked>, BenchError> = threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| BenchError::Thread)?)
            .collect();
        (worked, cpu)
    });
    if stop.load(Ordering::Relaxed) {
        return Err(BenchError::Interrupted);
    }
    let memory = target.server_pid.and_then(Memory::of);
    let mut worked = worked?.into_iter();
    let Worked {
        mut tally,
        mut busy,
        mut ended,
    } = worked.next().ok_or(BenchError::Thread)?;
    for other in worked {
        tally.add(other.tally);
        busy = busy.zip(other.busy).map(|(a, b)| a.max(b));
        ended = ended.max(other.ended);
    }
    Ok(Measured {
        tally,
        duration: ended.min(window.end).saturating_sub(window.begin),
        cpu,
        memory,
        generator_busy: busy,
    })
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
