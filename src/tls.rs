//! TLS of outgoing calls: the crypto provider, which a process installs once, and HTTP clients that are all built alike.

use std::time::Duration;

use http::HeaderMap;
use reqwest::{Client, redirect};

/// How long an idle connection is kept for the next call.
const IDLE_MAX: Duration = Duration::from_secs(90);

/// What distinguishes one HTTP client from another.
#[derive(Debug)]
pub struct ClientOptions {
    /// How long a call may take, from connecting to the end of the body.
    pub timeout: Duration,
    /// How long connecting may take, TLS included; `None` for no limit but `timeout`.
    pub connect_timeout: Option<Duration>,
    /// Whether addresses with `http:` are rejected.
    pub https_only: bool,
    /// Whether servers are verified with the CA certificates of this machine. Without it, no server can be called by https, and the
    /// machine needs no certificates.
    pub system_roots: bool,
    /// Headers that are sent with every call.
    pub headers: HeaderMap,
}

/// Installs the crypto provider of the process. Further calls do nothing.
pub fn install_crypto_provider() {
    // An error says that it was installed before.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Builds an HTTP client. It follows no redirect and uses no proxy of the environment: either could lead secrets elsewhere.
pub fn client(options: ClientOptions) -> reqwest::Result<Client> {
    install_crypto_provider();
    let mut builder = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .https_only(options.https_only)
        .timeout(options.timeout)
        .pool_idle_timeout(IDLE_MAX)
        .tcp_nodelay(true)
        .default_headers(options.headers);
    if let Some(timeout) = options.connect_timeout {
        builder = builder.connect_timeout(timeout);
    }
    if !options.system_roots {
        builder = builder.tls_certs_only(std::iter::empty());
    }
    builder.build()
}

/// Whether this machine has CA certificates, without which no server can be called by https. An error says why there are none.
pub fn check_system_roots() -> reqwest::Result<()> {
    install_crypto_provider();
    Client::builder().no_proxy().build().map(drop)
}
