//! `POST /v1/verification/generate-verification-link`: a link by which a person verifies again.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    json::{Lenient, Object},
    policy::{Flaw, VerificationId},
    step_up::Link,
    web_url::is_loopback,
};

/// The longest link that is accepted.
const LINK_BYTES_MAX: usize = 2048;

/// The request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::incode) struct LinkRequest<'a> {
    /// The id of the integration at the vendor.
    pub(in crate::incode) integration_id: &'a str,
    /// The e-mail address of the person who is to verify.
    pub(in crate::incode) login_hint: &'a str,
    /// Where the browser goes afterwards.
    pub(in crate::incode) redirect_url: &'a str,
    /// Returned in the webhooks about this verification.
    pub(in crate::incode) correlation_id: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinkResponse {
    verification_link: Box<str>,
    #[serde(default)]
    verification_trace_id: Lenient,
}

/// Decodes a link that a browser may be sent to: one by https, without credentials. If `upstream` is on this machine, as the simulator is,
/// also one by http to this machine.
pub fn link(body: &[u8], upstream: &Url) -> Result<Link, Flaw> {
    let response = serde_json::from_slice::<Object<LinkResponse>>(body);
    let Object(response) = response.map_err(|_| Flaw::Unreadable)?;
    if response.verification_link.len() > LINK_BYTES_MAX {
        return Err(Flaw::TooLarge);
    }
    if !is_safe(&response.verification_link, upstream) {
        return Err(Flaw::Unreadable);
    }
    let trace = response.verification_trace_id.into_identifier();
    let trace = trace.map_err(|_error| Flaw::Unreadable)?;
    Ok(Link {
        url: response.verification_link,
        trace: trace.and_then(|trace| VerificationId::parse(&trace).ok()),
    })
}

/// Whether a browser may be sent there.
fn is_safe(link: &str, upstream: &Url) -> bool {
    // A parser drops line breaks and other control characters; a browser that treats them differently would go elsewhere.
    let is_plain = link.bytes().all(|byte| byte.is_ascii_graphic());
    let Ok(url) = Url::parse(link) else {
        return false;
    };
    let is_local = is_loopback(upstream) && is_loopback(&url);
    let scheme_is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_local);
    is_plain && scheme_is_safe && url.username().is_empty() && url.password().is_none()
}

#[cfg(test)]
mod tests;
