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
pub struct InFlight(Arc<Bound>);

#[derive(Debug)]
struct Bound {
    counts: Arc<Counts>,
    most: usize,
    refused: RefusedCalls,
}

/// The calls that were refused, by reason and priority.
#[derive(Debug)]
struct RefusedCalls {
    too_many: ByPriority,
    late: ByPriority,
}

#[derive(Debug)]
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

/// A call that was let in, until it is dropped. Until it has a place its message may be missing, and it is not in flight.
#[derive(Debug)]
pub(super) struct InFlightCall {
    in_flight: InFlight,
    priority: CallerPriority,
    head_bytes: usize,
    has_place: bool,
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
        let refused = RefusedCalls::register(&deps.registry)?;
        Ok(Self(Arc::new(Bound {
            counts,
            most,
            refused,
        })))
    }

    /// A call begins whose head takes this many bytes; `None` if there is no place for it, or if all heads would take too much. It takes its
    /// place later, when its message is there: who sends heads without messages takes no places from others.
    pub(super) fn begin(
        &self,
        priority: CallerPriority,
        head_bytes: usize,
    ) -> Option<InFlightCall> {
        let head_bytes = if head_bytes > HEAD_BYTES_USUAL {
            head_bytes
        } else {
            0
        };
        let Bound {
            counts,
            most,
            refused,
        } = &*self.0;
        let bytes_before = counts.head_bytes.fetch_add(head_bytes, Relaxed);
        // Dropped if it is refused, which takes it off again.
        let call = InFlightCall {
            in_flight: self.clone(),
            priority,
            head_bytes,
            has_place: false,
        };
        let has_place = counts.calls.load(Relaxed) < within(*most, priority);
        let bytes = bytes_before.saturating_add(head_bytes);
        if has_place && bytes <= within(HEAD_BYTES_MAX, priority) {
            return Some(call);
        }
        refused.too_many.of(priority).inc();
        None
    }

    /// A call that has its message; `None` if it is one too many.
    pub(super) fn enter(&self, priority: CallerPriority) -> Option<InFlightCall> {
        let mut call = self.begin(priority, 0)?;
        call.take_place().then_some(call)
    }

    /// A call has waited too long for its turn, or too many wait, and it is refused.
    pub(super) fn refuse_late(&self, priority: CallerPriority) {
        self.0.refused.late.of(priority).inc();
    }
}

impl InFlightCall {
    /// The call has its message: it is in flight from now on. `false` if it is one too many.
    pub(super) fn take_place(&mut self) -> bool {
        let Bound {
            counts,
            most,
            refused,
        } = &*self.in_flight.0;
        let before = counts.calls.fetch_add(1, Relaxed);
        // Dropped if it is refused, which takes it off again.
        self.has_place = true;
        let fits = before < within(*most, self.priority);
        if !fits {
            refused.too_many.of(self.priority).inc();
        }
        fits
    }
}

impl Drop for InFlightCall {
    fn drop(&mut self) {
        let counts = &self.in_flight.0.counts;
        if self.has_place {
            counts.calls.fetch_sub(1, Relaxed);
        }
        counts.head_bytes.fetch_sub(self.head_bytes, Relaxed);
    }
}

/// What of this bound is for callers of this priority: some of it is kept for doors.
fn within(most: usize, priority: CallerPriority) -> usize {
    match priority {
        CallerPriority::Doors => most,
        CallerPriority::Gateways => most - most / DOORS_SHARE,
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
        let gateways: Vec<_> = (0..20).filter_map(|_| in_flight.enter(Gateways)).collect();
        let doors: Vec<_> = (0..20).filter_map(|_| in_flight.enter(Doors)).collect();
        assert_eq!((gateways.len(), doors.len()), (14, 2));
        let refused = &in_flight.0.refused.too_many;
        assert_eq!((refused.gateways.get(), refused.doors.get()), (6, 18));
    }

    #[tokio::test]
    async fn a_call_takes_its_place_when_its_message_is_there() {
        let clock = Arc::new(crate::clock::SystemClock);
        let in_flight = InFlight::new(2, &Deps::new(clock)).unwrap();
        let mut waiting: Vec<_> = (0..9)
            .map(|_| in_flight.begin(Doors, HEAD_BYTES_USUAL + 1).unwrap())
            .collect();
        assert_eq!(in_flight.0.counts.calls.load(Relaxed), 0);
        let entered = waiting.iter_mut().map(InFlightCall::take_place);
        assert_eq!(entered.filter(|entered| *entered).count(), 2);
        assert_eq!(in_flight.0.refused.too_many.doors.get(), 7);
        assert!(in_flight.begin(Doors, 600).is_none(), "there is no place");
        drop(waiting);
        assert_eq!(in_flight.0.counts.calls.load(Relaxed), 0);
        assert_eq!(in_flight.0.counts.head_bytes.load(Relaxed), 0);
    }

    #[tokio::test]
    async fn calls_and_watches_are_bounded_and_counted_until_they_end() {
        let clock = Arc::new(crate::clock::SystemClock);
        let in_flight = InFlight::new(2, &Deps::new(clock)).unwrap();
        let first = in_flight.enter(Doors).unwrap();
        let second = in_flight.enter(Doors).unwrap();
        assert!(in_flight.enter(Doors).is_none());
        assert!(in_flight.enter(Doors).is_none());
        assert_eq!(in_flight.0.refused.too_many.doors.get(), 2);
        drop(first);
        let third = in_flight.enter(Doors).unwrap();
        drop((second, third));
        let largest = in_flight.begin(Doors, HEAD_BYTES_MAX).unwrap();
        assert!(
            in_flight.begin(Doors, HEAD_BYTES_USUAL + 1).is_none(),
            "the heads would take too much"
        );
        let usual = in_flight.begin(Doors, HEAD_BYTES_USUAL);
        assert!(usual.is_some(), "it has nothing to do with large ones");
        drop((largest, usual));
        assert_eq!(in_flight.0.counts.calls.load(Relaxed), 0);
        assert_eq!(in_flight.0.counts.head_bytes.load(Relaxed), 0);

        let watches = PerNetwork::new(1, 1);
        let address = IpAddr::from([192, 0, 2, 1]);
        let permit = watches.enter(address).unwrap();
        let response = holding(permit, Response::new(Body::empty()));
        assert!(watches.enter(address).is_none());
        drop(response);
        assert!(watches.enter(address).is_some());
    }
}
