//! Which callers ask mostly for verifications that do not exist: they guess identifiers, or pass on those of somebody who does.

use std::{sync::Arc, time::Duration};

use moka::{future::Cache, policy::EvictionPolicy};
use parking_lot::Mutex;

use super::id::{CALLERS_MAX, CallerId};

/// The score from which on a caller is guessing.
const GUESSING_FROM: u32 = 3;
/// The highest score: a caller that guessed for long is not guessing for much longer than one that has just begun.
const SCORE_MAX: u32 = 30;
/// How many misses one hit makes up for.
const HIT: u32 = 5;
/// A miss is forgiven after this time without another one.
const FORGIVEN_AFTER: Duration = Duration::from_secs(5);

/// What lookups of verifications that were not known before came to, for each caller.
#[derive(Debug)]
pub struct Misses(Cache<CallerId, Arc<Mutex<Score>>>);

/// What a lookup came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupResult {
    /// There is such a verification.
    Hit,
    /// There is none.
    Miss,
    /// There is still none: the caller waits for it, and guesses nothing new.
    RepeatedMiss,
}

#[derive(Debug, Clone, Copy, Default)]
struct Score {
    misses: u32,
    /// The uptime of the last miss, or of when one was last forgiven.
    since: Duration,
}

impl Score {
    fn forgive(&mut self, uptime: Duration) {
        let quiet = uptime.saturating_sub(self.since).as_secs() / FORGIVEN_AFTER.as_secs();
        if quiet > 0 {
            let forgiven = u32::try_from(quiet).unwrap_or(u32::MAX);
            self.misses = self.misses.saturating_sub(forgiven);
            self.since = uptime;
        }
    }

    fn record(&mut self, result: LookupResult, uptime: Duration) {
        self.forgive(uptime);
        self.misses = match result {
            LookupResult::Hit => self.misses.saturating_sub(HIT),
            LookupResult::Miss => self.misses.saturating_add(1).min(SCORE_MAX),
            LookupResult::RepeatedMiss => self.misses,
        };
        if result != LookupResult::Hit {
            self.since = uptime;
        }
    }
}

impl Default for Misses {
    fn default() -> Self {
        let scores = Cache::builder()
            .max_capacity(CALLERS_MAX)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self(scores)
    }
}

impl Misses {
    /// Whether the caller's last lookups were mostly misses.
    pub async fn is_guessing(&self, caller: &CallerId, uptime: Duration) -> bool {
        let Some(score) = self.0.get(caller).await else {
            return false;
        };
        let mut score = score.lock();
        score.forgive(uptime);
        score.misses >= GUESSING_FROM
    }

    /// Records what a lookup of this caller came to.
    pub async fn record(&self, caller: &CallerId, result: LookupResult, uptime: Duration) {
        let score = self
            .0
            .get_with_by_ref(caller, async { Arc::default() })
            .await;
        score.lock().record(result, uptime);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn guessing_after(results: &[LookupResult], quiet: Duration) -> bool {
        let misses = Misses::default();
        let caller = CallerId::of(IpAddr::from([192, 0, 2, 1]));
        for result in results {
            misses.record(&caller, *result, SECOND).await;
        }
        misses.is_guessing(&caller, SECOND + quiet).await
    }

    #[tokio::test]
    async fn a_caller_that_misses_most_of_the_time_is_guessing_and_one_that_waits_is_not() {
        use LookupResult::{Hit, Miss, RepeatedMiss};
        let cases: [(&[LookupResult], bool); 6] = [
            (&[Miss; 2], false),
            (&[Miss; 3], true),
            (&[Miss, Miss, Hit, Miss, Miss], false),
            (&[RepeatedMiss; 100], false),
            (&[Miss, Hit, Hit, Hit], false),
            (&[Miss, Miss, Miss, RepeatedMiss], true),
        ];
        for (results, guessing) in cases {
            let after = guessing_after(results, Duration::ZERO).await;
            assert_eq!(after, guessing, "{results:?}");
        }
    }

    #[tokio::test]
    async fn misses_are_forgiven_in_time_and_long_guessing_is_not_held_for_ever() {
        let guessed = [LookupResult::Miss; 1000];
        assert!(guessing_after(&guessed, 134 * SECOND).await);
        assert!(!guessing_after(&guessed, 140 * SECOND).await);
    }
}
