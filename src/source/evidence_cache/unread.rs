//! Drops a person's data that no policy reads any more: after a reload, and where shadow policies are gone.

use std::sync::Arc;

use super::{
    EvidenceCache,
    entry::{Entry, keeping},
    store::{Change, Turn},
};
use crate::{
    live::Live,
    policy::{DataKinds, VerificationId},
    source::Known,
};

impl EvidenceCache {
    /// Keeps what these policies and their shadow read, so that one fetch serves all of them. Without, each fetch keeps what its own check
    /// reads. What they do not read any more is dropped at once.
    pub fn keep_for(&self, policies: Arc<Live>) {
        for mut reads in policies.watch_reads().into_iter().flatten() {
            let cache = Arc::downgrade(&self.0);
            self.0.spawn.start(async move {
                // An error means that the service has ended.
                while reads.changed().await.is_ok() {
                    let Some(cache) = cache.upgrade() else { return };
                    Self(cache).drop_unread().await;
                }
            });
        }
        self.0.policies.set(policies);
    }

    /// Drops from every entry what is not read. Other tasks have their turns meanwhile, however many entries there are.
    async fn drop_unread(&self) {
        let keeps = self.0.policies.now();
        let mut turn = Turn::default();
        for id in self.0.entries.find(|entry| entry.has_more(keeps)).await {
            self.drop_beyond(&id, keeps).await;
            turn.step().await;
        }
        self.0.entries.run_pending_tasks().await;
    }

    /// Drops from an entry what is of other kinds than these. Whose it is, purges still find by a hash.
    pub(super) async fn drop_beyond(&self, id: &VerificationId, keeps: DataKinds) {
        let change = async |entry: Option<Entry>| {
            let kept = entry.as_ref().and_then(|entry| entry.keeping(keeps));
            let before = entry.as_ref().and_then(Entry::verification);
            if let Some(before) = before.filter(|_| !keeps.include(DataKinds::IDENTITY)) {
                self.0.aliases.note_whose(id, before);
            }
            kept.map_or(Change::Keep, Change::Put)
        };
        self.0.entries.update(id, change).await;
    }

    /// What evidence keeps that is stored now, which a check has asked for that reads this: what the policies read now; and whose it is, if
    /// the check has compared that.
    pub(super) fn keeps_now(&self, reads: DataKinds) -> DataKinds {
        self.0.policies.now().and(reads.common(DataKinds::IDENTITY))
    }
}

/// What a fetch has found, without what is of other kinds than these.
pub(super) fn without(known: &Known, keeps: DataKinds) -> Known {
    let evidence = keeping(&known.evidence, keeps).map(Arc::new);
    Known {
        evidence: evidence.unwrap_or_else(|| Arc::clone(&known.evidence)),
        ..known.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{Future as _, poll_fn},
        pin::pin,
        time::Duration,
    };

    use super::{super::store::AT_ONCE, *};
    use crate::{
        clock::{Clock as _, ManualClock},
        deps::Deps,
        policy::{Evidence, Finding, PolicySet, Verification, from_millis},
        provenance::{Origin, Timings},
        rate_limit::Rate,
        source::{Config, Source, Succession},
    };

    /// Has no evidence.
    #[derive(Debug)]
    struct Nothing;

    #[async_trait::async_trait]
    impl Source for Nothing {
        async fn look_up(
            &self,
            _: &VerificationId,
            request: crate::source::LookupRequest,
        ) -> Result<Known, crate::callers::OverQuotaError> {
            let outage = crate::provenance::Outage::Failed;
            Ok(Known::nothing(outage, request.at.now, Timings::default()))
        }
    }

    const ENTRIES: usize = 100_000;

    #[tokio::test]
    async fn other_tasks_have_their_turns_while_much_is_dropped() {
        let clock = Arc::new(ManualClock::at(from_millis(0)));
        let deps = Deps::new(Arc::clone(&clock) as _);
        let fetches = Rate {
            per_second: 1,
            burst: 1,
        };
        let config = Config {
            capacity: 200_000,
            fetches,
            waiters: 1,
        };
        let minute = Duration::from_mins(1);
        let cache = EvidenceCache::new(Arc::new(Nothing), config, minute, &deps).unwrap();
        let known = Known {
            evidence: Arc::new(Evidence {
                finding: Finding::Present(Verification {
                    kept: DataKinds::BIRTH,
                    ..Verification::default()
                }),
                seen_at: from_millis(0),
            }),
            origin: Origin::Upstream,
            outage: None,
            timings: Timings::default(),
            not_before: from_millis(0),
            succession: Succession::None,
        };
        let entry = Entry::default().after(&known, clock.moment(), clock.moment());
        for n in 0..ENTRIES {
            let id = VerificationId::parse(&format!("v-{n}")).unwrap();
            let entry = entry.clone();
            let put = async |_| Change::Put(entry);
            cache.0.entries.update(&id, put).await;
        }
        let kept = cache
            .0
            .entries
            .find(|entry| entry.has_more(DataKinds::NONE))
            .await;
        assert_eq!(kept.len(), ENTRIES);
        // No policy reads anything.
        cache
            .0
            .policies
            .set(Arc::new(Live::new(PolicySet::new([].into()))));
        let mut dropping = pin!(cache.drop_unread());
        let mut turns = 0;
        poll_fn(|context| {
            turns += 1;
            dropping.as_mut().poll(context)
        })
        .await;
        assert!(turns >= 2 * ENTRIES / AT_ONCE, "{turns}");
        let kept = cache
            .0
            .entries
            .find(|entry| entry.has_more(DataKinds::NONE))
            .await;
        assert_eq!(kept.len(), 0);
        assert_eq!(cache.0.entries.counts().0, 100_000);
    }
}
