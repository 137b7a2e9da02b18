//! How fast webhooks about verifications in use are processed: each of them makes the service ask the vendor again. A flood, by the
//! vendor's mistake or with a stolen secret, must not take what the doors need.
//!
//! A webhook above the rate is not lost: it waits, together with all others about the same verification, until its turn comes.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use moka::{future::Cache, policy::EvictionPolicy};

use crate::{
    key_hash::KeyHasher,
    policy::VerificationId,
    rate_limit::{Rate, TokenBucket},
    source::Invalidation,
};

/// How often webhooks about one verification are processed in the long run, and how many at once after a pause.
const EACH_EVERY: Duration = Duration::from_secs(10);
const EACH_BURST: u32 = 5;
/// Verifications whose rates are kept; the least recently used is dropped. The rate of all bounds them in any case.
const EACH_MAX: u64 = 10_000;
/// Verifications that may wait for their turn; if more do, webhooks wait in their own queue.
const WAITING_MAX: usize = 10_000;

/// Which invalidations are processed when.
#[derive(Debug)]
pub(super) struct Throttle {
    each: Rates,
    all: TokenBucket,
    turns: BTreeMap<Due, VerificationId>,
    waiting: HashMap<VerificationId, Due>,
    next: u64,
}

/// At which rates webhooks about each verification are processed, by a hash. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Rates {
    kept: Cache<u64, Arc<TokenBucket>>,
    keys: KeyHasher,
}

impl Rates {
    /// Drops these verifications: webhooks about them are counted from the beginning.
    pub(super) async fn purge(&self, verifications: &BTreeSet<&VerificationId>) {
        for id in verifications {
            self.kept.invalidate(&self.keys.of(id)).await;
        }
        self.kept.run_pending_tasks().await;
    }
}

/// When one that waits is processed: by the uptime at which its turn comes, the stricter invalidation first, then in the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    uptime: Duration,
    invalidation: Reverse<Invalidation>,
    number: u64,
}

impl Throttle {
    /// All webhooks together are processed at this rate.
    pub(super) fn new(all: Rate) -> Self {
        Self {
            each: Rates {
                kept: Cache::builder()
                    .max_capacity(EACH_MAX)
                    .eviction_policy(EvictionPolicy::lru())
                    .build(),
                keys: KeyHasher::default(),
            },
            all: TokenBucket::new(all.per_second, all.burst),
            turns: BTreeMap::new(),
            waiting: HashMap::new(),
            next: 0,
        }
    }

    /// The rates of each verification.
    pub(super) fn rates(&self) -> Rates {
        self.each.clone()
    }

    /// Whether one more verification may wait.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }

    /// Whether this invalidation may be processed now. If not, it waits for its turn.
    pub(super) async fn admits(
        &mut self,
        id: &VerificationId,
        invalidation: Invalidation,
        uptime: Duration,
    ) -> bool {
        if let Some(due) = self.waiting.get_mut(id) {
            // What was revoked stays revoked, whatever is said later: only the vendor's answer counts.
            self.turns.remove(due);
            due.invalidation = due.invalidation.min(Reverse(invalidation));
            self.turns.insert(*due, id.clone());
            return false;
        }
        let each = self.bucket(id).await;
        let wait = each.wait(uptime);
        if wait.is_zero() && self.all.take(uptime, Duration::ZERO).is_ok() {
            each.take_anyway(uptime);
            return true;
        }
        // One that has had no turn for long goes first, and a revocation that only waits for the others.
        let goes_first = match invalidation {
            Invalidation::Revoked => wait.is_zero(),
            Invalidation::Changed => each.is_full(uptime),
        };
        let due = Due {
            uptime: if goes_first {
                Duration::ZERO
            } else {
                uptime.saturating_add(wait)
            },
            invalidation: Reverse(invalidation),
            number: self.next,
        };
        self.turns.insert(due, id.clone());
        self.next = self.next.wrapping_add(1);
        self.waiting.insert(id.clone(), due);
        false
    }

    /// How long until the next turn of one that waits.
    pub(super) fn next_turn(&self, uptime: Duration) -> Option<Duration> {
        let (due, _) = self.turns.first_key_value()?;
        let wait = due.uptime.saturating_sub(uptime);
        Some(wait.max(self.all.wait(uptime)))
    }

    /// Takes the next one whose turn has come.
    pub(super) async fn due(&mut self, uptime: Duration) -> Option<(VerificationId, Invalidation)> {
        let first = self.turns.first_entry()?;
        if first.key().uptime > uptime || self.all.take(uptime, Duration::ZERO).is_err() {
            return None;
        }
        let id = first.remove();
        self.bucket(&id).await.take_anyway(uptime);
        let due = self.waiting.remove(&id)?;
        Some((id, due.invalidation.0))
    }

    /// Takes all that wait, whatever the rate.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (VerificationId, Invalidation)> {
        self.turns.clear();
        let waiting = self.waiting.drain();
        waiting.map(|(id, due)| (id, due.invalidation.0))
    }

    async fn bucket(&self, id: &VerificationId) -> Arc<TokenBucket> {
        let full = async { Arc::new(TokenBucket::every(EACH_EVERY, EACH_BURST)) };
        self.each.kept.get_with(self.each.keys.of(id), full).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Invalidation::{Changed, Revoked};

    const SECOND: Duration = Duration::from_secs(1);
    const ALL: Rate = Rate {
        per_second: 20,
        burst: 40,
    };

    fn id(n: u32) -> VerificationId {
        VerificationId::parse(&format!("v-{n}")).unwrap()
    }

    /// Processes what is due every 10 ms for this long; how often each was processed.
    async fn flooded(
        throttle: &mut Throttle,
        ids: u32,
        seconds: u32,
    ) -> HashMap<VerificationId, u32> {
        let mut processed = HashMap::new();
        for tick in 0..seconds * 100 {
            let uptime = Duration::from_millis(u64::from(tick) * 10);
            for n in 0..10 {
                let id = id((tick * 10 + n) % ids);
                if throttle.admits(&id, Changed, uptime).await {
                    *processed.entry(id).or_default() += 1;
                }
            }
            while let Some((id, _)) = throttle.due(uptime).await {
                *processed.entry(id).or_default() += 1;
            }
        }
        processed
    }

    #[tokio::test]
    async fn a_flood_is_processed_at_the_rate_of_all_and_each_gets_its_turn() {
        let mut throttle = Throttle::new(ALL);
        let processed = flooded(&mut throttle, 200, 30).await;
        let all: u32 = processed.values().sum();
        assert!((600..=640).contains(&all), "{all}");
        assert_eq!(processed.len(), 200);
        assert!(processed.values().all(|times| *times <= EACH_BURST + 3));
    }

    #[tokio::test]
    async fn a_flood_about_one_verification_does_not_keep_another_waiting() {
        let mut throttle = Throttle::new(ALL);
        let processed = flooded(&mut throttle, 1, 30).await;
        assert_eq!(processed[&id(0)], EACH_BURST + 2);
        assert!(throttle.admits(&id(1), Changed, 30 * SECOND).await);
    }

    #[tokio::test]
    async fn what_waits_is_processed_and_a_revocation_is_not_taken_back() {
        let mut throttle = Throttle::new(ALL);
        for _ in 0..EACH_BURST {
            assert!(throttle.admits(&id(1), Changed, SECOND).await);
        }
        for invalidation in [Changed, Revoked, Changed] {
            assert!(!throttle.admits(&id(1), invalidation, SECOND).await);
        }
        assert_eq!(throttle.next_turn(SECOND), Some(EACH_EVERY));
        let due = SECOND + EACH_EVERY;
        assert!(throttle.due(SECOND + EACH_EVERY / 2).await.is_none());
        assert_eq!(throttle.due(due).await, Some((id(1), Revoked)));
        assert_eq!(throttle.due(due).await, None);
    }

    #[tokio::test]
    async fn a_revocation_is_processed_before_other_changes() {
        let mut throttle = Throttle::new(ALL);
        let mut processed = 0;
        for n in 0..200 {
            processed += u32::from(throttle.admits(&id(n), Changed, SECOND).await);
        }
        assert_eq!(processed, ALL.burst);
        assert!(!throttle.admits(&id(150), Revoked, SECOND).await);
        assert!(!throttle.admits(&id(500), Revoked, SECOND).await);
        let next = 2 * SECOND;
        assert_eq!(throttle.due(next).await, Some((id(150), Revoked)));
        assert_eq!(throttle.due(next).await, Some((id(500), Revoked)));
        assert_eq!(throttle.due(next).await, Some((id(40), Changed)));
    }

    #[tokio::test]
    async fn ever_other_verifications_get_no_more_than_the_rate_of_all() {
        let mut throttle = Throttle::new(ALL);
        let mut processed = 0;
        for n in 0..20_000 {
            if throttle.has_room() {
                processed += u32::from(throttle.admits(&id(n), Revoked, SECOND).await);
            }
        }
        assert_eq!(processed, ALL.burst);
        assert!(!throttle.has_room());
        throttle.each.kept.run_pending_tasks().await;
        assert!(throttle.each.kept.entry_count() <= EACH_MAX);
        assert_eq!(throttle.drain().count(), WAITING_MAX);
    }

    #[tokio::test]
    async fn a_purge_drops_the_rate_of_a_verification_and_no_other() {
        let mut throttle = Throttle::new(ALL);
        for n in 1..3 {
            assert!(throttle.admits(&id(n), Changed, SECOND).await);
        }
        throttle.rates().purge(&[&id(1)].into()).await;
        let is_known = |n| {
            throttle
                .each
                .kept
                .contains_key(&throttle.each.keys.of(&id(n)))
        };
        assert_eq!([1, 2].map(is_known), [false, true]);
    }
}
