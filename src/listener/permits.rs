//! How many connections may be open: on all listeners for callers together, on each listener, and from one address.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// The permits of one listener.
#[derive(Debug, Clone)]
pub(super) struct ConnectionLimit {
    /// Those that it shares with other listeners, then its own.
    bounds: Vec<Arc<Semaphore>>,
    addresses: Arc<Addresses>,
}

/// The connections of each address.
#[derive(Debug)]
struct Addresses {
    open: Mutex<HashMap<IpAddr, usize>>,
    most: usize,
}

/// A permit for one connection, which is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Permit(#[expect(dead_code, reason = "held")] Vec<OwnedSemaphorePermit>);

/// A permit among those of an address.
#[derive(Debug)]
pub(super) struct AddressPermit {
    addresses: Arc<Addresses>,
    network: IpAddr,
}

impl ConnectionLimit {
    /// ConnectionLimit within these bounds, of which one address may have this many.
    pub(super) fn new(bounds: Vec<Arc<Semaphore>>, per_address: usize) -> Self {
        Self {
            bounds,
            addresses: Arc::new(Addresses {
                open: Mutex::default(),
                most: per_address,
            }),
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
    pub(super) fn of_address(&self, network: IpAddr) -> Option<AddressPermit> {
        let mut open = self.addresses.open.lock();
        let count = open.entry(network).or_default();
        if *count >= self.addresses.most {
            return None;
        }
        *count += 1;
        Some(AddressPermit {
            addresses: Arc::clone(&self.addresses),
            network,
        })
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let mut open = self.addresses.open.lock();
        if let Some(count) = open.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_place_is_within_every_bound_and_free_again_when_it_is_dropped() {
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

    #[test]
    fn an_address_has_as_many_connections_as_it_may_and_no_trace_when_they_have_ended() {
        let permits = ConnectionLimit::new(Vec::new(), 2);
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let first = permits.of_address(one).unwrap();
        let second = permits.of_address(one).unwrap();
        assert!(permits.of_address(one).is_none());
        assert!(permits.of_address(other).is_some());
        drop(first);
        let third = permits.of_address(one).unwrap();
        drop((second, third));
        assert!(permits.addresses.open.lock().is_empty());
    }
}
