//! The headers of ours that gateways read.

use http::{HeaderMap, HeaderName, HeaderValue, header::ACCEPT};

/// The decision: `ALLOW`, `STEP_UP` or `DENY`.
pub(super) const DECISION: HeaderName = HeaderName::from_static("x-verigate-decision");
/// The id of the decision, if there is one.
pub(super) const DECISION_ID: HeaderName = HeaderName::from_static("x-verigate-decision-id");
/// For how many seconds an ALLOW may be reused.
pub(super) const VALID_FOR: HeaderName = HeaderName::from_static("x-verigate-valid-for");
/// Where the person can do what would lead to ALLOW.
pub(super) const STEP_UP_URL: HeaderName = HeaderName::from_static("x-verigate-step-up-url");

/// All of them: what a client sends under these names must not reach what is protected.
pub const OWN: [HeaderName; 4] = [DECISION, DECISION_ID, VALID_FOR, STEP_UP_URL];

/// Whether the client of a request shows pages.
pub fn accepts_pages(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|accept| {
        let accept = accept.to_str().unwrap_or_default().to_ascii_lowercase();
        let mut kinds = accept.split(',');
        kinds.any(|kind| kind.split(';').next().unwrap_or_default().trim() == "text/html")
    })
}

/// A value of visible ASCII and blanks; `None` if the text has anything else, which could end the header.
pub(super) fn value(text: &str) -> Option<HeaderValue> {
    let is_plain = text.bytes().all(|b| (b' '..=b'~').contains(&b));
    HeaderValue::from_str(text).ok().filter(|_| is_plain)
}
