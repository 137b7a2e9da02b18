//! Who may call the vendor's API: one set of credentials, and the tokens issued for it.

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::policy::{Timestamp, after};

/// Lifetime of a token, as the vendor documents it.
pub const TOKEN_LIFE: Duration = Duration::from_mins(15);
/// Maximum number of valid tokens; the oldest is dropped first.
const TOKENS_MAX: usize = 1024;
/// `{"alg":"HS256"}` in base64: the vendor's tokens begin with it.
const TOKEN_HEADER: &str = "eyJhbGciOiJIUzI1NiJ9";

/// The credentials of one integration.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The API key, sent as `x-api-key`.
    pub api_key: String,
    /// The id of the integration.
    pub integration_id: String,
    /// The secret of the integration.
    pub secret: String,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            api_key: "demo-api-key".to_owned(),
            integration_id: "demo-integration".to_owned(),
            secret: "demo-secret".to_owned(),
        }
    }
}

/// The issued tokens, each with the time at which it expires.
#[derive(Debug)]
pub(super) struct Tokens {
    life: Duration,
    issued: Mutex<Vec<(String, Timestamp)>>,
}

impl Tokens {
    /// No tokens yet; each will be valid this long.
    pub(super) fn new(life: Duration) -> Self {
        Self {
            life,
            issued: Mutex::default(),
        }
    }

    /// Issues a token. It looks like a JWT, as the vendor's does, but its payload is random.
    pub(super) fn issue(&self, now: Timestamp) -> String {
        let (payload, signature) = (Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let token = format!("{TOKEN_HEADER}.{payload}.{signature}");
        let mut issued = self.lock();
        if issued.len() >= TOKENS_MAX {
            issued.remove(0);
        }
        issued.push((token.clone(), after(now, self.life)));
        token
    }

    /// Whether this token was issued and has not expired.
    pub(super) fn accepts(&self, token: &str, now: Timestamp) -> bool {
        let mut issued = self.lock();
        issued.retain(|(_, expires_at)| now < *expires_at);
        issued.iter().any(|(valid, _)| valid == token)
    }

    /// Expires every token.
    pub(super) fn expire(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(String, Timestamp)>> {
        self.issued.lock()
    }
}
