//! Why requests on the HTTP listeners are rejected before their routes: the status, what to do about it, and the counter.

use axum::http::StatusCode;
use prometheus::{IntCounterVec, Opts, Registry};

use super::listener::Listener;

/// The most that the target and the headers of a request may take, in bytes as RFC 9113 counts them.
pub(super) const HEADER_LIST_BYTES_MAX: usize = 32 * 1024;

/// Why a request does not reach its route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejected {
    /// It is for a host that is not one of the service's.
    ForeignHost,
    /// It names no host, or several, or none that could be one.
    MalformedHost,
    /// Its headers take more than they may.
    HeadersTooLarge,
    /// A web page of another site makes it.
    CrossSite,
}

impl Rejected {
    /// Every reason.
    const ALL: [Self; 4] = [
        Self::ForeignHost,
        Self::MalformedHost,
        Self::HeadersTooLarge,
        Self::CrossSite,
    ];

    /// The reason's name in metrics and logs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ForeignHost => "foreign_host",
            Self::MalformedHost => "malformed_host",
            Self::HeadersTooLarge => "headers_too_large",
            Self::CrossSite => "cross_site",
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::MalformedHost => StatusCode::BAD_REQUEST,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::CrossSite => StatusCode::FORBIDDEN,
        }
    }

    /// What the response says. `setting` is that of the host names of the listener.
    pub(super) fn error(self, setting: &str) -> String {
        match self {
            Self::ForeignHost => format!("the request is for a host that is not in `{setting}`"),
            Self::MalformedHost => "the request must name one host, and name it once".to_owned(),
            Self::HeadersTooLarge => {
                format!("the headers must be at most {HEADER_LIST_BYTES_MAX} bytes")
            }
            Self::CrossSite => "web pages of other sites may not make this request".to_owned(),
        }
    }

    /// What to do about it.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::ForeignHost => {
                "if the service is meant to be reached by this name, add it to the setting; otherwise a web page may have had its name resolve to this machine"
            }
            Self::MalformedHost | Self::HeadersTooLarge => "find out what sends it",
            Self::CrossSite => {
                "a web page makes a browser send it; the service has no use for that"
            }
        }
    }
}

/// The metrics of the filters of all listeners.
#[derive(Debug, Clone)]
pub(in crate::http) struct Metrics(IntCounterVec);

impl Metrics {
    /// Registers the metrics.
    pub(in crate::http) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = IntCounterVec::new(
            Opts::new(
                "verigate_http_requests_rejected_total",
                "Requests on the HTTP listeners rejected before their route, by listener and reason.",
            ),
            &["listener", "reason"],
        )?;
        for listener in Listener::ALL {
            for reason in Rejected::ALL {
                counter.with_label_values(&[listener.as_str(), reason.as_str()]);
            }
        }
        registry.register(Box::new(counter.clone()))?;
        Ok(Self(counter))
    }

    /// Counts a rejection.
    pub(super) fn rejected(&self, listener: Listener, rejected: Rejected) {
        self.0
            .with_label_values(&[listener.as_str(), rejected.as_str()])
            .inc();
    }
}
