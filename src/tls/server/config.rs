//! The settings of TLS of one listener.

use std::{fmt, path::PathBuf, sync::Arc};

/// The settings of TLS of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTlsConfig {
    /// The section, such as `grpc.tls`.
    pub section: &'static str,
    /// The file of our certificate chain, leaf first (PEM).
    pub certificate: PathBuf,
    /// The file of its private key (PEM, not encrypted).
    pub key: PathBuf,
    /// The file of the CA certificates that verify those of clients (PEM); `None`: clients are not asked for one.
    pub client_ca: Option<PathBuf>,
    /// The file of the revocation lists of these CAs (PEM); `None`: no certificate counts as revoked.
    pub client_crl: Option<PathBuf>,
    /// The lowest version that is spoken.
    pub min_version: MinVersion,
}

/// The lowest version of TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinVersion {
    /// 1.2 and 1.3.
    Tls12,
    /// 1.3 only.
    Tls13,
}

/// The protocols that a listener agrees to (ALPN).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/2 only.
    Http2,
    /// HTTP/1.1 only.
    Http1,
    /// Both, HTTP/2 preferred.
    AnyHttp,
}

impl Alpn {
    pub(super) fn protocols(self) -> Vec<Vec<u8>> {
        let protocols: &[&[u8]] = match self {
            Self::Http2 => &[b"h2"],
            Self::Http1 => &[b"http/1.1"],
            Self::AnyHttp => &[b"h2", b"http/1.1"],
        };
        protocols.iter().map(|name| name.to_vec()).collect()
    }
}

/// Whether a client must present a certificate, where there are CA certificates to verify it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// A connection without one is refused.
    Required,
    /// A client may also identify itself otherwise. A certificate that it presents must be accepted all the same.
    Optional,
}

/// Says for each connection whether a client must present a certificate: callers are replaced while the service runs.
#[derive(Clone)]
pub struct ClientCertificatePolicy(Arc<dyn Fn() -> ClientCertificates + Send + Sync>);

impl ClientCertificatePolicy {
    /// What this function says at each connection.
    pub fn new(policy: impl Fn() -> ClientCertificates + Send + Sync + 'static) -> Self {
        Self(Arc::new(policy))
    }

    pub(super) fn now(&self) -> ClientCertificates {
        (self.0)()
    }
}

impl fmt::Debug for ClientCertificatePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificatePolicy")
    }
}
