//! Removes what is known of a verification or of a person: evidence, aliases, and the result of a fetch that is in flight.

use std::collections::BTreeSet;

use super::{
    EvidenceCache,
    entry::Entry,
    store::{Change, Turn},
};
use crate::{
    policy::{Verification, VerificationId},
    source::{
        PurgeTarget, Purged,
        alias_index::{Tick, Whose, identifiers, whose},
    },
};

impl EvidenceCache {
    /// Removes it here, and from the source behind. Each tombstone is set before it is looked for what there is, so that a fetch in flight
    /// either finds it, or has stored what is found here.
    pub(super) async fn purge_target(&self, target: &PurgeTarget) -> Purged {
        let mut purged = Purged::default();
        let first = match target {
            PurgeTarget::Verification(id) => vec![id.clone()],
            PurgeTarget::Identity(identity) => {
                self.0.aliases.purge_identity(identity).await;
                let is_theirs = |entry: &Entry| match entry.verification().map(whose) {
                    Some(Whose::Identity(known)) => known == identity,
                    Some(Whose::NotKept) => {
                        purged.unidentified = purged.unidentified.saturating_add(1);
                        false
                    }
                    Some(Whose::Nobody) | None => false,
                };
                self.0.entries.find(is_theirs).await
            }
        };
        self.purge_all(first, &mut purged).await;
        self.0.entries.run_pending_tasks().await;
        self.0.aliases.run_pending_tasks().await;
        purged.and(self.0.fetcher.purge(target).await)
    }

    /// Removes these verifications under all of their identifiers.
    async fn purge_all(&self, mut pending: Vec<VerificationId>, purged: &mut Purged) {
        let (mut done, mut turn) = (BTreeSet::new(), Turn::default());
        while let Some(id) = pending.pop() {
            if !done.insert(id.clone()) {
                continue;
            }
            turn.step().await;
            let aliases = &self.0.aliases;
            aliases.purge(&id).await;
            if let Some(other) = aliases.alias(&id).await {
                pending.push(other);
            }
            if aliases.remove(&id).await {
                purged.aliases = purged.aliases.saturating_add(1);
            }
            let change = async |entry: Option<Entry>| {
                let Some(entry) = entry else {
                    return Change::Keep;
                };
                if let Some(verification) = entry.verification() {
                    purged.evidence = purged.evidence.saturating_add(1);
                    pending.extend(identifiers(verification));
                }
                Change::Remove
            };
            self.0.entries.update(&id, change).await;
        }
        purged.verifications = done.into_iter().collect();
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
            let change =
                async |entry: Option<Entry>| entry.map_or(Change::Keep, |_| Change::Remove);
            self.0.entries.update(id, change).await;
        }
        if self.0.entries.get(id).await.is_none() {
            for alias in identifiers(verification).filter(|alias| alias != id) {
                aliases.remove(&alias).await;
            }
            aliases.run_pending_tasks().await;
        }
    }
}
