//! The identities of callers.

use std::net::IpAddr;

use super::{
    name::{CallerName, NamedCaller},
    priority::CallerPriority,
};
use crate::peer::network_of;

/// Callers that are kept apart. The least recently used one is dropped.
pub(super) const CALLERS_MAX: u64 = 10_000;

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

impl CallerId {
    /// The caller at this address. All addresses that one host can choose from are one caller: those of the loopback, and those of an
    /// IPv6 network of 64 bits. An IPv4 address that is written as IPv6 is the IPv4 address.
    pub fn of(address: IpAddr) -> Self {
        Self::Address(network_of(address))
    }

    /// Its name in the journal, in metrics, traces and logs.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Address(_) => CallerName::ANONYMOUS,
            Self::Named(caller) => caller.name().as_str(),
            Self::Internal => CallerName::INTERNAL,
        }
    }

    /// Whether its calls are served before those of others.
    pub fn priority(&self) -> CallerPriority {
        match self {
            Self::Named(caller) => caller.priority(),
            Self::Address(_) | Self::Internal => CallerPriority::Gateways,
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
