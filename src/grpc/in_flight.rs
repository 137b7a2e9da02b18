//! How many calls may be in flight at once, and how many watches of health may be open.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use axum::{body::Body, response::Response};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use prometheus::IntCounter;

use crate::{deps::Deps, metrics::gauge_of, peer::network_of};

/// What the heads of all calls in flight may take together, in bytes as RFC 9113 counts them. That of a usual call is about 600.
const HEAD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Watches of health that may be open at once: in all, and from one address.
const WATCHES_MAX: usize = 1_000;
const WATCHES_PER_ADDRESS: usize = 50;

/// The calls in flight, within their bound. Clones share them.
#[derive(Debug, Clone)]
pub struct InFlight {
    calls: Arc<Counts>,
    most: usize,
    refused: IntCounter,
}

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicUsize,
    head_bytes: AtomicUsize,
}

/// One call in flight, until it is dropped.
#[derive(Debug)]
pub(super) struct InFlightCall {
    counts: Arc<Counts>,
    head_bytes: usize,
}

impl InFlight {
    /// At most this many calls.
    pub fn new(most: usize, deps: &Deps) -> Result<Self, prometheus::Error> {
        let calls = Arc::new(Counts::default());
        let counted = Arc::clone(&calls);
        gauge_of(
            &deps.registry,
            "verigate_calls_in_flight",
            "gRPC calls in flight that decide or begin a step-up.",
            move || f64::from(u32::try_from(counted.calls.load(Relaxed)).unwrap_or(u32::MAX)),
        )?;
        let refused = IntCounter::new(
            "verigate_calls_refused_total",
            "gRPC calls refused with RESOURCE_EXHAUSTED because too many were in flight.",
        )?;
        deps.registry.register(Box::new(refused.clone()))?;
        Ok(Self {
            calls,
            most,
            refused,
        })
    }

    /// A call begins whose head takes this many bytes; `None` if it is one too many, or if all heads would take too much.
    pub(super) fn enter(&self, head_bytes: usize) -> Option<InFlightCall> {
        let counts = Arc::clone(&self.calls);
        let before = counts.calls.fetch_add(1, Relaxed);
        let bytes_before = counts.head_bytes.fetch_add(head_bytes, Relaxed);
        // Dropped if it is refused, which takes it off again.
        let call = InFlightCall { counts, head_bytes };
        if before < self.most && bytes_before.saturating_add(head_bytes) <= HEAD_BYTES_MAX {
            return Some(call);
        }
        self.refused.inc();
        None
    }
}

impl Drop for InFlightCall {
    fn drop(&mut self) {
        self.counts.calls.fetch_sub(1, Relaxed);
        self.counts.head_bytes.fetch_sub(self.head_bytes, Relaxed);
    }
}

/// The open watches of health, in all and by address.
#[derive(Debug, Clone, Default)]
pub(super) struct WatchLimit(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// The permit of one watch, until it is dropped.
#[derive(Debug)]
pub(super) struct WatchPermit {
    permits: WatchLimit,
    network: IpAddr,
}

impl WatchLimit {
    /// A watch from this address begins; `None` if it is one too many.
    pub(super) fn enter(&self, address: IpAddr) -> Option<WatchPermit> {
        let network = network_of(address);
        let mut open = self.0.lock();
        let all: usize = open.values().sum();
        let own = open.get(&network).copied().unwrap_or(0);
        if all >= WATCHES_MAX || own >= WATCHES_PER_ADDRESS {
            return None;
        }
        open.insert(network, own + 1);
        Some(WatchPermit {
            permits: self.clone(),
            network,
        })
    }
}

impl WatchPermit {
    /// The response of the watch, which keeps its permit until its body ends or is dropped.
    pub(super) fn held_by(self, response: Response) -> Response {
        response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _held = &self;
                frame
            }))
        })
    }
}

impl Drop for WatchPermit {
    fn drop(&mut self) {
        let mut open = self.permits.0.lock();
        if let Some(count) = open.get_mut(&self.network) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_and_watches_are_bounded_and_counted_until_they_end() {
        let clock = Arc::new(crate::clock::SystemClock);
        let in_flight = InFlight::new(2, &Deps::new(clock)).unwrap();
        let first = in_flight.enter(600).unwrap();
        let second = in_flight.enter(600).unwrap();
        assert!(in_flight.enter(600).is_none());
        assert!(in_flight.enter(600).is_none());
        assert_eq!(in_flight.refused.get(), 2);
        drop(first);
        let third = in_flight.enter(600).unwrap();
        drop((second, third));
        let largest = in_flight.enter(HEAD_BYTES_MAX).unwrap();
        assert!(
            in_flight.enter(1).is_none(),
            "the heads would take too much"
        );
        drop(largest);
        assert_eq!(in_flight.calls.calls.load(Relaxed), 0);
        assert_eq!(in_flight.calls.head_bytes.load(Relaxed), 0);

        let watches = WatchLimit::default();
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        let of_one: Vec<_> = (0..60).map_while(|_| watches.enter(address(1))).collect();
        assert_eq!(of_one.len(), WATCHES_PER_ADDRESS);
        let of_all: Vec<_> = (2..2_000)
            .map_while(|n| watches.enter(address(n)))
            .collect();
        assert_eq!(of_one.len() + of_all.len(), WATCHES_MAX);
        drop((of_one, of_all));
        assert!(watches.0.lock().is_empty());
        let response = watches.enter(address(1)).unwrap();
        let response = response.held_by(Response::new(Body::empty()));
        assert_eq!(watches.0.lock().len(), 1);
        drop(response);
        assert!(watches.0.lock().is_empty());
    }
}
