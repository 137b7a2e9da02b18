//! Who asks, what they may do, and how much they may cause: callers are authenticated by a token or a client certificate; each has
//! permissions, a quota of work at the upstream, and a record of what its lookups came to.

mod id;
mod name;
mod priority;
mod permissions;
mod glob;
mod token;
mod certificate;
mod config;
mod issuers;
mod certificate_index;
mod conflicts;
mod directory;
mod credentials;
mod misses;
mod quota;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

pub use self::{
    certificate::{CertificatePattern, InvalidPatternError},
    config::{CallerConfig, CallerJwt},
    conflicts::{ConflictingCallersError, KnownCredentials},
    credentials::{AuthenticationError, TOKEN_HEADER, bearer, credential_headers, foreign_bearer},
    directory::Callers,
    glob::{Glob, InvalidGlobError, InvalidTextGlobError},
    id::CallerId,
    issuers::IssuerError,
    misses::{LookupResult, Misses},
    name::{CallerName, InvalidCallerNameError, NamedCaller},
    permissions::{Assertion, NotPermittedError, Permissions, Proven},
    priority::CallerPriority,
    quota::{OverQuotaError, Quota, Quotas},
    token::{InvalidEntryError, SentToken, Token, TokenEntry, TokenId, without_tokens},
};
use crate::rate_limit::TokenBucket;

/// A client of the service, as one of its calls shows it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Its identity: the key of its quotas.
    pub id: CallerId,
    /// The address that the call comes from.
    pub address: IpAddr,
    /// What it may do.
    pub permissions: Arc<Permissions>,
    /// The rate of its calls; `None` is unlimited.
    calls: Option<Arc<TokenBucket>>,
}

impl Caller {
    /// A caller that is known by its address alone, where callers are not authenticated. It may do everything.
    pub fn anonymous(address: IpAddr) -> Self {
        Self {
            id: CallerId::of(address),
            address,
            permissions: Arc::new(Permissions::all()),
            calls: None,
        }
    }

    /// A caller that nobody has authenticated. It may do nothing.
    pub fn unauthenticated(address: IpAddr) -> Self {
        Self {
            permissions: Arc::new(Permissions::default()),
            ..Self::anonymous(address)
        }
    }

    /// The service itself, which may do everything.
    pub fn internal() -> Self {
        Self {
            id: CallerId::Internal,
            ..Self::anonymous(Ipv4Addr::LOCALHOST.into())
        }
    }

    /// Counts one check or step-up of this caller; an error if its calls come too fast.
    pub fn count_call(&self, uptime: Duration) -> Result<(), OverQuotaError> {
        let Some(calls) = &self.calls else {
            return Ok(());
        };
        let taken = calls.take(uptime, Duration::ZERO);
        taken
            .map(drop)
            .map_err(|retry_after| OverQuotaError { retry_after })
    }
}
