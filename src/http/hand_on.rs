//! `/.verigate/hand-on` on the host of an application: where the page for step-ups sends a browser with the id of the new verification, which becomes
//! a cookie of that host. The browser goes on to what was asked for. The proxy in front of the application passes this path on to here.
//!
//! Nobody who comes here has a credential: the signature of the transfer is what authorises it, and it grants nothing.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode, Uri,
        header::{
            CACHE_CONTROL, LOCATION, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{IntoResponse as _, Response},
    routing::get,
};

use super::query::single_parameter;
use crate::{
    clock::Clock,
    deps::Deps,
    gateway::{HAND_ON_PATH, HandOnOutcome, HandOns, OriginalUrl, ReturnHosts},
    signatures::TransferError,
};

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// Gives browsers the cookie.
#[derive(Debug)]
pub struct HandOnReturn {
    hand_ons: Arc<HandOns>,
    hosts: ReturnHosts,
    clock: Arc<dyn Clock>,
}

impl HandOnReturn {
    /// People return to these hosts alone.
    pub fn new(hand_ons: Arc<HandOns>, hosts: ReturnHosts, deps: &Deps) -> Self {
        Self {
            hand_ons,
            hosts,
            clock: Arc::clone(&deps.clock),
        }
    }

    /// Where the browser goes on to, with the cookie if it may have it.
    fn follow(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(OriginalUrl, Option<HeaderValue>), HandOnOutcome> {
        let now = self.clock.now();
        let text = single_parameter(uri, "transfer").ok_or(HandOnOutcome::Forged)?;
        let (transfer, is_expired) = match self.hand_ons.keys().transferred(&text, now) {
            Ok(transfer) => (transfer, false),
            Err(TransferError::Expired(transfer)) => (*transfer, true),
            Err(TransferError::Forged) => return Err(HandOnOutcome::Forged),
        };
        // The hosts may be others than when it was signed.
        let original = self.hosts.readmit(&transfer.original_url);
        let original = original.ok_or(HandOnOutcome::Forged)?;
        let here = self.hosts.host_of(headers);
        if here.as_ref().map(OriginalUrl::origin) != Some(original.origin()) {
            return Err(HandOnOutcome::OtherHost);
        }
        if is_expired {
            self.hand_ons.record(HandOnOutcome::Expired);
            return Ok((original, None));
        }
        let cookie = self.hand_ons.cookie(&transfer.hand_on, &original, now);
        self.hand_ons.record(if cookie.is_some() {
            HandOnOutcome::Given
        } else {
            HandOnOutcome::Expired
        });
        Ok((original, cookie))
    }
}

/// The route, on the host of an application.
pub(super) fn routes(hand_on: Arc<HandOnReturn>) -> Router {
    Router::new()
        .route(HAND_ON_PATH, get(follow))
        .with_state(hand_on)
}

async fn follow(
    State(hand_on): State<Arc<HandOnReturn>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let mut response = match hand_on.follow(&uri, &headers) {
        Ok((original, cookie)) => {
            let mut response = StatusCode::SEE_OTHER.into_response();
            // Of visible ASCII.
            if let Ok(location) = HeaderValue::try_from(original.as_str()) {
                response.headers_mut().insert(LOCATION, location);
            }
            if let Some(cookie) = cookie {
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
            response
        }
        Err(outcome) => {
            hand_on.hand_ons.record(outcome);
            let text = "this address is not valid here: go back to the application and start again\n";
            (StatusCode::FORBIDDEN, text).into_response()
        }
    };
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        // The address has the transfer.
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (ROBOTS, "noindex, nofollow"),
    ] {
        let headers = response.headers_mut();
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
