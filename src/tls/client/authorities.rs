//! Whose certificates are accepted, and what is offered to a server.

use std::sync::Arc;

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier, client::WantsClientCert,
    pki_types::CertificateDer,
};
use rustls_platform_verifier::Verifier;
use url::Url;

/// The protocols that are offered to a server, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The CA certificates that verify those of servers, unless a file has others.
#[derive(Debug, Clone)]
pub enum CaCertificates {
    /// Those that this machine trusts. They are read once.
    Machine,
    /// These alone; with none of them, no certificate is accepted.
    Only(Vec<CertificateDer<'static>>),
}

impl CaCertificates {
    /// Those for calls to this address. Plain HTTP needs none, so those of this machine are not read for it.
    pub fn for_calls_to(url: &Url) -> Self {
        if url.scheme() == "https" {
            Self::Machine
        } else {
            Self::Only(Vec::new())
        }
    }
}

/// A configuration that accepts the certificates of these.
pub(super) fn with_authorities(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    ca_certificates: &CaCertificates,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error> {
    Ok(match ca_certificates {
        CaCertificates::Machine => {
            let verifier = Verifier::new(Arc::clone(builder.crypto_provider()))?;
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
        }
        CaCertificates::Only(certificates) => {
            let mut store = RootCertStore::empty();
            for certificate in certificates {
                store.add(certificate.clone())?;
            }
            builder.with_root_certificates(store)
        }
    })
}

/// The protocols that are offered to a server.
pub(super) fn alpn() -> Vec<Vec<u8>> {
    PROTOCOLS.map(<[u8]>::to_vec).into()
}
