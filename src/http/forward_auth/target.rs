//! What a request for forward auth asks for, by its target and the form of its head.

use axum::http::{
    HeaderMap, Uri, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

use super::path;
use crate::{
    gateway::{Refusal, accepts_pages},
    policy::PolicyName,
};

/// What is asked for, and for whom.
#[derive(Debug)]
pub(super) struct Target {
    /// The policy.
    pub(super) policy: Result<PolicyName, Refusal>,
    /// Whether the gateway passes on redirects, and the client shows pages: it changes how a person is led on, and no decision.
    pub(super) is_browser: bool,
}

impl Target {
    pub(super) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let mut query = uri.query().unwrap_or_default().split('&');
        Self {
            policy: path::policy(uri.path()),
            is_browser: accepts_pages(headers) && query.any(|pair| pair == "profile=browser"),
        }
    }
}

/// Whether a request of HTTP/1 has a body, or claims to.
pub(super) fn has_body(version: Version, headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let is_announced = headers.contains_key(TRANSFER_ENCODING) || lengths.any(|n| n != "0");
    version < Version::HTTP_2 && is_announced
}
