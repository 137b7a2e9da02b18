//! How the vendor's webhooks are authenticated.

use http::HeaderName;

use crate::secrets::Secret;

/// The settings of webhooks.
#[derive(Debug, Clone)]
pub struct Config {
    /// The header that carries the secret.
    pub header: HeaderName,
    /// The secret.
    pub secret: Secret,
    /// The secret before it, which is accepted as well while it is being replaced.
    pub previous_secret: Option<Secret>,
}
