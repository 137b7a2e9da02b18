//! TLS of our listeners.
//!
//! Each connection takes the configuration that is in use when it is accepted. When the CA certificates or the revocation lists change,
//! each connection with a client certificate checks that certificate again, and is closed if it is not accepted any more; all others
//! stay, so that a new revocation list costs nobody else a connection.

mod chain;
mod config;
mod make;
mod trust;
mod verifier;

use std::{
    future::{Future, pending},
    io,
    sync::Arc,
    time::Duration,
};

use rustls::{
    AlertDescription, ServerConfig, ServerConnection, pki_types::CertificateDer,
    server::danger::ClientCertVerifier as _,
};
use serde_json::Value;
use tokio::sync::watch;
use tracing::info;

pub use self::config::{
    Alpn, ClientCertificatePolicy, ClientCertificates, MinVersion, ServerTlsConfig,
};
use self::make::MakeServer;
use super::{
    error::FilesError,
    expiry::Expiry,
    held::{self, Held, Outcome},
    metrics::{Refusal, TlsMetrics},
    provider::install_crypto_provider,
    time::unix_time,
    watch::{Reloads, TlsFiles},
};
use crate::{
    clock::Clock,
    deps::Deps,
    file_watch::WatchPaths,
    log_throttle::{LogThrottle, throttled},
    peer::PeerAddress,
};

/// TLS of one listener. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ServerTls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    section: &'static str,
    held: Held<MakeServer>,
    /// Counts the changes of what certificates of clients are accepted.
    trust: watch::Sender<u64>,
    clock: Arc<dyn Clock>,
    metrics: TlsMetrics,
    log: LogThrottle,
}

/// What a connection needs that is accepted now.
#[derive(Debug)]
pub struct Handshake {
    tls: ServerTls,
    config: Arc<ServerConfig>,
    trust: watch::Receiver<u64>,
}

/// Checks the files of a listener as they are now, without using them; what of them expires when. Blocks.
pub fn check(config: &ServerTlsConfig, clock: &Arc<dyn Clock>) -> Result<Vec<Expiry>, FilesError> {
    let policy = ClientCertificatePolicy::new(|| ClientCertificates::Required);
    let make = MakeServer::new(config, Alpn::Http2, policy, clock);
    held::check(config.section, &make, clock.now())
}

impl ServerTls {
    /// Reads the files of a listener, which are added to those that are read again when they change. Blocks.
    pub fn load(
        config: &ServerTlsConfig,
        alpn: Alpn,
        policy: ClientCertificatePolicy,
        files: &mut TlsFiles,
        deps: &Deps,
    ) -> Result<Self, FilesError> {
        install_crypto_provider();
        let (clock, metrics) = (Arc::clone(&deps.clock), files.metrics.clone());
        let make = MakeServer::new(config, alpn, policy, &clock);
        let inner = Arc::new(Inner {
            section: config.section,
            held: Held::load(config.section, make, Arc::clone(&clock), metrics.clone())?,
            trust: watch::channel(0).0,
            clock,
            metrics,
            log: LogThrottle::default(),
        });
        files.push(Arc::clone(&inner) as _);
        Ok(Self(inner))
    }

    /// What a connection needs that is accepted now.
    pub fn handshake(&self) -> Handshake {
        // Before the configuration: what changes in between is noticed.
        let trust = self.0.trust.subscribe();
        Handshake {
            tls: self.clone(),
            config: Arc::clone(&self.0.held.current().config),
            trust,
        }
    }

    /// Counts and logs a handshake that failed.
    pub fn refused(&self, from: PeerAddress, error: &io::Error) {
        let cause = cause(error);
        self.0.metrics.refused(cause);
        let section = self.0.section;
        let from = match from {
            PeerAddress::Ip(address) => address.ip().to_string(),
            PeerAddress::Unix => "unix".to_owned(),
        };
        throttled!(
            self.0.log,
            self.0.clock.moment().uptime,
            info,
            "tls_handshake_refused" / cause.as_str(),
            section,
            from,
            cause = cause.as_str(),
            error = explained(error),
            "a TLS handshake failed; the connection was closed"
        );
    }

    /// Whether the certificate that a client presented is accepted now.
    fn accepts(&self, chain: &[CertificateDer<'static>]) -> bool {
        let current = self.0.held.current();
        let (Some(clients), Some((leaf, issuers))) = (&current.clients, chain.split_first()) else {
            return false;
        };
        let now = unix_time(self.0.clock.now());
        let verified = clients.verifier.verify_client_cert(leaf, issuers, now);
        verified.is_ok()
    }
}

impl Handshake {
    /// The configuration to accept the connection with.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Completes once the certificate that the client has presented is not accepted any more, because of new CA certificates or
    /// revocation lists. The connection is to be closed then, without waiting for its calls: they are a revoked client's. Without such a
    /// certificate it never completes.
    pub fn revoked(
        self,
        connection: &ServerConnection,
    ) -> impl Future<Output = ()> + Send + 'static {
        let chain = connection.peer_certificates().map(<[_]>::to_vec);
        let Self { tls, mut trust, .. } = self;
        async move {
            let Some(chain) = chain else {
                return pending().await;
            };
            while trust.changed().await.is_ok() {
                if !tls.accepts(&chain) {
                    return;
                }
            }
            pending::<()>().await;
        }
    }
}

impl Inner {
    /// Reads the files again; whether something else is in use now.
    fn reload(&self, requested: bool) -> bool {
        let mut trust_changed = false;
        let outcome = self.held.reload(requested, |before, now| {
            trust_changed = now.has_other_clients(before);
        });
        if outcome == Outcome::Changed && trust_changed {
            self.trust
                .send_modify(|count| *count = count.wrapping_add(1));
            info!(
                event = "tls_trust_changed",
                section = self.section,
                "CA certificates or revocation lists have changed; connections whose certificate is not accepted any more are closed"
            );
        }
        outcome == Outcome::Changed
    }
}

impl Reloads for Inner {
    fn reload(&self, requested: bool) -> bool {
        self.reload(requested)
    }

    fn next_due(&self) -> Option<Duration> {
        self.held.next_due()
    }

    fn reading_failed(&self, error: &str) {
        self.held.reading_failed(error);
    }

    fn watch_paths(&self) -> WatchPaths {
        self.held.watch_paths()
    }

    fn state(&self) -> (&'static str, Value) {
        self.held.state()
    }
}

/// What an operator is shown of a handshake that failed.
fn explained(error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
    match tls {
        Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => {
            format!("the peer does not speak TLS, as this listener does ({error})")
        }
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(reason))) => {
            format!("invalid peer certificate: {reason}")
        }
        _ => error.to_string(),
    }
}

/// Whether a handshake failed because of the client's certificate.
fn cause(error: &io::Error) -> Refusal {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
    match tls {
        Some(
            rustls::Error::InvalidCertificate(_)
            | rustls::Error::NoCertificatesPresented
            | rustls::Error::InvalidCertRevocationList(_)
            | rustls::Error::AlertReceived(AlertDescription::NoCertificate),
        ) => Refusal::Certificate,
        _ => Refusal::Other,
    }
}
