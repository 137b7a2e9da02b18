//! Who asks, and how much they may cause: the identity of a caller, and its quota of work at the upstream.

mod quota;

use std::net::IpAddr;

pub use self::quota::{OverQuota, Quota, Quotas};

/// A client of the service, as one of its calls shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Its identity: the key of its quotas.
    pub id: CallerId,
    /// The address that the call comes from.
    pub address: IpAddr,
}

/// The identity of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallerId {
    /// A client of the service, known by the address that it connects from.
    Address(IpAddr),
    /// The service itself: refresh-ahead and prefetches after webhooks. It has no quota; its callers bound it.
    Internal,
}

impl Caller {
    /// A caller that is known by its address alone.
    pub fn at(address: IpAddr) -> Self {
        Self {
            id: CallerId::Address(address),
            address,
        }
    }
}
