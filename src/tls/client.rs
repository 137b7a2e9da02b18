//! HTTP clients for outgoing calls, which are all built alike.

mod authorities;
mod files;
mod stream;

use std::{fmt, sync::Arc, time::Duration};

use http::HeaderMap;
use reqwest::{Client, redirect};
use rustls::ClientConfig;

use self::authorities::{alpn, with_authorities};
use self::files::MakeClient;
pub use self::{
    authorities::CaCertificates,
    files::{ClientFiles, check_client},
    stream::StreamTls,
};
use super::{
    error::FilesError,
    held::Held,
    provider::{install_crypto_provider, provider},
    watch::TlsFiles,
};
use crate::deps::Deps;

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
    /// Headers that are sent with every call.
    pub headers: HeaderMap,
    /// Whose certificates are accepted.
    pub ca_certificates: CaCertificates,
    /// How HTTP/2 connections are probed; `None` for not at all.
    pub pings: Option<Pings>,
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
    /// The files cannot be used.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The client cannot be built: an internal error.
    #[error("cannot build the HTTP client")]
    Client(#[source] reqwest::Error),
}

/// Builds HTTP clients that are alike, each with connections of its own. They share the sessions of TLS, so that a new connection
/// resumes one; not with other certificates.
#[derive(Debug)]
pub struct ClientFactory {
    options: ClientOptions,
    source: TlsSource,
}

/// Where the configuration of TLS comes from.
enum TlsSource {
    /// It is always the same.
    Fixed(Box<ClientConfig>),
    /// Files, which are read again when they change.
    Files(Arc<Held<MakeClient>>),
}

impl fmt::Debug for TlsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed(_) => "Fixed",
            Self::Files(_) => "Files",
        })
    }
}

/// Builds one HTTP client.
pub fn client(options: ClientOptions) -> Result<Client, ClientError> {
    ClientFactory::new(options)?.build()
}

impl ClientFactory {
    /// Reads the CA certificates.
    pub fn new(options: ClientOptions) -> Result<Self, ClientError> {
        install_crypto_provider();
        let tls = fixed(&options.ca_certificates).map_err(ClientError::CaCertificates)?;
        let source = TlsSource::Fixed(Box::new(tls));
        Ok(Self { options, source })
    }

    /// Reads the files, which are added to those that are read again when they change. Blocks.
    pub fn with_files(
        options: ClientOptions,
        client: &ClientFiles,
        files: &mut TlsFiles,
        deps: &Deps,
    ) -> Result<Self, ClientError> {
        install_crypto_provider();
        let source = source(&options.ca_certificates, client, files, deps)?;
        Ok(Self { options, source })
    }

    /// How often the files have changed. What was built before a change uses the old ones.
    pub fn version(&self) -> u64 {
        match &self.source {
            TlsSource::Fixed(_) => 0,
            TlsSource::Files(held) => held.version(),
        }
    }

    /// Builds a client. It follows no redirect and uses no proxy but the one that is configured: either could lead secrets elsewhere.
    pub fn build(&self) -> Result<Client, ClientError> {
        let options = &self.options;
        let (tls, proxy) = match &self.source {
            TlsSource::Fixed(tls) => ((**tls).clone(), None),
            TlsSource::Files(held) => {
                let made = held.current();
                (made.tls.clone(), made.proxy().cloned())
            }
        };
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .https_only(options.https_only)
            .timeout(options.timeout)
            .pool_idle_timeout(IDLE_MAX)
            .tcp_nodelay(true)
            .default_headers(options.headers.clone())
            .tls_backend_preconfigured(tls);
        if let Some(proxy) = proxy {
            builder = builder.proxy(proxy);
        }
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

/// TLS by these files, which are added to those that are read again when they change. Blocks.
fn source(
    ca_certificates: &CaCertificates,
    client: &ClientFiles,
    files: &mut TlsFiles,
    deps: &Deps,
) -> Result<TlsSource, ClientError> {
    if client.are_none() {
        let tls = fixed(ca_certificates).map_err(ClientError::CaCertificates)?;
        return Ok(TlsSource::Fixed(Box::new(tls)));
    }
    let make = MakeClient::new(client, ca_certificates.clone(), &deps.clock);
    let (clock, metrics) = (Arc::clone(&deps.clock), files.metrics.clone());
    let held = Arc::new(Held::load(client.section, make, clock, metrics)?);
    files.push(Arc::clone(&held) as _);
    Ok(TlsSource::Files(held))
}

/// TLS without a certificate of our own.
fn fixed(ca_certificates: &CaCertificates) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions()?;
    let builder = with_authorities(builder, ca_certificates)?;
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = alpn();
    Ok(config)
}

/// Whether this machine has CA certificates, without which no server can be called by https. An error says why there are none.
pub fn check_ca_certificates() -> Result<(), rustls::Error> {
    install_crypto_provider();
    fixed(&CaCertificates::Machine).map(drop)
}
