//! The links that were made by each state: a few, because they cost and the page faces the Internet.

use std::sync::Arc;

use moka::{future::Cache, policy::EvictionPolicy};
use parking_lot::Mutex;

use crate::{policy::Timestamp, step_up::Begun};

/// Links that may be made by one state: for a mistyped address, and a link that has expired.
pub(super) const LINKS_MAX: usize = 3;
/// States that are known; the least recently used is dropped first. More than can be made with the quota of links in the life of a state.
const STATES_MAX: u64 = 20_000;

/// What was made by states that were used, by their digest.
#[derive(Debug)]
pub(super) struct Attempts(Cache<[u8; 32], Arc<Mutex<Made>>>);

#[derive(Debug, Default)]
struct Made {
    links: Vec<Attempt>,
    current: Option<Begun>,
}

/// A link that was made, or that is being made.
#[derive(Debug)]
struct Attempt {
    key: Box<str>,
    /// From when on the same key makes another link; `None` while it is being made.
    until: Option<Timestamp>,
}

/// No more links are made by this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SpentError;

impl Default for Attempts {
    fn default() -> Self {
        // LRU, because the default policy may reject a new state, whose links would not be counted.
        let states = Cache::builder()
            .max_capacity(STATES_MAX)
            .eviction_policy(EvictionPolicy::lru());
        Self(states.build())
    }
}

impl Attempts {
    /// The latest link by this state.
    pub(super) async fn current(&self, state: &[u8; 32]) -> Option<Begun> {
        let made = self.0.get(state).await?;
        made.lock().current.clone()
    }

    /// A link is asked for by this key: the one that was made by it while that is valid, or else one more.
    pub(super) async fn enter(
        &self,
        state: [u8; 32],
        key: &str,
        now: Timestamp,
    ) -> Result<(), SpentError> {
        let made = self.0.get_with(state, async { Arc::default() }).await;
        let mut made = made.lock();
        let is_this = |link: &Attempt| *link.key == *key && link.until.is_none_or(|t| now < t);
        if made.links.iter().any(is_this) {
            return Ok(());
        }
        if made.links.len() >= LINKS_MAX {
            return Err(SpentError);
        }
        made.links.push(Attempt {
            key: key.into(),
            until: None,
        });
        Ok(())
    }

    /// The link was made.
    pub(super) async fn begun(&self, state: [u8; 32], key: &str, begun: Begun) {
        if let Some(made) = self.0.get(&state).await {
            let mut made = made.lock();
            if let Some(link) = made.latest(key) {
                link.until = Some(begun.expires_at);
            }
            made.current = Some(begun);
        }
    }

    /// It was not. If it may have been nevertheless, it counts.
    pub(super) async fn failed(&self, state: [u8; 32], key: &str, counts: bool, now: Timestamp) {
        let Some(made) = self.0.get(&state).await else {
            return;
        };
        let mut made = made.lock();
        match made.latest(key) {
            // Another that asked for it meanwhile has got it.
            Some(link) if link.until.is_some() => {}
            Some(link) if counts => link.until = Some(now),
            _ => made
                .links
                .retain(|link| *link.key != *key || link.until.is_some()),
        }
    }
}

impl Made {
    fn latest(&mut self, key: &str) -> Option<&mut Attempt> {
        self.links.iter_mut().rev().find(|link| *link.key == *key)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{policy::from_millis, step_up::Link};

    fn begun(until: i64) -> Begun {
        Begun {
            id: Uuid::nil(),
            link: Link {
                url: "https://vendor.example/link".into(),
                trace: None,
            },
            expires_at: from_millis(until),
        }
    }

    #[tokio::test]
    async fn a_state_makes_three_links_and_each_of_them_may_be_asked_for_again() {
        let attempts = Attempts::default();
        let (state, now) = ([1; 32], from_millis(0));
        for key in ["a", "b", "a", "b", "a"] {
            assert_eq!(attempts.enter(state, key, now).await, Ok(()));
            attempts.begun(state, key, begun(10)).await;
        }
        // The link of `a` has expired: one more is made.
        let later = from_millis(10);
        assert_eq!(attempts.enter(state, "a", later).await, Ok(()));
        attempts.begun(state, "a", begun(20)).await;
        assert_eq!(attempts.enter(state, "a", later).await, Ok(()));
        for key in ["b", "c"] {
            assert_eq!(attempts.enter(state, key, later).await, Err(SpentError));
        }
        assert_eq!(attempts.enter([2; 32], "c", later).await, Ok(()));
    }

    #[tokio::test]
    async fn what_was_surely_not_made_does_not_count_and_what_may_have_been_does() {
        let attempts = Attempts::default();
        let (state, now) = ([1; 32], from_millis(0));
        for _ in 0..10 {
            assert_eq!(attempts.enter(state, "a", now).await, Ok(()));
            attempts.failed(state, "a", false, now).await;
        }
        for _ in 0..LINKS_MAX {
            assert_eq!(attempts.enter(state, "a", now).await, Ok(()));
            attempts.failed(state, "a", true, now).await;
        }
        assert_eq!(attempts.enter(state, "a", now).await, Err(SpentError));
        assert!(attempts.current(&state).await.is_none());
    }
}
