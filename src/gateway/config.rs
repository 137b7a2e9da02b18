//! How gateways name the person, and how they are answered.

use std::sync::Arc;

use http::HeaderName;

use super::{
    challenge::ChallengeStyle, hand_on::HandOns, original_url::ReturnHosts,
    url_template::UrlTemplate,
};
use crate::step_up::PageAddress;

/// How gateways name the person, and how they are answered.
#[derive(Debug, Clone)]
pub struct Config {
    /// The header with the id of the verification, unless a claim of the session has it.
    pub verification_header: HeaderName,
    /// The header with the identity, unless a claim of the session has it.
    pub identity_header: HeaderName,
    /// How a stronger or newer authentication is demanded.
    pub challenge: ChallengeStyle,
    /// Where a person authenticates again.
    pub step_up_url: Option<UrlTemplate>,
    /// Where a person verifies again.
    pub verify_url: Option<UrlTemplate>,
    /// The hosts to which a person may return from there.
    pub return_hosts: ReturnHosts,
    /// The page where a person verifies again, in place of `verify_url`.
    pub page: Option<Arc<PageAddress>>,
    /// What browsers bring from there, if that counts.
    pub hand_ons: Option<Arc<HandOns>>,
}
