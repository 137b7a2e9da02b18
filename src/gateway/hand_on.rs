//! The hand-on at the host of an application: a person has verified again, and their gateway still sends the id of the old verification. The page
//! for step-ups sends the browser back by a path of this service on that host, where the id of the new one becomes a cookie; the gateway
//! sends the cookie along with each check.
//!
//! Why a cookie: a parameter would stand in the application's log, in what it links to (`Referer`) and in bookmarks, and would be lost with the
//! next click. Why by a path on that host: nobody else can set a cookie for it that siblings cannot read or replace (`__Host-`).

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue};
use prometheus::{IntCounterVec, Registry};

use super::original_url::OriginalUrl;
use crate::{
    clock::Clock,
    deps::Deps,
    header_list::cookie,
    log_throttle::{LogThrottle, throttled},
    metrics::counter_by,
    policy::{Timestamp, VerificationId, between},
    signatures::{HandOnError, HandedOn, SigningKeys},
};

/// The path on the host of an application that leads to this service.
pub const HAND_ON_PATH: &str = "/.verigate/hand-on";

/// What a hand-on came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandOnOutcome {
    /// A browser was given the cookie.
    Given,
    /// A check looks at the verification that it names.
    Accepted,
    /// It was not signed with one of our keys.
    Forged,
    /// The cookie was sent more than once.
    Repeated,
    /// It is for another host.
    OtherHost,
    /// It is about another verification than the check.
    OtherVerification,
    /// It has expired.
    Expired,
}

impl HandOnOutcome {
    const ALL: [Self; 7] = [
        Self::Given,
        Self::Accepted,
        Self::Forged,
        Self::Repeated,
        Self::OtherHost,
        Self::OtherVerification,
        Self::Expired,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Accepted => "accepted",
            Self::Forged => "forged",
            Self::Repeated => "repeated",
            Self::OtherHost => "other_host",
            Self::OtherVerification => "other_verification",
            Self::Expired => "expired",
        }
    }

    /// What to do about it; `None` where that is not amiss.
    fn hint(self) -> Option<&'static str> {
        match self {
            Self::Forged => Some(
                "if it is not an attack, instances have different keys: step_up.state_key must be the same for all",
            ),
            Self::Repeated => {
                Some("a gateway sends the cookie twice: pass on the client's Cookie header once")
            }
            Self::OtherHost => Some(
                "if it is not an attack, the gateway does not set X-Forwarded-Proto and X-Forwarded-Host as the browser knows them, at the check and at /.verigate/hand-on",
            ),
            Self::Given | Self::Accepted | Self::OtherVerification | Self::Expired => None,
        }
    }
}

impl From<HandOnError> for HandOnOutcome {
    fn from(error: HandOnError) -> Self {
        match error {
            HandOnError::Forged => Self::Forged,
            HandOnError::OtherHost => Self::OtherHost,
            HandOnError::OtherVerification => Self::OtherVerification,
            HandOnError::Expired => Self::Expired,
        }
    }
}

/// Hand-ons, as gateways bring them.
#[derive(Debug)]
pub struct HandOns {
    keys: Arc<SigningKeys>,
    clock: Arc<dyn Clock>,
    log: LogThrottle,
    metrics: Metrics,
}

impl HandOns {
    /// Those that are signed with these keys.
    pub fn new(keys: Arc<SigningKeys>, deps: &Deps) -> Result<Self, prometheus::Error> {
        Ok(Self {
            keys,
            clock: Arc::clone(&deps.clock),
            log: LogThrottle::default(),
            metrics: Metrics::register(&deps.registry)?,
        })
    }

    /// The later verification that the browser of a person has brought with this request, for the one that is asked about. What does not count changes
    /// nothing.
    pub fn brought(
        &self,
        headers: &HeaderMap,
        original: Option<&OriginalUrl>,
        verification: &VerificationId,
    ) -> Option<Arc<HandedOn>> {
        let original = original?;
        let Ok(text) = cookie(headers, cookie_name(original)) else {
            self.record(HandOnOutcome::Repeated);
            return None;
        };
        // Some gateways send an empty one where the client has none.
        let text = text.filter(|text| !text.is_empty())?;
        let about = (verification, original.authority());
        match self.keys.handed_on(text, about, self.clock.now()) {
            Ok(handed_on) => {
                self.record(HandOnOutcome::Accepted);
                Some(Arc::new(handed_on))
            }
            Err(error) => {
                self.record(error.into());
                None
            }
        }
    }

    /// The keys.
    pub fn keys(&self) -> &Arc<SigningKeys> {
        &self.keys
    }

    /// The cookie with this hand-on for the host that a person returns to; `None` if it is not for that host, or has expired.
    pub fn cookie(
        &self,
        text: &str,
        original: &OriginalUrl,
        now: Timestamp,
    ) -> Option<HeaderValue> {
        let expires_at = self.keys.hand_on_expires_at(text, original.authority())?;
        let left = between(now, expires_at);
        if left < Duration::from_secs(1) {
            return None;
        }
        let secure = if is_secure(original) { "; Secure" } else { "" };
        // `Lax`: the browser comes from the page, which may be of another site.
        let cookie = format!(
            "{}={text}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
            cookie_name(original),
            left.as_secs()
        );
        HeaderValue::try_from(cookie).ok()
    }

    /// Counts and logs what a hand-on came to.
    pub fn record(&self, outcome: HandOnOutcome) {
        let reason = outcome.as_str();
        self.metrics.0.with_label_values(&[reason]).inc();
        let Some(hint) = outcome.hint() else { return };
        throttled!(
            self.log,
            self.clock.moment().uptime,
            warn,
            "hand_on_refused" / reason,
            reason,
            hint,
            "a browser brings the id of a later verification that does not count, and is judged by the one that its gateway names"
        );
    }
}

fn is_secure(original: &OriginalUrl) -> bool {
    original.as_str().starts_with("https:")
}

/// Over HTTPS, browsers keep such a cookie only from this host: neither a sibling host nor plain HTTP can set another.
fn cookie_name(original: &OriginalUrl) -> &'static str {
    if is_secure(original) {
        "__Host-verigate-hand-on"
    } else {
        "verigate-hand-on"
    }
}

#[derive(Debug)]
struct Metrics(IntCounterVec);

impl Metrics {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self(counter_by(
            registry,
            "verigate_hand_ons_total",
            "Ids of later verifications that browsers were given or have brought, by outcome.",
            "outcome",
            HandOnOutcome::ALL.map(HandOnOutcome::as_str),
        )?))
    }
}
