//! How busy the load generator is: a core of it that is full is the limit, and not the server.

use std::{collections::BTreeMap, time::Duration};

use super::{process::thread_cpu, tally::Window};

/// How much CPU time a thread has used, of how much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Busy {
    /// The core that it stays on.
    pub(super) core: Option<usize>,
    pub(super) cpu: Duration,
    pub(super) time: Duration,
}

/// Reads the CPU time of the present thread at both ends of the window.
#[derive(Debug)]
pub(super) struct CpuMeter {
    core: Option<usize>,
    begin: Option<(Duration, Duration)>,
    end: Option<(Duration, Duration)>,
}

impl CpuMeter {
    pub(super) fn new(core: Option<usize>) -> Self {
        Self {
            core,
            begin: None,
            end: None,
        }
    }

    /// Reads it if the window has begun or ended since the last time.
    pub(super) fn read(&mut self, window: Window, now: Duration, is_over: bool) {
        let read = || thread_cpu().map(|cpu| (now, cpu));
        if self.begin.is_none() && now >= window.begin {
            self.begin = read();
        }
        if self.end.is_none() && is_over {
            self.end = read();
        }
    }

    /// What was used between.
    pub(super) fn busy(&self) -> Option<Busy> {
        let ((begin, before), (end, after)) = self.begin.zip(self.end)?;
        Some(Busy {
            core: self.core,
            cpu: after.saturating_sub(before),
            time: end.saturating_sub(begin),
        })
    }
}

/// How much of its core the load used, of the core that it used most. Threads that stay on no core are spread over this many.
pub(super) fn busiest(threads: &[Busy], cores: usize) -> Option<f64> {
    let mut by_core: BTreeMap<Option<usize>, f64> = BTreeMap::new();
    for thread in threads {
        let part = thread.cpu.as_secs_f64() / thread.time.as_secs_f64().max(1e-9);
        *by_core.entry(thread.core).or_default() += part;
    }
    if let Some(all) = by_core.get_mut(&None) {
        let free = threads.iter().filter(|thread| thread.core.is_none());
        let cores = free.count().min(cores.max(1));
        *all /= f64::from(u32::try_from(cores).unwrap_or(u32::MAX));
    }
    by_core.into_values().reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn busy(core: Option<usize>, ms: u64) -> Busy {
        Busy {
            core,
            cpu: Duration::from_millis(ms),
            time: Duration::from_secs(1),
        }
    }

    fn close(of: Option<f64>, expected: f64) -> bool {
        of.is_some_and(|of| (of - expected).abs() < 1e-9)
    }

    /// More threads on the same core make it no less busy.
    #[test]
    fn threads_of_one_core_add_up() {
        let two = [busy(Some(1), 480), busy(Some(1), 500)];
        assert!(close(busiest(&two, 2), 0.98));
        let three = [busy(Some(1), 480), busy(Some(1), 500), busy(Some(0), 700)];
        assert!(close(busiest(&three, 2), 0.98));
    }

    #[test]
    fn threads_without_a_core_of_their_own_share_those_that_there_are() {
        let free = [busy(None, 900), busy(None, 500), busy(None, 400)];
        assert!(close(busiest(&free, 2), 0.9));
        assert!(close(busiest(&free, 8), 0.6));
        assert!(close(busiest(&free[..1], 8), 0.9));
        assert_eq!(busiest(&[], 2), None);
    }

    #[test]
    fn the_time_before_and_after_the_window_does_not_count() {
        let window = Window {
            begin: Duration::from_secs(1),
            end: Duration::from_secs(3),
        };
        let mut meter = CpuMeter::new(None);
        meter.read(window, Duration::from_millis(500), false);
        assert_eq!(meter.busy(), None);
        meter.read(window, Duration::from_millis(1_250), false);
        meter.read(window, Duration::from_secs(2), false);
        meter.read(window, Duration::from_secs(3), true);
        meter.read(window, Duration::from_secs(9), true);
        if cfg!(target_os = "linux") {
            let time = meter.busy().map(|busy| busy.time);
            assert_eq!(time, Some(Duration::from_millis(1_750)));
        }
    }
}
