//! Removes what memory knows of a person or of a verification, and records that in the journal without saying whose it was.
//!
//! Why a salted digest: a record with the identifier would keep what was to be erased, and one with nothing could not be shown to the person
//! who asks. The record has SHA-256 over a random salt and the identifier, and only the answer has the salt. Anyone who has both finds
//! the record; nobody finds the person from the record, also not by trying all identifiers.

mod purgeable;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom as _, SystemRandom},
};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tracing::{error, info};
use uuid::Uuid;

pub use self::purgeable::Purgeable;
use crate::{
    callers::CallerId,
    clock::Clock,
    deps::Deps,
    flight::{Flight, Spawn},
    journal::{ChangeEvent, Journal, JournalError, hex},
    policy::Timestamp,
    source::{PurgeTarget, Purged, Source},
    step_up::StepUps,
};

/// How long the answer waits for the record.
const RECORD_WAIT: Duration = Duration::from_secs(5);

/// Purges persons and verifications. Clones share everything.
#[derive(Debug, Clone)]
pub struct Purges(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Arc<dyn Source>,
    step_ups: StepUps,
    others: Vec<Arc<dyn Purgeable>>,
    journal: Journal,
    clock: Arc<dyn Clock>,
    spawn: Spawn,
    /// One purge at a time: each looks at all entries.
    turn: Semaphore,
}

/// What was purged, for the one who asked for it.
#[derive(Debug, Clone)]
pub struct PurgeReceipt {
    /// The id of the purge, which its record has too.
    pub id: Uuid,
    /// When it began.
    pub at: Timestamp,
    /// What was named.
    pub by: &'static str,
    /// What left the cache of evidence.
    pub purged: Purged,
    /// How many step-ups were removed.
    pub step_ups: usize,
    /// With which the digest is made, in hex. It is kept nowhere.
    pub salt: Box<str>,
    /// The digest in the record: SHA-256 over `SALT:BY:ID`, in hex.
    pub digest: Box<str>,
    /// Whether the record is in the journal. If it is not yet, it is queued.
    pub is_recorded: bool,
}

/// Why nothing was purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PurgeError {
    /// Another purge runs.
    #[error("another purge is running: repeat it in a moment")]
    Busy,
    /// The journal takes no record.
    #[error(
        "the journal cannot be written or its queue is full, so nothing was purged: repeat it when `/readyz` says that it can"
    )]
    NotRecordable,
    /// It was carried out, and it is not known whether it is recorded: the journal has ended meanwhile.
    #[error(
        "what was known was purged, and its record may be lost because the journal has ended: repeat it once the service runs again"
    )]
    NotRecorded,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes, so nothing was purged")]
    NoRandom,
    /// An internal error, after which it is not known what was purged.
    #[error("the purge has ended early: repeat it")]
    Abandoned,
}

/// What is named, as the record has it.
fn kind_of(target: &PurgeTarget) -> (&'static str, &str) {
    match target {
        PurgeTarget::Verification(id) => ("verification", id.as_str()),
        PurgeTarget::Identity(identity) => ("identity", identity.as_str()),
    }
}

/// The digest of a person or of a verification with this salt.
fn digest_of(salt: &str, target: &PurgeTarget) -> Box<str> {
    let (by, id) = kind_of(target);
    let text = format!("{salt}:{by}:{id}");
    let digest = digest(&SHA256, text.as_bytes());
    hex(&digest.as_ref().try_into().unwrap_or_default()).into()
}

impl Purges {
    /// Purges what this source, these step-ups and these others have, and records it in this journal.
    pub fn new(
        source: Arc<dyn Source>,
        step_ups: StepUps,
        others: Vec<Arc<dyn Purgeable>>,
        journal: Journal,
        deps: &Deps,
    ) -> Self {
        Self(Arc::new(Inner {
            source,
            step_ups,
            others,
            journal,
            clock: Arc::clone(&deps.clock),
            spawn: deps.spawn.clone(),
            turn: Semaphore::new(1),
        }))
    }

    /// Purges what is known of this person or verification, for this caller. A caller that leaves does not end it.
    pub async fn purge(
        &self,
        target: PurgeTarget,
        caller: CallerId,
    ) -> Result<PurgeReceipt, PurgeError> {
        let purges = self.clone();
        let work = async move { purges.carry_out(&target, &caller).await };
        let flight = Flight::start(&self.0.spawn, work);
        flight.result().await.unwrap_or(Err(PurgeError::Abandoned))
    }

    async fn carry_out(
        &self,
        target: &PurgeTarget,
        caller: &CallerId,
    ) -> Result<PurgeReceipt, PurgeError> {
        let inner = &self.0;
        let _turn = inner.turn.try_acquire().map_err(|_| PurgeError::Busy)?;
        // Held until it is used: what is purged can be recorded, whatever else is recorded meanwhile.
        let place = inner.journal.reserve_change();
        let place = place.map_err(|_| PurgeError::NotRecordable)?;
        let mut salt = [0; 32];
        let filled = SystemRandom::new().fill(&mut salt);
        filled.map_err(|_| PurgeError::NoRandom)?;
        let salt = hex(&salt);
        let at = inner.clock.moment();
        let purged = inner.source.purge(target).await;
        let step_ups = inner.step_ups.purge(&purged.verifications).await;
        let identity = match target {
            PurgeTarget::Identity(identity) => Some(identity),
            PurgeTarget::Verification(_) => None,
        };
        let verifications: BTreeSet<_> = purged.verifications.iter().collect();
        for other in &inner.others {
            other.purge(identity, &verifications).await;
        }
        let mut receipt = PurgeReceipt {
            id: at.uuid(),
            at: at.now,
            by: kind_of(target).0,
            purged,
            step_ups,
            digest: digest_of(&salt, target),
            salt: salt.into(),
            is_recorded: false,
        };
        let record = receipt.record(caller);
        let recorded = place.record_within(RECORD_WAIT, record, receipt.at).await;
        receipt.is_recorded = recorded.is_ok();
        receipt.log(caller);
        match recorded {
            Ok(()) | Err(JournalError::Late) => Ok(receipt),
            Err(_) => Err(PurgeError::NotRecorded),
        }
    }
}

impl PurgeReceipt {
    /// What the journal says of it. Nothing in it is of the person.
    fn record(&self, caller: &CallerId) -> ChangeEvent {
        let members = [
            ("purge_id", json!(self.id.to_string())),
            ("caller", json!(caller.as_str())),
            ("by", json!(self.by)),
            ("subject_digest", json!(self.digest)),
            ("evidence", json!(self.purged.evidence)),
            ("aliases", json!(self.purged.aliases)),
            ("step_ups", json!(self.step_ups)),
            ("unidentified", json!(self.purged.unidentified)),
        ];
        let members = members.map(|(key, value): (&str, Value)| (key.to_owned(), value));
        ChangeEvent {
            event: "purged",
            members: Map::from_iter(members),
        }
    }

    fn log(&self, caller: &CallerId) {
        info!(
            event = "purged",
            purge_id = %self.id,
            caller = caller.as_str(),
            by = self.by,
            evidence = self.purged.evidence,
            step_ups = self.step_ups,
            "a person or a verification was purged from memory"
        );
        if !self.is_recorded {
            error!(
                event = "purge_not_recorded",
                purge_id = %self.id,
                "the journal has not recorded a purge yet; if the service ends before it does, repeat the purge"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Identity, VerificationId};

    #[test]
    fn the_digest_is_what_sha256sum_says_and_never_that_of_the_other_kind() {
        let identity = PurgeTarget::Identity(Identity::parse("id-ada").unwrap());
        // printf '%s' "ab:identity:id-ada" | sha256sum
        assert_eq!(
            &*digest_of("ab", &identity),
            "8c22519aced307a82fc0c4acaa8e2d5ec6a7d731192e450f6953e3e893cbf633"
        );
        let id = VerificationId::parse("id-ada").unwrap();
        let verification = PurgeTarget::Verification(id);
        assert_ne!(digest_of("ab", &identity), digest_of("ab", &verification));
        assert_ne!(digest_of("ab", &identity), digest_of("ac", &identity));
    }
}
