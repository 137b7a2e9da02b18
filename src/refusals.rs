//! Requests that are refused because of who makes them: each is counted, and logged and written to the journal within a bound. What comes
//! faster is counted in the next line.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use prometheus::IntCounterVec;

use crate::{
    callers::{AuthenticationError, Caller, CallerId, CallerName, NotPermittedError},
    clock::Clock,
    deps::Deps,
    journal::{Journal, RefusedCaller},
    log_throttle::{LogThrottle, throttled},
    metrics::counter_by,
    policy::PolicyName,
    rate_limit::TokenBucket,
};

/// Lines of the journal about refused requests: per second, and at once after a pause.
const LINES_PER_SECOND: u32 = 10;
const LINES_BURST: u32 = 100;

/// Counts and records refused requests. Clones share everything.
#[derive(Debug, Clone)]
pub struct Refusals(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    journal: Journal,
    lines: TokenBucket,
    suppressed: AtomicU64,
    refused: IntCounterVec,
    log: LogThrottle,
    clock: Arc<dyn Clock>,
}

impl Refusals {
    /// Records in this journal.
    pub fn new(journal: Journal, deps: &Deps) -> Result<Self, prometheus::Error> {
        let unauthenticated = AuthenticationError::ALL.map(AuthenticationError::as_str);
        let not_permitted = NotPermittedError::ALL.map(NotPermittedError::as_str);
        Ok(Self(Arc::new(Inner {
            journal,
            lines: TokenBucket::new(LINES_PER_SECOND, LINES_BURST),
            suppressed: AtomicU64::new(0),
            refused: counter_by(
                &deps.registry,
                "verigate_callers_refused_total",
                "Requests refused because of who makes them, by reason.",
                "reason",
                unauthenticated.into_iter().chain(not_permitted),
            )?,
            log: LogThrottle::default(),
            clock: Arc::clone(&deps.clock),
        })))
    }

    /// A request from this address was not authenticated.
    pub fn unauthenticated(&self, from: IpAddr, error: AuthenticationError) {
        self.record(CallerName::UNKNOWN, from, error.as_str(), None);
    }

    /// A caller asked for what it may not do, for this policy if it named one.
    pub fn not_permitted(
        &self,
        caller: &Caller,
        error: NotPermittedError,
        policy: Option<&PolicyName>,
    ) {
        let name = match &caller.id {
            CallerId::Address(_) => CallerName::UNKNOWN,
            named => named.as_str(),
        };
        self.record(name, caller.address, error.as_str(), policy);
    }

    fn record(
        &self,
        caller: &str,
        from: IpAddr,
        reason: &'static str,
        policy: Option<&PolicyName>,
    ) {
        let inner = &self.0;
        inner.refused.with_label_values(&[reason]).inc();
        let at = inner.clock.moment();
        throttled!(
            inner.log,
            at.uptime,
            warn,
            "caller_refused" / reason,
            caller,
            %from,
            reason,
            policy = policy.map(PolicyName::as_str),
            "request refused because of who makes it: check the credential of the caller, and its permissions in the configuration"
        );
        if inner
            .lines
            .take(at.uptime, std::time::Duration::ZERO)
            .is_err()
        {
            inner.suppressed.fetch_add(1, Relaxed);
            return;
        }
        let suppressed = inner.suppressed.swap(0, Relaxed);
        let written = inner.journal.record_refusal(&RefusedCaller {
            at: at.now,
            caller: caller.into(),
            from,
            reason,
            policy: policy.cloned(),
            suppressed,
        });
        if written.is_err() {
            inner
                .suppressed
                .fetch_add(suppressed.saturating_add(1), Relaxed);
        }
    }
}
