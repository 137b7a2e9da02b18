//! Bounds the callers that wait for fetches: they hold calls in flight, which checks that are answered from memory need too.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use crate::{
    callers::{CallerId, CallerPriority, OverQuotaError},
    log_throttle::{LogThrottle, throttled},
};

/// The share of the places that is kept for doors, as its reciprocal.
const DOORS_SHARE: usize = 8;

/// For a caller for which there is no place to wait.
pub(super) const SHED: OverQuotaError = OverQuotaError {
    retry_after: Duration::from_secs(1),
};

/// The callers that wait for fetches.
#[derive(Debug)]
pub(super) struct Waiters {
    waiting: AtomicUsize,
    most: usize,
    log: LogThrottle,
}

/// A caller that waits, until this is dropped.
#[derive(Debug)]
pub(super) struct WaitingCaller<'w>(&'w Waiters);

impl Waiters {
    /// At most this many, at least one.
    pub(super) fn new(most: usize) -> Self {
        Self {
            waiting: AtomicUsize::new(0),
            most: most.max(1),
            log: LogThrottle::default(),
        }
    }

    /// A caller begins to wait at this uptime; `None` if it is one too many. Some places are kept for doors.
    pub(super) fn enter(&self, caller: &CallerId, uptime: Duration) -> Option<WaitingCaller<'_>> {
        let kept = match caller.priority() {
            CallerPriority::Doors => 0,
            CallerPriority::Gateways => self.most / DOORS_SHARE,
        };
        let before = self.waiting.fetch_add(1, Relaxed);
        // Dropped if it is refused, which takes it off again.
        let caller = WaitingCaller(self);
        if before < self.most - kept {
            return Some(caller);
        }
        throttled!(
            self.log,
            uptime,
            warn,
            "lookup_wait_limit_reached",
            limit = self.most,
            "too many checks wait for the upstream; others that need it are refused: the upstream is slow, or too many verifications are requested"
        );
        None
    }
}

impl Drop for WaitingCaller<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::callers::{CallerName, NamedCaller};

    #[test]
    fn places_are_bounded_given_back_and_some_are_kept_for_doors() {
        let gateway = CallerId::of(IpAddr::from([192, 0, 2, 1]));
        let name = CallerName::parse("door-1").unwrap();
        let door = CallerId::Named(NamedCaller::new(name, None, CallerPriority::Doors));
        let waiters = Waiters::new(16);
        let enter = |caller| waiters.enter(caller, Duration::ZERO);
        let gateways: Vec<_> = (0..20).filter_map(|_| enter(&gateway)).collect();
        let doors: Vec<_> = (0..20).filter_map(|_| enter(&door)).collect();
        assert_eq!((gateways.len(), doors.len()), (14, 2));
        drop((gateways, doors));
        assert_eq!(waiters.waiting.load(Relaxed), 0);
        assert!(enter(&gateway).is_some());
    }
}
