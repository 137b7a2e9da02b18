//! Where a person who has verified again leaves the page. Their gateway still sends the id of the old verification, so that the id of the new one goes
//! along, signed, if the upstream says of both that they are of the same identity.

use std::{sync::Arc, time::Duration};

use crate::{
    callers::CallerId,
    clock::Clock,
    deps::Deps,
    gateway::{HAND_ON_PATH, OriginalUrl},
    policy::{DataKinds, Identity, VerificationId, after},
    signatures::{HandOn, SigningKeys, Transfer},
    source::{Known, LookupRequest, Priority, Source, Wait},
    step_up::{FollowOutcome, compare},
};

/// How long a browser waits for what the vendor says of both verifications.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);
/// How old what is known of them may be. The check that follows asks by the rules of its policy.
const MAX_AGE: Duration = Duration::from_mins(1);
/// How long a browser may take from the page to the host of the application.
const TRANSFER_LIFE: Duration = Duration::from_mins(1);

/// How the id of a new verification is handed on.
#[derive(Debug)]
pub struct HandingOn {
    source: Arc<dyn Source>,
    keys: Arc<SigningKeys>,
    life: Duration,
    clock: Arc<dyn Clock>,
}

/// Where a browser goes on to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Onward {
    /// To the host of the application, where it gets the new id.
    HandedOn(String),
    /// To what was asked for: the new verification does not count in place of the old one.
    NotHandedOn,
    /// Nowhere yet: the vendor is being asked.
    Asking,
}

impl HandingOn {
    /// What this source says of both verifications decides whether an id is handed on. It counts for `life`.
    pub fn new(
        source: Arc<dyn Source>,
        keys: Arc<SigningKeys>,
        life: Duration,
        deps: &Deps,
    ) -> Self {
        Self {
            source,
            keys,
            life,
            clock: Arc::clone(&deps.clock),
        }
    }

    /// Where a person goes on to, whose step-up has led from the old verification to the new one.
    pub(super) async fn onward(
        &self,
        (old, new): (&VerificationId, &VerificationId),
        original: &OriginalUrl,
        caller: &CallerId,
    ) -> Onward {
        let (known, later) = tokio::join!(self.known(old, caller), self.known(new, caller));
        let (Some(known), Some(later)) = (known, later) else {
            return Onward::Asking;
        };
        match compare(&known, &later) {
            FollowOutcome::Same(identity) => {
                Onward::HandedOn(self.transfer((old, new), original, identity))
            }
            FollowOutcome::Pending | FollowOutcome::Unavailable => Onward::Asking,
            FollowOutcome::OtherIdentity
            | FollowOutcome::NoIdentity
            | FollowOutcome::NotVerified => Onward::NotHandedOn,
        }
    }

    async fn known(&self, id: &VerificationId, caller: &CallerId) -> Option<Known> {
        let request = LookupRequest {
            at: self.clock.moment(),
            max_age: MAX_AGE,
            max_stale: MAX_AGE,
            reads: DataKinds::IDENTITY,
            wait: Wait::AtMost(LOOKUP_TIMEOUT),
            caller: caller.clone(),
            priority: Priority::Cold,
            failed_before: false,
        };
        // A network that asks for too much asks again later.
        self.source.look_up(id, request).await.ok()
    }

    /// The address on the host of the application where the browser gets the new id.
    fn transfer(
        &self,
        (old, new): (&VerificationId, &VerificationId),
        original: &OriginalUrl,
        identity: &Identity,
    ) -> String {
        let now = self.clock.now();
        let hand_on = HandOn {
            old: old.clone(),
            new: new.clone(),
            host: original.authority().into(),
            expires_at: after(now, self.life),
        };
        let transfer = self.keys.transfer(&Transfer {
            hand_on: self.keys.hand_on(&hand_on, identity).into(),
            original_url: original.as_str().into(),
            expires_at: after(now, TRANSFER_LIFE),
        });
        // A transfer is base64url.
        format!("{}{HAND_ON_PATH}?transfer={transfer}", original.origin())
    }
}
