//! Counts what each network has open, such as connections, within a bound for one network and one for all together.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use parking_lot::Mutex;

use super::network_of;

/// What networks have open. Clones share it.
#[derive(Debug, Clone)]
pub struct PerNetwork(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    open: Mutex<Open>,
    each_max: usize,
    all_max: usize,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_network: HashMap<IpAddr, usize>,
}

/// One of what a network has open, until it is dropped.
#[derive(Debug)]
pub struct NetworkPermit {
    counts: PerNetwork,
    network: IpAddr,
}

impl PerNetwork {
    /// One network may have `each_max` open, and all together `all_max`.
    pub fn new(each_max: usize, all_max: usize) -> Self {
        Self(Arc::new(Inner {
            open: Mutex::default(),
            each_max,
            all_max,
        }))
    }

    /// How many are open in all.
    pub fn open(&self) -> usize {
        self.0.open.lock().all
    }

    /// One more for the network of this address; `None` if it is one too many.
    pub fn enter(&self, address: IpAddr) -> Option<NetworkPermit> {
        let network = network_of(address);
        let mut open = self.0.open.lock();
        let own = open.by_network.get(&network).copied().unwrap_or(0);
        if own >= self.0.each_max || open.all >= self.0.all_max {
            return None;
        }
        open.by_network.insert(network, own.saturating_add(1));
        open.all = open.all.saturating_add(1);
        Some(NetworkPermit {
            counts: self.clone(),
            network,
        })
    }
}

impl Drop for NetworkPermit {
    fn drop(&mut self) {
        let mut open = self.counts.0.open.lock();
        open.all = open.all.saturating_sub(1);
        if let Some(own) = open.by_network.get_mut(&self.network) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                open.by_network.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_and_all_together_are_bounded_and_leave_no_trace() {
        let counts = PerNetwork::new(2, 5);
        let enter = |address: &str| counts.enter(address.parse().unwrap());
        let first = enter("192.0.2.1").unwrap();
        let second = enter("::ffff:192.0.2.1").unwrap();
        assert!(enter("192.0.2.1").is_none());
        drop(first);
        let third = enter("192.0.2.1").unwrap();
        let one_host = [enter("2001:db8::1").unwrap(), enter("2001:db8::2").unwrap()];
        assert!(enter("2001:db8::3").is_none());
        let last = enter("127.0.0.1").unwrap();
        assert!(enter("198.51.100.1").is_none(), "all together have five");
        drop((second, third, one_host, last));
        let open = counts.0.open.lock();
        assert!(open.all == 0 && open.by_network.is_empty());
    }
}
