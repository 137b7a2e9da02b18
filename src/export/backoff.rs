//! How long is waited before a receiver is tried again.

use std::time::Duration;

use crate::{clock::pause, jitter::lengthen};

/// The first pause. Each one is twice the one before.
const MIN: Duration = Duration::from_millis(250);
/// No pause is longer, but for the random part.
const MAX: Duration = Duration::from_secs(15);

/// Pauses between attempts.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    /// The last one; none after a success.
    last: Duration,
}

impl Backoff {
    /// The next pause, at least this long.
    fn next(&mut self, at_least: Duration) -> Duration {
        self.last = self.last.saturating_mul(2).clamp(MIN, MAX);
        lengthen(self.last.max(at_least))
    }

    /// Waits for the next attempt, at least this long.
    pub(super) async fn pause(&mut self, at_least: Duration) {
        pause(self.next(at_least)).await;
    }

    /// An attempt succeeded.
    pub(super) fn reset(&mut self) {
        self.last = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_begin_again_after_a_success() {
        let mut backoff = Backoff::default();
        for expected in [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000] {
            let expected = Duration::from_millis(expected);
            let pause = backoff.next(Duration::ZERO);
            assert!((expected..expected * 3 / 2).contains(&pause), "{pause:?}");
        }
        assert!(backoff.next(Duration::from_secs(40)) >= Duration::from_secs(40));
        backoff.reset();
        assert!(backoff.next(Duration::ZERO) < MIN * 3 / 2);
    }
}
