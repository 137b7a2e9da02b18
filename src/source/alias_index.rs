//! The alias index and invalidation tombstones. A verification has two identifiers, its own and its trace id; it may be cached under
//! the one and invalidated by the other. Bounded.

mod aliases;

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use moka::{Entry as MokaEntry, future::Cache, notification::RemovalCause, policy::EvictionPolicy};

use self::aliases::Aliases;
pub(super) use self::aliases::{Alias, IdentityKey};
use crate::{
    key_hash::KeyHasher,
    policy::{DataKinds, Datum, Identity, Verification, VerificationId},
};

/// Aliases for each verification that can be cached: one leads to it, and another one is of evidence that has left the cache.
const ALIASES_EACH: u64 = 2;
/// Tombstones that are kept, for the fetches in flight.
const TOMBSTONES_MAX: u64 = 16_384;

/// Which identifiers belong together, and which were invalidated when.
#[derive(Debug)]
pub(super) struct AliasIndex {
    /// From an alias to the identifier that the same verification is cached under. Some outlive the evidence.
    aliases: Aliases,
    /// When an identifier was last invalidated, and when purged; by a hash of it that is of this process alone. So what was purged is not kept.
    tombstones: Cache<u64, Tombstone>,
    /// When identities were last purged, by the same hash.
    identities: Cache<u64, Tick>,
    keys: KeyHasher,
    /// When any identity was last purged.
    last_identity: AtomicU64,
    /// The latest tombstone that was evicted. A fetch that started before it may have been invalidated.
    evicted: Arc<AtomicU64>,
    ticks: AtomicU64,
}

/// A logical time that orders the starts of fetches and the invalidations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(u64);

impl Tick {
    /// Before any invalidation.
    pub(super) const FIRST: Self = Self(0);
}

/// Defeats the fetches of an identifier that started before.
#[derive(Debug, Clone, Copy)]
struct Tombstone {
    /// What is fetched may be from before a change.
    invalidated: Tick,
    /// What is fetched is not kept.
    purged: Tick,
}

impl Tombstone {
    const NONE: Self = Self {
        invalidated: Tick::FIRST,
        purged: Tick::FIRST,
    };

    fn latest(self) -> Tick {
        self.invalidated.max(self.purged)
    }
}

impl AliasIndex {
    pub(super) fn new(capacity: u64) -> Self {
        let evicted = Arc::<AtomicU64>::default();
        let (note, note_identity) = (Arc::clone(&evicted), Arc::clone(&evicted));
        Self {
            aliases: Aliases::new(capacity.saturating_mul(ALIASES_EACH)),
            // LRU, because the default policy may reject a new key.
            tombstones: Cache::builder()
                .max_capacity(TOMBSTONES_MAX)
                .eviction_policy(EvictionPolicy::lru())
                .eviction_listener(move |_, tombstone: Tombstone, cause| {
                    if cause == RemovalCause::Size {
                        let Tick(tick) = tombstone.latest();
                        note.fetch_max(tick, Ordering::SeqCst);
                    }
                })
                .build(),
            identities: Cache::builder()
                .max_capacity(TOMBSTONES_MAX)
                .eviction_policy(EvictionPolicy::lru())
                .eviction_listener(move |_, Tick(tick), cause| {
                    if cause == RemovalCause::Size {
                        note_identity.fetch_max(tick, Ordering::SeqCst);
                    }
                })
                .build(),
            keys: KeyHasher::default(),
            last_identity: AtomicU64::new(0),
            evicted,
            ticks: AtomicU64::new(1),
        }
    }

    /// The next logical time.
    pub(super) fn tick(&self) -> Tick {
        Tick(self.ticks.fetch_add(1, Ordering::SeqCst))
    }

    /// Stores the aliases of a verification that was requested as `requested`. Called before [`Self::was_invalidated`], so that an
    /// invalidation by an alias either finds the alias here or is found there.
    pub(super) fn learn(&self, requested: &VerificationId, verification: &Verification) {
        for alias in others(requested, verification) {
            self.aliases.insert(alias, requested.clone());
        }
    }

    /// Notes that there is no evidence of this verification in the cache any more. Its aliases stay for a while, and whose it was, for purges.
    /// Those that were purged stay away.
    pub(super) fn retire(&self, id: &VerificationId, verification: &Verification) {
        let whose = self.whose_key(verification);
        let mut is_noted = false;
        for alias in others(id, verification) {
            is_noted |= self.aliases.retire(&alias, id, whose);
        }
        if !is_noted {
            self.note_whose(id, verification);
        }
    }

    /// The same of those aliases that it had and has no more.
    pub(super) fn retire_all_but(
        &self,
        id: &VerificationId,
        old: &Verification,
        new: &Verification,
    ) {
        let is_left = |alias: &VerificationId| identifiers(new).any(|left| left == *alias);
        for alias in others(id, old).filter(|alias| !is_left(alias)) {
            self.aliases.retire(&alias, id, self.whose_key(old));
        }
    }

    /// Notes whose a verification is of which the evidence does not say that any more, if it is known.
    pub(super) fn note_whose(&self, id: &VerificationId, verification: &Verification) {
        let whose = self.whose_key(verification);
        if whose != IdentityKey::UNKNOWN {
            self.aliases.retire_own(id, whose);
        }
    }

    /// Notes that there is evidence in the cache which may have left it meanwhile. Adds no alias: those that were purged stay away.
    pub(super) fn restore(&self, id: &VerificationId, verification: &Verification) {
        for alias in others(id, verification) {
            self.aliases.restore(&alias, id);
        }
        if self.whose_key(verification) != IdentityKey::UNKNOWN {
            self.aliases.restore(id, id);
        }
    }

    /// Some of the aliases at a time, until all were: those that are so.
    pub(super) fn find(
        &self,
        is_so: impl Fn(Alias<'_>) -> bool,
    ) -> impl Iterator<Item = Vec<VerificationId>> {
        self.aliases.find(is_so)
    }

    /// The key by which former aliases name this identity.
    pub(super) fn identity_key(&self, identity: &Identity) -> IdentityKey {
        IdentityKey::new(self.keys.of(&identity.as_str()))
    }

    fn whose_key(&self, verification: &Verification) -> IdentityKey {
        match whose(verification) {
            Whose::Identity(identity) => self.identity_key(identity),
            Whose::Nobody | Whose::NotKept => IdentityKey::UNKNOWN,
        }
    }

    /// Whether the verification was invalidated by any of its identifiers since then. Where that is no longer known, it counts as
    /// invalidated.
    pub(super) async fn was_invalidated(&self, verification: &Verification, since: Tick) -> bool {
        self.has_tombstone(verification, since, |tombstone| tombstone.invalidated)
            .await
    }

    /// Whether the verification, or the person it is about, was purged since then. So it counts where that is not known: what a fetch in
    /// flight has not kept of the person cannot show that it is about somebody else.
    pub(super) async fn was_purged(&self, verification: &Verification, since: Tick) -> bool {
        self.was_identity_purged(verification, since).await
            || self
                .has_tombstone(verification, since, |tombstone| tombstone.purged)
                .await
    }

    async fn has_tombstone(
        &self,
        verification: &Verification,
        since: Tick,
        tick: impl Fn(Tombstone) -> Tick,
    ) -> bool {
        if since < Tick(self.evicted.load(Ordering::SeqCst)) {
            return true;
        }
        for id in identifiers(verification) {
            let tombstone = self.tombstones.get(&self.keys.of(&id)).await;
            if tombstone.is_some_and(|tombstone| since < tick(tombstone)) {
                return true;
            }
        }
        false
    }

    async fn was_identity_purged(&self, verification: &Verification, since: Tick) -> bool {
        if Tick(self.last_identity.load(Ordering::SeqCst)) < since {
            return false;
        }
        match whose(verification) {
            Whose::Identity(identity) => {
                let purged = self.identities.get(&self.keys.of(&identity.as_str())).await;
                purged.is_some_and(|at| since < at)
            }
            Whose::Nobody => false,
            Whose::NotKept => true,
        }
    }

    /// The other identifier that the verification is cached under, if any.
    pub(super) fn alias(&self, id: &VerificationId) -> Option<VerificationId> {
        self.aliases.get(id).filter(|cached_as| cached_as != id)
    }

    /// Sets a tombstone; returns the other identifier that the verification is cached under, if any.
    pub(super) async fn invalidate(&self, id: &VerificationId) -> Option<VerificationId> {
        let tick = self.tick();
        self.set_tombstone(id, |tombstone| Tombstone {
            invalidated: tick,
            ..tombstone
        })
        .await;
        self.alias(id)
    }

    /// Sets a tombstone that what is being fetched is not kept.
    pub(super) async fn purge(&self, id: &VerificationId) {
        let tick = self.tick();
        self.set_tombstone(id, |tombstone| Tombstone {
            purged: tick,
            ..tombstone
        })
        .await;
    }

    /// The same for whatever is about this identity.
    pub(super) async fn purge_identity(&self, identity: &Identity) {
        let tick = self.tick();
        self.identities
            .insert(self.keys.of(&identity.as_str()), tick)
            .await;
        self.last_identity.fetch_max(tick.0, Ordering::SeqCst);
    }

    async fn set_tombstone(
        &self,
        id: &VerificationId,
        change: impl FnOnce(Tombstone) -> Tombstone,
    ) {
        let entry = self.tombstones.entry(self.keys.of(id));
        entry
            .and_upsert_with(|tombstone| {
                let tombstone = tombstone.map_or(Tombstone::NONE, MokaEntry::into_value);
                ready(change(tombstone))
            })
            .await;
    }

    /// Removes an alias; whether there was one that led to another identifier.
    pub(super) fn remove(&self, alias: &VerificationId) -> bool {
        let removed = self.aliases.remove(alias);
        removed.is_some_and(|cached_as| cached_as != *alias)
    }

    /// Removes an identifier that leads to itself.
    pub(super) fn remove_own(&self, id: &VerificationId) {
        if self.alias(id).is_none() {
            self.aliases.remove(id);
        }
    }
}

/// Whose a verification is, by what was kept of it.
pub(super) enum Whose<'v> {
    /// Of this identity.
    Identity(&'v Identity),
    /// The upstream names none.
    Nobody,
    /// No policy reads identities, so that none was kept.
    NotKept,
}

pub(super) fn whose(verification: &Verification) -> Whose<'_> {
    match &verification.identity {
        _ if !verification.kept.include(DataKinds::IDENTITY) => Whose::NotKept,
        Datum::Known(identity) => Whose::Identity(identity),
        Datum::Missing | Datum::Unreadable => Whose::Nobody,
    }
}

/// The identifiers of a verification, which share its texts.
pub(super) fn identifiers(verification: &Verification) -> impl Iterator<Item = VerificationId> {
    let ids = [&verification.id, &verification.trace_id];
    let ids = ids.into_iter().flatten();
    ids.filter_map(|id| VerificationId::of_shared(id).ok())
}

/// The identifiers of a verification that is cached under this one, besides it.
fn others(
    id: &VerificationId,
    verification: &Verification,
) -> impl Iterator<Item = VerificationId> {
    identifiers(verification).filter(move |other| other != id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(identity: &str) -> Verification {
        Verification {
            trace_id: Some("t-1".into()),
            identity: Datum::Known(Identity::parse(identity).unwrap()),
            kept: DataKinds::IDENTITY,
            ..Verification::default()
        }
    }

    #[tokio::test]
    async fn a_fetch_that_began_before_a_purge_that_is_not_known_any_more_counts_as_purged() {
        let index = AliasIndex::new(8);
        let since = index.tick();
        index
            .purge_identity(&Identity::parse("id-0").unwrap())
            .await;
        assert!(index.was_purged(&about("id-0"), since).await);
        assert!(!index.was_purged(&about("id-x"), since).await);
        for n in 1..=2 * TOMBSTONES_MAX {
            let other = Identity::parse(&format!("id-{n}")).unwrap();
            index.purge_identity(&other).await;
        }
        index.identities.run_pending_tasks().await;
        assert!(index.was_purged(&about("id-0"), since).await);
        assert!(!index.was_purged(&about("id-0"), index.tick()).await);
    }

    #[tokio::test]
    async fn an_answer_with_one_identifier_keeps_where_it_leads() {
        let index = AliasIndex::new(8);
        let id = |text| VerificationId::parse(text).unwrap();
        let with_both = Verification {
            id: Some("v-1".into()),
            ..about("id-0")
        };
        index.learn(&id("v-1"), &with_both);
        index.learn(&id("t-1"), &about("id-0"));
        assert_eq!(index.invalidate(&id("t-1")).await, Some(id("v-1")));
        index.remove_own(&id("t-1"));
        assert_eq!(index.alias(&id("t-1")), Some(id("v-1")));
        // One that leads nowhere else.
        let with_one = Verification {
            trace_id: Some("t-2".into()),
            ..about("id-0")
        };
        index.retire(&id("t-2"), &with_one);
        assert!(index.aliases.get(&id("t-2")).is_some());
        index.remove_own(&id("t-2"));
        assert!(index.aliases.get(&id("t-2")).is_none());
    }

    #[test]
    fn an_alias_that_evidence_has_no_more_stays_for_purges() {
        let index = AliasIndex::new(8);
        let id = |text| VerificationId::parse(text).unwrap();
        let with = |trace: &str| Verification {
            trace_id: Some(trace.into()),
            ..about("id-0")
        };
        index.learn(&id("v-1"), &with("t-1"));
        let ada = index.identity_key(&Identity::parse("id-0").unwrap());
        let former = || -> Vec<_> { index.find(|alias| alias.whose == ada).flatten().collect() };
        index.retire_all_but(&id("v-1"), &with("t-1"), &with("t-1"));
        assert_eq!(former(), []);
        index.learn(&id("v-1"), &with("t-2"));
        index.retire_all_but(&id("v-1"), &with("t-1"), &with("t-2"));
        assert_eq!(former(), [id("t-1")]);
        assert_eq!(index.alias(&id("t-2")), Some(id("v-1")));
    }

    #[tokio::test]
    async fn so_does_one_of_a_verification() {
        let index = AliasIndex::new(8);
        let since = index.tick();
        let id = |n: u64| VerificationId::parse(&format!("t-{n}")).unwrap();
        index.purge(&id(1)).await;
        assert!(index.was_purged(&about("id-x"), since).await);
        assert!(!index.was_invalidated(&about("id-x"), since).await);
        for n in 2..=2 * TOMBSTONES_MAX {
            index.purge(&id(n)).await;
        }
        index.tombstones.run_pending_tasks().await;
        assert!(index.was_purged(&about("id-x"), since).await);
        assert!(!index.was_purged(&about("id-x"), index.tick()).await);
    }
}
