//! Whether a caller makes a request, for those who reach the service by a name that is not in its settings.

use std::fmt;

use async_trait::async_trait;
use http::HeaderMap;

use crate::{callers::Callers, peer::Peer};

/// Knows the callers.
#[async_trait]
pub trait Credentials: fmt::Debug + Send + Sync {
    /// Whether the request carries a valid credential of a caller that the configuration names. Where callers are not authenticated, no
    /// request does: a web page has no credential, and everybody would be a caller.
    async fn are_valid(&self, headers: &HeaderMap, peer: Option<&Peer>) -> bool;
}

#[async_trait]
impl Credentials for Callers {
    async fn are_valid(&self, headers: &HeaderMap, peer: Option<&Peer>) -> bool {
        !self.is_open() && self.authenticate(headers, peer).await.is_ok()
    }
}
