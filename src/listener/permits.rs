//! How many connections may be open: on all listeners for callers together, on each listener, and from one address.

use std::{net::IpAddr, sync::Arc};

use tokio::{
    select,
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
};

use crate::peer::{NetworkPermit, PerNetwork};

/// How many connections one listener may have.
#[derive(Debug, Clone)]
pub(super) struct ConnectionLimit {
    /// Those that no other listener can take.
    own: Arc<Semaphore>,
    /// Those that it shares with other listeners.
    shared: Option<Arc<Semaphore>>,
    networks: PerNetwork,
}

/// A permit for one connection, which is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Permit(#[expect(dead_code, reason = "held")] OwnedSemaphorePermit);

impl ConnectionLimit {
    /// This many connections, and those of the shared limit, of which one address may have this many.
    pub(super) fn new(own: usize, shared: Option<Arc<Semaphore>>, per_address: usize) -> Self {
        Self {
            own: Arc::new(Semaphore::new(own)),
            shared,
            networks: PerNetwork::new(per_address, usize::MAX),
        }
    }

    /// Whether the next connection would have to wait for a permit.
    pub(super) fn is_full(&self) -> bool {
        let is_full = |permits: &Arc<Semaphore>| permits.available_permits() == 0;
        is_full(&self.own) && self.shared.as_ref().is_none_or(is_full)
    }

    /// Waits for a permit. Connections that are not accepted meanwhile wait in the system's queue.
    pub(super) async fn next(&self) -> Result<Permit, AcquireError> {
        let own = Arc::clone(&self.own).acquire_owned();
        let Some(shared) = &self.shared else {
            return own.await.map(Permit);
        };
        select! {
            biased;
            permit = own => permit.map(Permit),
            permit = Arc::clone(shared).acquire_owned() => permit.map(Permit),
        }
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
    async fn a_listener_has_permits_of_its_own_that_no_other_takes_and_shares_the_rest() {
        let shared = Arc::new(Semaphore::new(2));
        let one = ConnectionLimit::new(1, Some(Arc::clone(&shared)), 9);
        let other = ConnectionLimit::new(1, Some(Arc::clone(&shared)), 9);
        let mut taken = Vec::new();
        while let Some(permit) = one.next().now_or_never() {
            taken.push(permit.unwrap());
        }
        assert_eq!(taken.len(), 3);
        assert!(one.is_full() && !other.is_full());
        let kept = other.next().now_or_never().unwrap().unwrap();
        assert!(other.is_full());
        assert!(other.next().now_or_never().is_none());
        taken.truncate(2);
        assert!(!one.is_full() && !other.is_full());
        let second = other.next().await.unwrap();
        drop((taken, kept, second));
        assert_eq!(shared.available_permits(), 2);
        assert_eq!(one.own.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_listener_that_shares_nothing_has_its_own() {
        let own = ConnectionLimit::new(1, None, 9);
        let permit = own.next().await.unwrap();
        assert!(own.is_full());
        assert!(own.next().now_or_never().is_none());
        drop(permit);
        assert!(!own.is_full());
    }
}
