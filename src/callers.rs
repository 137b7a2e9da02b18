//! Who asks, and how much they may cause: the identity of a caller, and its quota of work at the upstream.

mod quota;

use std::net::IpAddr;

pub use self::quota::{OverQuota, Quota, Quotas};

/// Who a call is made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A client of the service, known by the address that it connects from.
    Address(IpAddr),
    /// The service itself: refresh-ahead and prefetches after webhooks. It has no quota; its callers bound it.
    Internal,
}
