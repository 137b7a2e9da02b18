//! Whether a caller makes a request, for those who reach the service by a name that is not in its settings.

use std::fmt;

use async_trait::async_trait;
use http::HeaderMap;

use crate::peer::Peer;

/// Knows the callers.
#[async_trait]
pub trait Credentials: fmt::Debug + Send + Sync {
    /// Whether the request carries a valid credential of a caller that the configuration names. Where callers are not authenticated, no
    /// request does: a web page has no credential, and everybody would be a caller.
    async fn are_valid(&self, headers: &HeaderMap, peer: Option<&Peer>) -> bool;
}

/// No caller has a credential.
#[derive(Debug, Clone, Copy)]
pub struct NoCredentials;

#[async_trait]
impl Credentials for NoCredentials {
    async fn are_valid(&self, _: &HeaderMap, _: Option<&Peer>) -> bool {
        false
    }
}
