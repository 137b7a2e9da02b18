//! The calls of the vendor's API, what admission control knows of one, and the reasons for which it rejects one.

use crate::{callers::CallerId, provenance::Outage, source::Priority};

/// A call of the vendor's API.
#[derive(Debug, Clone, Copy)]
pub(super) enum ApiCall {
    /// Requests a token.
    Authorize,
    /// Requests the details of a verification.
    Details,
    /// Requests a re-verification link.
    Link,
}

impl ApiCall {
    /// The call's name in metrics and logs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Details => "details",
            Self::Link => "link",
        }
    }
}

/// What admission control knows of a call.
#[derive(Debug, Clone)]
pub(super) struct CallContext {
    /// Whether the last fetch of the same verification failed, so that another failure says little about the upstream.
    pub(super) failed_before: bool,
    /// When its turn is.
    pub(super) order: Order,
}

/// When the turn of a call is.
#[derive(Debug, Clone)]
pub(super) enum Order {
    /// At once: every other call needs it.
    AtOnce,
    /// In its turn, by priority and caller.
    InTurn(Priority, CallerId),
}

/// Why admission control rejected a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AdmissionError {
    /// The upstream asked for a pause.
    RetryAfter,
    /// The circuit breaker is open.
    BreakerOpen,
    /// No turn came in time, because of the rate limit or a full queue.
    OverRate,
    /// No turn came in time, because of the concurrency limit.
    OverConcurrency,
}

impl AdmissionError {
    /// Every reason.
    pub(super) const ALL: [Self; 4] = [
        Self::RetryAfter,
        Self::BreakerOpen,
        Self::OverRate,
        Self::OverConcurrency,
    ];

    /// The outage that it is to those who wait for the call.
    pub(super) fn outage(self) -> Outage {
        match self {
            Self::RetryAfter | Self::BreakerOpen => Outage::Rejected,
            Self::OverRate | Self::OverConcurrency => Outage::OverRate,
        }
    }

    /// The reason's name in metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::RetryAfter => "retry_after",
            Self::BreakerOpen => "breaker_open",
            Self::OverRate => "over_rate",
            Self::OverConcurrency => "over_concurrency",
        }
    }
}
