//! The headers of ours that gateways read.

use http::{HeaderName, HeaderValue};

/// The decision: `ALLOW`, `STEP_UP` or `DENY`.
pub(super) const DECISION: HeaderName = HeaderName::from_static("x-verigate-decision");
/// The id of the decision, if there is one.
pub(super) const DECISION_ID: HeaderName = HeaderName::from_static("x-verigate-decision-id");
/// For how many seconds an ALLOW may be reused.
pub(super) const VALID_FOR: HeaderName = HeaderName::from_static("x-verigate-valid-for");
/// Where the person can do what would lead to ALLOW.
pub(super) const STEP_UP_URL: HeaderName = HeaderName::from_static("x-verigate-step-up-url");

/// A value of visible ASCII and blanks; `None` if the text has anything else, which could end the header.
pub(super) fn value(text: &str) -> Option<HeaderValue> {
    let is_plain = text.bytes().all(|b| (b' '..=b'~').contains(&b));
    HeaderValue::from_str(text).ok().filter(|_| is_plain)
}
