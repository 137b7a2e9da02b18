//! What keeps something of a person or of a verification, beside evidence and step-ups.

use std::{collections::BTreeSet, fmt::Debug};

use async_trait::async_trait;

use crate::{
    policy::{Identity, VerificationId},
    session::Sessions,
    step_up::PageAddress,
    webhook_queue::WebhookQueue,
};

/// Keeps something of persons or of verifications.
#[async_trait]
pub trait Purgeable: Debug + Send + Sync + 'static {
    /// Removes what it keeps of these verifications, and of this identity.
    async fn purge(&self, identity: Option<&Identity>, verifications: &BTreeSet<&VerificationId>);
}

/// Verified tokens of sessions.
#[async_trait]
impl Purgeable for Sessions {
    async fn purge(&self, identity: Option<&Identity>, verifications: &BTreeSet<&VerificationId>) {
        let _ = self.purge(identity, verifications);
    }
}

/// E-mail addresses that gateways have brought.
#[async_trait]
impl Purgeable for PageAddress {
    async fn purge(&self, _: Option<&Identity>, verifications: &BTreeSet<&VerificationId>) {
        self.purge(verifications);
    }
}

/// How often webhooks about a verification are processed.
#[async_trait]
impl Purgeable for WebhookQueue {
    async fn purge(&self, _: Option<&Identity>, verifications: &BTreeSet<&VerificationId>) {
        self.purge(verifications).await;
    }
}
