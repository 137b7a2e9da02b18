//! The JSON of the call that makes a link.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use url::Url;

use super::Object;
use crate::{
    config::is_loopback,
    policy::{Flaw, VerificationId},
    step_up::Link,
};

/// No honest link is longer.
const LINK_BYTES_MAX: usize = 2048;

/// What `POST /v1/verification/generate-verification-link` is asked.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkWanted<'a> {
    /// The integration, as the upstream names it.
    pub integration_id: Cow<'a, str>,
    /// Who shall verify: an e-mail address.
    pub login_hint: Cow<'a, str>,
    /// Where the browser goes afterwards.
    pub redirect_url: Cow<'a, str>,
    /// Comes back with the events about it.
    pub correlation_id: Cow<'a, str>,
}

/// What it answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinkMade {
    verification_link: Box<str>,
    verification_trace_id: Option<Box<str>>,
}

/// Reads a link that a browser may be sent to: by https, or to this machine where the upstream is on it, as a pretended one.
pub fn link(body: &[u8], upstream: &Url) -> Result<Link, Flaw> {
    let Object(made) =
        serde_json::from_slice::<Object<LinkMade>>(body).map_err(|_| Flaw::Unreadable)?;
    let text = made.verification_link;
    if text.len() > LINK_BYTES_MAX {
        return Err(Flaw::TooLarge);
    }
    // What is read over in an address, as line breaks are, may lead elsewhere when somebody else reads it.
    let plain = text.bytes().all(|b| b.is_ascii_graphic());
    let url = Url::parse(&text).ok().filter(|url| {
        let here = is_loopback(upstream) && is_loopback(url);
        let safe = url.scheme() == "https" || (url.scheme() == "http" && here);
        plain && safe && url.username().is_empty() && url.password().is_none()
    });
    if url.is_none() {
        return Err(Flaw::Unreadable);
    }
    let trace = made.verification_trace_id;
    Ok(Link {
        url: text,
        trace: trace.and_then(|trace| VerificationId::parse(&trace).ok()),
    })
}

#[cfg(test)]
mod tests;
