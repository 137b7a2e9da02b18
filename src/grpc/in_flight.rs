//! How many calls may be in flight at once, and how many watches of health and streams of checks may be open.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use axum::{body::Body, response::Response};
use http_body_util::BodyExt as _;
use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

use crate::{
    callers::CallerPriority,
    deps::Deps,
    metrics::gauge_of,
    peer::{NetworkPermit, PerNetwork},
};

/// What the large heads of all calls in flight may take together, in bytes as RFC 9113 counts them. That of a usual call is about 600.
const HEAD_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A head of this size or less does not count: callers with usual heads are not refused because others send large ones.
const HEAD_BYTES_USUAL: usize = 4 * 1024;

/// The share of the calls in flight, and of their heads, that is kept for doors, as its reciprocal.
const DOORS_SHARE: usize = 8;

/// Watches of health that may be open at once: in all, and from one address.
const WATCHES_MAX: usize = 1_000;
const WATCHES_PER_ADDRESS: usize = 50;

/// Streams of checks that may be open at once: in all, and from one address. Each may have 32 answers that wait to be taken.
const CHECK_STREAMS_MAX: usize = 4_000;
const CHECK_STREAMS_PER_ADDRESS: usize = 1_000;

/// The calls in flight, within their bound. Clones share them.
#[derive(Debug, Clone)]
pub struct InFlight {
    counts: Arc<Counts>,
    most: usize,
    refused: RefusedCalls,
}

/// The calls that were refused, by reason and priority.
#[derive(Debug, Clone)]
struct RefusedCalls {
    too_many: ByPriority,
    late: ByPriority,
}

#[derive(Debug, Clone)]
struct ByPriority {
    doors: IntCounter,
    gateways: IntCounter,
}

impl ByPriority {
    fn of(&self, priority: CallerPriority) -> &IntCounter {
        match priority {
            CallerPriority::Doors => &self.doors,
            CallerPriority::Gateways => &self.gateways,
        }
    }
}

impl RefusedCalls {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let refused = IntCounterVec::new(
            Opts::new(
                "verigate_calls_refused_total",
                "gRPC calls refused with RESOURCE_EXHAUSTED, by reason and priority.",
            ),
            &["reason", "priority"],
        )?;
        registry.register(Box::new(refused.clone()))?;
        Ok(Self {
            too_many: ByPriority {
                doors: refused.with_label_values(&["in_flight", "door"]),
                gateways: refused.with_label_values(&["in_flight", "gateway"]),
            },
            late: ByPriority {
                doors: refused.with_label_values(&["overload", "door"]),
                gateways: refused.with_label_values(&["overload", "gateway"]),
            },
        })
    }
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
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        gauge_of(
            &deps.registry,
            "verigate_calls_in_flight",
            "gRPC calls in flight that decide or begin a step-up.",
            move || f64::from(u32::try_from(counted.calls.load(Relaxed)).unwrap_or(u32::MAX)),
        )?;
        Ok(Self {
            counts,
            most,
            refused: RefusedCalls::register(&deps.registry)?,
        })
    }

    /// A call begins whose head takes this many bytes; `None` if it is one too many, or if all heads would take too much. Some are kept
    /// for doors.
    pub(super) fn enter(
        &self,
        priority: CallerPriority,
        head_bytes: usize,
    ) -> Option<InFlightCall> {
        let kept = match priority {
            CallerPriority::Doors => 0,
            CallerPriority::Gateways => DOORS_SHARE,
        };
        let head_bytes = if head_bytes > HEAD_BYTES_USUAL {
            head_bytes
        } else {
            0
        };
        let within = |most: usize| most.saturating_sub(most.checked_div(kept).unwrap_or(0));
        let counts = Arc::clone(&self.counts);
        let before = counts.calls.fetch_add(1, Relaxed);
        let bytes_before = counts.head_bytes.fetch_add(head_bytes, Relaxed);
        // Dropped if it is refused, which takes it off again.
        let call = InFlightCall { counts, head_bytes };
        let bytes = bytes_before.saturating_add(head_bytes);
        if before < within(self.most) && bytes <= within(HEAD_BYTES_MAX) {
            return Some(call);
        }
        self.refused.too_many.of(priority).inc();
        None
    }

    /// A call has waited too long for its turn, or too many wait, and it is refused.
    pub(super) fn refuse_late(&self, priority: CallerPriority) {
        self.refused.late.of(priority).inc();
    }
}

impl Drop for InFlightCall {
    fn drop(&mut self) {
        self.counts.calls.fetch_sub(1, Relaxed);
        self.counts.head_bytes.fetch_sub(self.head_bytes, Relaxed);
    }
}

/// The streams of checks that may be open.
pub(super) fn check_streams() -> PerNetwork {
    PerNetwork::new(CHECK_STREAMS_PER_ADDRESS, CHECK_STREAMS_MAX)
}

/// The watches of health that may be open.
pub(super) fn watches() -> PerNetwork {
    PerNetwork::new(WATCHES_PER_ADDRESS, WATCHES_MAX)
}

/// The response of a watch or of a stream of checks, which keeps its permit until its body ends or is dropped.
pub(super) fn holding(permit: NetworkPermit, response: Response) -> Response {
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _held = &permit;
            frame
        }))
    })
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use CallerPriority::{Doors, Gateways};

    use super::*;

    #[tokio::test]
    async fn some_of_the_calls_in_flight_are_kept_for_doors() {
        let clock = Arc::new(crate::clock::SystemClock);
        let in_flight = InFlight::new(16, &Deps::new(clock)).unwrap();
        let gateways: Vec<_> = (0..20)
            .filter_map(|_| in_flight.enter(Gateways, 600))
            .collect();
        let doors: Vec<_> = (0..20)
            .filter_map(|_| in_flight.enter(Doors, 600))
            .collect();
        assert_eq!((gateways.len(), doors.len()), (14, 2));
        let refused = &in_flight.refused.too_many;
        assert_eq!((refused.gateways.get(), refused.doors.get()), (6, 18));
    }

    #[tokio::test]
    async fn calls_and_watches_are_bounded_and_counted_until_they_end() {
        let clock = Arc::new(crate::clock::SystemClock);
        let in_flight = InFlight::new(2, &Deps::new(clock)).unwrap();
        let first = in_flight.enter(Doors, 600).unwrap();
        let second = in_flight.enter(Doors, 600).unwrap();
        assert!(in_flight.enter(Doors, 600).is_none());
        assert!(in_flight.enter(Doors, 600).is_none());
        assert_eq!(in_flight.refused.too_many.doors.get(), 2);
        drop(first);
        let third = in_flight.enter(Doors, 600).unwrap();
        drop((second, third));
        let largest = in_flight.enter(Doors, HEAD_BYTES_MAX).unwrap();
        assert!(
            in_flight.enter(Doors, HEAD_BYTES_USUAL + 1).is_none(),
            "the heads would take too much"
        );
        let usual = in_flight.enter(Doors, HEAD_BYTES_USUAL);
        assert!(usual.is_some(), "it has nothing to do with large ones");
        drop((largest, usual));
        assert_eq!(in_flight.counts.calls.load(Relaxed), 0);
        assert_eq!(in_flight.counts.head_bytes.load(Relaxed), 0);

        let watches = PerNetwork::new(1, 1);
        let address = IpAddr::from([192, 0, 2, 1]);
        let permit = watches.enter(address).unwrap();
        let response = holding(permit, Response::new(Body::empty()));
        assert!(watches.enter(address).is_none());
        drop(response);
        assert!(watches.enter(address).is_some());
    }
}
