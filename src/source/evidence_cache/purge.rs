//! Removes what is known of a verification or of a person: evidence, aliases, and the result of a fetch that is in flight.

use std::collections::BTreeSet;

use tokio::task::yield_now;

use super::{
    EvidenceCache,
    entry::Entry,
    store::{Change, Turn},
};
use crate::{
    policy::{Identity, Verification, VerificationId},
    source::{
        PurgeTarget, Purged,
        alias_index::{Alias, Tick, Whose, identifiers, whose},
    },
};

impl EvidenceCache {
    /// Removes it here, and from the source behind. Each tombstone is set before it is looked for what there is, so that a fetch in flight
    /// either finds it, or has stored what is found here.
    pub(super) async fn purge_target(&self, target: &PurgeTarget) -> Purged {
        let mut purged = Purged::default();
        let first = match target {
            PurgeTarget::Verification(id) => vec![id.clone()],
            PurgeTarget::Identity(identity) => self.verifications_of(identity, &mut purged).await,
        };
        self.purge_all(first, &mut purged).await;
        self.0.entries.run_pending_tasks().await;
        purged.and(self.0.fetcher.purge(target).await)
    }

    /// The verifications that are known to be about this identity, by their evidence or by what is left of that.
    async fn verifications_of(
        &self,
        identity: &Identity,
        purged: &mut Purged,
    ) -> Vec<VerificationId> {
        let aliases = &self.0.aliases;
        aliases.purge_identity(identity).await;
        let is_theirs = |entry: &Entry| match entry.verification().map(whose) {
            Some(Whose::Identity(known)) => known == identity,
            Some(Whose::NotKept) => {
                purged.unidentified = purged.unidentified.saturating_add(1);
                false
            }
            Some(Whose::Nobody) | None => false,
        };
        let mut found = self.0.entries.find(is_theirs).await;
        // Evidence that was revoked or evicted has left its aliases behind.
        let theirs = aliases.identity_key(identity);
        let is_theirs = |alias: Alias<'_>| alias.whose == theirs;
        found.extend(self.find_aliases(is_theirs).await);
        found
    }

    /// Removes these verifications under all of their identifiers.
    async fn purge_all(&self, mut pending: Vec<VerificationId>, purged: &mut Purged) {
        let mut done = BTreeSet::new();
        while !pending.is_empty() {
            self.purge_known(pending, &mut done, purged).await;
            // Aliases lead to the identifier that the verification is cached under, and nothing leads back once its evidence is gone.
            let leads_here =
                |alias: Alias<'_>| done.contains(alias.cached_as) && !done.contains(alias.id);
            pending = self.find_aliases(leads_here).await;
        }
        purged.verifications = done.into_iter().collect();
    }

    /// Removes these, and what they lead to.
    async fn purge_known(
        &self,
        mut pending: Vec<VerificationId>,
        done: &mut BTreeSet<VerificationId>,
        purged: &mut Purged,
    ) {
        let mut turn = Turn::default();
        while let Some(id) = pending.pop() {
            if !done.insert(id.clone()) {
                continue;
            }
            turn.step().await;
            let aliases = &self.0.aliases;
            aliases.purge(&id).await;
            if let Some(other) = aliases.alias(&id) {
                // Once more, if it was looked at: evidence that came since would be left without this identifier.
                done.remove(&other);
                pending.push(other);
            }
            let change = async |entry: Option<Entry>| {
                let Some(entry) = entry else {
                    return Change::Keep;
                };
                if let Some(verification) = entry.verification() {
                    purged.evidence = purged.evidence.saturating_add(1);
                    pending.extend(identifiers(verification));
                }
                Change::Purge
            };
            self.0.entries.update(&id, change).await;
            // Afterwards: evidence that was evicted just before has left it.
            if aliases.remove(&id) {
                purged.aliases = purged.aliases.saturating_add(1);
            }
        }
    }

    /// The aliases that are so. Yields to other tasks.
    async fn find_aliases(&self, is_so: impl Fn(Alias<'_>) -> bool) -> Vec<VerificationId> {
        let mut found = Vec::new();
        for some in self.0.aliases.find(is_so) {
            found.extend(some);
            yield_now().await;
        }
        found
    }

    /// Removes what a fetch has stored of what was purged while it was in flight, and the aliases that it has brought.
    pub(super) async fn remove_purged(
        &self,
        (id, started, is_stored): (&VerificationId, Tick, bool),
        verification: &Verification,
    ) {
        let aliases = &self.0.aliases;
        if !aliases.was_purged(verification, started).await {
            return;
        }
        if is_stored {
            let change = async |entry: Option<Entry>| entry.map_or(Change::Keep, |_| Change::Purge);
            self.0.entries.update(id, change).await;
        }
        if self.0.entries.get(id).await.is_none() {
            for alias in identifiers(verification).filter(|alias| alias != id) {
                aliases.remove(&alias);
            }
            aliases.remove_own(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, sync::Arc, time::Duration};

    use async_trait::async_trait;
    use tokio::{task::yield_now, time::timeout};

    use super::*;
    use crate::{
        callers::{CallerId, OverQuotaError},
        clock::{Clock as _, ManualClock},
        deps::Deps,
        policy::{DataKinds, Datum, Evidence, Finding, from_millis},
        provenance::{Origin, Timings},
        rate_limit::Rate,
        source::{Config, Known, LookupRequest, Priority, Source, Succession, Wait},
    };

    fn about_ada() -> Verification {
        Verification {
            trace_id: Some("t-1".into()),
            identity: Datum::Known(Identity::parse("id-ada").unwrap()),
            kept: DataKinds::IDENTITY,
            ..Verification::default()
        }
    }

    #[derive(Debug)]
    struct Upstream;

    #[async_trait]
    impl Source for Upstream {
        async fn look_up(
            &self,
            _: &VerificationId,
            request: LookupRequest,
        ) -> Result<Known, OverQuotaError> {
            let seen_at = request.at.now;
            Ok(Known {
                evidence: Arc::new(Evidence {
                    finding: Finding::Present(about_ada()),
                    seen_at,
                }),
                origin: Origin::Upstream,
                outage: None,
                timings: Timings::default(),
                not_before: seen_at,
                succession: Succession::None,
            })
        }
    }

    /// A cache with evidence, and the moment before it was asked for.
    async fn cached(id: &VerificationId) -> (EvidenceCache, Tick, Known) {
        let clock = Arc::new(ManualClock::at(from_millis(0)));
        let config = Config {
            capacity: 100,
            waiters: 100,
            fetches: Rate {
                per_second: 100,
                burst: 100,
            },
        };
        let deps = Deps::new(Arc::clone(&clock) as _);
        let minute = Duration::from_mins(1);
        let cache = EvidenceCache::new(Arc::new(Upstream), config, minute, &deps).unwrap();
        let started = cache.0.aliases.tick();
        let request = LookupRequest {
            at: clock.moment(),
            max_age: minute,
            max_stale: minute,
            reads: DataKinds::IDENTITY,
            wait: Wait::AtMost(minute),
            caller: CallerId::Address(IpAddr::from([127, 0, 0, 1])),
            priority: Priority::Cold,
            failed_before: false,
        };
        let known = cache.look_up(id, request).await.unwrap();
        (cache, started, known)
    }

    /// A purge looks through the entries after the fetch has looked whether it was purged, and before its result is there.
    #[tokio::test]
    async fn what_a_fetch_stores_behind_a_purge_is_removed_by_the_fetch() {
        let id = VerificationId::parse("v-1").unwrap();
        let trace = VerificationId::parse("t-1").unwrap();
        let (cache, started, _) = cached(&id).await;
        let ada = Identity::parse("id-ada").unwrap();
        cache.0.aliases.purge_identity(&ada).await;
        let fetch = (&id, started, true);
        cache.remove_purged(fetch, &about_ada()).await;
        assert!(cache.0.entries.get(&id).await.is_none());
        assert_eq!(cache.0.aliases.alias(&trace), None);
        // One that began later stays.
        let (cache, started, _) = cached(&id).await;
        let ben = Identity::parse("id-ben").unwrap();
        cache.0.aliases.purge_identity(&ben).await;
        let fetch = (&id, started, true);
        cache.remove_purged(fetch, &about_ada()).await;
        assert!(cache.0.entries.get(&id).await.is_some());
    }

    #[tokio::test]
    async fn a_person_is_found_by_evidence_that_does_not_say_any_more_whose_it_is() {
        let id = VerificationId::parse("v-1").unwrap();
        let trace = VerificationId::parse("t-1").unwrap();
        let ada = PurgeTarget::Identity(Identity::parse("id-ada").unwrap());
        let (cache, ..) = cached(&id).await;
        cache.drop_beyond(&id, DataKinds::NONE).await;
        let purged = cache.purge(&ada).await;
        assert_eq!((purged.evidence, purged.aliases), (1, 1));
        assert_eq!(purged.verifications, [trace, id]);
        assert_eq!(cache.purge(&ada).await, Purged::default());
    }

    #[tokio::test]
    async fn evidence_is_freed_once_nobody_reads_the_cache_any_more() {
        let id = VerificationId::parse("v-1").unwrap();
        let (cache, _, known) = cached(&id).await;
        let evidence = Arc::downgrade(&known.evidence);
        drop(known);
        assert!(evidence.upgrade().is_some());
        let target = PurgeTarget::Verification(id);
        cache.purge(&target).await;
        // A thread that reads a table of any cache keeps what was removed from being freed: those of other tests do, too.
        let freed = async {
            while evidence.upgrade().is_some() {
                cache.purge(&target).await;
                yield_now().await;
            }
        };
        timeout(Duration::from_mins(1), freed).await.unwrap();
    }
}
