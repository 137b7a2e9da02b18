//! Removes the links that the page has made about verifications that are purged.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::StepUpPage;
use crate::{
    policy::{Identity, VerificationId},
    purge::Purgeable,
};

#[async_trait]
impl Purgeable for StepUpPage {
    async fn purge(&self, _: Option<&Identity>, verifications: &BTreeSet<&VerificationId>) {
        self.attempts.purge(verifications).await;
    }
}
