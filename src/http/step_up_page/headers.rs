//! The headers of the page: it loads nothing, runs its own script alone, stands in no frame and is kept nowhere.

use axum::http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
        SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest::{SHA256, digest};

use super::{
    form::Nonce,
    view::{SCRIPT, STYLE},
};

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The headers of every page.
#[derive(Debug)]
pub(super) struct PageHeaders {
    policy: Option<HeaderValue>,
    /// Whether browsers reach the page by HTTPS.
    is_secure: bool,
}

impl PageHeaders {
    pub(super) fn new(is_secure: bool) -> Self {
        let hash = |text: &str| {
            let digest = digest(&SHA256, text.as_bytes());
            format!("'sha256-{}'", STANDARD.encode(digest))
        };
        let policy = format!(
            "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            hash(STYLE),
            hash(SCRIPT)
        );
        Self {
            policy: HeaderValue::try_from(policy).ok(),
            is_secure,
        }
    }

    /// Sets the headers of a page, which gives the browser this nonce.
    pub(super) fn set(&self, headers: &mut HeaderMap, nonce: Option<&Nonce>) {
        Self::common(headers);
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        headers.insert(CONTENT_TYPE, html);
        // Nothing runs without a policy of its own: this one is stricter than any.
        let nothing = HeaderValue::from_static("sandbox; default-src 'none'");
        headers.insert(
            CONTENT_SECURITY_POLICY,
            self.policy.clone().unwrap_or(nothing),
        );
        if let Some(cookie) = nonce.and_then(|nonce| self.cookie(nonce)) {
            headers.insert(SET_COOKIE, cookie);
        }
    }

    /// Sets the headers that lead to the page with this state.
    pub(super) fn see(headers: &mut HeaderMap, state: &str) {
        Self::common(headers);
        // A state is base64url.
        if let Ok(location) = HeaderValue::try_from(format!("./?state={state}")) {
            headers.insert(LOCATION, location);
        }
    }

    /// Sets the headers of everything that is answered below the page: it is kept by nobody, and is what it says.
    pub(super) fn common(headers: &mut HeaderMap) {
        for (name, value) in [
            (CACHE_CONTROL, "no-store"),
            // Nobody else learns the state, and forms say where they come from.
            (REFERRER_POLICY, "same-origin"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (X_FRAME_OPTIONS, "DENY"),
            (OPENER, "same-origin"),
            (RESOURCE, "same-origin"),
            (ROBOTS, "noindex, nofollow"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }

    /// That of a request of a browser that has been here.
    pub(super) fn nonce(&self, headers: &HeaderMap) -> Option<Nonce> {
        Nonce::of(headers, self.cookie_name())
    }

    /// Over HTTPS, browsers keep such a cookie only from this host: neither a sibling host nor plain HTTP can set another.
    fn cookie_name(&self) -> &'static str {
        if self.is_secure {
            "__Host-verigate-step-up"
        } else {
            "verigate-step-up"
        }
    }

    /// Until the browser is closed. `Lax`: people come from another site, and their forms from this one.
    fn cookie(&self, nonce: &Nonce) -> Option<HeaderValue> {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let (name, nonce) = (self.cookie_name(), nonce.as_str());
        let cookie = format!("{name}={nonce}; Path=/; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::try_from(cookie).ok()
    }
}
