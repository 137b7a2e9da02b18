//! The names in the certificate of a client.

use rustls::{ServerConnection, pki_types::CertificateDer};
use x509_parser::prelude::{FromDer as _, GeneralName, KeyUsage, X509Certificate};

use crate::peer::PeerCertificate;

/// The names in the certificate that a client has presented and TLS has accepted; `None` if it has presented none. A certificate whose
/// names cannot be read, or whose key is not there to sign what a client says, names nobody: both lists are empty.
pub fn peer_certificate(connection: &ServerConnection) -> Option<PeerCertificate> {
    let leaf = connection.peer_certificates()?.first()?;
    Some(names(leaf).unwrap_or_else(|| PeerCertificate {
        uris: Vec::new(),
        dns_names: Vec::new(),
    }))
}

/// The URIs and the DNS names of a certificate (subject alternative names).
fn names(leaf: &CertificateDer<'_>) -> Option<PeerCertificate> {
    let (rest, certificate) = X509Certificate::from_der(leaf).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let usage = certificate.key_usage().ok()?;
    let is_leaf =
        |usage: &KeyUsage| usage.digital_signature() && !usage.key_cert_sign() && !usage.crl_sign();
    if usage.is_some_and(|usage| !is_leaf(usage.value)) {
        return None;
    }
    let (mut uris, mut dns_names) = (Vec::new(), Vec::new());
    if let Some(names) = certificate.subject_alternative_name().ok()? {
        for name in &names.value.general_names {
            match name {
                GeneralName::URI(uri) => uris.push((*uri).into()),
                GeneralName::DNSName(name) => dns_names.push((*name).into()),
                // What cannot be read could be a second URI.
                GeneralName::Invalid(..) => return None,
                _ => {}
            }
        }
    }
    Some(PeerCertificate { uris, dns_names })
}
