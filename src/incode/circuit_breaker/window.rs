//! The last calls and how many of them failed: what the circuit breaker judges by while it is closed.

/// How many calls the window holds.
const SIZE: u32 = 20;
/// With fewer calls than this nothing is concluded.
pub(super) const CALLS_MIN: u32 = 10;

/// How the last calls ended, one bit each; a set bit is a failure.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    failures: u32,
    calls: u32,
}

impl Window {
    /// Adds a call; the oldest one leaves a full window.
    pub(super) fn record(&mut self, failed: bool) {
        let mask = (1 << SIZE) - 1;
        self.failures = (self.failures << 1 | u32::from(failed)) & mask;
        self.calls = SIZE.min(self.calls + 1);
    }

    /// The number of calls in the window.
    pub(super) fn calls(self) -> u32 {
        self.calls
    }

    /// How many of them failed.
    pub(super) fn failed_calls(self) -> u32 {
        self.failures.count_ones()
    }

    /// Whether at least half of the calls failed.
    pub(super) fn is_failing(self) -> bool {
        self.calls >= CALLS_MIN && self.failed_calls() * 2 >= self.calls
    }
}
