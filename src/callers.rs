//! Who asks, what they may do, and how much they may cause: callers are authenticated by a token or a client certificate; each has
//! permissions, a quota of work at the upstream, and a record of what its lookups came to.

mod name;
mod permissions;
mod glob;
mod token;
mod certificate;
mod config;
mod directory;
mod credentials;
mod misses;
mod quota;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

pub use self::{
    certificate::{CertificatePattern, InvalidPatternError},
    config::CallerConfig,
    credentials::{AuthenticationError, TOKEN_HEADER},
    directory::{Callers, ConflictingCallersError},
    glob::{Glob, InvalidGlobError},
    misses::{LookupResult, Misses},
    name::{CallerName, InvalidCallerNameError, NamedCaller},
    permissions::{Assertion, NotPermittedError, Permissions},
    quota::{OverQuotaError, Quota, Quotas},
    token::{InvalidEntryError, Token, TokenEntry, TokenId},
};
use crate::rate_limit::TokenBucket;

/// Callers that are kept apart. The least recently used one is dropped.
const CALLERS_MAX: u64 = 10_000;
/// The part of an IPv6 address that its holder does not choose: a network of 64 bits is the smallest that is handed out.
const IPV6_NETWORK: u128 = u128::MAX << 64;

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

/// The identity of a caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CallerId {
    /// A client of the service, known by where it connects from: see [`CallerId::of`].
    Address(IpAddr),
    /// A client that the configuration names.
    Named(NamedCaller),
    /// The service itself: refresh-ahead and prefetches after webhooks. It has no quota; its callers bound it.
    Internal,
}

/// Whose calls are served first where not all can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallerPriority {
    /// A person stands in front of a door.
    Door,
    /// A login or an API can be repeated.
    Gateway,
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
        taken.map(drop).map_err(|retry_after| OverQuotaError { retry_after })
    }
}

impl CallerId {
    /// The name of every caller that the configuration does not name.
    pub const ANONYMOUS: &'static str = "anonymous";
    /// The name of the service itself.
    pub const INTERNAL: &'static str = "internal";

    /// The caller at this address. All addresses that one host can choose from are one caller: those of the loopback, and those of an
    /// IPv6 network of 64 bits. An IPv4 address that is written as IPv6 is the IPv4 address.
    pub fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self::Address(match address {
            _ if address.is_loopback() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & IPV6_NETWORK).into(),
        })
    }

    /// Its name in the journal, in metrics, traces and logs.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Address(_) => Self::ANONYMOUS,
            Self::Named(caller) => caller.name().as_str(),
            Self::Internal => Self::INTERNAL,
        }
    }

    /// Whether its calls are served before those of others.
    pub fn priority(&self) -> CallerPriority {
        match self {
            Self::Named(caller) => caller.priority(),
            Self::Address(_) | Self::Internal => CallerPriority::Gateway,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> CallerId {
        CallerId::of(address.parse().unwrap())
    }

    #[test]
    fn the_addresses_that_one_host_chooses_from_are_one_caller() {
        let together = [
            ("127.0.0.1", "127.255.255.254"),
            ("127.0.0.1", "::1"),
            ("127.0.0.1", "::ffff:127.9.9.9"),
            ("192.0.2.7", "::ffff:192.0.2.7"),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
        ];
        for (one, other) in together {
            assert_eq!(of(one), of(other), "{one} {other}");
        }
        let apart = [
            ("192.0.2.7", "192.0.2.8"),
            ("::ffff:192.0.2.7", "::ffff:192.0.2.8"),
            ("2001:db8:1:2::1", "2001:db8:1:3::1"),
            ("2001:db8:1:2::1", "127.0.0.1"),
            ("128.0.0.1", "127.0.0.1"),
        ];
        for (one, other) in apart {
            assert_ne!(of(one), of(other), "{one} {other}");
        }
    }
}
