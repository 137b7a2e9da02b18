//! Where the vendor's API is, who we are to it, and how much we ask of it.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use url::Url;

use crate::{
    rate_limit::Rate,
    secrets::Secret,
    tls::{CaCertificates, ClientFiles, Pings},
};

/// A connection that is dead is closed within the sum, although no call is made.
pub const PINGS: Pings = Pings {
    interval: Duration::from_secs(2),
    timeout: Duration::from_secs(2),
};

/// The settings of the client of the vendor's API.
#[derive(Debug, Clone)]
pub struct Config {
    /// The base address, to which the paths of the API are appended. `https`, or `http` to this machine.
    pub url: Url,
    /// The API key.
    pub api_key: Secret,
    /// The id of the integration.
    pub integration_id: String,
    /// The secret of the integration.
    pub secret: Secret,
    /// Additional headers of every call. Their values are marked as sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The files of TLS, and the proxy: the CA certificates that verify the vendor's, instead of those of this machine, and our own.
    pub files: ClientFiles,
    /// How HTTP/2 connections are probed. Not a setting: a dead connection is noticed as quickly everywhere.
    pub pings: Pings,
    /// The timeout of connecting.
    pub connect_timeout: Duration,
    /// The timeout of one lookup with all its calls.
    pub timeout: Duration,
    /// The rate limit of calls for tokens and details.
    pub rate: Rate,
    /// The rate limit of links, for all callers together.
    pub links: Rate,
    /// How many calls may be in flight at once, of each kind of call: at most.
    pub concurrency: u32,
    /// The same however slow the upstream is; no more than `concurrency`.
    pub concurrency_min: u32,
}

impl Config {
    /// The CA certificates that verify the vendor's, unless a file has others.
    pub(super) fn ca_certificates(&self) -> CaCertificates {
        match self.files.ca {
            None => CaCertificates::for_calls_to(&self.url),
            Some(_) => CaCertificates::Only(Vec::new()),
        }
    }
}
