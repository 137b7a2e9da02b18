//! How evidence was obtained: where it came from, why there is none, and how long each step took. Shared by those who obtain
//! evidence, those who record decisions and those who render them.

use std::time::Duration;

/// Where the evidence of a decision came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The evidence cache of this process.
    Cache,
    /// The upstream, asked for this check or for one that waited for the same fetch.
    Upstream,
    /// The evidence cache, older than the policy's `fresh_for`, because the upstream could not be asked.
    Stale,
    /// There is no evidence.
    None,
}

impl Origin {
    /// The origin's name in metrics, traces and the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Upstream => "upstream",
            Self::Stale => "stale",
            Self::None => "none",
        }
    }
}

/// Why the upstream could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// No connection, or one that broke.
    Unreachable,
    /// No response within the timeout.
    TimedOut,
    /// It has not responded yet, and the call could wait no longer. It is still being asked.
    Unfinished,
    /// It refused a token that it had just issued.
    TokenRefused,
    /// It refused our credentials: the configuration is wrong, or they were revoked.
    CredentialsRefused,
    /// It asked us to slow down.
    RateLimited,
    /// It responded with a 5xx status.
    Failed,
    /// It responded with a status that the API does not have.
    Unexpected,
    /// Somebody else responded in its place: a proxy, a cache or a maintenance page.
    Foreign,
    /// Not asked: the upstream asked for a pause, the circuit breaker is open, or the quota of the caller is used up.
    Rejected,
    /// Not asked: more was asked for than the rate limit and the calls in flight allow.
    OverRate,
    /// Not asked: too many fetches are in flight.
    Busy,
    /// The task that fetched ended without a result: an internal error.
    Abandoned,
}

impl Outage {
    /// The outage's name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Unfinished => "unfinished",
            Self::TokenRefused => "token_refused",
            Self::CredentialsRefused => "credentials_refused",
            Self::RateLimited => "rate_limited",
            Self::Failed => "failed",
            Self::Unexpected => "unexpected",
            Self::Foreign => "foreign",
            Self::Rejected => "rejected",
            Self::OverRate => "over_rate",
            Self::Busy => "busy",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether the upstream was asked. If so, asking again at once would only add load.
    pub fn was_asked(self) -> bool {
        match self {
            Self::Unreachable
            | Self::TimedOut
            | Self::Unfinished
            | Self::TokenRefused
            | Self::CredentialsRefused
            | Self::RateLimited
            | Self::Failed
            | Self::Unexpected
            | Self::Foreign => true,
            Self::Rejected | Self::OverRate | Self::Busy | Self::Abandoned => false,
        }
    }

    /// Whether it is not charged to the caller: the upstream's state kept it from being asked, and not what callers ask for.
    pub fn is_free(self) -> bool {
        matches!(self, Self::Rejected)
    }

    /// Whether an immediate retry may succeed.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Unreachable | Self::Failed)
    }
}

/// How long the steps of a check took. A step that was not taken is zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Waiting for admission to the upstream.
    pub queue: Duration,
    /// Obtaining a token.
    pub token: Duration,
    /// Calling the upstream and reading its response.
    pub fetch: Duration,
    /// Evaluating the policy.
    pub decide: Duration,
    /// Waiting until the journal accepted the decision.
    pub journal: Duration,
}
