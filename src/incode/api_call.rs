//! The calls of the vendor's API, and the reasons for which admission control rejects one.

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

/// Why admission control rejected a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AdmissionError {
    /// The upstream asked for a pause.
    RetryAfter,
    /// The circuit breaker is open.
    BreakerOpen,
    /// The rate limit is used up.
    RateLimited,
}

impl AdmissionError {
    /// Every reason.
    pub(super) const ALL: [Self; 3] = [Self::RetryAfter, Self::BreakerOpen, Self::RateLimited];

    /// The reason's name in metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::RetryAfter => "retry_after",
            Self::BreakerOpen => "breaker_open",
            Self::RateLimited => "rate_limited",
        }
    }
}
