//! Random delays, so that many callers or replicas do not act at the same moment.

use std::time::Duration;

/// A random duration below `max` ("full jitter"): for retries.
pub fn up_to(max: Duration) -> Duration {
    max.mul_f64(fastrand::f64())
}

/// At least `min`, and up to half as much again: for pauses and lifetimes.
pub fn lengthen(min: Duration) -> Duration {
    min.saturating_add(up_to(min / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_durations_stay_within_their_bounds() {
        let duration = Duration::from_millis(100);
        for _ in 0..1000 {
            assert!(up_to(duration) < duration);
            assert!((duration..duration * 3 / 2).contains(&lengthen(duration)));
        }
        assert_eq!(lengthen(Duration::ZERO), Duration::ZERO);
    }
}
