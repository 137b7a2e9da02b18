//! Stores the result of a fetch, unless an invalidation came in between.

use super::{EvidenceCache, entry::Entry, fetcher::is_old, store::Change, unread::without};
use crate::{
    clock::Moment,
    policy::{DataKinds, Finding, Verification, VerificationId},
    source::{Known, alias_index::Tick},
};

impl EvidenceCache {
    /// Whether what a fetch has returned may be from before an invalidation: it is older than the fetch, and the verification was ever
    /// invalidated. Not if it is newer than valid evidence in the cache, which is from after any invalidation.
    pub(super) async fn may_be_invalidated(&self, id: &VerificationId, fetched: &Known) -> bool {
        let Finding::Present(verification) = &fetched.evidence.finding else {
            return false;
        };
        if !is_old(fetched) {
            return false;
        }
        let entry = self.0.entries.get(id).await;
        let is_newest = entry.is_some_and(|entry| entry.is_superseded_by(&fetched.evidence));
        let aliases = &self.0.aliases;
        !is_newest && aliases.was_invalidated(verification, Tick::FIRST).await
    }

    /// Replaces what was invalidated by what may be from before the invalidation too, but is newer: it is served in its place, for as
    /// long.
    pub(super) async fn replace_older(
        &self,
        id: &VerificationId,
        started: Tick,
        fetched: &Known,
        since: Moment,
    ) {
        let change = async |entry: Option<Entry>| {
            let entry = entry.filter(|entry| entry.awaits(started));
            match entry.and_then(|entry| entry.with_newer(&fetched.evidence, since)) {
                Some(entry) => Change::Put(entry),
                None => Change::Keep,
            }
        };
        self.0.entries.update(id, change).await;
    }

    /// Stores the result of a fetch, unless its entry was removed or replaced while it was in flight, or the verification was
    /// invalidated by another of its identifiers, or purged. `reads` is what the check reads that has asked for it.
    ///
    /// Policies may be reloaded, and persons purged, at any moment. What looks through the entries then may not see this one yet, so both are
    /// looked for again once it is there.
    pub(super) async fn store(
        &self,
        id: &VerificationId,
        started: Tick,
        (known, reads): (&Known, DataKinds),
        since: Moment,
    ) {
        let aliases = &self.0.aliases;
        let verification = match &known.evidence.finding {
            Finding::Present(verification) => Some(verification),
            _ => None,
        };
        if let Some(verification) = verification {
            aliases.learn(id, verification);
        }
        let (keeps, mut is_stored) = (self.keeps_now(reads), false);
        let change = async |entry: Option<Entry>| {
            let Some(entry) = entry.filter(|entry| entry.awaits(started)) else {
                return Change::Keep;
            };
            let is_unusable = match verification {
                Some(verification) => {
                    aliases.was_invalidated(verification, started).await
                        || aliases.was_purged(verification, started).await
                }
                None => false,
            };
            if let (Some(old), Some(new)) = (entry.verification(), verification) {
                aliases.retire_all_but(id, old, new);
            }
            let entry = entry.after(&without(known, keeps), since, self.0.clock.moment());
            if is_unusable || entry.is_empty() {
                Change::Remove
            } else {
                is_stored = true;
                Change::Put(entry)
            }
        };
        self.0.entries.update(id, change).await;
        if let Some(verification) = verification {
            self.learn_again(id, verification, (is_stored, keeps)).await;
        }
        let keeps_now = self.keeps_now(reads);
        if keeps_now != keeps {
            self.drop_beyond(id, keeps_now).await;
        }
        if let Some(verification) = verification {
            let fetch = (id, started, is_stored);
            self.remove_purged(fetch, verification).await;
        }
        self.0.entries.run_pending_tasks().await;
    }

    /// Learns aliases once more, now that the evidence is there: what was evicted before it may have taken them along. If it was not stored, and
    /// there is none of this verification, they lead to none.
    async fn learn_again(
        &self,
        id: &VerificationId,
        verification: &Verification,
        (is_stored, keeps): (bool, DataKinds),
    ) {
        let aliases = &self.0.aliases;
        if is_stored {
            aliases.learn(id, verification);
        } else {
            let change = async |entry: Option<Entry>| {
                if !entry.is_some_and(|entry| entry.has_verification()) {
                    aliases.retire(id, verification);
                }
                Change::Keep
            };
            self.0.entries.update(id, change).await;
        }
        if !keeps.include(DataKinds::IDENTITY) {
            aliases.note_whose(id, verification);
        }
    }
}
