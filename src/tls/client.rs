//! HTTP clients for outgoing calls, which are all built alike.

use std::{sync::Arc, time::Duration};

use http::HeaderMap;
use reqwest::{Client, redirect};
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};
use rustls_platform_verifier::Verifier;

use super::provider::{install_crypto_provider, provider};

/// How long an idle connection is kept for the next call.
const IDLE_MAX: Duration = Duration::from_secs(90);
/// The protocols that are offered to a server, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What distinguishes one HTTP client from another.
#[derive(Debug)]
pub struct ClientOptions {
    /// How long a call may take, from connecting to the end of the body.
    pub timeout: Duration,
    /// How long connecting may take, TLS included; `None` for no limit but `timeout`.
    pub connect_timeout: Option<Duration>,
    /// Whether addresses with `http:` are rejected.
    pub https_only: bool,
    /// Headers that are sent with every call.
    pub headers: HeaderMap,
    /// Whose certificates are accepted.
    pub ca_certificates: CaCertificates,
    /// How HTTP/2 connections are probed; `None` for not at all.
    pub pings: Option<Pings>,
}

/// The CA certificates that verify those of servers.
#[derive(Debug, Clone)]
pub enum CaCertificates {
    /// Those that this machine trusts. They are read once.
    Machine,
    /// These alone; with none of them, no certificate is accepted.
    Only(Vec<CertificateDer<'static>>),
}

/// Pings on an HTTP/2 connection, in use or idle. A connection whose peer does not respond is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pings {
    /// How long nothing is received before a ping is sent.
    pub interval: Duration,
    /// How long the response may take.
    pub timeout: Duration,
}

/// An HTTP client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The CA certificates cannot be used.
    #[error("cannot use the CA certificates")]
    CaCertificates(#[source] rustls::Error),
    /// The client cannot be built: an internal error.
    #[error("cannot build the HTTP client")]
    Client(#[source] reqwest::Error),
}

/// Builds HTTP clients that are alike, each with connections of its own. They share the sessions of TLS, so that a new connection
/// resumes one.
#[derive(Debug)]
pub struct ClientFactory {
    options: ClientOptions,
    tls: ClientConfig,
}

/// Builds one HTTP client.
pub fn client(options: ClientOptions) -> Result<Client, ClientError> {
    ClientFactory::new(options)?.build()
}

impl ClientFactory {
    /// Reads the CA certificates.
    pub fn new(options: ClientOptions) -> Result<Self, ClientError> {
        install_crypto_provider();
        let tls = tls_config(&options.ca_certificates).map_err(ClientError::CaCertificates)?;
        Ok(Self { options, tls })
    }

    /// Builds a client. It follows no redirect and uses no proxy of the environment: either could lead secrets elsewhere.
    pub fn build(&self) -> Result<Client, ClientError> {
        let options = &self.options;
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .https_only(options.https_only)
            .timeout(options.timeout)
            .pool_idle_timeout(IDLE_MAX)
            .tcp_nodelay(true)
            .default_headers(options.headers.clone())
            .tls_backend_preconfigured(self.tls.clone());
        if let Some(timeout) = options.connect_timeout {
            builder = builder.connect_timeout(timeout);
        }
        if let Some(pings) = options.pings {
            builder = builder
                .http2_keep_alive_interval(pings.interval)
                .http2_keep_alive_timeout(pings.timeout)
                .http2_keep_alive_while_idle(true);
        }
        builder.build().map_err(ClientError::Client)
    }
}

fn tls_config(ca_certificates: &CaCertificates) -> Result<ClientConfig, rustls::Error> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match ca_certificates {
        CaCertificates::Machine => {
            let verifier = Arc::new(Verifier::new(provider)?);
            builder
                .dangerous()
                .with_custom_certificate_verifier(verifier)
        }
        CaCertificates::Only(certificates) => {
            let mut store = RootCertStore::empty();
            for certificate in certificates {
                store.add(certificate.clone())?;
            }
            builder.with_root_certificates(store)
        }
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(config)
}

/// Whether this machine has CA certificates, without which no server can be called by https. An error says why there are none.
pub fn check_ca_certificates() -> Result<(), rustls::Error> {
    install_crypto_provider();
    tls_config(&CaCertificates::Machine).map(drop)
}
