//! What browsers on the page are answered: the status, the counter, and what to do about it.

use axum::http::StatusCode;
use prometheus::{IntCounterVec, Registry};

use crate::metrics::counter_by;

/// What a browser is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageOutcome {
    /// The form that asks for the address.
    Form,
    /// A link was made, or found.
    Begun,
    /// The link, while the result is waited for.
    Link,
    /// The person has verified.
    Done,
    /// The person returns, and the new id is handed on.
    HandedOn,
    /// The person returns, and no id is handed on.
    NotHandedOn,
    /// The vendor is being asked about the new verification.
    Asking,
    /// The vendor has sent the browser back.
    Returned,
    /// The state was not signed by us, or its host is not allowed any more.
    Forged,
    /// The state has expired.
    Expired,
    /// The form is not the one that was shown to this browser.
    BadForm,
    /// What was typed is no address.
    BadAddress,
    /// No more links are made by this state.
    LinksSpent,
    /// No more links are made about this verification for now.
    VerificationSpent,
    /// The policy of the decision is not there any more.
    NoSuchPolicy,
    /// Too many links are asked for from this network, or from all together.
    OverQuota,
    /// The vendor made no link.
    Unavailable,
    /// Too many browsers wait for a result.
    TooManyWaiting,
}

impl PageOutcome {
    /// Every outcome.
    const ALL: [Self; 18] = [
        Self::Form,
        Self::Begun,
        Self::Link,
        Self::Done,
        Self::HandedOn,
        Self::NotHandedOn,
        Self::Asking,
        Self::Returned,
        Self::Forged,
        Self::Expired,
        Self::BadForm,
        Self::BadAddress,
        Self::LinksSpent,
        Self::VerificationSpent,
        Self::NoSuchPolicy,
        Self::OverQuota,
        Self::Unavailable,
        Self::TooManyWaiting,
    ];

    /// Its name in metrics and logs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Begun => "begun",
            Self::Link => "link",
            Self::Done => "done",
            Self::HandedOn => "handed_on",
            Self::NotHandedOn => "not_handed_on",
            Self::Asking => "asking",
            Self::Returned => "returned",
            Self::Forged => "forged",
            Self::Expired => "expired",
            Self::BadForm => "bad_form",
            Self::BadAddress => "bad_address",
            Self::LinksSpent => "links_spent",
            Self::VerificationSpent => "verification_spent",
            Self::NoSuchPolicy => "no_such_policy",
            Self::OverQuota => "over_quota",
            Self::Unavailable => "unavailable",
            Self::TooManyWaiting => "too_many_waiting",
        }
    }

    /// The status of the page.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Form | Self::Link | Self::Done | Self::Returned => StatusCode::OK,
            Self::Begun | Self::HandedOn | Self::NotHandedOn => StatusCode::SEE_OTHER,
            Self::Forged | Self::BadForm => StatusCode::FORBIDDEN,
            Self::Expired | Self::NoSuchPolicy => StatusCode::GONE,
            Self::BadAddress => StatusCode::UNPROCESSABLE_ENTITY,
            Self::LinksSpent | Self::VerificationSpent | Self::OverQuota => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::Unavailable | Self::TooManyWaiting | Self::Asking => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// What to do about it; `None` where nothing is to be done, or it is logged elsewhere.
    pub(super) fn hint(self) -> Option<&'static str> {
        match self {
            Self::Forged => Some(
                "if it is not an attack, instances have different keys (step_up.state_key), or forward_auth.return_hosts has changed",
            ),
            Self::BadForm => Some(
                "if it is not an attack, browsers do not keep the cookie: they must reach the page by http.public_url",
            ),
            Self::NotHandedOn => Some(
                "the new verification does not count in place of the old one: somebody else has opened the link, or the vendor does not give the identity id of both",
            ),
            Self::LinksSpent => Some("a browser has asked for all links that one decision gives"),
            Self::VerificationSpent => Some(
                "links about one verification are made again and again: if it is not an attack, the person never gets what the policy asks for, or the gateway sends an id that step-ups do not change",
            ),
            Self::NoSuchPolicy => Some(
                "a policy was removed while people were on their way to verify for it: they have to start again at the application",
            ),
            Self::OverQuota => Some(
                "too many links are asked for: if the page is behind a proxy, name it in trusted_proxies; see step_up.links_per_second and step_up.links_total_per_second",
            ),
            Self::Unavailable => Some("the vendor made no link: see the other lines of the log"),
            Self::TooManyWaiting => Some(
                "the page of these browsers asks every few seconds instead: if it is behind a proxy, name it in trusted_proxies",
            ),
            Self::Form
            | Self::Begun
            | Self::Link
            | Self::Done
            | Self::HandedOn
            | Self::Asking
            | Self::Returned
            | Self::Expired
            | Self::BadAddress => None,
        }
    }
}

/// Counts what browsers are answered.
#[derive(Debug)]
pub(super) struct Metrics(IntCounterVec);

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self(counter_by(
            registry,
            "verigate_step_up_page_total",
            "Requests on the page for step-ups, by outcome.",
            "outcome",
            PageOutcome::ALL.map(PageOutcome::as_str),
        )?))
    }

    pub(super) fn count(&self, outcome: PageOutcome) {
        self.0.with_label_values(&[outcome.as_str()]).inc();
    }
}
