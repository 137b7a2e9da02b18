//! How many connections may be open: on all listeners for callers together, on each listener, and from one address.

use std::{net::IpAddr, sync::Arc};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::peer::{NetworkPermit, PerNetwork};

/// How many connections one listener may have.
#[derive(Debug, Clone)]
pub(super) struct ConnectionLimit {
    /// Those that it shares with other listeners, then its own.
    bounds: Vec<Arc<Semaphore>>,
    networks: PerNetwork,
}

/// A permit for one connection, which is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Permit(#[expect(dead_code, reason = "held")] Vec<OwnedSemaphorePermit>);

impl ConnectionLimit {
    /// Connections within all of these bounds, of which one address may have this many.
    pub(super) fn new(bounds: Vec<Arc<Semaphore>>, per_address: usize) -> Self {
        Self {
            bounds,
            networks: PerNetwork::new(per_address, usize::MAX),
        }
    }

    /// Whether the next connection would have to wait for a permit.
    pub(super) fn is_full(&self) -> bool {
        self.bounds
            .iter()
            .any(|bound| bound.available_permits() == 0)
    }

    /// Waits for a permit. Connections that are not accepted meanwhile wait in the system's queue.
    pub(super) async fn next(&self) -> Result<Permit, AcquireError> {
        let mut permits = Vec::with_capacity(self.bounds.len());
        // Always in the same order, so that two listeners never wait for each other.
        for bound in self.bounds.iter().rev() {
            permits.push(Arc::clone(bound).acquire_owned().await?);
        }
        Ok(Permit(permits))
    }

    /// A permit among those of this address; `None` if it has all that it may have.
    pub(super) fn of_address(&self, address: IpAddr) -> Option<NetworkPermit> {
        self.networks.enter(address)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_permit_is_within_every_bound_and_free_again_when_it_is_dropped() {
        let (shared, own) = (Arc::new(Semaphore::new(2)), Arc::new(Semaphore::new(1)));
        let permits = ConnectionLimit::new(vec![Arc::clone(&shared), Arc::clone(&own)], 9);
        let other = ConnectionLimit::new(vec![Arc::clone(&shared)], 9);
        let first = permits.next().await.unwrap();
        assert!(permits.is_full());
        assert!(permits.next().now_or_never().is_none());
        assert_eq!(
            shared.available_permits(),
            1,
            "a permit that is waited for takes none of the others'"
        );
        let second = other.next().await.unwrap();
        drop(first);
        assert!(!permits.is_full());
        let third = permits.next().await.unwrap();
        assert!(other.is_full());
        drop((second, third));
        assert_eq!(
            (shared.available_permits(), own.available_permits()),
            (2, 1)
        );
    }
}
